/* keeper/server_session.c - who is logged in, what they hold, and spool files.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/events/server_events.h"
#include "keeper/fetch/server_ahead.h"
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

    ahead_drop(s);
    while (!list_empty(&s->locks))
        lock_free(LIST_ITEM(list_first(&s->locks), struct lock, in_session));
    session_drop_sorted(s);
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

enum err session_begin(struct request *j, uint32_t account, uint64_t *ret_token)
{
    if (j->peer == NULL || j->peer->session_count >= SESSIONS_PER_PEER_MAX)
        return err_set(&j->why, ERR_UNAVAILABLE, "this channel has too many sessions");
    *ret_token = session_new(j->peer, account)->token;
    return OK;
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
