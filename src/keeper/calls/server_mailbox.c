/* keeper/calls/server_mailbox.c - the mailboxes of an account by name, and its quota. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "store/mailbox/messages.h"
#include "store/mailbox/metadata.h"

enum { MAILBOXES_PER_PAGE = 1000 };

enum err read_mailbox_list(struct request *j)
{
    const struct keep_mailbox_list_req *req = j->req;
    struct keep_mailbox_list_rep *rep = j->rep;
    struct mailbox_listed *all;
    struct session *s;
    size_t count;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK ||
        (e = mailbox_list(j->k->kv, j->mem, s->account, &all, &count, &j->why)) != OK)
        return e;
    rep->mailboxes = ARENA_ARRAY(j->mem, struct keep_mailbox, MAILBOXES_PER_PAGE);
    rep->next = STR_EMPTY;
    for (size_t i = 0; i < count; i++) {
        if (str_cmp(all[i].name, req->from) < 0)
            continue;
        if (rep->mailboxes_count == MAILBOXES_PER_PAGE) {
            rep->next = all[i].name;
            break;
        }
        rep->mailboxes[rep->mailboxes_count++] = (struct keep_mailbox){
            .id = all[i].id,
            .name = all[i].name,
            .uidvalidity = all[i].mailbox.uidvalidity,
            .special_use = all[i].mailbox.special_use,
            .subscribed = all[i].subscribed,
            .exists = all[i].exists,
            .has_children = all[i].has_children,
            .object = all[i].mailbox.object,
        };
    }
    return OK;
}

/* ---- changes: one transaction of the session's account each ---- */

static enum err begin(struct request *j, struct txn *t, uint64_t session, struct account_txn *a)
{
    struct session *s;
    enum err e = request_session(j, session, &s);

    if (e != OK)
        return e;
    return account_txn_begin(a, t, j->mem, s->account, loop_wall_s(j->k->loop), &j->why);
}

enum err write_mailbox_create(struct request *j, struct txn *t)
{
    const struct keep_mailbox_create_req *req = j->req;
    struct keep_mailbox_create_rep *rep = j->rep;
    struct account_txn a;
    struct mbox m;
    enum err e;

    if ((e = begin(j, t, req->session, &a)) != OK ||
        (e = mailbox_create(&a, req->name, req->special_use, &rep->id, &m)) != OK)
        return e;
    rep->object = m.object;
    rep->modseq = a.modseq;
    account_txn_end(&a);
    return OK;
}

enum err write_mailbox_delete(struct request *j, struct txn *t)
{
    const struct keep_mailbox_delete_req *req = j->req;
    struct keep_mailbox_delete_rep *rep = j->rep;
    struct account_txn a;
    enum err e;

    if ((e = begin(j, t, req->session, &a)) != OK || (e = mailbox_delete(&a, req->name)) != OK)
        return e;
    account_txn_end(&a);
    rep->modseq = a.modseq;
    sweep_start(j->k);
    return OK;
}

/* RFC 3501 6.3.5: renaming INBOX moves its messages into a new mailbox; INBOX stays, and so do the
 * mailboxes below it. */
static enum err rename_inbox(struct request *j, struct account_txn *a, uint32_t id,
                             struct mbox *inbox)
{
    const struct keep_mailbox_rename_req *req = j->req;
    const struct session *mine = session_find(j->k, j->peer, req->session);
    struct str to = req->to;
    struct copy_what what = { .move = true, .from = id, .from_row = inbox };
    struct uidset source = { 0 }, target = { 0 };
    struct mbox made;
    uint32_t made_id;
    enum err e;

    if (mailbox_is_locked_by_other(j->k, a->account, id, mine))
        return err_set(&j->why, ERR_IN_USE, "another session has the mailbox for itself");
    if ((e = mailbox_create(a, to, 0, &made_id, &made)) != OK)
        return e;
    what.to = made_id;
    what.to_row = &made;
    e = messages_copy(a, &what, &source, &target);
    uidset_deinit(&source);
    uidset_deinit(&target);
    if (e != OK)
        return e;
    mailbox_put_row(a, id, inbox);
    mailbox_put_row(a, made_id, &made);
    return metadata_copy(a, id, made_id);
}

enum err write_mailbox_rename(struct request *j, struct txn *t)
{
    const struct keep_mailbox_rename_req *req = j->req;
    struct keep_mailbox_rename_rep *rep = j->rep;
    struct account_txn a;
    struct mbox m;
    uint32_t id;
    bool found;
    enum err e;

    if ((e = begin(j, t, req->session, &a)) != OK ||
        (e = mailbox_find(a.kv, j->mem, a.account, req->from, &found, &id, &m, &j->why)) != OK)
        return e;
    if (found && str_eq(m.name, STR("INBOX")))
        e = rename_inbox(j, &a, id, &m);
    else
        e = mailbox_rename(&a, req->from, req->to);
    if (e != OK)
        return e;
    account_txn_end(&a);
    rep->modseq = a.modseq;
    return OK;
}

enum err write_mailbox_subscribe(struct request *j, struct txn *t)
{
    const struct keep_mailbox_subscribe_req *req = j->req;
    struct keep_mailbox_subscribe_rep *rep = j->rep;
    struct account_txn a;
    enum err e;

    if ((e = begin(j, t, req->session, &a)) != OK ||
        (e = mailbox_subscribe(&a, req->name, req->on)) != OK)
        return e;
    account_txn_end(&a);
    rep->modseq = a.modseq;
    return OK;
}

/* ---- numbers ---- */

enum err read_mailbox_status(struct request *j)
{
    const struct keep_mailbox_status_req *req = j->req;
    struct keep_mailbox_status_rep *rep = j->rep;
    struct uidset recent = { 0 };
    struct session *s;
    struct view *view = NULL;
    struct mbox m;
    bool found;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK ||
        (e = mailbox_find(j->k->kv, j->mem, s->account, req->name, &found, &rep->id, &m,
                          &j->why)) != OK)
        return e;
    if (!found)
        return err_set(&j->why, ERR_NOT_FOUND, "there is no such mailbox");
    rep->messages = m.messages;
    rep->unseen = m.unseen;
    rep->deleted = m.deleted;
    rep->uidnext = m.uidnext;
    rep->uidvalidity = m.uidvalidity;
    rep->modseq = m.modseq;
    rep->size = m.size;
    rep->object = m.object;
    /* Only where something may be \Recent is the view needed to count it. */
    if (m.recent_from < m.uidnext) {
        if ((e = views_get(j->k->views, s->account, rep->id, &view, &j->why)) != OK)
            return e;
        view_recent(view, false, &recent);
        rep->recent = uidset_count(&recent);
        uidset_deinit(&recent);
    }
    return OK;
}

enum err read_quota(struct request *j)
{
    const struct keep_quota_req *req = j->req;
    struct keep_quota_rep *rep = j->rep;
    struct session *s;
    struct account row;
    struct counters c;
    struct key k;
    bool found;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK ||
        (e = directory_account_get(j->k->kv, j->mem, s->account, &found, &row, &j->why)) != OK)
        return e;
    if (!found)
        return err_set(&j->why, ERR_NOT_FOUND, "the account is gone");
    key_of_account(&k, TABLE_COUNTERS, s->account);
    if ((e = table_get_counters(j->k->kv, j->mem, &k, &c, &j->why)) != OK)
        return e;
    rep->bytes = c.bytes;
    rep->messages = c.messages;
    rep->quota_bytes = row.quota_bytes;
    rep->quota_messages = row.quota_messages;
    return OK;
}
