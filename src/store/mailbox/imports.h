/* store/mailbox/imports.h - what importing leaves behind: marks, and UIDLs of another server.
 *
 * A mark is a key and a value that an importer wants to find again, put in the same transaction as
 * the messages it speaks of; so an import that was cut off goes on exactly where it was. A UIDL is
 * the text under which POP3 has shown a message elsewhere or before; without one POP3 makes it from
 * UIDVALIDITY and UID. Both stand in the table 'g' of an account (doc/formats/tables.md).
 * Results live in `mem`. Errors: ERR_LIMIT (a mark's key), those of kv.h.
 * Spec: RFC 1939 7 (UIDL), RFC 3501 2.3.1.1. Tests: keeper/move/server_import_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_IMPORTS_H
#define POSTERN_STORE_IMPORTS_H

#include "store/mailbox/messages.h"

enum {
    MARK_KEY_BYTES_MAX = 200,
    MARK_VALUE_BYTES_MAX = 1000,
    UIDL_BYTES_MAX = 70 /* RFC 1939 7 */
};
/* From another server higher numbers are not taken over: some must be left to be given. */
#define IMPORT_UID_MAX 0xf0000000u

/* An empty value removes the mark. */
MUST_USE enum err mark_put(struct account_txn *a, struct str key, struct str value);
struct mark {
    struct str key, value;
};
/* At most `max` of the marks that begin with `prefix`, from the key `from` on. *ret_next: the key
 * of the one behind them; empty at the end. */
struct marks_wanted {
    uint32_t account;
    struct str prefix, from;
    size_t max;
};
MUST_USE enum err marks_list(struct kv *kv, struct arena *mem, const struct marks_wanted *want,
                             struct mark *ret, size_t *ret_count, struct str *ret_next,
                             struct errinfo *why);

/* 1 to 70 octets from 0x21 to 0x7E. */
bool uidl_valid(struct str uidl);
void uidl_put(struct account_txn *a, uint32_t mailbox, uint32_t uid, struct str uidl);
void uidl_delete(struct account_txn *a, uint32_t mailbox, uint32_t uid);
MUST_USE enum err uidl_find(struct kv *kv, struct arena *mem, uint32_t account, uint32_t mailbox,
                            uint32_t uid, bool *ret_found, struct str *ret, struct errinfo *why);
/* Whether any message of the mailbox has one: most mailboxes are spared the look-ups. */
MUST_USE enum err uidl_any(struct kv *kv, uint32_t account, uint32_t mailbox, bool *ret,
                           struct errinfo *why);

/* A mailbox that never had a message takes over a UIDVALIDITY. True when it is now `uidvalidity`,
 * so that UIDs that belong to it may be kept; *ret_changed: it was another before. */
bool mailbox_adopt_uidvalidity(struct account_txn *a, struct mbox *m, uint32_t uidvalidity,
                               bool *ret_changed);

#endif
