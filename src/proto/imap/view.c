/* proto/imap/view.c - the selected mailbox as its client knows it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/view.h"

#include "proto/imap/reply.h"

void view_deinit(struct view *v)
{
    uidset_deinit(&v->uids);
    uidset_deinit(&v->recent);
    uidset_deinit(&v->arrived);
    uidset_deinit(&v->vanished);
    *v = (struct view){ 0 };
}

void view_arrive(struct view *v, const struct uidset *uids, const struct uidset *recent)
{
    uidset_union(&v->arrived, uids);
    uidset_subtract(&v->arrived, &v->uids);
    if (!uidset_empty(recent)) {
        uidset_union(&v->recent, recent);
        v->recent_changed = true;
    }
}

void view_vanish(struct view *v, const struct uidset *uids)
{
    struct uidset known = { 0 };

    /* What the client has never heard of is not \Recent either. */
    uidset_copy(&known, uids);
    uidset_intersect(&known, &v->arrived);
    uidset_subtract(&v->recent, &known);
    uidset_subtract(&v->arrived, uids);
    uidset_copy(&known, uids);
    uidset_intersect(&known, &v->uids);
    uidset_union(&v->vanished, &known);
    uidset_deinit(&known);
}

/* From the highest number down: no line changes the meaning of the next. */
static void expunge_lines(const struct view *v, struct buf *out)
{
    for (uint32_t r = v->vanished.len; r > 0; r--) {
        const struct uid_range *range = &v->vanished.at[r - 1];

        for (uint32_t uid = range->last;; uid--) {
            reply_number_line(out, uidset_rank(&v->uids, uid) + 1, STR("EXPUNGE"));
            if (uid == range->first)
                break;
        }
    }
}

static void report_vanished(struct view *v, bool vanished_form, struct buf *out)
{
    if (uidset_empty(&v->vanished))
        return;
    if (vanished_form) {
        BUF_ADD(out, "* VANISHED ");
        uidset_format(&v->vanished, out);
        BUF_ADD(out, "\r\n");
    } else {
        expunge_lines(v, out);
    }
    uidset_subtract(&v->uids, &v->vanished);
    uidset_subtract(&v->recent, &v->vanished);
    uidset_deinit(&v->vanished);
}

void view_report(struct view *v, bool may_expunge, bool vanished_form, struct buf *out)
{
    if (may_expunge)
        report_vanished(v, vanished_form, out);
    if (uidset_empty(&v->arrived))
        return;
    uidset_union(&v->uids, &v->arrived);
    uidset_deinit(&v->arrived);
    reply_number_line(out, view_exists(v), STR("EXISTS"));
    if (v->recent_changed)
        reply_number_line(out, uidset_count(&v->recent), STR("RECENT"));
    v->recent_changed = false;
}

uint32_t view_seq(const struct view *v, uint32_t uid)
{
    return uidset_contains(&v->uids, uid) ? uidset_rank(&v->uids, uid) + 1 : 0;
}

static int by_first(const void *a, const void *b)
{
    const struct set_range *x = a, *y = b;

    return x->first < y->first ? -1 : x->first > y->first;
}

/* Ranges with "*" replaced, lower end first, sorted: adding them in order costs one step each. */
static uint32_t sorted_ranges(const struct imap_set *set, uint32_t star, struct set_range *to)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < set->count; i++) {
        uint32_t first = set->at[i].first, last = set->at[i].last;

        if (star == 0 && (first == SET_STAR || last == SET_STAR))
            continue;
        first = first == SET_STAR ? star : first;
        last = last == SET_STAR ? star : last;
        to[count++] = (struct set_range){ MIN(first, last), MAX(first, last) };
    }
    qsort(to, count, sizeof(*to), by_first);
    return count;
}

bool view_resolve(const struct view *v, const struct imap_set *set, bool uid, struct uidset *ret)
{
    SCRATCH(tmp, NULL);
    struct set_range *ranges = ARENA_ARRAY(tmp, struct set_range, set->count + 1U);
    uint32_t star = uid ? uidset_last(&v->uids) : view_exists(v);
    uint32_t count = sorted_ranges(set, star, ranges);
    struct uidset numbers = { 0 };
    bool all_exist = true;

    for (uint32_t i = 0; i < count; i++) {
        uidset_add_range(&numbers, ranges[i].first, ranges[i].last);
        all_exist = all_exist && (uid || ranges[i].last <= star);
    }
    if (all_exist && uid) {
        uidset_intersect(&numbers, &v->uids);
        uidset_swap(ret, &numbers);
    } else if (all_exist) {
        uidset_from_seqs(&v->uids, &numbers, ret);
    }
    uidset_deinit(&numbers);
    return all_exist;
}
