/* store/index/index.h - the index of an account as a whole: its manifest and what keeps it small.
 *
 * The manifest (one row an account) names the segments that count, oldest first, and how far the
 * account's emails are indexed: all up to the number `indexed`, none after it. What the manifest
 * does not name is not there; so a change is: write rows of a new segment in any number of batches,
 * then the manifest, then remove what it no longer names. Index rows are no part of the journal:
 * they go straight into the tables with kv_apply at the tables' own position, and because tables
 * lose only whole batches from the end in a crash, a manifest never names more than there is and
 * never runs ahead of the emails. What a crash leaves over is removed by index_leftovers. Results
 * live in `mem`. Reading is allowed from every thread; index_apply is the loop's. Errors: those of
 * kv.h, ERR_CORRUPT. Format: doc/formats/index.md. Tests: index_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_INDEX_INDEX_H
#define POSTERN_STORE_INDEX_INDEX_H

#include "store/index/merge.h"

enum {
    INDEX_FAN = 8,           /* so many segments of a size become one of the next size */
    INDEX_SEGMENTS_MAX = 256 /* that one manifest names */
};

struct manifest_segment {
    uint32_t number, emails, first, last;
    uint64_t bytes;
};

struct manifest {
    uint32_t account;
    uint32_t indexed; /* emails up to this number are in the segments */
    uint32_t next;    /* the number of the next segment */
    uint32_t count;
    struct manifest_segment *at; /* with room for one more */
};

/* An account without one has an empty manifest, and so has one whose index is of an older version:
 * nothing of that is read. */
MUST_USE enum err manifest_load(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem,
                                uint32_t account, struct manifest *ret, struct errinfo *why);
void manifest_put(struct kv_batch *batch, const struct manifest *m);
uint64_t manifest_emails(const struct manifest *m);
uint64_t manifest_bytes(const struct manifest *m);

/* Names a new segment, behind the others. */
void manifest_add(struct manifest *m, const struct manifest_segment *segment);
/* Puts one in the place of several (none when it has no emails). */
void manifest_replace(struct manifest *m, uint32_t from, uint32_t count,
                      const struct manifest_segment *by);

/* Which neighbours should become one: false when all is well. `emails_now`: how many emails the
 * account has; when the segments hold twice as many and more, they are written anew. */
bool manifest_wants_merge(const struct manifest *m, uint64_t emails_now, uint32_t *ret_from,
                          uint32_t *ret_count);

/* The account's emails behind number `after`, at most `max`; numbers past 32 bits are never
 * indexed. */
MUST_USE enum err index_emails_after(struct kv *kv, uint32_t account, uint32_t after, uint32_t max,
                                     uint32_t *ret, uint32_t *ret_count, struct errinfo *why);

/* Adds to `batch` the removal of at most `max` rows that `m` does not name; *ret_more: there may
 * be more. An empty manifest without segments names nothing, so everything goes. */
MUST_USE enum err index_leftovers(struct kv *kv, const struct manifest *m, uint32_t max,
                                  struct kv_batch *batch, bool *ret_more, struct errinfo *why);

/* Applies rows of the index, which are not the journal's, and empties the batch. */
MUST_USE enum err index_apply(struct kv *kv, struct kv_batch *batch, struct errinfo *why);

/* Accounts whose manifest or emails there are from number `from` on, at most `max`. */
MUST_USE enum err index_accounts(struct kv *kv, uint32_t from, uint32_t max, uint32_t *ret,
                                 uint32_t *ret_count, struct errinfo *why);

#endif
