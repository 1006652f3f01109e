/* store/mailbox/mailboxes.h - an account being changed, and its mailboxes: names, numbers, life and
 * death.
 *
 * Every change of an account happens in an account_txn: it loads the counters, hands out the modseq
 * of this change, and writes the counters back at the end. Names are UTF-8 in NFC, levels separated
 * by '/'; "INBOX" is written so whatever the case, also as the first level of a longer name.
 * Numbers and UIDVALIDITYs are never given twice. A deleted mailbox loses its name at once; its
 * messages are swept page by page (store/sweep.h). Results live in the account_txn's `mem`.
 * Errors: ERR_SYNTAX (name), ERR_NOT_FOUND, ERR_EXISTS, ERR_DENIED (INBOX), ERR_LIMIT, ERR_QUOTA,
 * and those of kv.h. Spec: RFC 3501 5.1, 6.3.3-6.3.7, RFC 6154. Tests:
 * keeper/calls/server_mailbox_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_MAILBOXES_H
#define POSTERN_STORE_MAILBOXES_H

#include "message/set/flags.h"
#include "store/table/table.h"

#define MAILBOX_NAME_BYTES_MAX ((size_t)1000)
enum { MAILBOX_DEPTH_MAX = 30, MAILBOXES_MAX = 10000 };

/* The special uses of RFC 6154, as bits; the numbers are stored. */
enum mailbox_use {
    MAILBOX_ALL = 1,
    MAILBOX_ARCHIVE = 2,
    MAILBOX_DRAFTS = 4,
    MAILBOX_FLAGGED = 8,
    MAILBOX_JUNK = 16,
    MAILBOX_SENT = 32,
    MAILBOX_TRASH = 64,
};

struct account_txn {
    struct txn *t;
    struct kv *kv; /* txn_kv(t) */
    struct arena *mem;
    uint32_t account;
    int64_t now_s;
    uint64_t modseq; /* of this change */
    struct counters counters;
    struct errinfo *why;
};

MUST_USE enum err account_txn_begin(struct account_txn *a, struct txn *t, struct arena *mem,
                                    uint32_t account, int64_t now_s, struct errinfo *why);
void account_txn_end(struct account_txn *a);

MUST_USE enum err mailbox_name_normalise(struct arena *mem, struct str name, struct str *ret);

/* Reading: `kv` may be that of a transaction. */
MUST_USE enum err mailbox_find(struct kv *kv, struct arena *mem, uint32_t account, struct str name,
                               bool *ret_found, uint32_t *ret_id, struct mbox *ret,
                               struct errinfo *why);
/* By number; one that is being removed is not found. */
MUST_USE enum err mailbox_get_by_id(struct kv *kv, struct arena *mem, uint32_t account, uint32_t id,
                                    bool *ret_found, struct mbox *ret, struct errinfo *why);

struct mailbox_listed {
    struct str name;
    bool exists, subscribed, has_children;
    uint32_t id;               /* 0: of another account */
    uint32_t rights;           /* of another account's: message/set/rights.h */
    uint32_t owner, owners_id; /* of another account's: whose, and its number there */
    struct mbox mailbox;       /* when it exists */
};
/* All names in order, with those that are only subscribed and the parents that are missing. */
MUST_USE enum err mailbox_list(struct kv *kv, struct arena *mem, uint32_t account,
                               struct mailbox_listed **ret, size_t *ret_count, struct errinfo *why);
/* The same with mailboxes of others among them. */
struct mailboxes_also {
    const struct mailbox_listed *at;
    size_t count;
};
MUST_USE enum err mailbox_list_also(struct kv *kv, struct arena *mem, uint32_t account,
                                    struct mailboxes_also also, struct mailbox_listed **ret,
                                    size_t *ret_count, struct errinfo *why);

/* How many there are, by their names, but at most `max`. */
MUST_USE enum err mailboxes_count(struct kv *kv, uint32_t account, uint64_t max, uint64_t *ret,
                                  struct errinfo *why);

/* Changing. A mailbox and the levels above it that are missing must fit the account's quota
 * (ERR_QUOTA) and MAILBOXES_MAX (ERR_LIMIT); the first ones of an account always do. */
MUST_USE enum err mailbox_create(struct account_txn *a, struct str name, uint32_t special_use,
                                 uint32_t *ret_id, struct mbox *ret);
MUST_USE enum err mailbox_create_first_ones(struct account_txn *a);
MUST_USE enum err mailbox_delete(struct account_txn *a, struct str name);
/* INBOX is not renamed here but emptied into a new one (messages.h); see keeper. */
MUST_USE enum err mailbox_rename(struct account_txn *a, struct str from, struct str to);
MUST_USE enum err mailbox_subscribe(struct account_txn *a, struct str name, bool on);
void mailbox_put_row(struct account_txn *a, uint32_t id, const struct mbox *m);

/* The keyword list of message/set/flags.h, from and to the row; `k` is ended by the caller. */
MUST_USE enum err mailbox_keywords(const struct mbox *m, struct keyword_list *k);
void mailbox_set_keywords(struct arena *mem, struct mbox *m, const struct keyword_list *k);

#endif
