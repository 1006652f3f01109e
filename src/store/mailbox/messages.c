/* store/mailbox/messages.c - adding messages, changing their flags, walking them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/messages.h"

#include "message/record/record.h"

/* ---- walking ---- */

/* Memberships as they are now: each takes the flags of its mark, if that is newer. The marks of one
 * block are at hand. */
struct walk {
    const struct messages_of *of;
    enum err (*visit)(void *ctx, uint32_t uid, const struct membership *ms);
    void *ctx;
    struct marks marks;
    bool known;
    struct errinfo *why;
};

enum err marks_find_block(struct kv *kv, uint32_t account, uint32_t mailbox, uint32_t block,
                          struct marks *ret, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str octets;
    struct key k;
    bool found;
    enum err e;

    ret->block = block;
    ret->count = 0;
    key_of_marks(&k, account, mailbox, block);
    if ((e = table_find_text(kv, tmp, &k, &found, &octets, why)) != OK || !found)
        return e;
    if (ret->at == NULL && (ret->at = calloc(MARKS_BLOCK_UIDS, sizeof *ret->at)) == NULL)
        BUG("out of memory");
    return marks_decode(octets, ret) == OK ? OK : table_damaged(key_str(&k), why);
}

static enum err load_marks(struct walk *w, uint32_t block)
{
    enum err e =
        marks_find_block(w->of->kv, w->of->account, w->of->mailbox, block, &w->marks, w->why);

    w->known = e == OK;
    return e;
}

static enum err walk_visit(struct walk *w, uint32_t uid, struct membership *ms)
{
    const struct marks_run *m;
    enum err e;

    if ((!w->known || w->marks.block != marks_block_of(uid)) &&
        (e = load_marks(w, marks_block_of(uid))) != OK)
        return e;
    m = marks_find(&w->marks, uid);
    if (m != NULL && m->modseq > ms->modseq) {
        ms->flags = m->flags;
        ms->modseq = m->modseq;
    }
    return w->visit(w->ctx, uid, ms);
}

/* A single UID is one look-up; ranges are walked with an iterator. */
static enum err each_single(struct walk *w, uint32_t uid)
{
    SCRATCH(tmp, NULL);
    struct membership ms;
    struct key k;
    bool found;
    enum err e;

    key_of_membership(&k, w->of->account, w->of->mailbox, uid);
    if ((e = table_find_membership(w->of->kv, tmp, &k, &found, &ms, w->why)) != OK || !found)
        return e;
    return walk_visit(w, uid, &ms);
}

static enum err each_range(struct walk *w, struct key *from, struct key *to)
{
    struct kv_iter *it = kv_iter_new(w->of->kv, NULL, key_str(from), key_str(to));
    enum err e = OK;

    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        struct membership ms;
        struct str key = kv_iter_key(it);

        if (key.len != 13 || membership_get(NULL, kv_iter_value(it), &ms) != OK)
            e = table_damaged(key, w->why);
        else
            e = walk_visit(w, load_u32(key.at + 9), &ms);
    }
    if (e == OK)
        e = kv_iter_error(it, w->why);
    kv_iter_free(it);
    return e;
}

static enum err each_of_set(struct walk *w, const struct uidset *uids)
{
    struct key from, to;
    enum err e = OK;

    for (uint32_t i = 0; i < uids->len && e == OK; i++) {
        const struct uid_range *r = &uids->at[i];

        if (r->first == r->last) {
            e = each_single(w, r->first);
            continue;
        }
        key_of_membership(&from, w->of->account, w->of->mailbox, r->first);
        key_of_membership(&to, w->of->account, w->of->mailbox, r->last);
        key_end(&to);
        e = each_range(w, &from, &to);
    }
    return e;
}

enum err messages_each(const struct messages_of *which,
                       enum err (*visit)(void *ctx, uint32_t uid, const struct membership *ms),
                       void *ctx, struct errinfo *why)
{
    struct walk w = { .of = which, .visit = visit, .ctx = ctx, .why = why };
    struct key from, to;
    enum err e;

    if (which->uids != NULL) {
        e = each_of_set(&w, which->uids);
    } else {
        key_of_mailbox(&from, TABLE_MEMBERSHIP, which->account, which->mailbox);
        to = from;
        key_end(&to);
        e = each_range(&w, &from, &to);
    }
    free(w.marks.at);
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
