/* store/kv/clusters.h - the changes of a batch put in an order that an ordered table takes quickly.
 *
 * A change of a large mailbox alternates between tables: a membership, an email, a membership. An
 * engine that looks for each key from where it put the last one then looks from far away each time.
 * Here keys that begin alike (table, account, mailbox) come together, in the order in which the
 * batch has them, so keys that ascend are met one behind the other. Changes of one key keep their
 * order, since they begin alike. Pure (memory only); *ret is heap memory, the caller's to free.
 * Tests: kv_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_KV_CLUSTERS_H
#define POSTERN_STORE_KV_CLUSTERS_H

#include "store/kv/kv_engine.h"

enum {
    CLUSTERS_WORTH = 256, /* changes; fewer are as quick in any order */
    CLUSTERS_MAX = 255,   /* beginnings that are told apart; the others come last, as they are */
    CLUSTER_PREFIX_BYTES = 9, /* of a key: letter, account, mailbox (or half of another number) */
};

/* Where each change stands, for kv_batch_next. False when the batch is to be taken as it is: it is
 * small, or removes ranges, whose order with other keys counts. */
MUST_USE bool clusters_of(const struct kv_batch *b, size_t **ret, size_t *ret_count);

#endif
