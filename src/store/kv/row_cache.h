/* store/kv/row_cache.h - the small rows that were asked for last, before an engine on disk.
 *
 * A delivery asks for the same few rows again and again: domain, name, account, counters, mailbox;
 * and it asks in vain whether an alias hides them, so absence is remembered as well. One slot a
 * hash, the newer row wins; rows past ROW_CACHE_ROW_BYTES_MAX are not kept, so all slots together
 * take at most ROW_CACHE_BYTES_MAX. Reading is allowed from every thread, changing from the one
 * that applies. A reader that missed takes the `state` of its question along when it brings the
 * row from below: if anything was applied meanwhile, the row may be old and is not kept.
 * Tests: kv_test.c, where every row of RocksDB is read through it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_KV_ROW_CACHE_H
#define POSTERN_STORE_KV_ROW_CACHE_H

#include "base/arena.h"

enum { ROW_CACHE_SLOTS = 2048, ROW_CACHE_ROW_BYTES_MAX = 512 };
#define ROW_CACHE_BYTES_MAX ((size_t)ROW_CACHE_SLOTS * (ROW_CACHE_ROW_BYTES_MAX + 32))

struct row_cache;

struct row_cache *row_cache_new(void);
void row_cache_free(struct row_cache *c); /* null is allowed */

/* True when the row's fate is known; *ret is a copy in `mem`, written only when found. False: look
 * below and call row_cache_bring with *ret_state. */
bool row_cache_find(struct row_cache *c, struct arena *mem, struct str key, bool *ret_found,
                    struct str *ret, uint64_t *ret_state);
void row_cache_bring(struct row_cache *c, uint64_t state, struct str key, bool found,
                     struct str value);

/* What was applied. begin comes before the first row_cache_put of a batch. */
void row_cache_begin(struct row_cache *c);
void row_cache_put(struct row_cache *c, struct str key, bool found, struct str value);
void row_cache_end(struct row_cache *c);
void row_cache_clear(struct row_cache *c);

#endif
