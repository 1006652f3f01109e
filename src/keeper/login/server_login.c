/* keeper/login/server_login.c - log-ins with a password, a token or a certificate.
 *
 * Normally: the account is found, the attempt is counted (server_guess.h), a password is looked up
 * among those that were right a moment ago (server_proven.h) or checked in the worker pool, and
 * the session is made. An unknown name goes the same way and costs the same time as a wrong
 * password, because the password is hashed all the same. Where the account is older than SCRAM, the
 * worker makes its keys while it has the password, and they are written before the answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/login/server_attempt.h"
#include "message/text/saslprep.h"
#include "store/accounts/token.h"

/* ---- attempts ---- */

static void waited(void *ctx)
{
    struct request *j = ctx;
    struct attempt *a = j->own;

    a->next(j);
}

/* Also when keeper ends in the middle. Every handler that has an attempt has it first in `own`. */
static void attempt_cleanup(struct request *j)
{
    struct attempt *a = j->own;

    timer_cancel(&a->wait);
    if (a->counted)
        guess_end(j->k->guesses, &a->guess, false, loop_now_ms(j->k->loop));
}

void attempt_begin(struct request *j, struct attempt *a, void (*next)(struct request *j))
{
    struct str who = a->known ? str_from(&a->account, sizeof a->account) : a->name;
    uint64_t ms;

    timer_init(&a->wait, j->k->loop, waited, j);
    a->guess = guess_of_attempt(j->k->guesses, a->peer, who);
    if (!guess_begin(j->k->guesses, &a->guess, loop_now_ms(j->k->loop), &ms)) {
        keeper_log(j->k, "event=login service=%.*s peer=%.*s account=%u result=too_many",
                   STR_ARG(str_take(a->service, 32)), STR_ARG(str_take(a->peer, 64)), a->account);
        request_end(j, ERR_UNAVAILABLE);
        return;
    }
    a->counted = true;
    a->next = next;
    j->cleanup = attempt_cleanup;
    if (ms == 0)
        next(j);
    else
        timer_set_in(&a->wait, ms);
}

/* POP3 alone has a delay that clients know of (RFC 2449 6.5). */
static bool is_too_soon(struct request *j, const struct attempt *a)
{
    uint64_t delay_ms = (uint64_t)j->k->settings.pop3_delay_s * 1000;

    return delay_ms > 0 && str_eq(a->service, STR("pop3")) &&
           !delay_over(j->k->delays, a->account, loop_now_ms(j->k->loop), delay_ms);
}

enum err attempt_end(struct request *j, struct attempt *a, bool right, uint64_t *ret_session)
{
    bool in = right && a->row.enabled, soon = false;

    guess_end(j->k->guesses, &a->guess, right, loop_now_ms(j->k->loop));
    a->counted = false;
    in = in && !(soon = is_too_soon(j, a));
    keeper_log(j->k, "event=login service=%.*s mechanism=%.*s peer=%.*s account=%u result=%s",
               STR_ARG(str_take(a->service, 32)), STR_ARG(str_take(a->mechanism, 32)),
               STR_ARG(str_take(a->peer, 64)), a->account,
               in      ? "ok"
               : soon  ? "too_soon"
               : right ? "disabled"
                       : "refused");
    if (soon)
        return ERR_REFUSED;
    if (!in)
        return right ? ERR_DENIED : ERR_AUTH;
    return session_begin(j, a->account, ret_session);
}

/* ---- passwords ---- */

struct login {
    struct attempt attempt; /* first: attempt_cleanup */
    struct str password;    /* as it is hashed for this account */
    struct str prepared;
    bool right, wants_keys, old_form; /* old_form: hashed as it came, not prepared */
    char *encoded;                    /* NUL-terminated copy of the stored form */
    char fresh[PASSWORD_ENCODED_BYTES_MAX];
    uint8_t salts[2][PASSWORD_SALT_BYTES];
    struct credentials keys;
    struct proof proof;
};

static void login_finish(struct request *j)
{
    struct login *l = j->own;
    struct keep_login_rep *rep = j->rep;
    enum err e = attempt_end(j, &l->attempt, l->right, &rep->session);

    rep->account = l->attempt.account;
    rep->address = l->attempt.row.address;
    request_end(j, e);
}

static uint32_t iterations(const struct keeper *k)
{
    return k->settings.no_scram ? 0 : k->settings.scram_iterations;
}

static void login_worker(void *ctx)
{
    static const uint8_t no_salt[PASSWORD_SALT_BYTES];
    struct request *j = ctx;
    struct login *l = j->own;
    const struct password_settings *settings = &j->k->password;
    char unused[PASSWORD_ENCODED_BYTES_MAX];

    if (l->attempt.known)
        l->right = password_matches(l->encoded, l->password);
    else if (password_hash(settings, l->password, no_salt, unused) != OK)
        l->right = false; /* it was the time that mattered */
    if (!l->right || !l->wants_keys)
        return;
    credentials_make(j->mem, l->prepared, l->salts[0], iterations(j->k), &l->keys);
    if (l->old_form && password_hash(settings, l->prepared, l->salts[1], l->fresh) != OK)
        l->wants_keys = false; /* the old form stays, and is asked again next time */
}

/* Whether the account still is what the password was checked against. */
static enum err is_same(struct request *j, struct kv *kv, struct account *ret, bool *ret_same)
{
    struct login *l = j->own;
    bool found;
    enum err e = directory_account_get(kv, j->mem, l->attempt.account, &found, ret, &j->why);

    *ret_same = e == OK && found && str_eq(ret->password, l->attempt.row.password);
    return e;
}

static enum err build_keys(struct request *j, struct txn *t)
{
    struct login *l = j->own;
    struct account row;
    bool same;
    enum err e = is_same(j, txn_kv(t), &row, &same);

    if (e != OK || !same)
        return e;
    credentials_store(t, l->attempt.account, &l->keys);
    if (l->old_form) {
        row.password = str_from_z(l->fresh);
        directory_account_put(t, l->attempt.account, &row);
    }
    return OK;
}

/* Keys that could not be written are no reason to keep somebody out. */
static void keys_written(struct request *j, enum err e)
{
    (void)e;
    login_finish(j);
}

/* The account may have been changed or removed while the worker was busy; what its row says now
 * counts. */
static void login_done(void *ctx)
{
    struct request *j = ctx;
    struct login *l = j->own;
    struct account row;
    bool same;

    if (l->right)
        l->right = is_same(j, j->k->kv, &row, &same) == OK && same;
    if (!l->right) {
        login_finish(j);
        return;
    }
    l->attempt.row = row;
    proven_add(j->k->proven, &l->proof, (uint64_t)j->k->settings.auth_cache_s * 1000);
    if (l->wants_keys)
        request_write(j, build_keys, keys_written);
    else
        login_finish(j);
}

static void check_password(struct request *j)
{
    struct login *l = j->own;

    if (l->attempt.known) {
        proven_make(j->k->proven, l->attempt.account, l->attempt.row.password, l->password,
                    &l->proof);
        if (!l->wants_keys && proven_has(j->k->proven, &l->proof)) {
            l->right = true;
            login_finish(j);
            return;
        }
    }
    if (workers_waiting(j->k->auth) >= LOGINS_WAITING_MAX) {
        request_end(j, ERR_UNAVAILABLE);
        return;
    }
    workers_run(j->k->auth, login_worker, login_done, j);
}

/* A row of keys says that the stored form covers the prepared password. */
static enum err choose_form(struct request *j, struct login *l, struct str password)
{
    struct credentials have;
    bool found = false;
    enum err e = OK;

    l->prepared = password_prepare(j->mem, password);
    l->password = l->prepared;
    if (l->attempt.known)
        e = credentials_find(j->k->kv, j->mem, l->attempt.account, &found, &have, &j->why);
    if (e != OK || !l->attempt.known)
        return e;
    l->encoded = arena_copy_z(j->mem, l->attempt.row.password);
    l->wants_keys = !found || (have.iterations == 0 && iterations(j->k) > 0);
    if (!found) {
        l->password = password;
        l->old_form = !str_eq(password, l->prepared);
    }
    loop_random(j->k->loop, l->salts, sizeof l->salts);
    return OK;
}

static void start_password(struct request *j, struct login *l)
{
    const struct keep_login_req *req = j->req;
    struct attempt *a = &l->attempt;
    enum err e = OK;

    if (saslprep(j->mem, req->name, &a->name) != OK)
        a->name = req->name;
    if (req->password.len == 0 || req->password.len > PASSWORD_BYTES_MAX)
        e = ERR_AUTH;
    if (e == OK)
        e = directory_find_login(j->k->kv, j->mem, a->name, &a->known, &a->account, &a->row,
                                 &j->why);
    if (e == OK)
        e = choose_form(j, l, req->password);
    if (e != OK)
        request_end(j, e);
    else
        attempt_begin(j, a, check_password);
}

/* ---- tokens ---- */

static const struct {
    struct str service;
    uint32_t scope;
} scopes[] = { { STR_INIT("imap"), TOKEN_IMAP },
               { STR_INIT("pop3"), TOKEN_POP },
               { STR_INIT("smtp"), TOKEN_SMTP } };

static bool token_is_for(struct request *j, const struct access_token *row, struct str service)
{
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++)
        if (str_eq(scopes[i].service, service))
            return token_opens(row, scopes[i].scope, loop_wall_s(j->k->loop));
    return false;
}

/* Does this name (or none) mean that account? */
static enum err name_means(struct request *j, struct str name, uint32_t account, bool *ret)
{
    struct account row;
    uint32_t id = 0;
    bool found = true;
    enum err e = OK;

    if (name.len > 0)
        e = directory_find_login(j->k->kv, j->mem, name, &found, &id, &row, &j->why);
    *ret = name.len == 0 || (found && id == account);
    return e;
}

static void start_token(struct request *j, struct login *l)
{
    const struct keep_login_req *req = j->req;
    struct attempt *a = &l->attempt;
    struct access_token row;
    bool found, named = false;
    enum err e = token_find(j->k->kv, j->mem, req->password, &found, &a->account, &row, &j->why);

    if (e == OK)
        e = directory_account_get(j->k->kv, j->mem, a->account, &a->known, &a->row, &j->why);
    if (e == OK && a->known)
        e = name_means(j, req->name, a->account, &named);
    if (e != OK) {
        request_end(j, e);
        return;
    }
    a->name = req->name;
    l->right = found && a->known && named && token_is_for(j, &row, req->service);
    attempt_begin(j, a, login_finish);
}

/* ---- certificates ---- */

/* TLS has verified the certificate; of its addresses one must be an account's, and the only one
 * unless the peer has said which. */
static void start_certificate(struct request *j, struct login *l)
{
    const struct keep_login_req *req = j->req;
    struct attempt *a = &l->attempt;
    enum err e = OK;

    a->name = req->name.len > 0 || req->identities_count == 0 ? req->name : req->identities[0].text;
    for (size_t i = 0; i < req->identities_count && e == OK; i++) {
        struct account row;
        uint32_t id = 0;
        bool found, named = false;

        e = directory_find_login(j->k->kv, j->mem, req->identities[i].text, &found, &id, &row,
                                 &j->why);
        if (e == OK && found)
            e = name_means(j, req->name, id, &named);
        if (e != OK || !found || !named)
            continue;
        l->right = !a->known || a->account == id;
        a->known = true;
        a->account = id;
        a->row = row;
        if (!l->right)
            break;
    }
    if (e != OK)
        request_end(j, e);
    else
        attempt_begin(j, a, login_finish);
}

void start_login(struct request *j)
{
    const struct keep_login_req *req = j->req;
    struct login *l = ARENA_NEW(j->mem, struct login);

    j->own = l;
    l->attempt.service = req->service;
    l->attempt.peer = req->peer;
    l->attempt.mechanism = req->mechanism;
    switch ((enum keep_login_kind)req->kind) {
    case LOGIN_PASSWORD:
        start_password(j, l);
        return;
    case LOGIN_TOKEN:
        start_token(j, l);
        return;
    case LOGIN_CERTIFICATE: /* a gate's word alone: only where that is wanted */
        if (!j->k->settings.certificates)
            break;
        start_certificate(j, l);
        return;
    }
    request_end(j, err_set(&j->why, ERR_UNSUPPORTED, "an unknown kind of log-in"));
}
