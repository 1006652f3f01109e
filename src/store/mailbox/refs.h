/* store/mailbox/refs.h - in how many places an email stands: its memberships and graves.
 *
 * The row of an email counts its places. Where many emails of one block of numbers get another
 * place at once (a mailbox is copied), the block gets one row of marks (table/marks.h) in the table
 * 'F' that says how many places each has besides. Both together are the number; what stands in the
 * block is taken away first, so an email that goes has nothing there.
 * Inside transactions. Errors: those of kv.h. Tests: keeper/calls/server_marks_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_REFS_H
#define POSTERN_STORE_REFS_H

#include "store/mailbox/mailboxes.h"
#include "store/table/marks.h"

/* One place more for each of the emails, which may be named more than once; sorts them. */
MUST_USE enum err refs_add(struct account_txn *a, uint64_t *emails, size_t count);

/* One place less, if it is one of a block: else *ret_taken is false and the row counts it. */
MUST_USE enum err refs_take(struct account_txn *a, uint64_t email, bool *ret_taken);

/* How many places the blocks say that an email has. */
MUST_USE enum err refs_extra(struct kv *kv, uint32_t account, uint64_t email, uint64_t *ret,
                             struct errinfo *why);

/* A block, for those who check it: refs_email_of gives the email of a UID in its runs, whose flags
 * are the numbers of places. */
MUST_USE enum err refs_decode(struct str octets, struct marks *ret);
static inline uint64_t refs_email_of(uint64_t block, uint32_t uid)
{
    return block << MARKS_BLOCK_BITS | (uid & (MARKS_BLOCK_UIDS - 1));
}

#endif
