/* message/set/uidset.c - sorted ranges with running counts.
 *
 * The one invariant: ranges ascend, and between two of them at least one number is missing.
 * `before` holds the count of all elements in earlier ranges, so rank and nth are binary searches.
 * Every change goes through push() (at the end) or splice() (anywhere), which keep both true. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/uidset.h"

#include <stdlib.h>

enum { CAP_FIRST = 4 };

static void reserve(struct uidset *s, uint32_t need)
{
    if (need <= s->cap)
        return;

    uint32_t cap =
        MAX(MAX(s->cap > UINT32_MAX / 2 ? UINT32_MAX : s->cap * 2, need), (uint32_t)CAP_FIRST);
    struct uid_range *grown = realloc(s->at, (size_t)cap * sizeof(*grown));

    if (grown == NULL)
        BUG("out of memory");
    s->at = grown;
    s->cap = cap;
}

static uint32_t range_count(const struct uid_range *r)
{
    return r->last - r->first + 1;
}

static void recount(struct uidset *s, uint32_t from)
{
    uint32_t before = from == 0 ? 0 : s->at[from - 1].before + range_count(&s->at[from - 1]);

    for (uint32_t i = from; i < s->len; i++) {
        s->at[i].before = before;
        before += range_count(&s->at[i]);
    }
}

/* Adds a range that begins at or after the last range's begin, growing that one if they touch. */
static void push(struct uidset *s, uint32_t first, uint32_t last)
{
    if (s->len != 0) {
        struct uid_range *end = &s->at[s->len - 1];

        if ((uint64_t)first <= (uint64_t)end->last + 1) {
            end->last = MAX(end->last, last);
            return;
        }
    }
    uint32_t before = uidset_count(s);

    reserve(s, s->len + 1);
    s->at[s->len++] = (struct uid_range){ first, last, before };
}

/* Puts `count` new ranges in the place of the ranges [from, to). */
static void splice(struct uidset *s, uint32_t from, uint32_t to, const struct uid_range *with,
                   uint32_t count)
{
    reserve(s, s->len - (to - from) + count);
    if (s->at == NULL)
        return;
    memmove(s->at + from + count, s->at + to, (s->len - to) * sizeof(*s->at));
    for (uint32_t i = 0; i < count; i++)
        s->at[from + i] = with[i];
    s->len = s->len - (to - from) + count;
    recount(s, from);
}

/* Index of the first range whose last element is >= uid; s->len when there is none. */
static uint32_t range_from(const struct uidset *s, uint32_t uid)
{
    uint32_t low = 0, high = s->len;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (s->at[middle].last < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void uidset_deinit(struct uidset *s)
{
    free(s->at);
    *s = (struct uidset){ 0 };
}

void uidset_clear(struct uidset *s)
{
    s->len = 0;
}

void uidset_copy(struct uidset *to, const struct uidset *from)
{
    if (to == from)
        return;
    reserve(to, from->len);
    if (from->len != 0)
        memcpy(to->at, from->at, from->len * sizeof(*to->at));
    to->len = from->len;
}

void uidset_swap(struct uidset *a, struct uidset *b)
{
    struct uidset kept = *a;

    *a = *b;
    *b = kept;
}

void uidset_add_range(struct uidset *s, uint32_t first, uint32_t last)
{
    BUG_ON(first == 0 || first > last);
    if (s->len == 0 || first >= s->at[s->len - 1].first) {
        push(s, first, last);
        return;
    }

    /* Every range that overlaps or touches [first, last] melts into it. */
    uint32_t from = range_from(s, first == 1 ? 1 : first - 1), to = from;
    struct uid_range merged = { first, last, 0 };

    while (to < s->len && (uint64_t)s->at[to].first <= (uint64_t)last + 1) {
        merged.first = MIN(merged.first, s->at[to].first);
        merged.last = MAX(merged.last, s->at[to].last);
        to++;
    }
    splice(s, from, to, &merged, 1);
}

void uidset_remove_range(struct uidset *s, uint32_t first, uint32_t last)
{
    BUG_ON(first == 0 || first > last);

    uint32_t from = range_from(s, first), to = from;
    struct uid_range kept[2];
    uint32_t count = 0;

    while (to < s->len && s->at[to].first <= last)
        to++;
    if (from == to)
        return;
    if (s->at[from].first < first)
        kept[count++] = (struct uid_range){ s->at[from].first, first - 1, 0 };
    if (s->at[to - 1].last > last)
        kept[count++] = (struct uid_range){ last + 1, s->at[to - 1].last, 0 };
    splice(s, from, to, kept, count);
}

uint32_t uidset_count(const struct uidset *s)
{
    return s->len == 0 ? 0 : s->at[s->len - 1].before + range_count(&s->at[s->len - 1]);
}

bool uidset_contains(const struct uidset *s, uint32_t uid)
{
    uint32_t i = range_from(s, uid);

    return uid != 0 && i < s->len && s->at[i].first <= uid;
}

bool uidset_equal(const struct uidset *a, const struct uidset *b)
{
    return a->len == b->len && (a->len == 0 || memcmp(a->at, b->at, a->len * sizeof(*a->at)) == 0);
}

uint32_t uidset_rank(const struct uidset *s, uint32_t uid)
{
    uint32_t i = range_from(s, uid);

    if (i == s->len)
        return uidset_count(s);
    return s->at[i].before + (uid > s->at[i].first ? uid - s->at[i].first : 0);
}

uint32_t uidset_nth(const struct uidset *s, uint32_t index)
{
    uint32_t low = 0, high = s->len;

    if (index >= uidset_count(s))
        return 0;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (s->at[middle].before <= index)
            low = middle;
        else
            high = middle;
    }
    return s->at[low].first + (index - s->at[low].before);
}

uint32_t uidset_at_or_after(const struct uidset *s, uint32_t uid)
{
    uint32_t i = range_from(s, uid);

    return i == s->len ? 0 : MAX(uid, s->at[i].first);
}

void uidset_union(struct uidset *s, const struct uidset *other)
{
    if (other == s || other->len == 0)
        return;
    if (s->len == 0 || other->at[0].first >= s->at[s->len - 1].first) {
        for (uint32_t i = 0; i < other->len; i++)
            push(s, other->at[i].first, other->at[i].last);
        return;
    }

    struct uidset merged = { 0 };
    uint32_t a = 0, b = 0;

    reserve(&merged, s->len);
    while (a < s->len || b < other->len) {
        bool take_a = b == other->len || (a < s->len && s->at[a].first <= other->at[b].first);
        const struct uid_range *r = take_a ? &s->at[a++] : &other->at[b++];

        push(&merged, r->first, r->last);
    }
    uidset_swap(s, &merged);
    uidset_deinit(&merged);
}

void uidset_intersect(struct uidset *s, const struct uidset *other)
{
    struct uidset common = { 0 };

    for (uint32_t a = 0, b = 0; a < s->len && b < other->len;) {
        uint32_t first = MAX(s->at[a].first, other->at[b].first);
        uint32_t last = MIN(s->at[a].last, other->at[b].last);

        if (first <= last)
            push(&common, first, last);
        if (s->at[a].last < other->at[b].last)
            a++;
        else
            b++;
    }
    uidset_swap(s, &common);
    uidset_deinit(&common);
}

void uidset_subtract(struct uidset *s, const struct uidset *other)
{
    struct uidset rest = { 0 };
    uint32_t b = 0;

    for (uint32_t a = 0; a < s->len; a++) {
        uint64_t from = s->at[a].first; /* 64 bits, since it may step past the largest UID */

        while (b < other->len && other->at[b].last < from)
            b++;
        /* `b` stays at a range that reaches beyond this one: it may cut into the next as well. */
        for (uint32_t i = b; i < other->len && other->at[i].first <= s->at[a].last; i++) {
            if (other->at[i].first > from)
                push(&rest, (uint32_t)from, other->at[i].first - 1);
            from = (uint64_t)other->at[i].last + 1;
        }
        if (from <= s->at[a].last)
            push(&rest, (uint32_t)from, s->at[a].last);
    }
    uidset_swap(s, &rest);
    uidset_deinit(&rest);
}

/* Adds the elements of `view` from `first` to `last` to the end of *to. */
static void push_slice(struct uidset *to, const struct uidset *view, uint32_t first, uint32_t last)
{
    for (uint32_t i = range_from(view, first); i < view->len && view->at[i].first <= last; i++)
        push(to, MAX(first, view->at[i].first), MIN(last, view->at[i].last));
}

void uidset_from_seqs(const struct uidset *view, const struct uidset *seqs, struct uidset *ret)
{
    struct uidset uids = { 0 };
    uint32_t count = uidset_count(view);

    for (uint32_t i = 0; i < seqs->len && seqs->at[i].first <= count; i++)
        push_slice(&uids, view, uidset_nth(view, seqs->at[i].first - 1),
                   uidset_nth(view, MIN(seqs->at[i].last, count) - 1));
    uidset_swap(ret, &uids);
    uidset_deinit(&uids);
}

void uidset_to_seqs(const struct uidset *view, const struct uidset *uids, struct uidset *ret)
{
    struct uidset seqs = { 0 };

    for (uint32_t i = 0; i < uids->len; i++) {
        uint32_t from = uidset_rank(view, uids->at[i].first);
        uint32_t to =
            uidset_rank(view, uids->at[i].last) + (uidset_contains(view, uids->at[i].last) ? 1 : 0);

        if (from < to)
            push(&seqs, from + 1, to);
    }
    uidset_swap(ret, &seqs);
    uidset_deinit(&seqs);
}

bool uidset_next(struct uidset_iter *it, uint32_t *ret)
{
    if (it->range >= it->set->len)
        return false;

    const struct uid_range *r = &it->set->at[it->range];
    uint32_t uid = it->next == 0 ? r->first : it->next;

    it->next = uid + 1;
    if (uid == r->last) {
        it->range++;
        it->next = 0;
    }
    *ret = uid;
    return true;
}

/* seq-number = nz-number / "*"   (RFC 3501 9) */
static bool parse_seq_number(struct str s, uint32_t star, uint32_t *ret)
{
    if (str_eq(s, STR("*"))) {
        *ret = star;
        return true;
    }
    return !str_empty(s) && s.at[0] != '0' && str_to_u32(s, ret);
}

/* seq-range = seq-number ":" seq-number; either order means the same. A range with a '*' that
 * stands for nothing comes out with first == 0. */
static bool parse_item(struct str item, uint32_t star, struct uid_range *ret)
{
    size_t colon = str_find_char(item, ':');
    struct uid_range r = { 0, 0, 0 };

    if (colon == STR_NOT_FOUND) {
        if (!parse_seq_number(item, star, &r.first))
            return false;
        r.last = r.first;
    } else if (!parse_seq_number(str_take(item, colon), star, &r.first) ||
               !parse_seq_number(str_skip(item, colon + 1), star, &r.last)) {
        return false;
    }
    *ret = (struct uid_range){ MIN(r.first, r.last), MAX(r.first, r.last), 0 };
    return true;
}

static int by_first(const void *a, const void *b)
{
    uint32_t x = ((const struct uid_range *)a)->first, y = ((const struct uid_range *)b)->first;

    return (x > y) - (x < y);
}

/* Items as written, in any order and overlapping; settle() makes a set of them. */
static enum err parse_items(struct str text, uint32_t star, uint32_t ranges_max,
                            struct uidset *items)
{
    struct uid_range r;

    for (uint32_t seen = 1;; seen++) {
        size_t comma = str_find_char(text, ',');

        if (seen > ranges_max)
            return ERR_LIMIT;
        if (!parse_item(str_take(text, comma), star, &r))
            return ERR_SYNTAX;
        if (r.first != 0) {
            reserve(items, items->len + 1);
            items->at[items->len++] = r;
        }
        if (comma == STR_NOT_FOUND)
            return OK;
        text = str_skip(text, comma + 1);
    }
}

/* Sorting once keeps a hostile order (descending, interleaved) from costing more than n log n. */
static void settle(struct uidset *items)
{
    uint32_t count = items->len;

    if (count == 0)
        return;
    qsort(items->at, count, sizeof(*items->at), by_first);
    items->len = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct uid_range r = items->at[i]; /* push() writes at or before i */

        push(items, r.first, r.last);
    }
}

enum err uidset_parse(struct str text, uint32_t star, uint32_t ranges_max, struct uidset *ret)
{
    struct uidset items = { 0 };
    enum err e = parse_items(text, star, ranges_max, &items);

    if (e == OK) {
        settle(&items);
        uidset_swap(ret, &items);
    }
    uidset_deinit(&items);
    return e;
}

void uidset_format(const struct uidset *s, struct buf *out)
{
    for (uint32_t i = 0; i < s->len; i++) {
        if (i != 0)
            buf_add_char(out, ',');
        buf_add_u64(out, s->at[i].first);
        if (s->at[i].last == s->at[i].first)
            continue;
        buf_add_char(out, ':');
        buf_add_u64(out, s->at[i].last);
    }
}

void uidset_encode(const struct uidset *s, struct buf *out)
{
    uint32_t end = 0;

    put_varint(out, s->len);
    for (uint32_t i = 0; i < s->len; i++) {
        put_varint(out, s->at[i].first - end);
        put_varint(out, s->at[i].last - s->at[i].first);
        end = s->at[i].last;
    }
}

static bool decode_ranges(struct reader *r, uint32_t count, struct uidset *to)
{
    uint64_t end = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint64_t first = end + get_varint32(r);
        uint64_t last = first + get_varint32(r);

        /* A gap of one would touch the range before, so only the first range may have it. */
        if (r->bad || first < end + (i == 0 ? 1 : 2) || last > UINT32_MAX)
            return false;
        push(to, (uint32_t)first, (uint32_t)last);
        end = last;
    }
    return true;
}

enum err uidset_decode(struct reader *r, uint32_t ranges_max, struct uidset *ret)
{
    struct uidset got = { 0 };
    uint32_t count = get_varint32(r);

    if (!r->bad && count > ranges_max)
        return ERR_LIMIT;
    /* A range is two octets at least: a count that cannot be true takes no memory. */
    if (r->bad || count > r->rest.len / 2) {
        r->bad = true;
        return ERR_CORRUPT;
    }
    reserve(&got, count);

    bool good = decode_ranges(r, count, &got);
    if (good)
        uidset_swap(ret, &got);
    else
        r->bad = true;
    uidset_deinit(&got);
    return good ? OK : ERR_CORRUPT;
}
