/* store/table/marks.h - flags of many messages in one row: a block of up to 1,024 UIDs as runs.
 *
 * Pure. A change of many flags at once would write a row a message; a block of marks says it in a
 * run for each stretch of UIDs that have the same flags and the same modseq. A message's flags and
 * modseq are those of its membership or of its mark, whichever has the greater modseq; so a later
 * change of one message need not touch the block, and a mark that was overtaken, or whose message
 * is gone, means nothing.
 * Decoded runs lie in the caller's array of MARKS_BLOCK_UIDS. Decoding is strict: only what
 * marks_encode writes is read, everything else is ERR_CORRUPT.
 * Format: doc/formats/tables.md. Tests: marks_test.c. Fuzz: marks_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_MARKS_H
#define POSTERN_STORE_MARKS_H

#include "base/codec.h"
#include "base/err.h"

enum { MARKS_BLOCK_BITS = 10, MARKS_BLOCK_UIDS = 1 << MARKS_BLOCK_BITS };
#define MARKS_VERSION 1

struct marks_run {
    uint64_t flags, modseq;
    uint32_t first, last; /* both of the block */
};

struct marks {
    struct marks_run *at; /* room for MARKS_BLOCK_UIDS, in UID order */
    uint32_t block, count;
};

static inline uint32_t marks_block_of(uint32_t uid)
{
    return uid >> MARKS_BLOCK_BITS;
}

/* Adds the mark of a message behind those that are there. No message has a UID from `gap` up to
 * `uid`; gap == uid when that is not known. So runs reach across what is gone. */
void marks_add(struct marks *m, uint32_t gap, uint32_t uid, uint64_t flags, uint64_t modseq);
/* The mark of a UID, or null. */
const struct marks_run *marks_find(const struct marks *m, uint32_t uid);

void marks_encode(const struct marks *m, struct buf *out);
/* `ret->at` and `ret->block` are given; at least one run. */
MUST_USE enum err marks_decode(struct str in, struct marks *ret);

#endif
