/* gate/login.c - the calls of one log-in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/login.h"

struct login {
    struct login_way way;
    struct login **owner;
    uint64_t ticket;   /* of the open question to keeper, 0 when none */
    uint64_t exchange; /* of SCRAM, between its messages */
    bool decided;      /* the verdict below waits for the peer */
    struct arena *mem;
    struct login_result verdict;
    struct str failure; /* what the peer hears before it fails */
};

static void ignore_logout(void *ctx, enum err e, const struct keep_logout_rep *rep,
                          struct file *file)
{
    (void)ctx, (void)e, (void)rep, (void)file;
}

static void login_free(struct login *l)
{
    *l->owner = NULL;
    arena_free(l->mem);
    free(l);
}

void login_drop(struct login **login)
{
    struct login *l = *login;

    if (l == NULL)
        return;
    if (l->ticket != 0)
        keeper_forget(l->way.keeper, l->ticket);
    if (l->decided && l->verdict.session != 0) {
        struct keep_logout_req req = { .session = l->verdict.session };

        (void)keeper_logout(l->way.keeper, &req, ignore_logout, NULL);
    }
    login_free(l);
}

bool login_is_asking(const struct login *login)
{
    return login != NULL && login->ticket != 0;
}

/* ---- what comes back ---- */

static void decide(struct login *l, const struct login_result *verdict)
{
    struct login_way way = l->way;
    struct arena *mem = l->mem;
    struct login_result r = *verdict;

    r.decided = true;
    *l->owner = NULL;
    free(l);
    way.done(way.ctx, &r);
    arena_free(mem);
}

/* The peer hears these words first, and then how it ended. */
static void say_last(struct login *l, const struct login_result *verdict, struct str words)
{
    l->decided = true;
    l->verdict = *verdict;
    l->verdict.address = arena_copy(l->mem, verdict->address);
    l->way.done(l->way.ctx, &(struct login_result){ .words = words, .last = true });
}

static void came(struct login *l, const struct login_result *verdict)
{
    if (verdict->e == ERR_AUTH && l->failure.len > 0)
        say_last(l, verdict, l->failure);
    else
        decide(l, verdict);
}

static void got_login(void *ctx, enum err e, const struct keep_login_rep *rep, struct file *file)
{
    struct login *l = ctx;
    struct login_result r = { .e = e, .mechanism = l->verdict.mechanism };

    (void)file;
    l->ticket = 0;
    if (e == OK) {
        r.session = rep->session;
        r.account = rep->account;
        r.address = rep->address;
    }
    came(l, &r);
}

static void got_sasl(void *ctx, enum err e, const struct keep_sasl_rep *rep, struct file *file)
{
    struct login *l = ctx;
    struct login_result r = { .e = e, .mechanism = l->verdict.mechanism };

    (void)file;
    l->ticket = 0;
    if (e != OK) {
        decide(l, &r);
    } else if (rep->session == 0) {
        l->exchange = rep->exchange;
        l->way.done(l->way.ctx, &(struct login_result){ .words = rep->message });
    } else {
        r.session = rep->session;
        r.account = rep->account;
        r.address = rep->address;
        say_last(l, &r, rep->message);
    }
}

/* ---- asking ---- */

static void ask_sasl(struct login *l, const struct sasl_login *said, struct str peer)
{
    struct keep_sasl_req req = { .exchange = l->exchange,
                                 .mechanism = said->mechanism,
                                 .message = said->message,
                                 .service = l->way.service,
                                 .peer = peer };
    struct stream_bindings have = { 0 };

    if (l->exchange == 0)
        stream_tls_bindings(l->way.stream, l->mem, &have);
    req.tls_exporter = have.tls_exporter;
    req.tls_server_end_point = have.tls_server_end_point;
    req.tls_unique = have.tls_unique;
    l->ticket = keeper_sasl(l->way.keeper, &req, got_sasl, l);
}

static void ask_login(struct login *l, const struct sasl_login *said, struct str peer)
{
    const struct str *names = NULL;
    struct keep_login_req req = { .name = said->authcid,
                                  .password = said->password,
                                  .service = l->way.service,
                                  .peer = peer,
                                  .mechanism = said->mechanism };

    if (said->kind == SASL_TOKEN)
        req.kind = LOGIN_TOKEN;
    if (said->kind == SASL_CERTIFICATE) {
        req.kind = LOGIN_CERTIFICATE;
        req.identities_count = stream_tls_identities(l->way.stream, l->mem, &names);
        req.identities = ARENA_ARRAY(l->mem, struct keep_text, req.identities_count + 1);
        for (size_t i = 0; i < req.identities_count; i++)
            req.identities[i].text = names[i];
    }
    l->ticket = keeper_login(l->way.keeper, &req, got_login, l);
}

static struct login *login_new(struct login **owner, const struct login_way *way)
{
    struct login *l = calloc(1, sizeof *l);

    if (l == NULL)
        BUG("out of memory");
    l->way = *way;
    l->owner = owner;
    l->mem = arena_new(512);
    *owner = l;
    return l;
}

/* What a log-in that was given up has left does not belong to the next one. */
static struct login *login_for(struct login **owner, const struct login_way *way,
                               const struct sasl_login *said)
{
    struct login *l = *owner;
    bool goes_on = said->kind == SASL_ACKNOWLEDGED || said->kind == SASL_MESSAGE;

    if (l != NULL && (!goes_on || l->decided != (said->kind == SASL_ACKNOWLEDGED)))
        login_drop(owner);
    return *owner != NULL ? *owner : login_new(owner, way);
}

void login_ask(struct login **login, const struct login_way *way, const struct sasl_login *said)
{
    struct login *l = login_for(login, way, said);
    struct address peer = stream_peer(way->stream);
    struct buf text = { 0 };

    l->verdict.mechanism = arena_copy(l->mem, said->mechanism);
    l->failure = sasl_failure_words(said);
    address_format(&peer, &text);
    if (said->kind == SASL_ACKNOWLEDGED && l->decided)
        decide(l, &l->verdict);
    else if (said->kind == SASL_ACKNOWLEDGED) /* keeper was lost in between */
        decide(l, &(struct login_result){ .e = ERR_UNAVAILABLE });
    else if (said->kind == SASL_MESSAGE)
        ask_sasl(l, said, buf_str(&text));
    else if (said->authzid.len > 0 && !str_eq(said->authzid, said->authcid))
        /* Acting as somebody else is nobody's right here (RFC 4616 2). */
        decide(l, &(struct login_result){ .e = ERR_DENIED, .mechanism = l->verdict.mechanism });
    else
        ask_login(l, said, buf_str(&text));
    buf_deinit(&text);
}

/* EXTERNAL is there for who has shown a certificate that counts (RFC 4422 A). */
static bool shows_who(unsigned service, const struct stream *stream)
{
    SCRATCH(tmp, NULL);
    const struct str *names;

    return (service & SASL_OFFER_CERTIFICATE) != 0 &&
           stream_tls_identities(stream, tmp, &names) > 0;
}

unsigned login_offers(unsigned service, const struct stream *stream, bool plain)
{
    if (stream_is_secure(stream))
        return shows_who(service, stream) ? service : service & ~(unsigned)SASL_OFFER_CERTIFICATE;
    return plain ? service & ~(unsigned)(SASL_OFFER_PLUS | SASL_OFFER_CERTIFICATE) : 0;
}
