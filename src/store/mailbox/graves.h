/* store/mailbox/graves.h - expunged messages that can still be brought back.
 *
 * A message that is expunged leaves its mailbox, its UID and the account's quota at once, and is
 * written into the table 'G' with what it takes to place it again; its email and its body stay as
 * long as that row. Rows go when they are older than was asked for, or with their account. What one
 * account keeps so is counted (table 'g', 'k') and bounded: past the bound an expunged message is
 * gone at once, so that nobody can fill the disk by deleting.
 * A row belongs to the mailbox by its number and remembers the name, which is how the messages of a
 * deleted mailbox are found. Times are seconds since 1970. Results live in `mem`.
 * Errors: ERR_QUOTA, ERR_LIMIT and those of kv.h. Tests: keeper/move/server_graves_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_GRAVES_H
#define POSTERN_STORE_GRAVES_H

#include "store/mailbox/imports.h"

struct graves_kept {
    uint64_t bytes, messages;
};
MUST_USE enum err graves_count(struct kv *kv, struct arena *mem, uint32_t account,
                               struct graves_kept *ret, struct errinfo *why);
void graves_put_count(struct account_txn *a, const struct graves_kept *kept);

/* Instead of messages_email_unref. *kept is the account's count and is written by the caller. */
struct grave_new {
    uint32_t mailbox, uid;
    const struct mbox *row;
    const struct membership *ms;
    bool uidls; /* some message of the mailbox has one of its own */
};
MUST_USE enum err grave_dig(struct account_txn *a, const struct grave_new *n,
                            struct graves_kept *kept);

struct grave_found {
    uint32_t mailbox, uid;
    int64_t gone_s;
    struct key key;
    struct grave row;
};
/* Those of one account in key order, from `from` on (an empty key: all). visit() returns OK to go
 * on. The row is valid during the call. */
struct graves_wanted {
    struct kv *kv;
    uint32_t account;
    struct str name;  /* of the mailbox, also when it was another's; empty: all */
    uint32_t mailbox; /* with that name now, 0: none */
    int64_t since_s;
    const struct uidset *uids; /* null: all */
};
MUST_USE enum err graves_each(const struct graves_wanted *want, struct str from,
                              enum err (*visit)(void *ctx, const struct grave_found *g), void *ctx,
                              struct errinfo *why);

/* Places it in a mailbox under a new UID, without \Deleted; in INBOX with the UIDL that it had. */
MUST_USE enum err grave_open(struct account_txn *a, const struct grave_found *g, uint32_t mailbox,
                             struct mbox *m, struct graves_kept *kept);

/* Removes at most `max` rows, from *cursor on, that went before `before_s`, and moves the cursor;
 * false in *ret_more at the end of the table. `account` 0: of all accounts. */
struct graves_purge {
    uint32_t account, max;
    int64_t before_s;
};
MUST_USE enum err graves_purge_page(struct txn *t, struct arena *mem, const struct graves_purge *p,
                                    struct key *cursor, bool *ret_more, struct errinfo *why);

#endif
