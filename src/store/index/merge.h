/* store/index/merge.h - several segments made one, a slice at a time.
 *
 * The emails that live() does not know any more are left out. merge_run puts at most about
 * `slice_bytes` of rows into the batch before it returns; the caller applies them and calls again
 * until *ret_done. The segments are not touched: the caller removes them when a manifest no longer
 * names them. One thread at a time; nothing may be freed that the segments were opened with before
 * merge_free. Errors: those of kv.h, ERR_CORRUPT. Tests: segment_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_INDEX_MERGE_H
#define POSTERN_STORE_INDEX_MERGE_H

#include "store/index/segment.h"

enum { MERGE_SEGMENTS_MAX = 64 };

struct merge;

/* `from`: in the order of their emails; copied. live: tells of each email, in ascending order,
 * whether it is still there. number: that of the new segment. */
struct merge *merge_new(const struct segment *from, uint32_t count, uint32_t number,
                        bool (*live)(void *ctx, uint32_t email), void *ctx);
void merge_free(struct merge *m); /* null is allowed */
MUST_USE enum err merge_run(struct merge *m, struct kv_batch *batch, size_t slice_bytes,
                            bool *ret_done);

struct merged {
    uint32_t emails, first, last;
    uint64_t bytes;
};
/* Once it is done; without emails there is no segment, and nothing was written. */
struct merged merge_result(const struct merge *m);

#endif
