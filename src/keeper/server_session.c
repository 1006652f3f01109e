/* keeper/server_session.c - who is logged in, what they hold, and spool files.
 *
 * Passwords are checked in a worker pool. An unknown name costs the same time as a wrong password,
 * because the password is hashed all the same. A password that was right is remembered for a
 * short while as a keyed hash, so that clients which connect for every message do not cost argon2
 * each time; the hash covers the stored form, so a changed password is a new question. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/events/server_events.h"
#include "keeper/sharing/server_place.h"

/* ---- sessions ---- */

static struct str token_key(const struct session *s)
{
    return str_from(&s->token, sizeof s->token);
}

struct session *session_find(struct keeper *k, const struct peer *p, uint64_t token)
{
    struct session *s = map_find(&k->sessions, str_from(&token, sizeof token));

    return s != NULL && s->peer == p ? s : NULL;
}

enum err request_session(struct request *j, uint64_t token, struct session **ret)
{
    struct session *s = j->peer == NULL ? NULL : session_find(j->k, j->peer, token);

    if (s == NULL)
        return err_set(&j->why, ERR_DENIED, "no such session on this channel");
    *ret = s;
    return OK;
}

struct session *session_new(struct peer *p, uint32_t account)
{
    struct keeper *k = p->k;
    struct session *s = calloc(1, sizeof *s);
    struct watched *w = map_find(&k->watched, str_from(&account, sizeof account));

    if (s == NULL)
        BUG("out of memory");
    if (w == NULL) {
        w = calloc(1, sizeof *w);
        if (w == NULL)
            BUG("out of memory");
        w->account = account;
        list_init(&w->sessions);
        (void)map_put(&k->watched, str_from(&w->account, sizeof w->account), w);
    }
    do
        s->token = loop_random_u64(k->loop);
    while (s->token == 0 || map_find(&k->sessions, token_key(s)) != NULL);
    s->peer = p;
    s->account = account;
    list_init(&s->locks);
    list_add_last(&p->sessions, &s->in_peer);
    list_add_last(&w->sessions, &s->in_account);
    p->session_count++;
    (void)map_put(&k->sessions, token_key(s), s);
    return s;
}

/* ---- exclusive use of a mailbox ---- */

struct lock {
    struct list in_session;
    uint32_t account, mailbox; /* the key: eight octets from `account` */
    struct session *session;
};

static struct str lock_key(const struct lock *l)
{
    return str_from(&l->account, 2 * sizeof l->account);
}

static struct lock *lock_find(struct keeper *k, uint32_t account, uint32_t mailbox)
{
    struct lock wanted = { .account = account, .mailbox = mailbox };

    return map_find(&k->locks, lock_key(&wanted));
}

static void lock_free(struct lock *l)
{
    (void)map_remove(&l->session->peer->k->locks, lock_key(l));
    list_remove(&l->in_session);
    free(l);
}

enum err session_lock(struct session *s, uint32_t mailbox)
{
    struct keeper *k = s->peer->k;
    struct lock *l = lock_find(k, s->account, mailbox);

    if (l != NULL)
        return l->session == s ? OK : ERR_IN_USE;
    l = calloc(1, sizeof *l);
    if (l == NULL)
        BUG("out of memory");
    l->account = s->account;
    l->mailbox = mailbox;
    l->session = s;
    list_add_last(&s->locks, &l->in_session);
    (void)map_put(&k->locks, lock_key(l), l);
    return OK;
}

void session_unlock(struct session *s, uint32_t mailbox)
{
    struct lock *l = lock_find(s->peer->k, s->account, mailbox);

    if (l != NULL && l->session == s)
        lock_free(l);
}

bool mailbox_is_locked_by_other(struct keeper *k, uint32_t account, uint32_t mailbox,
                                const struct session *mine)
{
    struct lock *l = lock_find(k, account, mailbox);

    return l != NULL && l->session != mine;
}

void session_forget(struct session *s)
{
    struct keeper *k = s->peer->k;
    struct watched *w = map_find(&k->watched, str_from(&s->account, sizeof s->account));

    while (!list_empty(&s->locks))
        lock_free(LIST_ITEM(list_first(&s->locks), struct lock, in_session));
    session_drop_result(s);
    (void)map_remove(&k->sessions, token_key(s));
    list_remove(&s->in_peer);
    list_remove(&s->in_account);
    s->peer->session_count--;
    if (s->watches != 0)
        events_forget(s);
    if (w != NULL && list_empty(&w->sessions)) {
        (void)map_remove(&k->watched, str_from(&w->account, sizeof w->account));
        guests_forget(k, w);
        free(w);
    }
    free(s);
}

void sessions_end_of_account(struct keeper *k, uint32_t account)
{
    struct watched *w;

    while ((w = map_find(&k->watched, str_from(&account, sizeof account))) != NULL)
        session_forget(LIST_ITEM(list_first(&w->sessions), struct session, in_account));
}

/* ---- log-in ---- */

struct login {
    bool known, right;
    uint32_t account;
    struct account row;
    char *encoded; /* NUL-terminated copy of the stored form */
    uint64_t hash[2];
};

static void login_hash(struct request *j, struct login *l, struct str password)
{
    struct buf b = { 0 };

    put_u32(&b, l->account);
    put_str(&b, l->row.password);
    put_str(&b, password);
    for (int i = 0; i < 2; i++)
        l->hash[i] = siphash(j->k->auth_key[i], buf_str(&b));
    explicit_bzero(b.at, b.len);
    buf_deinit(&b);
}

static struct auth_slot *login_slot(struct request *j, const struct login *l)
{
    return &j->k->auth_cache[l->hash[0] % AUTH_CACHE_SLOTS];
}

static bool login_is_cached(struct request *j, const struct login *l)
{
    const struct auth_slot *s = login_slot(j, l);

    return s->hash[0] == l->hash[0] && s->hash[1] == l->hash[1] &&
           s->until_ms > loop_now_ms(j->k->loop);
}

static void login_remember(struct request *j, const struct login *l)
{
    uint64_t ms = (uint64_t)j->k->settings.auth_cache_s * 1000;

    *login_slot(j, l) = (struct auth_slot){ .hash = { l->hash[0], l->hash[1] },
                                            .until_ms = loop_now_ms(j->k->loop) + ms };
}

static void login_worker(void *ctx)
{
    struct request *j = ctx;
    struct login *l = j->own;
    const struct keep_login_req *req = j->req;
    static const uint8_t no_salt[PASSWORD_SALT_BYTES];
    char unused[PASSWORD_ENCODED_BYTES_MAX];

    if (l->known)
        l->right = password_matches(l->encoded, req->password);
    else if (password_hash(&j->k->password, req->password, no_salt, unused) != OK)
        l->right = false; /* it was the time that mattered */
}

static void login_finish(struct request *j)
{
    struct login *l = j->own;
    const struct keep_login_req *req = j->req;
    struct keep_login_rep *rep = j->rep;
    struct session *s;

    keeper_log(j->k, "event=login service=%.*s peer=%.*s account=%u result=%s",
               STR_ARG(str_take(req->service, 32)), STR_ARG(str_take(req->peer, 64)), l->account,
               !l->right         ? "refused"
               : !l->row.enabled ? "disabled"
                                 : "ok");
    if (!l->right) {
        request_end(j, ERR_AUTH);
        return;
    }
    if (!l->row.enabled) {
        request_end(j, ERR_DENIED);
        return;
    }
    if (j->peer == NULL || j->peer->session_count >= SESSIONS_PER_PEER_MAX) {
        request_end(j, ERR_UNAVAILABLE);
        return;
    }
    s = session_new(j->peer, l->account);
    rep->session = s->token;
    rep->account = l->account;
    rep->address = l->row.address;
    request_end(j, OK);
}

/* The account may have been changed or removed while the worker was busy; what its row says now
 * counts. */
static void login_done(void *ctx)
{
    struct request *j = ctx;
    struct login *l = j->own;
    struct account row;
    bool found = false;

    if (l->right) {
        enum err e = directory_account_get(j->k->kv, j->mem, l->account, &found, &row, &j->why);

        l->right = e == OK && found && str_eq(row.password, l->row.password);
    }
    if (l->right) {
        l->row = row;
        login_remember(j, l);
    }
    login_finish(j);
}

void start_login(struct request *j)
{
    const struct keep_login_req *req = j->req;
    struct login *l = ARENA_NEW(j->mem, struct login);
    enum err e;

    j->own = l;
    if (req->password.len > PASSWORD_BYTES_MAX) {
        request_end(j, ERR_AUTH);
        return;
    }
    e = directory_find_login(j->k->kv, j->mem, req->name, &l->known, &l->account, &l->row, &j->why);
    if (e != OK) {
        request_end(j, e);
        return;
    }
    if (l->known) {
        l->encoded = arena_copy_z(j->mem, l->row.password);
        login_hash(j, l, req->password);
        if (login_is_cached(j, l)) {
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

enum err read_logout(struct request *j)
{
    const struct keep_logout_req *req = j->req;
    struct session *s;
    enum err e = request_session(j, req->session, &s);

    if (e == OK)
        session_forget(s);
    return e;
}

enum err read_may_send_as(struct request *j)
{
    const struct keep_may_send_as_req *req = j->req;
    struct keep_may_send_as_rep *rep = j->rep;
    struct session *s;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK)
        return e;
    return directory_may_send_as(j->k->kv, &j->k->directory, s->account, req->address,
                                 &rep->allowed, &j->why);
}

/* ---- spool files ---- */

void spool_free(struct spool *s)
{
    list_remove(&s->in_peer);
    file_close(s->file);
    free(s);
}

enum err read_spool(struct request *j)
{
    const struct keep_spool_req *req = j->req;
    struct keep_spool_rep *rep = j->rep;
    struct keeper *k = j->k;
    uint64_t room;
    struct spool *s;
    struct file *ours;
    enum err e;

    if (j->peer->spool_count >= SPOOLS_PER_PEER_MAX)
        return err_set(&j->why, ERR_UNAVAILABLE, "too many spool files are open");
    if ((e = fs_free_bytes(k->fs, &room, &j->why)) != OK)
        return e;
    if (room < k->settings.free_bytes_min || room - k->settings.free_bytes_min < req->size_hint)
        return err_set(&j->why, ERR_NO_SPACE, "the disk is nearly full");
    if ((e = fs_open_unnamed(k->fs, &ours, &j->why)) != OK)
        return e;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        BUG("out of memory");
    s->file = ours;
    s->number = loop_random_u64(k->loop);
    list_add_last(&j->peer->spools, &s->in_peer);
    j->peer->spool_count++;
    rep->spool = s->number;
    j->file = ours;
    return OK;
}

enum err read_spool_drop(struct request *j)
{
    const struct keep_spool_drop_req *req = j->req;

    LIST_EACH_SAFE(it, &j->peer->spools)
    {
        struct spool *s = LIST_ITEM(it, struct spool, in_peer);

        if (s->number == req->spool) {
            j->peer->spool_count--;
            spool_free(s);
            return OK;
        }
    }
    return err_set(&j->why, ERR_NOT_FOUND, "no such spool file");
}
