/* keeper/calls/server_message.c - flags, expunging, copying and moving. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "store/mailbox/messages.h"

static enum err begin(struct request *j, struct txn *t, uint64_t session, uint32_t mailbox,
                      struct account_txn *ret_txn, struct mbox *ret_row)
{
    struct session *s;
    enum err e;

    if ((e = request_session(j, session, &s)) != OK ||
        (e = account_txn_begin(ret_txn, t, j->mem, s->account, loop_wall_s(j->k->loop), &j->why)) !=
            OK)
        return e;
    return request_mailbox(j, ret_txn->kv, s->account, mailbox, ret_row);
}

/* ---- store ---- */

static enum err store_bits(struct request *j, struct mbox *m, uint64_t *ret)
{
    const struct keep_store_req *req = j->req;
    struct keyword_list keywords = { 0 };
    uint64_t bits = req->flags & FLAGS_KNOWN, bit = 0;
    enum err e = mailbox_keywords(m, &keywords);

    for (size_t i = 0; i < req->keywords_count && e == OK; i++) {
        if (req->op == STORE_REMOVE)
            bit = keyword_bit_find(&keywords, req->keywords[i].text);
        else
            e = keyword_bit_add(&keywords, req->keywords[i].text, &bit);
        bits |= bit;
    }
    if (e == OK) {
        mailbox_set_keywords(j->mem, m, &keywords);
        *ret = bits & ~(uint64_t)FLAG_RECENT;
    } else {
        (void)err_set(&j->why, e, "the mailbox cannot take these keywords");
    }
    keyword_list_deinit(&keywords);
    return e;
}

static enum err store_uids(struct request *j, struct account_txn *a, struct mbox *m,
                           const struct uidset *uids)
{
    static const enum flags_op ops[] = {
        [STORE_SET] = FLAGS_SET, [STORE_ADD] = FLAGS_ADD, [STORE_REMOVE] = FLAGS_REMOVE
    };
    const struct keep_store_req *req = j->req;
    struct keep_store_rep *rep = j->rep;
    struct flags_change change = { .unchanged_since = req->unchanged_since };
    struct uidset changed = { 0 }, modified = { 0 };
    uint32_t keywords_before = m->keywords_count;
    enum err e;

    if (req->op >= ARRAY_LEN(ops))
        return err_set(&j->why, ERR_SYNTAX, "no such operation on flags");
    change.op = ops[req->op];
    if ((e = store_bits(j, m, &change.bits)) != OK)
        return e;
    e = messages_store(a, req->mailbox, m, uids, &change, &changed, &modified);
    if (e == OK) {
        if (!uidset_empty(&changed) || m->keywords_count != keywords_before)
            mailbox_put_row(a, req->mailbox, m);
        if (!uidset_empty(&changed))
            account_txn_end(a);
        rep->modseq = m->modseq;
        rep->changed = uids_octets(j->mem, &changed);
        rep->modified = uids_octets(j->mem, &modified);
        keyword_texts(j->mem, m, &rep->keywords, &rep->keywords_count);
    }
    uidset_deinit(&changed);
    uidset_deinit(&modified);
    return e;
}

enum err write_store(struct request *j, struct txn *t)
{
    const struct keep_store_req *req = j->req;
    struct uidset uids = { 0 };
    struct account_txn a;
    struct mbox m;
    enum err e;

    if ((e = begin(j, t, req->session, req->mailbox, &a, &m)) != OK)
        return e;
    if ((e = request_uids(j, req->uids, &uids)) == OK)
        e = store_uids(j, &a, &m, &uids);
    uidset_deinit(&uids);
    return e;
}

/* ---- expunge: page by page, each durable before the next ---- */

struct expunge_job {
    struct uidset uids, gone;
    uint64_t modseq;
    bool more;
};

static void expunge_cleanup(struct request *j)
{
    struct expunge_job *x = j->own;

    uidset_deinit(&x->uids);
    uidset_deinit(&x->gone);
}

static enum err build_expunge(struct request *j, struct txn *t)
{
    const struct keep_expunge_req *req = j->req;
    struct expunge_job *x = j->own;
    const struct expunge_what what = { .uids = &x->uids,
                                       .deleted_only = req->deleted_only,
                                       .max = EXPUNGE_PER_COMMIT };
    struct uidset gone = { 0 };
    struct session *s;
    struct account_txn a;
    struct mbox m;
    enum err e;

    if ((e = begin(j, t, req->session, req->mailbox, &a, &m)) != OK ||
        (e = request_session(j, req->session, &s)) != OK)
        return e;
    if (mailbox_is_locked_by_other(j->k, s->account, req->mailbox, s))
        return err_set(&j->why, ERR_IN_USE, "another session has the mailbox for itself");
    e = messages_expunge(&a, req->mailbox, &m, &what, &gone, &x->more);
    if (e == OK && !uidset_empty(&gone)) {
        mailbox_put_row(&a, req->mailbox, &m);
        account_txn_end(&a);
        uidset_union(&x->gone, &gone);
    }
    x->modseq = m.modseq;
    uidset_deinit(&gone);
    return e;
}

static void expunge_written(struct request *j, enum err e)
{
    struct keep_expunge_rep *rep = j->rep;
    struct expunge_job *x = j->own;

    if (e == OK && x->more) {
        request_write(j, build_expunge, expunge_written);
        return;
    }
    rep->expunged = uids_octets(j->mem, &x->gone);
    rep->modseq = x->modseq;
    request_end(j, e);
}

void start_expunge(struct request *j)
{
    const struct keep_expunge_req *req = j->req;
    struct expunge_job *x = ARENA_NEW(j->mem, struct expunge_job);
    enum err e;

    j->own = x;
    j->cleanup = expunge_cleanup;
    e = request_uids(j, req->uids, &x->uids);
    if (e == OK)
        request_write(j, build_expunge, expunge_written);
    else
        request_end(j, e);
}

/* ---- copy and move ---- */

static enum err copy_uids(struct request *j, struct account_txn *a, struct mbox *from,
                          const struct uidset *uids)
{
    const struct keep_copy_req *req = j->req;
    struct keep_copy_rep *rep = j->rep;
    struct uidset source = { 0 }, target = { 0 };
    struct copy_what what = { .uids = uids, .move = req->move };
    struct account account;
    struct mbox to;
    uint32_t to_id;
    bool found;
    enum err e;

    if ((e = mailbox_find(a->kv, j->mem, a->account, req->target, &found, &to_id, &to, &j->why)) !=
        OK)
        return e;
    if (!found)
        return err_set(&j->why, ERR_NOT_FOUND, "there is no such mailbox");
    e = directory_account_get(a->kv, j->mem, a->account, &found, &account, &j->why);
    if (e != OK)
        return e;
    what.account = &account;
    what.from = req->mailbox;
    what.from_row = from;
    what.to = to_id;
    what.to_row = &to;
    e = messages_copy(a, &what, &source, &target);
    if (e == OK) {
        mailbox_put_row(a, req->mailbox, from);
        if (to_id != req->mailbox)
            mailbox_put_row(a, to_id, &to);
        if (!uidset_empty(&source))
            account_txn_end(a);
        rep->uidvalidity = to.uidvalidity;
        rep->source = uids_octets(j->mem, &source);
        rep->target = uids_octets(j->mem, &target);
        rep->modseq = to_id == req->mailbox ? from->modseq : to.modseq;
    }
    uidset_deinit(&source);
    uidset_deinit(&target);
    return e;
}

enum err write_copy(struct request *j, struct txn *t)
{
    const struct keep_copy_req *req = j->req;
    struct uidset uids = { 0 };
    struct account_txn a;
    struct session *s;
    struct mbox from;
    enum err e;

    if ((e = begin(j, t, req->session, req->mailbox, &a, &from)) != OK ||
        (e = request_session(j, req->session, &s)) != OK)
        return e;
    if (req->move && mailbox_is_locked_by_other(j->k, s->account, req->mailbox, s))
        return err_set(&j->why, ERR_IN_USE, "another session has the mailbox for itself");
    if ((e = request_uids(j, req->uids, &uids)) == OK)
        e = copy_uids(j, &a, &from, &uids);
    uidset_deinit(&uids);
    return e;
}
