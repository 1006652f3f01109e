/* keeper/calls/server_mailbox.c - the mailboxes of an account by name. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sharing/server_place.h"
#include "store/mailbox/messages.h"
#include "store/mailbox/metadata.h"

enum { MAILBOXES_PER_PAGE = 1000 };

/* A mailbox of the account's own whose name is now that of another namespace (the prefix came
 * later) cannot be opened by it, so it is not shown as one that is there. */
static struct keep_mailbox listed(struct request *j, const struct session *s,
                                  const struct mailbox_listed *m)
{
    bool own = m->exists && m->id != 0;
    bool hidden = own && s->peer->who != BY_CONTROL && place_is_elsewhere(j->k, m->name);

    return (struct keep_mailbox){
        .id = m->id,
        .name = m->name,
        .uidvalidity = m->mailbox.uidvalidity,
        .special_use = m->mailbox.special_use,
        .subscribed = m->subscribed,
        .exists = m->exists && !hidden,
        .has_children = m->has_children,
        .object = m->mailbox.object,
        .rights = own ? RIGHTS_ALL : m->rights,
    };
}

enum err read_mailbox_list(struct request *j)
{
    const struct keep_mailbox_list_req *req = j->req;
    struct keep_mailbox_list_rep *rep = j->rep;
    struct mailbox_listed *all, *others;
    struct mailboxes_also also = { 0 };
    struct session *s;
    size_t count;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK ||
        (e = places_of_others(j, s, &others, &also.count)) != OK)
        return e;
    also.at = others;
    if ((e = mailbox_list_also(j->k->kv, j->mem, s->account, also, &all, &count, &j->why)) != OK)
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
        rep->mailboxes[rep->mailboxes_count++] = listed(j, s, &all[i]);
    }
    return OK;
}

/* ---- changes: one transaction of the owner's account each ---- */

static enum err begin(struct request *j, struct txn *t, uint32_t account, struct account_txn *a)
{
    return account_txn_begin(a, t, j->mem, account, loop_wall_s(j->k->loop), &j->why);
}

/* That a name is taken is told to those who may see it. */
static enum err taken(struct request *j, const struct account_txn *a,
                      const struct place_name *new_name)
{
    struct place p;
    struct str full = arena_join(j->mem, new_name->prefix, new_name->name);
    enum err e;

    if (new_name->account == new_name->session->account)
        return ERR_EXISTS;
    e = request_place_named(j, a->kv, new_name->session->token, full, PLACE_ITSELF, &p);
    return (p.rights & RIGHT_LOOKUP) != 0 || (e != OK && e != ERR_NOT_FOUND && e != ERR_DENIED)
               ? ERR_EXISTS
               : err_set(&j->why, ERR_DENIED, "no mailbox may be made there");
}

enum err write_mailbox_create(struct request *j, struct txn *t)
{
    const struct keep_mailbox_create_req *req = j->req;
    struct keep_mailbox_create_rep *rep = j->rep;
    struct place_name name;
    struct account_txn a;
    struct mbox m;
    enum err e;

    if ((e = request_place_new(j, txn_kv(t), req->session, req->name, &name)) != OK ||
        (e = begin(j, t, name.account, &a)) != OK)
        return e;
    if (req->special_use != 0 && name.account != name.session->account)
        return err_set(&j->why, ERR_UNSUPPORTED, "a special use is for one's own mailboxes");
    e = mailbox_create(&a, name.name, req->special_use, &rep->id, &m);
    if (e == ERR_EXISTS)
        return taken(j, &a, &name);
    if (e != OK)
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
    struct place p;
    enum err e;

    if ((e = request_place_named(j, txn_kv(t), req->session, req->name, PLACE_ITSELF, &p)) != OK ||
        (e = begin(j, t, p.account, &a)) != OK || (e = mailbox_delete(&a, p.row.name)) != OK)
        return e;
    account_txn_end(&a);
    rep->modseq = a.modseq;
    sweep_start(j->k);
    return OK;
}

/* RFC 3501 6.3.5: renaming INBOX moves its messages into a new mailbox; INBOX stays, and so do the
 * mailboxes below it. */
static enum err rename_inbox(struct request *j, struct account_txn *a, struct place *from,
                             struct str to)
{
    struct mbox *inbox = &from->row;
    struct copy_what what = { .move = true, .from = from->mailbox, .from_row = inbox };
    struct uidset source = { 0 }, target = { 0 };
    struct mbox made;
    uint32_t made_id;
    enum err e;

    if (mailbox_is_locked_by_other(j->k, a->account, from->mailbox, from->session))
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
    mailbox_put_row(a, from->mailbox, inbox);
    mailbox_put_row(a, made_id, &made);
    return metadata_copy(a, from->mailbox, made_id);
}

enum err write_mailbox_rename(struct request *j, struct txn *t)
{
    const struct keep_mailbox_rename_req *req = j->req;
    struct keep_mailbox_rename_rep *rep = j->rep;
    struct place_name to;
    struct account_txn a;
    struct place from;
    enum err e;

    if ((e = request_place_named(j, txn_kv(t), req->session, req->from, PLACE_ITSELF, &from)) !=
            OK ||
        (e = request_place_new(j, txn_kv(t), req->session, req->to, &to)) != OK ||
        (e = begin(j, t, from.account, &a)) != OK)
        return e;
    if (from.account != to.account)
        return err_set(&j->why, ERR_UNSUPPORTED, "a mailbox cannot go to another account");
    if (str_eq(from.row.name, STR("INBOX")))
        e = rename_inbox(j, &a, &from, to.name);
    else
        e = mailbox_rename(&a, from.row.name, to.name);
    if (e == ERR_EXISTS)
        return taken(j, &a, &to);
    if (e != OK)
        return e;
    account_txn_end(&a);
    rep->modseq = a.modseq;
    return OK;
}

/* Subscriptions are one's own, also to what others share; the names need not exist. */
enum err write_mailbox_subscribe(struct request *j, struct txn *t)
{
    const struct keep_mailbox_subscribe_req *req = j->req;
    struct keep_mailbox_subscribe_rep *rep = j->rep;
    struct account_txn a;
    struct session *s;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK ||
        (e = begin(j, t, s->account, &a)) != OK ||
        (e = mailbox_subscribe(&a, req->name, req->on)) != OK)
        return e;
    account_txn_end(&a);
    rep->modseq = a.modseq;
    return OK;
}

/* ---- numbers ---- */

/* RFC 9208 4.1.4: octets, since the sum of the sizes may stand for what would be won. */
static uint64_t deleted_size(const struct view *view)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i < view->count; i++)
        if ((view->at[i].flags & FLAG_DELETED) != 0)
            bytes += view->at[i].size;
    return bytes;
}

enum err read_mailbox_status(struct request *j)
{
    const struct keep_mailbox_status_req *req = j->req;
    struct keep_mailbox_status_rep *rep = j->rep;
    struct uidset recent = { 0 };
    struct view *view = NULL;
    struct place p;
    enum err e;

    if ((e = request_place_named(j, j->k->kv, req->session, req->name, PLACE_ITSELF, &p)) != OK)
        return e;
    rep->id = place_number_known(&p);
    rep->messages = p.row.messages;
    rep->unseen = p.row.unseen;
    rep->deleted = p.row.deleted;
    rep->uidnext = p.row.uidnext;
    rep->uidvalidity = p.row.uidvalidity;
    rep->modseq = p.row.modseq;
    rep->size = p.row.size;
    rep->object = p.row.object;
    /* Only where something may be \Recent is the view needed to count it. */
    if (p.row.recent_from < p.row.uidnext) {
        if ((e = views_get(j->k->views, p.account, p.mailbox, &view, &j->why)) != OK)
            return e;
        view_recent(view, false, &recent);
        rep->recent = uidset_count(&recent);
        uidset_deinit(&recent);
    }
    if (req->with_deleted_size && p.row.deleted > 0) {
        if ((e = views_get(j->k->views, p.account, p.mailbox, &view, &j->why)) != OK)
            return e;
        rep->deleted_size = deleted_size(view);
    }
    return OK;
}
