/* keeper/move/server_import.c - messages that come from elsewhere, many in one commit. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/move/server_move.h"
#include "store/mailbox/imports.h"

enum {
    IMPORT_MESSAGES_MAX = 1000,
    IMPORT_MARKS_MAX = 1000,
    MARKS_PER_PAGE = 4000,
};

/* ---- a session for the administrator ---- */

enum err read_account_open(struct request *j)
{
    const struct keep_account_open_req *req = j->req;
    struct keep_account_open_rep *rep = j->rep;
    struct account row;
    enum err e =
        directory_account_find(j->k->kv, j->mem, req->address, &rep->account, &row, &j->why);

    if (e != OK)
        return e;
    if (j->peer->session_count >= SESSIONS_PER_PEER_MAX)
        return ERR_UNAVAILABLE;
    rep->session = session_new(j->peer, rep->account)->token;
    return OK;
}

/* ---- marks ---- */

enum err read_import_marks(struct request *j)
{
    const struct keep_import_marks_req *req = j->req;
    struct keep_import_marks_rep *rep = j->rep;
    struct mark *found = ARENA_ARRAY(j->mem, struct mark, MARKS_PER_PAGE);
    struct marks_wanted want = { .prefix = req->prefix, .from = req->from, .max = MARKS_PER_PAGE };
    struct session *s;
    size_t count;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK)
        return e;
    want.account = s->account;
    e = marks_list(j->k->kv, j->mem, &want, found, &count, &rep->next, &j->why);
    if (e != OK)
        return e;
    rep->marks = ARENA_ARRAY(j->mem, struct keep_mark, count + 1);
    rep->marks_count = count;
    for (size_t i = 0; i < count; i++)
        rep->marks[i] = (struct keep_mark){ found[i].key, found[i].value };
    return OK;
}

/* ---- the messages ---- */

struct importing {
    struct body_source *sources;
    uint64_t *sizes;
    uint64_t bytes; /* together */
    uint32_t account, mailbox;
    bool same_uids; /* the mailbox has the UIDVALIDITY that the UIDs belong to */
    struct keyword_list keywords;
};

static void import_cleanup(struct request *j)
{
    struct importing *im = j->own;

    keyword_list_deinit(&im->keywords);
}

/* UIDVALIDITY must not change under a session (RFC 3501 2.3.1.1); who comes back sees the new one.
 */
static void end_other_sessions(struct request *j, const struct importing *im)
{
    const struct keep_import_req *req = j->req;
    struct watched *w = map_find(&j->k->watched, str_from(&im->account, sizeof im->account));

    if (w == NULL)
        return;
    LIST_EACH_SAFE(it, &w->sessions)
    {
        struct session *s = LIST_ITEM(it, struct session, in_account);

        if (s->token != req->session)
            session_forget(s);
    }
}

/* Keywords that the mailbox has no room for are left behind: losing a label is better than
 * refusing the message. */
static uint64_t flags_of(struct importing *im, const struct keep_incoming *in)
{
    uint64_t bits = in->flags & FLAGS_KNOWN, bit;

    for (size_t i = 0; i < in->keywords_count; i++)
        if (keyword_bit_add(&im->keywords, in->keywords[i].text, &bit) == OK)
            bits |= bit;
    return bits & ~(uint64_t)FLAG_RECENT;
}

static enum err import_one(struct request *j, struct account_txn *a, struct mbox *m, size_t i,
                           struct uidset *uids)
{
    const struct keep_import_req *req = j->req;
    const struct keep_incoming *in = &req->messages[i];
    struct keep_import_rep *rep = j->rep;
    struct importing *im = j->own;
    struct message_new message = { .size = im->sizes[i],
                                   .flags = flags_of(im, in),
                                   .internal_date = in->internal_date,
                                   .internal_zone = in->internal_zone };
    uint32_t uid;
    enum err e;

    message.body = txn_body_new(a->t, &im->sources[i]);
    message_new_from_record(&message, in->record);
    if (im->same_uids && in->uid >= m->uidnext && in->uid <= IMPORT_UID_MAX)
        m->uidnext = in->uid;
    if ((e = messages_add(a, im->mailbox, m, &message, &uid)) != OK)
        return e;
    rep->kept += im->same_uids && uid == in->uid;
    uidset_add(uids, uid);
    if (uidl_valid(in->uidl))
        uidl_put(a, im->mailbox, uid, in->uidl);
    return OK;
}

static enum err import_all(struct request *j, struct account_txn *a, struct mbox *m)
{
    const struct keep_import_req *req = j->req;
    struct keep_import_rep *rep = j->rep;
    struct importing *im = j->own;
    struct uidset uids = { 0 };
    bool changed;
    enum err e = mailbox_keywords(m, &im->keywords);

    im->same_uids = mailbox_adopt_uidvalidity(a, m, req->uidvalidity, &changed);
    if (changed)
        end_other_sessions(j, im);
    for (size_t i = 0; i < req->messages_count && e == OK; i++)
        e = import_one(j, a, m, i, &uids);
    for (size_t i = 0; i < req->marks_count && e == OK; i++)
        e = mark_put(a, req->marks[i].key, req->marks[i].value);
    if (e == OK) {
        if (im->same_uids && req->uidnext <= IMPORT_UID_MAX)
            m->uidnext = MAX(m->uidnext, req->uidnext);
        mailbox_set_keywords(j->mem, m, &im->keywords);
        rep->mailbox = im->mailbox;
        rep->uidvalidity = m->uidvalidity;
        rep->uids = uids_octets(j->mem, &uids);
    }
    uidset_deinit(&uids);
    return e;
}

static enum err build_import(struct request *j, struct txn *t)
{
    const struct keep_import_req *req = j->req;
    struct importing *im = j->own;
    struct account_txn a;
    struct account row;
    struct mbox m;
    bool found;
    enum err e;

    if ((e = account_txn_begin(&a, t, j->mem, im->account, loop_wall_s(j->k->loop), &j->why)) !=
            OK ||
        (e = mailbox_find(a.kv, j->mem, im->account, req->name, &found, &im->mailbox, &m,
                          &j->why)) != OK)
        return e;
    if (!found)
        return err_set(&j->why, ERR_NOT_FOUND, "there is no such mailbox");
    e = directory_account_get(a.kv, j->mem, im->account, &found, &row, &j->why);
    if (e != OK)
        return e;
    if (!found)
        return err_set(&j->why, ERR_DENIED, "the account is gone");
    if ((e = messages_check_quota(&a, &row, im->bytes, req->messages_count)) != OK ||
        (e = import_all(j, &a, &m)) != OK)
        return e;
    mailbox_put_row(&a, im->mailbox, &m);
    account_txn_end(&a);
    return OK;
}

static enum err prepare(struct request *j, struct importing *im)
{
    const struct keep_import_req *req = j->req;
    struct session *s;
    enum err e;

    if (req->messages_count > IMPORT_MESSAGES_MAX || req->marks_count > IMPORT_MARKS_MAX ||
        (req->spool != 0 && req->messages_count != 1))
        return err_set(&j->why, ERR_LIMIT, "too many messages at once");
    if ((e = request_session(j, req->session, &s)) != OK)
        return e;
    im->account = s->account;
    im->sources = ARENA_ARRAY(j->mem, struct body_source, req->messages_count + 1);
    im->sizes = ARENA_ARRAY(j->mem, uint64_t, req->messages_count + 1);
    for (size_t i = 0; i < req->messages_count; i++) {
        if ((e = request_octets(j, req->spool, req->spool_bytes, req->messages[i].bytes,
                                &im->sources[i], &im->sizes[i])) != OK)
            return e;
        if (im->sizes[i] == 0)
            return err_set(&j->why, ERR_SYNTAX, "a message is empty");
        im->bytes += im->sizes[i];
    }
    return OK;
}

void start_import(struct request *j)
{
    struct importing *im = ARENA_NEW(j->mem, struct importing);
    enum err e;

    j->own = im;
    j->cleanup = import_cleanup;
    if ((e = prepare(j, im)) == OK)
        request_write(j, build_import, NULL);
    else
        request_end(j, e);
}
