/* store/mailbox/messages.h - messages in mailboxes: adding, flags, copying, removing, inside
 * transactions.
 *
 * An email is immutable (body, structure record, thread); a membership places it in a mailbox under
 * a UID. The callers load the mailbox row once, hand it to one or more of these functions, which
 * keep its counts, UIDNEXT and modseq, and write it back with mailbox_put_row. UID sets are ended
 * by their owners. At most MESSAGES_PER_MODSEQ changes of flags share one modseq, so that whoever
 * follows the changes can do so in pages.
 * Errors: ERR_QUOTA, ERR_LIMIT (UIDs or keywords ran out), ERR_CORRUPT and those of kv.h.
 * Spec: RFC 3501 2.3.1, 6.4.6; RFC 7162 3.1; RFC 5256 (threads by message ids).
 * Tests: keeper/calls/server_mail_test.c, keeper/calls/server_marks_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_MESSAGES_H
#define POSTERN_STORE_MESSAGES_H

#include "message/set/uidset.h"
#include "store/mailbox/mailboxes.h"
#include "store/table/marks.h"

enum { MESSAGES_PER_MODSEQ = 4096 };
#define UIDSET_RANGES_MAX 1000000u /* of sets that come from a peer or a row */

/* What a message is before it has a place. */
struct message_new {
    uint64_t body;
    uint64_t size;
    struct str record; /* structure record; may be empty */
    uint64_t flags;
    int64_t internal_date, internal_zone; /* the zone: minutes east of UTC, to show the date in */
    uint64_t hash; /* of its Message-ID, 0 when none; parent and root: of what it refers to */
    uint64_t parent_hash, root_hash;
};
/* Fills the hashes from the record; a record that cannot be opened leaves them 0. */
void message_new_from_record(struct message_new *m, struct str record);

/* ERR_QUOTA when `bytes` in `messages` more are too many for the account. */
MUST_USE enum err messages_check_quota(const struct account_txn *a, const struct account *account,
                                       uint64_t bytes, uint64_t messages);

/* A new email with one reference to the body, which the caller has made (txn_body_new) or taken
 * (txn_body_ref), and its first membership. */
MUST_USE enum err messages_add(struct account_txn *a, uint32_t mailbox, struct mbox *m,
                               const struct message_new *message, uint32_t *ret_uid);

/* Places a membership under the next UID and counts it. */
MUST_USE enum err messages_place(struct account_txn *a, uint32_t mailbox, struct mbox *m,
                                 const struct membership *ms, uint32_t *ret_uid);

enum flags_op { FLAGS_SET, FLAGS_ADD, FLAGS_REMOVE };
struct view;
struct flags_change {
    enum flags_op op;
    uint64_t bits;
    uint64_t unchanged_since; /* UINT64_MAX: whatever the modseq */
    uint64_t not_these;       /* bits that stay as they are */
    const struct view *view;  /* null; or the mailbox in memory, exactly as the transaction finds
                                 it: then many changes take few rows */
};
/* changed: really different now; modified: left alone because of unchanged_since. */
MUST_USE enum err messages_store(struct account_txn *a, uint32_t mailbox, struct mbox *m,
                                 const struct uidset *uids, const struct flags_change *change,
                                 struct uidset *ret_changed, struct uidset *ret_modified);

/* Removes at most `max` of `uids` (of those with \Deleted, when deleted_only), lowest first, and
 * says in *ret_more whether there are others. Writes the vanished row unless `silent`. */
struct expunge_what {
    const struct uidset *uids; /* null: all */
    bool deleted_only, silent;
    uint32_t max;
    uint64_t keep_bytes_max; /* what the account may keep for undelete (graves.h); 0: nothing */
};
MUST_USE enum err messages_expunge(struct account_txn *a, uint32_t mailbox, struct mbox *m,
                                   const struct expunge_what *what, struct uidset *ret_expunged,
                                   bool *ret_more);

/* One membership or grave of an email less: the last one takes it and its hold on the body along.
 */
MUST_USE enum err messages_email_unref(struct account_txn *a, uint64_t email);

/* Copies, or moves, into another mailbox (or the same one); *ret_source and *ret_target hold the
 * UIDs in matching order. `account` gives the quotas; a move needs none. */
struct copy_what {
    const struct uidset *uids; /* null: all */
    bool move;
    const struct account *account;
    uint64_t not_flags; /* flags that the copies do not get */
    uint32_t from, to;
    struct mbox *from_row, *to_row;
};
MUST_USE enum err messages_copy(struct account_txn *a, const struct copy_what *what,
                                struct uidset *ret_source, struct uidset *ret_target);

/* The same from a mailbox of one account into one of another, whose quotas count for moves, too.
 * The bodies stay the same. A move expunges at the source. */
MUST_USE enum err messages_copy_across(struct account_txn *from, struct account_txn *to,
                                       const struct copy_what *what, struct uidset *ret_source,
                                       struct uidset *ret_target);

/* The flags that a copy has in another mailbox: keywords in the words of its list, for which there
 * is no room left behind, since losing a label is better than refusing the message. */
uint64_t flags_in_copy(uint64_t flags, const struct copy_what *what, struct keyword_list *to);

/* The block of marks of a mailbox; without any, ret->count is 0. ret->at may be null before; it is
 * heap memory that the caller frees, whatever the result. */
MUST_USE enum err marks_find_block(struct kv *kv, uint32_t account, uint32_t mailbox,
                                   uint32_t block, struct marks *ret, struct errinfo *why);

/* Walks the memberships of `uids` (null: all) in UID order. visit() returns OK to go on; another
 * result ends the walk and is returned. */
struct messages_of {
    struct kv *kv;
    uint32_t account, mailbox;
    const struct uidset *uids;
};
MUST_USE enum err messages_each(const struct messages_of *which,
                                enum err (*visit)(void *ctx, uint32_t uid,
                                                  const struct membership *ms),
                                void *ctx, struct errinfo *why);

#endif
