/* keeper/calls/server_select.c - opening a mailbox, and what happened in it since.
 *
 * Both answer from the view. When messages become \Recent to this session they stop being so for
 * later ones, which is a change that must be as durable as any other: then the answer waits for
 * that commit. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sharing/server_place.h"
#include "store/mailbox/mailboxes.h"

struct recent_taken {
    uint32_t account, mailbox, until;
};

static enum err build_recent(struct request *j, struct txn *t)
{
    const struct recent_taken *r = j->own;
    struct mbox m;
    struct key k;
    bool found;
    enum err e;

    e = mailbox_get_by_id(txn_kv(t), j->mem, r->account, r->mailbox, &found, &m, &j->why);
    if (e != OK || !found)
        return e;
    m.recent_from = MAX(m.recent_from, r->until);
    key_of_mailbox(&k, TABLE_MAILBOX, r->account, r->mailbox);
    table_put_mbox(t, &k, &m);
    return OK;
}

/* On a full disk a mailbox can still be opened, if only to remove messages from it: later sessions
 * may then see the same \Recent once more. */
static void recent_written(struct request *j, enum err e)
{
    request_end(j, e == ERR_NO_SPACE ? OK : e);
}

/* Ends the job, after the commit that takes \Recent away from others when there is something. */
static void end_with_recent(struct request *j, struct view *view, const struct uidset *recent,
                            bool write)
{
    struct recent_taken *r;

    if (!write || uidset_empty(recent)) {
        request_end(j, OK);
        return;
    }
    r = ARENA_NEW(j->mem, struct recent_taken);
    *r = (struct recent_taken){ view->account, view->mailbox, uidset_last(recent) + 1 };
    j->own = r;
    request_write(j, build_recent, recent_written);
}

/* ---- select ---- */

/* Those who may change nothing leave no trace, either. */
static bool may_write(bool wanted, uint32_t rights)
{
    return wanted && (rights & RIGHTS_WRITING) != 0;
}

static enum err open_place(struct request *j, struct place *p)
{
    const struct keep_select_req *req = j->req;
    struct keep_select_rep *rep = j->rep;
    enum err e = request_place_named(j, j->k->kv, req->session, req->name, PLACE_ITSELF, p);

    if (e != OK)
        return e;
    if ((rep->mailbox = place_number(p)) == 0)
        return err_set(&j->why, ERR_LIMIT, "too many mailboxes of others are open");
    rep->rights = p->rights;
    if (!req->lock)
        return OK;
    if (p->account != p->session->account)
        return err_set(&j->why, ERR_UNSUPPORTED, "only one's own mailbox can be had alone");
    if ((e = session_lock(p->session, p->mailbox)) != OK)
        return err_set(&j->why, e, "another session has the mailbox for itself");
    return OK;
}

static enum err select_now(struct request *j, struct view **ret_view, struct uidset *recent)
{
    const struct keep_select_req *req = j->req;
    struct keep_select_rep *rep = j->rep;
    struct uidset uids = { 0 };
    struct view *view = NULL;
    struct place p;
    struct mbox m;
    enum err e;

    if ((e = open_place(j, &p)) != OK ||
        (e = views_get(j->k->views, p.account, p.mailbox, &view, &j->why)) != OK)
        return e;
    m = p.row;
    rep->uidvalidity = m.uidvalidity;
    rep->uidnext = m.uidnext;
    rep->exists = view->count;
    rep->unseen = m.unseen;
    rep->modseq = m.modseq;
    rep->size = m.size;
    rep->object = m.object;
    rep->special_use = p.account == p.session->account ? m.special_use : 0;
    for (uint32_t i = 0; i < view->count && m.unseen > 0; i++)
        if ((view->at[i].flags & FLAG_SEEN) == 0) {
            rep->first_unseen_uid = view->at[i].uid;
            break;
        }
    view_uids(view, &uids);
    rep->uids = uids_octets(j->mem, &uids);
    uidset_deinit(&uids);
    view_recent(view, may_write(req->write, p.rights), recent);
    rep->recent_uids = uids_octets(j->mem, recent);
    keyword_texts(j->mem, &m, &rep->keywords, &rep->keywords_count);
    *ret_view = view;
    return OK;
}

void start_select(struct request *j)
{
    const struct keep_select_req *req = j->req;
    const struct keep_select_rep *rep = j->rep;
    struct uidset recent = { 0 };
    struct view *view = NULL;
    enum err e = select_now(j, &view, &recent);

    if (e == OK)
        end_with_recent(j, view, &recent, may_write(req->write, rep->rights));
    else
        request_end(j, e);
    uidset_deinit(&recent);
}

enum err read_unselect(struct request *j)
{
    const struct keep_unselect_req *req = j->req;
    struct session *s;
    enum err e = request_session(j, req->session, &s);

    if (e == OK)
        session_unlock(s, req->mailbox);
    return e;
}

/* ---- sync ---- */

static void sync_reply(struct request *j, const struct sync *s)
{
    struct keep_sync_rep *rep = j->rep;

    rep->arrived = uids_octets(j->mem, &s->arrived);
    rep->vanished = uids_octets(j->mem, &s->vanished);
    rep->modseq = s->modseq;
    rep->more = s->more;
    rep->changed_count = s->changed_count;
    rep->changed = ARENA_ARRAY(j->mem, struct keep_row, s->changed_count + 1u);
    for (uint32_t i = 0; i < s->changed_count; i++)
        rep->changed[i] = (struct keep_row){
            .uid = s->changed[i].uid,
            .flags = row_flags(s->changed[i].flags),
            .keywords = row_keywords(s->changed[i].flags),
            .modseq = s->changed[i].modseq,
        };
}

static enum err sync_now(struct request *j, struct view **ret_view, struct uidset *recent)
{
    const struct keep_sync_req *req = j->req;
    struct keep_sync_rep *rep = j->rep;
    struct sync sync;
    struct place p;
    struct mbox m;
    enum err e;

    *ret_view = NULL;
    if ((e = request_place(j, j->k->kv, req->session, req->mailbox, PLACE_ITSELF, &p)) != OK)
        return e;
    m = p.row;
    rep->rights = p.rights;
    rep->uidnext = m.uidnext;
    keyword_texts(j->mem, &m, &rep->keywords, &rep->keywords_count);
    rep->recent_uids = rep->arrived = rep->vanished = uids_octets(j->mem, recent);
    rep->modseq = req->since;
    /* Nothing new: the common answer costs one row. */
    if (req->since >= m.modseq)
        return OK;
    if ((e = views_get(j->k->views, p.account, p.mailbox, ret_view, &j->why)) != OK ||
        (e = view_sync(j->k->kv, *ret_view, req->since, m.modseq, j->mem, &sync, &j->why)) != OK)
        return e;
    sync_reply(j, &sync);
    /* Of what is \Recent now, this session gets what it has not been told of before. */
    view_recent(*ret_view, may_write(req->write, p.rights), recent);
    rep->recent_uids = uids_octets(j->mem, recent);
    sync_deinit(&sync);
    return OK;
}

void start_sync(struct request *j)
{
    const struct keep_sync_req *req = j->req;
    const struct keep_sync_rep *rep = j->rep;
    struct uidset recent = { 0 };
    struct view *view = NULL;
    enum err e = sync_now(j, &view, &recent);

    if (e == OK)
        end_with_recent(j, view, &recent, may_write(req->write, rep->rights));
    else
        request_end(j, e);
    uidset_deinit(&recent);
}
