/* store/mailbox/metadata.h - annotations of mailboxes and of the server, by account.
 *
 * An annotation belongs to a mailbox (by number, so it follows renames and ends with the mailbox)
 * or, with mailbox 0, to the account's view of the server. Shared ones are there once, private ones
 * once for each user who may reach the mailbox. Names are normalised (message/set/entry_name.h).
 * Changing happens in an account_txn. Errors: ERR_SYNTAX (name), ERR_LIMIT (a value too large,
 * or too many), and those of kv.h. Spec: RFC 5464 4.1. Tests: keeper/events/server_metadata_test.c.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_METADATA_H
#define POSTERN_STORE_METADATA_H

#include "message/set/entry_name.h"
#include "store/mailbox/mailboxes.h"

enum {
    METADATA_ENTRIES_MAX = 200,   /* of one user, or shared, at one mailbox or the server */
    METADATA_ACCOUNT_MAX = 10000, /* of one account, all together */
};

/* Whose annotations of what: those shared and those of `user`. */
struct metadata_place {
    uint32_t account; /* that owns the mailbox */
    uint32_t mailbox; /* 0: the server */
    uint32_t user;
};

/* Visits shared annotations, then private ones, by name; `value` is valid during the call. A
 * result of visit() that is not OK ends the walk and is returned. */
MUST_USE enum err metadata_each(struct kv *kv, const struct metadata_place *place,
                                enum err (*visit)(void *ctx, struct str entry, struct str value),
                                void *ctx, struct errinfo *why);

/* Sets or replaces one annotation. */
MUST_USE enum err metadata_set(struct account_txn *a, const struct metadata_place *place,
                               struct str entry, struct str value);
MUST_USE enum err metadata_remove(struct account_txn *a, const struct metadata_place *place,
                                  struct str entry);
/* After the sets of one transaction: ERR_LIMIT when there are now too many. */
MUST_USE enum err metadata_check_limits(struct account_txn *a, const struct metadata_place *place);

/* All annotations of a mailbox once more at another of the same account (RFC 5464 4.1: INBOX keeps
 * its own when it is renamed). */
MUST_USE enum err metadata_copy(struct account_txn *a, uint32_t from, uint32_t to);

#endif
