/* store/mailbox/messages_move.c - messages leaving mailboxes and appearing in others. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/graves.h"
#include "store/mailbox/mailbox_keys.h"
#include "store/mailbox/messages.h"
#include "store/mailbox/refs.h"

/* ---- removing ---- */

static void thread_delete(struct account_txn *a, uint64_t hash, uint64_t email)
{
    struct key k;

    if (hash == 0)
        return;
    key_of_thread(&k, a->account, hash, email);
    txn_delete(a->t, key_str(&k));
}

enum err messages_email_unref(struct account_txn *a, uint64_t email)
{
    struct key k;
    struct email row;
    bool taken;
    enum err e;

    if ((e = refs_take(a, email, &taken)) != OK || taken)
        return e;
    key_of_email(&k, TABLE_EMAIL, a->account, email);
    if ((e = table_get_email(a->kv, a->mem, &k, &row, a->why)) != OK)
        return e;
    if (row.refs > 1) {
        row.refs--;
        table_put_email(a->t, &k, &row);
        return OK;
    }
    txn_delete(a->t, key_str(&k));
    key_of_email(&k, TABLE_RECORD, a->account, email);
    txn_delete(a->t, key_str(&k));
    thread_delete(a, row.hash, email);
    thread_delete(a, row.root_hash, email);
    if ((e = txn_body_unref(a->t, row.body)) != OK)
        return err_set(a->why, ERR_CORRUPT, "an email has no body");
    return OK;
}

static void membership_remove(struct account_txn *a, uint32_t mailbox, struct mbox *m, uint32_t uid,
                              const struct membership *ms)
{
    struct key k;

    key_of_membership(&k, a->account, mailbox, uid);
    txn_delete(a->t, key_str(&k));
    m->messages--;
    m->unseen -= (ms->flags & FLAG_SEEN) == 0;
    m->deleted -= (ms->flags & FLAG_DELETED) != 0;
    m->size -= ms->size;
    m->modseq = a->modseq;
    a->counters.bytes -= ms->size;
    a->counters.messages--;
}

static void vanished_put(struct account_txn *a, uint32_t mailbox, const struct uidset *uids)
{
    struct key k;
    struct buf b = { 0 };

    if (uidset_empty(uids))
        return;
    key_of_vanished(&k, a->account, mailbox, a->modseq);
    put_u8(&b, ROW_VERSION);
    uidset_encode(uids, &b);
    txn_put(a->t, key_str(&k), buf_str(&b));
    buf_deinit(&b);
}

struct expunging {
    struct account_txn *a;
    uint32_t mailbox, count;
    struct mbox *m;
    const struct expunge_what *what;
    struct uidset *expunged;
    bool more, uidls; /* some have a UIDL of their own */
    struct graves_kept kept;
};

/* What can be brought back keeps its email; what is too much for that goes at once. */
static enum err keep_or_drop(struct expunging *x, uint32_t uid, const struct membership *ms)
{
    if (x->what->keep_bytes_max > x->kept.bytes &&
        x->what->keep_bytes_max - x->kept.bytes >= ms->size)
        return grave_dig(x->a, &(struct grave_new){ x->mailbox, uid, x->m, ms, x->uidls },
                         &x->kept);
    return messages_email_unref(x->a, ms->email);
}

/* ERR_LIMIT here only stops the walk: the page is full. */
static enum err expunge_one(void *ctx, uint32_t uid, const struct membership *ms)
{
    struct expunging *x = ctx;
    enum err e;

    if (x->what->deleted_only && (ms->flags & FLAG_DELETED) == 0)
        return OK;
    if (x->count == x->what->max) {
        x->more = true;
        return ERR_LIMIT;
    }
    x->count++;
    if ((e = keep_or_drop(x, uid, ms)) != OK)
        return e;
    membership_remove(x->a, x->mailbox, x->m, uid, ms);
    if (x->uidls)
        uidl_delete(x->a, x->mailbox, uid);
    uidset_add(x->expunged, uid);
    return OK;
}

enum err messages_expunge(struct account_txn *a, uint32_t mailbox, struct mbox *m,
                          const struct expunge_what *what, struct uidset *ret_expunged,
                          bool *ret_more)
{
    struct expunging x = {
        .a = a, .mailbox = mailbox, .m = m, .what = what, .expunged = ret_expunged
    };
    const struct messages_of which = { a->kv, a->account, mailbox, what->uids };
    enum err e = uidl_any(a->kv, a->account, mailbox, &x.uidls, a->why);
    uint64_t kept_before;

    if (e == OK && what->keep_bytes_max > 0)
        e = graves_count(a->kv, a->mem, a->account, &x.kept, a->why);
    kept_before = x.kept.messages;
    if (e == OK)
        e = messages_each(&which, expunge_one, &x, a->why);
    if (e != OK && !(e == ERR_LIMIT && x.more))
        return e;
    if (!what->silent)
        vanished_put(a, mailbox, ret_expunged);
    if (x.kept.messages != kept_before)
        graves_put_count(a, &x.kept);
    *ret_more = x.more;
    return mailbox_keys_forget(a->t, a->account, mailbox, ret_expunged, a->why);
}

/* ---- copying and moving ---- */

struct copied {
    uint32_t uid;
    struct membership ms;
};

struct copying {
    struct account_txn *a;
    struct copied *at;
    size_t count, cap;
    uint64_t bytes;
};

static enum err collect_one(void *ctx, uint32_t uid, const struct membership *ms)
{
    struct copying *c = ctx;

    if (c->count == c->cap) {
        size_t cap = c->cap == 0 ? 64 : 2 * c->cap;
        struct copied *at = ARENA_ARRAY(c->a->mem, struct copied, cap);

        if (c->count > 0)
            memcpy(at, c->at, c->count * sizeof *at);
        c->at = at;
        c->cap = cap;
    }
    c->at[c->count++] = (struct copied){ uid, *ms };
    c->bytes += ms->size;
    return OK;
}

uint64_t flags_in_copy(uint64_t flags, const struct copy_what *what, struct keyword_list *to)
{
    const struct mbox *from = what->from_row;
    uint64_t kept = flags & ~what->not_flags, out = kept & FLAGS_KNOWN, bit;

    for (uint32_t i = 0; i < from->keywords_count; i++)
        if ((kept >> (KEYWORD_FIRST_BIT + i) & 1) &&
            keyword_bit_add(to, from->keywords[i], &bit) == OK)
            out |= bit;
    return out;
}

/* Each email has one place more. */
static enum err refer(struct account_txn *a, const struct copying *c)
{
    uint64_t *emails = ARENA_ARRAY(a->mem, uint64_t, c->count + 1);

    for (size_t i = 0; i < c->count; i++)
        emails[i] = c->at[i].ms.email;
    return refs_add(a, emails, c->count);
}

static enum err copy_each(struct account_txn *a, const struct copying *c,
                          const struct copy_what *what, struct uidset *ret_source,
                          struct uidset *ret_target)
{
    struct mbox *to_row = what->from == what->to ? what->from_row : what->to_row;
    struct keyword_list keywords = { 0 };
    bool uidls = false;
    enum err e = mailbox_keywords(to_row, &keywords);

    if (e == OK && what->move)
        e = uidl_any(a->kv, a->account, what->from, &uidls, a->why);
    for (size_t i = 0; i < c->count && e == OK; i++) {
        struct membership ms = c->at[i].ms;
        uint32_t uid;

        ms.flags = flags_in_copy(ms.flags, what, &keywords);
        ms.modseq = ms.created = a->modseq;
        ms.save_date = a->now_s;
        if ((e = messages_place(a, what->to, to_row, &ms, &uid)) != OK)
            break;
        if (uidls)
            uidl_delete(a, what->from, c->at[i].uid);
        if (what->move)
            membership_remove(a, what->from, what->from_row, c->at[i].uid, &c->at[i].ms);
        uidset_add(ret_source, c->at[i].uid);
        uidset_add(ret_target, uid);
    }
    if (e == OK && !what->move)
        e = refer(a, c);
    if (e == OK)
        mailbox_set_keywords(a->mem, to_row, &keywords);
    keyword_list_deinit(&keywords);
    return e;
}

enum err messages_copy(struct account_txn *a, const struct copy_what *what,
                       struct uidset *ret_source, struct uidset *ret_target)
{
    const struct messages_of which = { a->kv, a->account, what->from, what->uids };
    struct copying c = { .a = a };
    enum err e;

    if ((e = messages_each(&which, collect_one, &c, a->why)) != OK)
        return e;
    if (!what->move && (e = messages_check_quota(a, what->account, c.bytes, c.count)) != OK)
        return e;
    if ((e = copy_each(a, &c, what, ret_source, ret_target)) == OK && what->move)
        vanished_put(a, what->from, ret_source);
    if (e == OK && what->move)
        e = mailbox_keys_forget(a->t, a->account, what->from, ret_source, a->why);
    return e;
}

/* ---- from one account to another ----
 *
 * Emails belong to an account, bodies to the store: the copy is a new email there with one more
 * reference to the same body, and joins the threads of its new account. */

struct carrying {
    struct account_txn *from, *to;
    const struct copy_what *what;
    struct keyword_list keywords; /* of the target */
    struct uidset *source, *target;
    uint64_t bytes, messages;
};

static enum err count_one(void *ctx, uint32_t uid, const struct membership *ms)
{
    struct carrying *c = ctx;

    (void)uid;
    c->bytes += ms->size;
    c->messages++;
    return OK;
}

static enum err carry_one(void *ctx, uint32_t uid, const struct membership *ms)
{
    SCRATCH(tmp, NULL);
    struct carrying *c = ctx;
    struct account_txn *a = c->from;
    struct message_new copy = { .internal_date = ms->internal_date,
                                .internal_zone = ms->internal_zone };
    struct email email;
    struct str record;
    struct key k;
    uint32_t new_uid;
    bool found;
    enum err e;

    key_of_email(&k, TABLE_EMAIL, a->account, ms->email);
    if ((e = table_get_email(a->kv, tmp, &k, &email, a->why)) != OK)
        return e;
    key_of_email(&k, TABLE_RECORD, a->account, ms->email);
    if ((e = table_find_text(a->kv, tmp, &k, &found, &record, a->why)) != OK)
        return e;
    message_new_from_record(&copy, found ? record : STR_EMPTY);
    copy.body = email.body;
    copy.size = email.size;
    copy.flags = flags_in_copy(ms->flags, c->what, &c->keywords);
    if (txn_body_ref(a->t, email.body) != OK)
        return err_set(a->why, ERR_CORRUPT, "an email has no body");
    if ((e = messages_add(c->to, c->what->to, c->what->to_row, &copy, &new_uid)) != OK)
        return e;
    uidset_add(c->source, uid);
    uidset_add(c->target, new_uid);
    return OK;
}

static enum err carry_all(struct carrying *c, const struct messages_of *which)
{
    enum err e = mailbox_keywords(c->what->to_row, &c->keywords);

    if (e == OK)
        e = messages_each(which, carry_one, c, c->from->why);
    if (e == OK)
        mailbox_set_keywords(c->to->mem, c->what->to_row, &c->keywords);
    keyword_list_deinit(&c->keywords);
    return e;
}

/* The target is written while the source is walked: they are different rows of different accounts.
 */
enum err messages_copy_across(struct account_txn *from, struct account_txn *to,
                              const struct copy_what *what, struct uidset *ret_source,
                              struct uidset *ret_target)
{
    const struct messages_of which = { from->kv, from->account, what->from, what->uids };
    struct expunge_what moved = { .uids = ret_source, .max = UINT32_MAX };
    struct carrying c = {
        .from = from, .to = to, .what = what, .source = ret_source, .target = ret_target
    };
    struct uidset gone = { 0 };
    bool more;
    enum err e;

    if ((e = messages_each(&which, count_one, &c, from->why)) != OK ||
        (e = messages_check_quota(to, what->account, c.bytes, c.messages)) != OK ||
        (e = carry_all(&c, &which)) != OK)
        return e;
    if (what->move && !uidset_empty(ret_source)) {
        e = messages_expunge(from, what->from, what->from_row, &moved, &gone, &more);
        uidset_deinit(&gone);
    }
    return e;
}
