/* store/kv/kv.h - an ordered table of keys and values behind one small interface.
 *
 * Two engines: in memory (tests, the simulator; nothing survives kv_close) and RocksDB. Keys are
 * octets in str_cmp order, 1..KV_KEY_BYTES_MAX long, and never begin with octet 0 (the engines keep
 * their own rows there). There is no log of its own: what was applied since the last kv_flush may
 * be lost in a crash, but only from the end and in whole batches, and kv_position() then tells
 * which place of the journal the rest has absorbed. Reading (get, iterators, snapshots) is allowed
 * from every thread; kv_apply from one thread only; kv_flush from any, also meanwhile. Iterators
 * and snapshots must be freed before kv_close. A missing key is not an error. Errors: ERR_IO,
 * ERR_CORRUPT, ERR_NO_SPACE. Tests: kv_test.c, the same rows over both engines. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_KV_KV_H
#define POSTERN_STORE_KV_KV_H

#include "base/arena.h"
#include "base/err.h"

#define KV_KEY_BYTES_MAX ((size_t)4096)
#define KV_VALUE_BYTES_MAX ((size_t)32 * 1024 * 1024)

struct kv;
struct kv_snapshot;
struct kv_iter;
struct kv_batch;

/* How much of the journal the tables have absorbed: everything before `offset` of `segment`;
 * `sequence` and `checksum` are those of the last transaction. All zero for new tables. */
struct kv_position {
    uint64_t segment, offset, sequence;
    uint32_t checksum;
};

struct kv_rocks_settings {
    uint64_t memtable_bytes; /* of one memtable; 0: scaled to the host's memory */
    uint64_t cache_bytes;    /* block cache; 0: scaled to the host's memory     */
    unsigned jobs;           /* background flushes and compactions; 0: 2        */
};

struct kv *kv_new_mem(void);
/* `folder` is a path of the operating system and is made when missing (its parent must exist).
 * ERR_CORRUPT when the tables are damaged: kv_destroy_rocks and a rebuild then help. */
MUST_USE enum err kv_open_rocks(struct str folder, const struct kv_rocks_settings *settings,
                                struct kv **ret, struct errinfo *why);
MUST_USE enum err kv_destroy_rocks(struct str folder, struct errinfo *why);
/* Does not flush: call kv_flush first where the next start should be quick. */
void kv_close(struct kv *kv);

/* The tables as they are now, unchanged by what is applied later. Cheap; but a snapshot held for
 * long keeps old values alive, so free it when a page of answers is done. */
struct kv_snapshot *kv_snapshot_new(struct kv *kv);
void kv_snapshot_free(struct kv *kv, struct kv_snapshot *snap); /* null is allowed */

/* A null `snap` means the latest state. *ret is a copy in `mem`, written only when found. */
MUST_USE enum err kv_get(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem,
                         struct str key, bool *ret_found, struct str *ret);

/* Walks keys in [from, to); an empty `to` means no end. `from` and `to` are copied. Without `snap`
 * it sees the state of the moment when it was made. It starts at no key: seek first. */
struct kv_iter *kv_iter_new(struct kv *kv, const struct kv_snapshot *snap, struct str from,
                            struct str to);
void kv_iter_free(struct kv_iter *it);
/* Each says whether the iterator now stands on a key. False means the end, or an error, which
 * kv_iter_error tells. */
bool kv_iter_first(struct kv_iter *it);
bool kv_iter_last(struct kv_iter *it);
bool kv_iter_seek(struct kv_iter *it, struct str key);        /* the first key >= `key` */
bool kv_iter_seek_before(struct kv_iter *it, struct str key); /* the last key < `key`   */
bool kv_iter_next(struct kv_iter *it);
bool kv_iter_prev(struct kv_iter *it);
/* Borrowed; valid until the iterator moves or is freed. */
struct str kv_iter_key(const struct kv_iter *it);
struct str kv_iter_value(const struct kv_iter *it);
MUST_USE enum err kv_iter_error(const struct kv_iter *it, struct errinfo *why);

/* Changes that take effect together, in the order in which they were added. */
struct kv_batch *kv_batch_new(struct kv *kv);
void kv_batch_free(struct kv_batch *b);
void kv_batch_clear(struct kv_batch *b);
void kv_batch_put(struct kv_batch *b, struct str key, struct str value);
void kv_batch_delete(struct kv_batch *b, struct str key);
void kv_batch_delete_range(struct kv_batch *b, struct str from, struct str to); /* [from, to) */
/* Applies the batch and remembers `position` with it, atomically. The batch may be used again
 * after kv_batch_clear. */
MUST_USE enum err kv_apply(struct kv *kv, struct kv_batch *b, const struct kv_position *position,
                           struct errinfo *why);

/* The position of the last batch applied. */
struct kv_position kv_position(struct kv *kv);
/* Returns when everything applied before the call is durable. */
MUST_USE enum err kv_flush(struct kv *kv, struct errinfo *why);
/* Removes every row and sets the position to zero (before a rebuild). */
MUST_USE enum err kv_drop_all(struct kv *kv, struct errinfo *why);
/* A consistent copy at `path` (must not exist) for backup; ERR_UNSUPPORTED in memory. */
MUST_USE enum err kv_checkpoint(struct kv *kv, struct str path, struct errinfo *why);
/* Rough octets that the rows in [from, to) take. */
uint64_t kv_size(struct kv *kv, struct str from, struct str to);
/* True for tables that forget everything at kv_close. */
bool kv_is_volatile(const struct kv *kv);

#endif
