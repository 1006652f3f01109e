/* keeper/index/server_blocks.h - sort keys made behind the commits, so that they are there before
 * anybody asks for them.
 *
 * When the last UID of a key block (store/mailbox/mailbox_keys.h) has been given out, the block is
 * made in a worker of its own and put into the tables on the loop, one at a time, and so are the
 * blocks of that mailbox before it that are missing. While requests are under way the worker rests
 * as long as it worked. What was not finished when keeper ends is made with the mailbox's next
 * block, or by the first search that needs it. Loop's thread only. Tests: server_blocks_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_INDEX_SERVER_BLOCKS_H
#define POSTERN_KEEPER_INDEX_SERVER_BLOCKS_H

#include "keeper/server_job.h"

/* Makes k->blocks. */
MUST_USE enum err blocks_start(struct keeper *k, struct errinfo *why);
/* Ends at once, a block under way included; null is allowed. */
void blocks_free(struct keeper *k);
/* There is a message with this UID now. */
void blocks_came(struct keeper *k, uint32_t account, uint32_t mailbox, uint32_t uid);
/* How many were written since the start. */
uint64_t blocks_written(const struct keeper *k);

#endif
