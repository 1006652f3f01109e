/* store/mailbox/mailbox_keys.h - the sort and search keys of whole mailboxes, kept in memory within
 * a budget and, where they are final, in the table TABLE_KEYS.
 *
 * A mailbox's keys are blocks (message/order/key_block.h), one for every 1,024 UIDs that hold
 * messages. They are made from memberships and structure records when a search or sort first needs
 * them. What a UID means never changes, so a block whose UIDs are all given out is final: it is
 * written to the table once and only read from then on; the last block grows with the mailbox.
 * Messages that were removed stay in their block until it goes; whoever searches looks at those
 * UIDs alone that the mailbox has now. Besides, the orders that sorts have made are kept. Two
 * threads: the functions named _worker run on one worker thread, one at a time, and are alone in
 * touching blocks and orders; the others run on the loop's thread and only count bytes. Keys that a
 * search uses are pinned between key_cache_pin and key_cache_release and stay; the least recently
 * used others go when all together pass the budget, so memory is at most the budget and what
 * running searches use, of each mailbox at most KEYS_MAILBOX_BYTES_MAX. Errors: ERR_LIMIT past
 * that, ERR_CORRUPT and those of kv.h. Spec: RFC 5256. Format: doc/formats/key-blocks.md. Tests:
 * keeper/calls/search/server_sort_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_MAILBOX_KEYS_H
#define POSTERN_STORE_MAILBOX_KEYS_H

#include "base/list.h"
#include "base/map.h"
#include "message/order/order.h"
#include "store/table/rows.h"

struct kv;
struct txn;
struct uidset;

#define KEYS_MAILBOX_BYTES_MAX ((uint64_t)512 << 20)
enum { KEYS_SAVED_AT_ONCE = 2 }; /* blocks put into the tables at once: about 600 KB */

struct mailbox_keys {
    uint32_t account, mailbox; /* the key */
    struct list in_lru;
    uint32_t pins;
    uint64_t counted; /* bytes, as the cache knows them */
    /* The worker's. */
    struct key_block **blocks;
    uint32_t *first; /* rows before each block */
    bool *saved;     /* in the table */
    uint32_t count, cap, rows;
    uint32_t known_to; /* UIDs up to here are in blocks, or were gone already */
    uint64_t bytes;
    struct order orders[SORT_KEY_COUNT];
};

struct key_cache;

struct key_cache *key_cache_new(uint64_t bytes_max, struct siphash_key key);
void key_cache_free(struct key_cache *c); /* null is allowed; nothing may be pinned */
uint64_t key_cache_bytes(const struct key_cache *c);
/* The keys of a mailbox, perhaps still empty. */
struct mailbox_keys *key_cache_pin(struct key_cache *c, uint32_t account, uint32_t mailbox);
/* `bytes`: what mailbox_keys_bytes_worker said last. */
void key_cache_release(struct key_cache *c, struct mailbox_keys *keys, uint64_t bytes);

/* Makes or reads blocks until all `uids` (ascending) are known, now at most `blocks_max` that have
 * to be made, or the work of as many; *ret_more tells whether some are still missing. A UID that is
 * gone meanwhile is passed over. */
MUST_USE enum err mailbox_keys_extend_worker(struct mailbox_keys *keys, struct kv *kv,
                                             const uint32_t *uids, uint32_t count,
                                             uint32_t blocks_max, bool *ret_more,
                                             struct errinfo *why);
uint64_t mailbox_keys_bytes_worker(const struct mailbox_keys *keys);
struct key_rows mailbox_keys_rows_worker(const struct mailbox_keys *keys);
/* The order by one key, made or grown when it has to be. */
const struct order *mailbox_keys_order_worker(struct mailbox_keys *keys, enum sort_key key);

/* Final blocks that are not in the table yet, at most KEYS_SAVED_AT_ONCE: they count as saved from
 * now on, and stay as they are as long as the keys are pinned. */
uint32_t mailbox_keys_unsaved_worker(struct mailbox_keys *keys, uint32_t uidnext,
                                     struct key_block **ret);

/* A final block (all its UIDs have been given out) made from the tables, on any thread: null when
 * its row is there already or no messages are. *ret_below: the next lower block with messages, or
 * `number` itself when there is none. */
MUST_USE enum err mailbox_keys_make_block(struct kv *kv, uint32_t account, uint32_t mailbox,
                                          uint32_t number, struct key_block **ret,
                                          uint32_t *ret_below, struct errinfo *why);
/* Writes it into the tables, on the loop, when messages of it are still there. Like the index
 * (store/index/index.h) it is made of other rows and needs no journal. */
MUST_USE enum err mailbox_keys_apply_block(struct kv *kv, uint32_t account, uint32_t mailbox,
                                           const struct key_block *b, struct errinfo *why);

void key_of_key_block(struct key *k, uint32_t account, uint32_t mailbox, uint32_t number);
static inline uint32_t key_block_number(const struct key_block *b)
{
    return b->uid[0] >> KEY_BLOCK_BITS;
}

/* Inside a transaction that has removed `uids`: takes those rows away that no message is left for,
 * and the marks (table/marks.h) of such blocks.
 */
MUST_USE enum err mailbox_keys_forget(struct txn *t, uint32_t account, uint32_t mailbox,
                                      const struct uidset *uids, struct errinfo *why);
/* An entry as a block would have it, from the tables. False when the message or its record is not
 * there. */
MUST_USE enum err mailbox_keys_entry(struct kv *kv, struct arena *mem, const struct membership *ms,
                                     uint32_t account, uint32_t uid, struct key_entry *ret,
                                     struct errinfo *why);

#endif
