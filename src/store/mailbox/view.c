/* store/mailbox/view.c - hot mailboxes in memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/view.h"

#include "store/mailbox/messages.h"

struct views {
    struct kv *kv;
    struct map map;  /* by account and mailbox */
    struct list lru; /* most recently used first */
    uint64_t bytes, bytes_max;
};

/* Flags that no message has: bit 5 is \Recent, which is never stored. */
#define HOLE UINT64_MAX

static struct str view_key(const struct view *view)
{
    return str_from(&view->account, 2 * sizeof view->account);
}

struct views *views_new(struct kv *kv, uint64_t bytes_max, struct siphash_key key)
{
    struct views *v = calloc(1, sizeof *v);

    if (v == NULL)
        BUG("out of memory");
    v->kv = kv;
    v->bytes_max = bytes_max;
    map_init(&v->map, key);
    list_init(&v->lru);
    return v;
}

static uint64_t bytes_of(const struct view *view)
{
    return sizeof *view + (uint64_t)view->cap * sizeof *view->at;
}

static void view_drop(struct views *v, struct view *view)
{
    (void)map_remove(&v->map, view_key(view));
    list_remove(&view->in_lru);
    v->bytes -= bytes_of(view);
    free(view->at);
    free(view);
}

void views_clear(struct views *v)
{
    while (!list_empty(&v->lru))
        view_drop(v, LIST_ITEM(list_first(&v->lru), struct view, in_lru));
}

void views_free(struct views *v)
{
    if (v == NULL)
        return;
    views_clear(v);
    map_deinit(&v->map);
    free(v);
}

uint64_t views_bytes(const struct views *v)
{
    return v->bytes;
}

uint64_t views_count(const struct views *v)
{
    return v->map.count;
}

static void view_add(struct view *view, const struct view_row *row)
{
    if (view->count == view->cap) {
        uint32_t cap = view->cap == 0 ? 16 : view->cap + view->cap / 2;

        view->at = realloc(view->at, (size_t)cap * sizeof *view->at);
        if (view->at == NULL)
            BUG("out of memory");
        view->cap = cap;
    }
    view->at[view->count++] = *row;
}

static struct view_row row_of(uint32_t uid, const struct membership *ms)
{
    return (struct view_row){
        .flags = ms->flags,
        .modseq = ms->modseq,
        .email = ms->email,
        .internal = view_internal(ms->internal_date, ms->internal_zone),
        .uid = uid,
        .size = ms->size > UINT32_MAX ? UINT32_MAX : (uint32_t)ms->size,
    };
}

static enum err load_one(void *ctx, uint32_t uid, const struct membership *ms)
{
    const struct view_row row = row_of(uid, ms);

    view_add(ctx, &row);
    return OK;
}

static enum err view_load(struct views *v, struct view *view, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    const struct messages_of all = { v->kv, view->account, view->mailbox, NULL };
    struct key k;
    struct mbox mbox;
    enum err e;

    key_of_mailbox(&k, TABLE_MAILBOX, view->account, view->mailbox);
    if ((e = table_get_mbox(v->kv, tmp, &k, &mbox, why)) != OK)
        return e;
    view->recent_from = mbox.recent_from;
    return messages_each(&all, load_one, view, why);
}

/* The newest one stays whatever its size: a mailbox that is used must be usable. */
static void evict(struct views *v)
{
    while (v->bytes > v->bytes_max && v->lru.next != v->lru.prev)
        view_drop(v, LIST_ITEM(v->lru.prev, struct view, in_lru));
}

enum err views_get(struct views *v, uint32_t account, uint32_t mailbox, struct view **ret,
                   struct errinfo *why)
{
    struct view wanted = { .account = account, .mailbox = mailbox };
    struct view *view = map_find(&v->map, view_key(&wanted));
    enum err e;

    if (view != NULL) {
        list_remove(&view->in_lru);
        list_add_first(&v->lru, &view->in_lru);
        *ret = view;
        return OK;
    }
    view = calloc(1, sizeof *view);
    if (view == NULL)
        BUG("out of memory");
    view->account = account;
    view->mailbox = mailbox;
    if ((e = view_load(v, view, why)) != OK) {
        free(view->at);
        free(view);
        return e;
    }
    (void)map_put(&v->map, view_key(view), view);
    list_add_first(&v->lru, &view->in_lru);
    v->bytes += bytes_of(view);
    evict(v);
    *ret = view;
    return OK;
}

/* ---- following the writer ---- */

static void apply_row(struct view *view, uint32_t uid, const struct txn_op *op)
{
    uint32_t i = view_at_or_after(view, uid);
    bool here = i < view->count && view->at[i].uid == uid;
    struct membership ms;
    struct view_row row;

    if (op->kind == TXN_DELETE) {
        if (here) {
            view->at[i].flags = HOLE;
            view->has_holes = true;
        }
        return;
    }
    BUG_ON(membership_get(NULL, op->value, &ms) != OK);
    row = row_of(uid, &ms);
    if (here) {
        BUG_ON(row.modseq < view->at[i].modseq); /* a mark says nothing newer than a later row */
        view->at[i] = row;
    } else {
        BUG_ON(i != view->count); /* UIDs only grow */
        view_add(view, &row);
    }
}

static void apply_marks(struct view *view, uint32_t block, struct str octets)
{
    SCRATCH(tmp, NULL);
    struct marks m = { .at = ARENA_ARRAY(tmp, struct marks_run, MARKS_BLOCK_UIDS), .block = block };

    BUG_ON(marks_decode(octets, &m) != OK);
    for (uint32_t k = 0; k < m.count; k++)
        for (uint32_t i = view_at_or_after(view, m.at[k].first);
             i < view->count && view->at[i].uid <= m.at[k].last; i++)
            if (m.at[k].modseq > view->at[i].modseq && view->at[i].flags != HOLE) {
                view->at[i].flags = m.at[k].flags;
                view->at[i].modseq = m.at[k].modseq;
            }
}

static void close_holes(struct view *view)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < view->count; i++)
        if (view->at[i].flags != HOLE)
            view->at[kept++] = view->at[i];
    view->count = kept;
    view->has_holes = false;
}

static struct view *view_of_op(struct views *v, const struct txn_op *op, enum table table,
                               size_t key_len)
{
    struct view wanted = { 0 };

    if (op->key.len != key_len || op->key.at[0] != (char)table)
        return NULL;
    wanted.account = load_u32(op->key.at + 1);
    wanted.mailbox = load_u32(op->key.at + 5);
    return map_find(&v->map, view_key(&wanted));
}

void views_apply(struct views *v, const struct txn_op *ops, size_t count)
{
    struct view *last = NULL;

    if (v->map.count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        struct view *view = view_of_op(v, &ops[i], TABLE_MEMBERSHIP, 13), *marked;
        uint64_t before;

        if (ops[i].kind == TXN_PUT && (marked = view_of_op(v, &ops[i], TABLE_MARKS, 13)) != NULL)
            apply_marks(marked, load_u32(ops[i].key.at + 9), ops[i].value);
        if (view == NULL)
            continue;
        if (last != NULL && last != view && last->has_holes)
            close_holes(last);
        before = bytes_of(view);
        apply_row(view, load_u32(ops[i].key.at + 9), &ops[i]);
        v->bytes += bytes_of(view) - before;
        last = view;
    }
    if (last != NULL && last->has_holes)
        close_holes(last);
    /* A mailbox whose row is gone has no view. */
    for (size_t i = 0; i < count; i++) {
        struct view *view =
            ops[i].kind == TXN_DELETE ? view_of_op(v, &ops[i], TABLE_MAILBOX, 9) : NULL;

        if (view != NULL)
            view_drop(v, view);
    }
}

/* ---- reading ---- */

uint32_t view_at_or_after(const struct view *view, uint32_t uid)
{
    uint32_t low = 0, high = view->count;

    /* Nearly always it is the next one that is asked for, or the end. */
    if (high == 0 || view->at[high - 1].uid < uid)
        return high;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (view->at[mid].uid < uid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const struct view_row *view_find(const struct view *view, uint32_t uid)
{
    uint32_t i = view_at_or_after(view, uid);

    return i < view->count && view->at[i].uid == uid ? &view->at[i] : NULL;
}

/* Rows in a run become one range, so a mailbox without holes costs one call. */
static void uids_from(const struct view *view, uint32_t i, struct uidset *ret)
{
    while (i < view->count) {
        uint32_t first = view->at[i].uid, last = first;

        while (++i < view->count && view->at[i].uid == last + 1)
            last++;
        uidset_add_range(ret, first, last);
    }
}

void view_uids(const struct view *view, struct uidset *ret)
{
    uids_from(view, 0, ret);
}

void view_recent(struct view *view, bool take, struct uidset *ret)
{
    uids_from(view, view_at_or_after(view, view->recent_from), ret);
    if (take && !uidset_empty(ret))
        view->recent_from = uidset_last(ret) + 1;
}

/* ---- checking ---- */

static bool view_equals(const struct view *a, const struct view *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++)
        if (a->at[i].uid != b->at[i].uid || a->at[i].flags != b->at[i].flags ||
            a->at[i].modseq != b->at[i].modseq || a->at[i].size != b->at[i].size ||
            a->at[i].email != b->at[i].email || a->at[i].internal != b->at[i].internal)
            return false;
    return true;
}

enum err views_check(struct views *v, void (*found)(void *ctx, struct str sentence), void *ctx,
                     struct errinfo *why)
{
    LIST_EACH(it, &v->lru)
    {
        const struct view *view = LIST_ITEM(it, struct view, in_lru);
        struct view fresh = { .account = view->account, .mailbox = view->mailbox };
        enum err e = view_load(v, &fresh, why);

        if (e == OK && !view_equals(view, &fresh)) {
            char text[100];

            (void)snprintf(text, sizeof text, "account %u mailbox %u: its view is not its rows",
                           view->account, view->mailbox);
            found(ctx, str_from_z(text));
        }
        free(fresh.at);
        if (e != OK)
            return e;
    }
    return OK;
}
