/* store/mailbox/view_sync.c - what happened in a mailbox since a modseq.
 *
 * Changes come from the view, arrivals are told from changes by the modseq with which a message
 * came (kept in its row; it grows with the UID, so the first arrival is found by bisection), and
 * what vanished from its log. All three are cut at the same modseq when a page is full: as at most
 * MESSAGES_PER_MODSEQ rows share a modseq, a page has a bound. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/view.h"
#include "store/table/table.h"

void sync_deinit(struct sync *s)
{
    uidset_deinit(&s->arrived);
    uidset_deinit(&s->vanished);
}

static enum err created_of(struct kv *kv, const struct view *view, uint32_t uid, uint64_t *ret,
                           struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct membership ms;
    struct key k;
    enum err e;

    key_of_membership(&k, view->account, view->mailbox, uid);
    if ((e = table_get_membership(kv, tmp, &k, &ms, why)) != OK)
        return e;
    *ret = ms.created;
    return OK;
}

/* The index of the first message that came after `since`. Nothing came in front of a row whose last
 * change is not newer, so mostly one glance at the end is enough. */
static enum err first_arrival(struct kv *kv, const struct view *view, uint64_t since, uint32_t *ret,
                              struct errinfo *why)
{
    uint32_t low = view->count, high = view->count;
    enum err e;

    while (low > 0 && view->at[low - 1].modseq > since)
        low--;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        uint64_t created;

        if ((e = created_of(kv, view, view->at[mid].uid, &created, why)) != OK)
            return e;
        if (created > since)
            high = mid;
        else
            low = mid + 1;
    }
    *ret = low;
    return OK;
}

static int by_modseq(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The modseq up to which a page reaches: all of them when they fit, else that of the row that
 * fills it (rows of the same modseq belong to the same page). */
static uint64_t page_end(const struct view *view, uint64_t since, uint32_t arrivals,
                         uint64_t newest, struct arena *mem)
{
    uint64_t *modseqs;
    uint32_t count = 0;

    for (uint32_t i = 0; i < arrivals; i++)
        count += view->at[i].modseq > since;
    if (count <= SYNC_ROWS)
        return newest;
    modseqs = ARENA_ARRAY(mem, uint64_t, count);
    count = 0;
    for (uint32_t i = 0; i < arrivals; i++)
        if (view->at[i].modseq > since)
            modseqs[count++] = view->at[i].modseq;
    qsort(modseqs, count, sizeof *modseqs, by_modseq);
    return modseqs[SYNC_ROWS - 1];
}

static enum err vanished_between(struct kv *kv, const struct view *view, uint64_t since,
                                 uint64_t until, struct uidset *ret, struct errinfo *why)
{
    struct key from, to;
    struct kv_iter *it;
    struct uidset one = { 0 };
    enum err e = OK;

    key_of_vanished(&from, view->account, view->mailbox, since + 1);
    key_of_vanished(&to, view->account, view->mailbox, until);
    key_end(&to);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        struct reader r = reader_of(kv_iter_value(it));

        if (get_u8(&r) != ROW_VERSION || uidset_decode(&r, UINT32_MAX, &one) != OK)
            e = table_damaged(kv_iter_key(it), why);
        else
            uidset_union(ret, &one);
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    kv_iter_free(it);
    uidset_deinit(&one);
    return e;
}

enum err view_sync(struct kv *kv, const struct view *view, uint64_t since, uint64_t mailbox_modseq,
                   struct arena *mem, struct sync *ret, struct errinfo *why)
{
    struct sync s = { 0 };
    uint32_t old, new_count;
    enum err e;

    if (since >= mailbox_modseq) {
        s.modseq = since;
        *ret = s;
        return OK;
    }
    if ((e = first_arrival(kv, view, since, &old, why)) != OK)
        return e;
    s.modseq = page_end(view, since, old, mailbox_modseq, mem);
    s.more = s.modseq < mailbox_modseq;
    if ((e = first_arrival(kv, view, s.modseq, &new_count, why)) != OK)
        return e;
    if (!s.more)
        new_count = view->count;
    for (uint32_t i = old; i < new_count; i++)
        uidset_add(&s.arrived, view->at[i].uid);
    s.changed = ARENA_ARRAY(mem, struct view_row, SYNC_ROWS + 4096 + 1);
    for (uint32_t i = 0; i < old; i++)
        if (view->at[i].modseq > since && view->at[i].modseq <= s.modseq)
            s.changed[s.changed_count++] = view->at[i];
    if ((e = vanished_between(kv, view, since, s.modseq, &s.vanished, why)) != OK) {
        sync_deinit(&s);
        return e;
    }
    *ret = s;
    return OK;
}
