/* keeper/calls/server_message.c - flags, expunging, copying and moving. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/move/server_move.h"
#include "keeper/sharing/server_place.h"
#include "store/mailbox/messages.h"

static enum err begin(struct request *j, struct txn *t, const struct place *p,
                      struct account_txn *ret)
{
    return account_txn_begin(ret, t, j->mem, p->account, loop_wall_s(j->k->loop), &j->why);
}

/* ---- store ---- */

static enum err store_bits(struct request *j, struct mbox *m, uint64_t may, uint64_t *ret)
{
    const struct keep_store_req *req = j->req;
    struct keyword_list keywords = { 0 };
    uint64_t bits = req->flags & FLAGS_KNOWN, bit = 0;
    enum err e = mailbox_keywords(m, &keywords);

    for (size_t i = 0; i < req->keywords_count && e == OK && (may & FLAG_FLAGGED) != 0; i++) {
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

/* RFC 4314 4: flags without a right stay as they are; that is an error only when all do. */
static bool may_change_some(const struct keep_store_req *req, uint64_t may)
{
    return (req->flags == 0 && req->keywords_count == 0) || (req->flags & may) != 0 ||
           (req->keywords_count > 0 && (may & FLAG_FLAGGED) != 0);
}

static enum err store_uids(struct request *j, struct account_txn *a, struct place *p,
                           const struct uidset *uids)
{
    static const enum flags_op ops[] = {
        [STORE_SET] = FLAGS_SET, [STORE_ADD] = FLAGS_ADD, [STORE_REMOVE] = FLAGS_REMOVE
    };
    const struct keep_store_req *req = j->req;
    struct keep_store_rep *rep = j->rep;
    struct flags_change change = { .unchanged_since = req->unchanged_since };
    struct uidset changed = { 0 }, modified = { 0 };
    struct mbox *m = &p->row;
    uint32_t keywords_before = m->keywords_count;
    enum err e;

    if (req->op >= ARRAY_LEN(ops))
        return err_set(&j->why, ERR_SYNTAX, "no such operation on flags");
    change.op = ops[req->op];
    change.not_these = ~rights_flags(p->rights);
    if ((e = store_bits(j, m, rights_flags(p->rights), &change.bits)) != OK)
        return e;
    if (!may_change_some(req, rights_flags(p->rights)))
        return err_set(&j->why, ERR_DENIED, "the right to change these flags was not granted");
    rep->before = m->modseq;
    if ((e = request_view(j, a->t, p->account, p->mailbox, uids, &change.view)) == OK)
        e = messages_store(a, p->mailbox, m, uids, &change, &changed, &modified);
    if (e == OK) {
        if (!uidset_empty(&changed) || m->keywords_count != keywords_before)
            mailbox_put_row(a, p->mailbox, m);
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
    struct place p;
    enum err e;

    if ((e = request_place(j, txn_kv(t), req->session, req->mailbox, PLACE_ITSELF, &p)) != OK ||
        (e = begin(j, t, &p, &a)) != OK)
        return e;
    if ((e = request_uids(j, req->uids, &uids)) == OK)
        e = store_uids(j, &a, &p, &uids);
    uidset_deinit(&uids);
    return e;
}

/* ---- expunge: page by page, each durable before the next ---- */

struct expunge_job {
    struct uidset uids, gone;
    uint64_t modseq, before;
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
                                       .max = EXPUNGE_PER_COMMIT,
                                       .keep_bytes_max = keeper_keeps_bytes(j->k) };
    struct uidset gone = { 0 };
    struct account_txn a;
    struct place p;
    enum err e;

    if ((e = request_place(j, txn_kv(t), req->session, req->mailbox, PLACE_ITSELF, &p)) != OK ||
        (e = begin(j, t, &p, &a)) != OK)
        return e;
    if (mailbox_is_locked_by_other(j->k, p.account, p.mailbox, p.session))
        return err_set(&j->why, ERR_IN_USE, "another session has the mailbox for itself");
    if (x->modseq == 0)
        x->before = p.row.modseq;
    else if (p.row.modseq != x->modseq)
        x->before = UINT64_MAX;
    e = messages_expunge(&a, p.mailbox, &p.row, &what, &gone, &x->more);
    if (e == OK && !uidset_empty(&gone)) {
        mailbox_put_row(&a, p.mailbox, &p.row);
        account_txn_end(&a);
        uidset_union(&x->gone, &gone);
    }
    x->modseq = p.row.modseq;
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
    rep->before = x->before;
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

/* Where from and where to; the same account twice, or two. */
struct copying {
    struct place from, to;
    struct account_txn from_txn, to_txn;
    struct copy_what what;
};

static bool is_across(const struct copying *c)
{
    return c->from.account != c->to.account;
}

static enum err copy_begin(struct request *j, struct txn *t, struct copying *c)
{
    const struct keep_copy_req *req = j->req;
    struct kv *kv = txn_kv(t);
    struct account *owner = ARENA_NEW(j->mem, struct account);
    bool found;
    enum err e;

    e = request_place(j, kv, req->session, req->mailbox, req->move ? PLACE_LEFT : PLACE_ITSELF,
                      &c->from);
    if (e != OK ||
        (e = request_place_named(j, kv, req->session, req->target, PLACE_TARGET, &c->to)) != OK)
        return e;
    if (req->move &&
        mailbox_is_locked_by_other(j->k, c->from.account, c->from.mailbox, c->from.session))
        return err_set(&j->why, ERR_IN_USE, "another session has the mailbox for itself");
    if ((e = directory_account_get(kv, j->mem, c->to.account, &found, owner, &j->why)) != OK ||
        (e = begin(j, t, &c->from, &c->from_txn)) != OK)
        return e;
    if (is_across(c) && (e = begin(j, t, &c->to, &c->to_txn)) != OK)
        return e;
    c->what = (struct copy_what){
        .move = req->move,
        .account = owner,
        .not_flags = ~rights_flags(c->to.rights),
        .from = c->from.mailbox,
        .from_row = &c->from.row,
        .to = c->to.mailbox,
        .to_row = &c->to.row,
    };
    return OK;
}

/* What changed is written back; nothing did when no message was there to copy. */
static void copy_end(struct copying *c, bool any)
{
    struct account_txn *to = is_across(c) ? &c->to_txn : &c->from_txn;

    if (!is_across(c) || (c->what.move && any))
        mailbox_put_row(&c->from_txn, c->from.mailbox, &c->from.row);
    if (is_across(c) || c->to.mailbox != c->from.mailbox)
        mailbox_put_row(to, c->to.mailbox, &c->to.row);
    if (any && (!is_across(c) || c->what.move))
        account_txn_end(&c->from_txn);
    if (any && is_across(c))
        account_txn_end(&c->to_txn);
}

static enum err copy_uids(struct request *j, struct copying *c, const struct uidset *uids)
{
    struct keep_copy_rep *rep = j->rep;
    struct uidset source = { 0 }, target = { 0 };
    enum err e;

    c->what.uids = uids;
    e = is_across(c) ? messages_copy_across(&c->from_txn, &c->to_txn, &c->what, &source, &target)
                     : messages_copy(&c->from_txn, &c->what, &source, &target);
    if (e == OK) {
        bool same = !is_across(c) && c->to.mailbox == c->from.mailbox;

        copy_end(c, !uidset_empty(&source));
        rep->uidvalidity = c->to.row.uidvalidity;
        rep->source = uids_octets(j->mem, &source);
        rep->target = uids_octets(j->mem, &target);
        rep->modseq = same ? c->from.row.modseq : c->to.row.modseq;
    }
    uidset_deinit(&source);
    uidset_deinit(&target);
    return e;
}

enum err write_copy(struct request *j, struct txn *t)
{
    const struct keep_copy_req *req = j->req;
    struct copying *c = ARENA_NEW(j->mem, struct copying);
    struct uidset uids = { 0 };
    enum err e;

    if ((e = copy_begin(j, t, c)) != OK)
        return e;
    if ((e = request_uids(j, req->uids, &uids)) == OK)
        e = copy_uids(j, c, &uids);
    uidset_deinit(&uids);
    return e;
}
