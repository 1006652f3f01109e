/* keeper/login/server_sasl.c - SCRAM: the proofs are checked here, so that the keys never leave
 * keeper.
 *
 * An exchange is two messages. Between them it waits in its peer's list, oldest first; the oldest
 * goes when there are too many, and whatever is older than EXCHANGE_MS_MAX. Whether the name is
 * anybody's shows in nothing: nobody gets a salt, too, and a proof that no key fits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "keeper/login/server_attempt.h"
#include "message/text/saslprep.h"

enum { DOMAINS_MAX = 100 }; /* of which one is taken for a name without any */

struct exchange {
    struct list in_peer;
    uint64_t number, since_ms;
    struct arena *mem; /* of everything below */
    struct scram scram;
    struct scram_keys keys;
    bool known, usable; /* usable: the account has keys, and the peer may act as whom it wants */
    uint32_t account;
    struct str name, stored; /* stored: the password's form, with which the keys were made */
};

/* ---- exchanges ---- */

static void exchange_free(struct peer *p, struct exchange *x)
{
    list_remove(&x->in_peer);
    p->exchange_count--;
    explicit_bzero(&x->keys, sizeof x->keys);
    arena_free(x->mem);
}

void exchanges_free(struct peer *p)
{
    while (!list_empty(&p->exchanges))
        exchange_free(p, LIST_ITEM(list_first(&p->exchanges), struct exchange, in_peer));
}

static void make_room(struct peer *p)
{
    uint64_t now = loop_now_ms(p->k->loop);

    while (!list_empty(&p->exchanges)) {
        struct exchange *x = LIST_ITEM(list_first(&p->exchanges), struct exchange, in_peer);

        if (p->exchange_count < EXCHANGES_PER_PEER_MAX && now < x->since_ms + EXCHANGE_MS_MAX)
            return;
        exchange_free(p, x);
    }
}

static struct exchange *exchange_new(struct peer *p)
{
    struct arena *mem = arena_new(1024);
    struct exchange *x = ARENA_NEW(mem, struct exchange);

    make_room(p);
    x->mem = mem;
    x->number = loop_random_u64(p->k->loop) | 1;
    x->since_ms = loop_now_ms(p->k->loop);
    list_add_last(&p->exchanges, &x->in_peer);
    p->exchange_count++;
    return x;
}

static struct exchange *exchange_find(struct peer *p, uint64_t number)
{
    make_room(p);
    LIST_EACH_SAFE(it, &p->exchanges)
    {
        struct exchange *x = LIST_ITEM(it, struct exchange, in_peer);

        if (x->number == number)
            return x;
    }
    return NULL;
}

/* ---- the first message ---- */

/* One form for every way to write a name, so that its salt does not depend on it. A name without a
 * domain gets one of ours, as that of an account would have. */
static struct str name_of_nobody(struct request *j, struct str name)
{
    struct str domains[DOMAINS_MAX];
    struct str normal;
    size_t count = 0;
    struct key from, to;
    struct kv_iter *it;
    uint64_t number;

    if (str_find_char(name, '@') == STR_NOT_FOUND) {
        key_start(&from, TABLE_DOMAIN);
        to = from;
        key_end(&to);
        it = kv_iter_new(j->k->kv, NULL, key_str(&from), key_str(&to));
        for (bool on = kv_iter_first(it); on && count < ARRAY_LEN(domains); on = kv_iter_next(it))
            domains[count++] = arena_copy(j->mem, str_skip(kv_iter_key(it), 1));
        kv_iter_free(it);
        number =
            siphash((struct siphash_key){ { load_u64((const char *)j->k->salt_secret), 0 } }, name);
        name = arena_printf(j->mem, "%.*s@%.*s", STR_ARG(name),
                            STR_ARG(count > 0 ? domains[number % count] : STR("x")));
    }
    return directory_normalise(j->mem, name, false, &normal) == OK ? normal : name;
}

/* Fills in whose keys the proof is checked with. */
static enum err find_keys(struct request *j, struct exchange *x, struct credentials *ret)
{
    struct account row, other_row;
    uint32_t other = 0;
    bool found = false, same = true;
    enum err e =
        directory_find_login(j->k->kv, j->mem, x->name, &x->known, &x->account, &row, &j->why);

    if (e == OK && x->known)
        e = credentials_find(j->k->kv, j->mem, x->account, &found, ret, &j->why);
    if (e == OK && x->known && x->scram.authzid.len > 0) {
        e = directory_find_login(j->k->kv, j->mem, x->scram.authzid, &same, &other, &other_row,
                                 &j->why);
        same = same && other == x->account;
    }
    if (e != OK)
        return e;
    x->usable = x->known && found && same && credentials_keys(ret, x->scram.hash, &x->keys);
    if (x->known)
        x->stored = arena_copy(x->mem, row.password);
    if (!x->known || !found || ret->iterations == 0) {
        credentials_invent(j->mem, j->k->salt_secret,
                           x->known ? row.address : name_of_nobody(j, x->name),
                           j->k->settings.scram_iterations, ret);
        (void)credentials_keys(ret, x->scram.hash, &x->keys);
    }
    return OK;
}

static enum err first_message(struct request *j)
{
    const struct keep_sasl_req *req = j->req;
    struct keep_sasl_rep *rep = j->rep;
    const struct scram_bindings have = { req->tls_exporter, req->tls_server_end_point,
                                         req->tls_unique };
    struct exchange *x = exchange_new(j->peer);
    uint8_t nonce[SCRAM_NONCE_BYTES];
    struct credentials keys;
    enum err e;

    if ((e = scram_first(x->mem, req->mechanism, req->message, &have, &x->scram)) == OK) {
        if (saslprep(x->mem, x->scram.username, &x->name) != OK)
            x->name = x->scram.username;
        e = find_keys(j, x, &keys);
    }
    if (e != OK) {
        exchange_free(j->peer, x);
        return e;
    }
    loop_random(j->k->loop, nonce, sizeof nonce);
    rep->message =
        arena_copy(j->mem, scram_challenge(x->mem, &x->scram,
                                           base64_encode(j->mem, str_from(nonce, sizeof nonce)),
                                           keys.salt, keys.iterations));
    rep->exchange = x->number;
    return OK;
}

/* ---- the last message ---- */

struct last {
    struct attempt attempt; /* first: its cleanup looks for it there */
    struct str message;
    enum err verdict;
};

static void proof_checked(struct request *j)
{
    struct last *l = j->own;
    struct keep_sasl_rep *rep = j->rep;
    enum err e = attempt_end(j, &l->attempt, l->verdict == OK, &rep->session);

    if (e == OK) {
        rep->message = l->message;
        rep->account = l->attempt.account;
        rep->address = l->attempt.row.address;
    }
    request_end(j, e == ERR_AUTH && l->verdict == ERR_SYNTAX ? ERR_SYNTAX : e);
}

/* The exchange ends here whatever comes of it: a proof is looked at once. The account may have
 * changed since the first message; then the keys are those of another password. */
static void last_message(struct request *j, struct exchange *x)
{
    const struct keep_sasl_req *req = j->req;
    struct last *l = ARENA_NEW(j->mem, struct last);
    bool found = false;
    enum err e = OK;

    j->own = l;
    l->attempt = (struct attempt){
        .name = arena_copy(j->mem, x->name),
        .service = req->service,
        .peer = req->peer,
        .mechanism = x->scram.hash == DIGEST_SHA_1 ? STR("SCRAM-SHA-1") : STR("SCRAM-SHA-256"),
        .account = x->account,
    };
    l->verdict = scram_last(j->mem, &x->scram, req->message, &x->keys, &l->message);
    if (x->known)
        e = directory_account_get(j->k->kv, j->mem, x->account, &found, &l->attempt.row, &j->why);
    l->attempt.known = found;
    if (l->verdict == OK && (!x->usable || !found || !str_eq(l->attempt.row.password, x->stored)))
        l->verdict = ERR_AUTH;
    exchange_free(j->peer, x);
    if (e != OK)
        request_end(j, e);
    else
        attempt_begin(j, &l->attempt, proof_checked);
}

void start_sasl(struct request *j)
{
    const struct keep_sasl_req *req = j->req;
    struct exchange *x;

    if (j->k->settings.no_scram)
        request_end(j, ERR_UNSUPPORTED);
    else if (req->exchange == 0)
        request_end(j, first_message(j));
    else if ((x = exchange_find(j->peer, req->exchange)) != NULL)
        last_message(j, x);
    else
        request_end(j, err_set(&j->why, ERR_AUTH, "the exchange took too long"));
}
