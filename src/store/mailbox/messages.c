/* store/mailbox/messages.c - adding messages, changing their flags, walking them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/messages.h"

#include "message/record/record.h"

/* ---- walking ---- */

/* A single UID is one look-up; ranges are walked with an iterator. */
static enum err each_single(const struct messages_of *which, uint32_t uid,
                            enum err (*visit)(void *, uint32_t, const struct membership *),
                            void *ctx, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct membership ms;
    struct key k;
    bool found;
    enum err e;

    key_of_membership(&k, which->account, which->mailbox, uid);
    if ((e = table_find_membership(which->kv, tmp, &k, &found, &ms, why)) != OK || !found)
        return e;
    return visit(ctx, uid, &ms);
}

static enum err each_range(struct kv *kv, struct key *from, struct key *to,
                           enum err (*visit)(void *, uint32_t, const struct membership *),
                           void *ctx, struct errinfo *why)
{
    struct kv_iter *it = kv_iter_new(kv, NULL, key_str(from), key_str(to));
    enum err e = OK;

    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        struct membership ms;
        struct str key = kv_iter_key(it);

        if (key.len != 13 || membership_get(NULL, kv_iter_value(it), &ms) != OK)
            e = table_damaged(key, why);
        else
            e = visit(ctx, load_u32(key.at + 9), &ms);
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

enum err messages_each(const struct messages_of *which,
                       enum err (*visit)(void *ctx, uint32_t uid, const struct membership *ms),
                       void *ctx, struct errinfo *why)
{
    const struct uidset *uids = which->uids;
    uint32_t account = which->account, mailbox = which->mailbox;
    struct kv *kv = which->kv;
    struct key from, to;
    enum err e = OK;

    if (uids == NULL) {
        key_of_mailbox(&from, TABLE_MEMBERSHIP, account, mailbox);
        to = from;
        key_end(&to);
        return each_range(kv, &from, &to, visit, ctx, why);
    }
    for (uint32_t i = 0; i < uids->len && e == OK; i++) {
        const struct uid_range *r = &uids->at[i];

        if (r->first == r->last) {
            e = each_single(which, r->first, visit, ctx, why);
            continue;
        }
        key_of_membership(&from, account, mailbox, r->first);
        key_of_membership(&to, account, mailbox, r->last);
        key_end(&to);
        e = each_range(kv, &from, &to, visit, ctx, why);
    }
    return e;
}

/* ---- adding ---- */

void message_new_from_record(struct message_new *m, struct str record)
{
    struct record r;

    m->record = record;
    m->hash = m->parent_hash = m->root_hash = 0;
    if (record.len == 0 || record_open(record, &r) != OK)
        return;
    if (r.facts & RECORD_HAS_MESSAGE_ID)
        m->hash = r.message_id_hash;
    if (r.reference_count > 0) {
        m->root_hash = record_reference(&r, 0);
        m->parent_hash = record_reference(&r, r.reference_count - 1);
    }
}

enum err messages_check_quota(const struct account_txn *a, const struct account *account,
                              uint64_t bytes, uint64_t messages)
{
    const struct counters *c = &a->counters;

    if ((account->quota_bytes != 0 &&
         (c->bytes > account->quota_bytes || bytes > account->quota_bytes - c->bytes)) ||
        (account->quota_messages != 0 && (c->messages > account->quota_messages ||
                                          messages > account->quota_messages - c->messages)))
        return err_set(a->why, ERR_QUOTA, "'%.*s' is over quota", STR_ARG(account->address));
    return OK;
}

/* The thread that a message id already belongs to. */
static enum err thread_find(struct account_txn *a, uint64_t hash, uint64_t *thread)
{
    struct key from, to;
    struct kv_iter *it;
    enum err e;

    if (hash == 0 || *thread != 0)
        return OK;
    key_of_account(&from, TABLE_THREAD, a->account);
    key_u64(&from, hash);
    to = from;
    key_end(&to);
    it = kv_iter_new(a->kv, NULL, key_str(&from), key_str(&to));
    if (kv_iter_first(it)) {
        struct reader r = reader_of(kv_iter_value(it));

        (void)get_u8(&r);
        *thread = get_varint(&r);
    }
    e = kv_iter_error(it, a->why);
    kv_iter_free(it);
    return e;
}

static void thread_put(struct account_txn *a, uint64_t hash, uint64_t email, uint64_t thread)
{
    struct key k;

    if (hash == 0)
        return;
    key_of_thread(&k, a->account, hash, email);
    table_put_number(a->t, &k, thread);
}

/* A message joins the thread of its own id (it came before), of its parent, or of its root; it
 * answers for its own id and its root's, so that replies find it whichever came first. */
static enum err email_new(struct account_txn *a, const struct message_new *m, uint64_t *ret_email,
                          uint64_t *ret_thread)
{
    struct key k;
    struct email row = { .body = m->body, .refs = 1, .size = m->size, .hash = m->hash };
    uint64_t email = ++a->counters.email_last, thread = 0;
    enum err e;

    if ((e = thread_find(a, m->hash, &thread)) != OK ||
        (e = thread_find(a, m->parent_hash, &thread)) != OK ||
        (m->root_hash != m->parent_hash && (e = thread_find(a, m->root_hash, &thread)) != OK))
        return e;
    row.thread = thread == 0 ? email : thread;
    row.root_hash = m->root_hash != m->hash ? m->root_hash : 0;
    thread_put(a, row.hash, email, row.thread);
    thread_put(a, row.root_hash, email, row.thread);
    key_of_email(&k, TABLE_EMAIL, a->account, email);
    table_put_email(a->t, &k, &row);
    key_of_email(&k, TABLE_RECORD, a->account, email);
    txn_put(a->t, key_str(&k), m->record);
    *ret_email = email;
    *ret_thread = row.thread;
    return OK;
}

enum err messages_place(struct account_txn *a, uint32_t mailbox, struct mbox *m,
                        const struct membership *ms, uint32_t *ret_uid)
{
    struct key k;

    if (m->uidnext == UINT32_MAX)
        return err_set(a->why, ERR_LIMIT, "the mailbox has no UIDs left");
    key_of_membership(&k, a->account, mailbox, m->uidnext);
    table_put_membership(a->t, &k, ms);
    *ret_uid = m->uidnext++;
    m->messages++;
    m->unseen += (ms->flags & FLAG_SEEN) == 0;
    m->deleted += (ms->flags & FLAG_DELETED) != 0;
    m->size += ms->size;
    m->modseq = a->modseq;
    a->counters.bytes += ms->size;
    a->counters.messages++;
    return OK;
}

enum err messages_add(struct account_txn *a, uint32_t mailbox, struct mbox *m,
                      const struct message_new *message, uint32_t *ret_uid)
{
    struct membership ms = {
        .flags = message->flags & ~(uint64_t)FLAG_RECENT,
        .modseq = a->modseq,
        .created = a->modseq,
        .internal_date = message->internal_date,
        .internal_zone = message->internal_zone,
        .save_date = a->now_s,
        .size = message->size,
    };
    enum err e;

    if ((e = email_new(a, message, &ms.email, &ms.thread)) != OK)
        return e;
    return messages_place(a, mailbox, m, &ms, ret_uid);
}

/* ---- flags ---- */

struct storing {
    struct account_txn *a;
    uint32_t mailbox;
    struct mbox *m;
    const struct flags_change *change;
    uint32_t with_this_modseq;
    struct uidset *changed, *modified;
};

static uint64_t flags_asked(const struct flags_change *c, uint64_t before)
{
    switch (c->op) {
    case FLAGS_SET:
        return c->bits;
    case FLAGS_ADD:
        return before | c->bits;
    case FLAGS_REMOVE:
        return before & ~c->bits;
    }
    BUG("no such operation on flags");
}

static uint64_t flags_after(const struct flags_change *c, uint64_t before)
{
    return (before & c->not_these) | (flags_asked(c, before) & ~c->not_these);
}

static enum err store_one(void *ctx, uint32_t uid, const struct membership *ms)
{
    struct storing *s = ctx;
    struct membership after = *ms;
    struct key k;

    if (ms->modseq > s->change->unchanged_since) {
        uidset_add(s->modified, uid);
        return OK;
    }
    after.flags = flags_after(s->change, ms->flags);
    if (after.flags == ms->flags)
        return OK;
    if (s->with_this_modseq++ == MESSAGES_PER_MODSEQ) {
        s->a->modseq++;
        s->with_this_modseq = 1;
    }
    after.modseq = s->m->modseq = s->a->modseq;
    s->m->unseen += (after.flags & FLAG_SEEN) == 0;
    s->m->unseen -= (ms->flags & FLAG_SEEN) == 0;
    s->m->deleted += (after.flags & FLAG_DELETED) != 0;
    s->m->deleted -= (ms->flags & FLAG_DELETED) != 0;
    key_of_membership(&k, s->a->account, s->mailbox, uid);
    table_put_membership(s->a->t, &k, &after);
    uidset_add(s->changed, uid);
    return OK;
}

enum err messages_store(struct account_txn *a, uint32_t mailbox, struct mbox *m,
                        const struct uidset *uids, const struct flags_change *change,
                        struct uidset *ret_changed, struct uidset *ret_modified)
{
    struct storing s = { a, mailbox, m, change, 0, ret_changed, ret_modified };

    const struct messages_of which = { a->kv, a->account, mailbox, uids };

    return messages_each(&which, store_one, &s, a->why);
}
