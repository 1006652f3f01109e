/* message/set/uidset.h - a set of message numbers (UIDs or sequence numbers) as sorted ranges.
 *
 * Pure (memory only). Elements are 1..4294967295; zero is never an element. A set owns heap memory
 * and is ended with uidset_deinit; zero-initialise for the empty set. Twelve octets a range, so a
 * mailbox without holes costs twelve octets. Looking up, counting, and going from an element to its
 * rank and back take O(log ranges); appending behind the last element takes O(1); a change in the
 * middle moves the ranges behind it; union, intersection and difference take one pass.
 * Ranges never touch: 1:3,4:5 is kept as 1:5, so equal sets are equal octets.
 * Errors: ERR_SYNTAX for bad text, ERR_LIMIT for too many ranges, ERR_CORRUPT for bad octets.
 * Spec: RFC 3501 9 (sequence-set). Tests: uidset_test.c. Fuzz: uidset_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_UIDSET_H
#define POSTERN_MESSAGE_UIDSET_H

#include "base/codec.h"
#include "base/err.h"

struct uid_range {
    uint32_t first, last; /* both are elements */
    uint32_t before;      /* elements in earlier ranges; kept by uidset.c */
};

/* Walk `at` directly to see ranges; change it through the functions alone. */
struct uidset {
    struct uid_range *at;
    uint32_t len, cap;
};

void uidset_deinit(struct uidset *s);
void uidset_clear(struct uidset *s); /* empty, memory kept */
void uidset_copy(struct uidset *to, const struct uidset *from);
void uidset_swap(struct uidset *a, struct uidset *b);

/* 1 <= first <= last. */
void uidset_add_range(struct uidset *s, uint32_t first, uint32_t last);
void uidset_remove_range(struct uidset *s, uint32_t first, uint32_t last);
static inline void uidset_add(struct uidset *s, uint32_t uid)
{
    uidset_add_range(s, uid, uid);
}
static inline void uidset_remove(struct uidset *s, uint32_t uid)
{
    uidset_remove_range(s, uid, uid);
}

static inline bool uidset_empty(const struct uidset *s)
{
    return s->len == 0;
}
/* The smallest and the largest element; 0 for the empty set. */
static inline uint32_t uidset_first(const struct uidset *s)
{
    return s->len == 0 ? 0 : s->at[0].first;
}
static inline uint32_t uidset_last(const struct uidset *s)
{
    return s->len == 0 ? 0 : s->at[s->len - 1].last;
}
uint32_t uidset_count(const struct uidset *s);
bool uidset_contains(const struct uidset *s, uint32_t uid);
bool uidset_equal(const struct uidset *a, const struct uidset *b);

/* How many elements are smaller than `uid`. For an element this is its index; its IMAP sequence
 * number is one more. */
uint32_t uidset_rank(const struct uidset *s, uint32_t uid);
/* The element at `index` (from 0), or 0 past the end. */
uint32_t uidset_nth(const struct uidset *s, uint32_t index);
/* The smallest element >= `uid`, or 0. */
uint32_t uidset_at_or_after(const struct uidset *s, uint32_t uid);

/* s := s op other. `other` may be s itself. */
void uidset_union(struct uidset *s, const struct uidset *other);
void uidset_intersect(struct uidset *s, const struct uidset *other);
void uidset_subtract(struct uidset *s, const struct uidset *other);

/* Translation between sequence numbers and UIDs, where `view` holds the UIDs of a mailbox.
 * *ret is replaced. Numbers past the end and UIDs that are not in the view are left out. */
void uidset_from_seqs(const struct uidset *view, const struct uidset *seqs, struct uidset *ret);
void uidset_to_seqs(const struct uidset *view, const struct uidset *uids, struct uidset *ret);

/* Ascending, one element a call. The set must not change meanwhile. */
struct uidset_iter {
    const struct uidset *set;
    uint32_t range, next; /* next: 0 means the first of `range` */
};
static inline struct uidset_iter uidset_iterate(const struct uidset *s)
{
    return (struct uidset_iter){ s, 0, 0 };
}
/* False at the end; *ret is written when true. */
bool uidset_next(struct uidset_iter *it, uint32_t *ret);

/* Reads "1:4,7,9:*". `star` is the value of '*'; when it is 0 (empty mailbox) every item with a
 * '*' stands for nothing. "9:4" means 4:9 as in RFC 3501 9. *ret is replaced, on success only.
 * More than `ranges_max` items is ERR_LIMIT. */
MUST_USE enum err uidset_parse(struct str text, uint32_t star, uint32_t ranges_max,
                               struct uidset *ret);
/* Appends the same form; nothing for the empty set. */
void uidset_format(const struct uidset *s, struct buf *out);

/* Octets: varint count of ranges, then for each range varint (first - end of the range before) and
 * varint (last - first). Decoding takes one set off the reader and replaces *ret on success only;
 * only the one form that encoding writes is accepted. */
void uidset_encode(const struct uidset *s, struct buf *out);
MUST_USE enum err uidset_decode(struct reader *r, uint32_t ranges_max, struct uidset *ret);

#endif
