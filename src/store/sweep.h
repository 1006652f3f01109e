/* store/sweep.h - the remains of deleted mailboxes and accounts, removed page by page.
 *
 * One call looks for a mailbox or account that is marked `removing` and removes up to SWEEP_ROWS of
 * its rows inside the transaction; *ret_more says whether another call would find more. Errors:
 * those of kv.h, ERR_CORRUPT. Tests: server_mailbox_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_SWEEP_H
#define POSTERN_STORE_SWEEP_H

#include "store/mailbox/messages.h"

enum { SWEEP_ROWS = 2000 };

/* keep_bytes_max: what an account may keep for undelete (mailbox/graves.h) of deleted mailboxes. */
struct sweep_settings {
    int64_t now_s;
    uint64_t keep_bytes_max;
};
MUST_USE enum err sweep_page(struct txn *t, struct arena *mem, const struct sweep_settings *how,
                             bool *ret_more, struct errinfo *why);

#endif
