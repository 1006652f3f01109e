/* store/mailbox/acl.h - the access control lists of mailboxes.
 *
 * An entry says what one account, or anyone, may do with a mailbox (`rights`) and what it may not
 * whoever else would allow it (`negative`, RFC 4314 2). Entries are kept by mailbox and, for
 * listing what is shared with somebody, by grantee; both rows are written in the same transaction.
 * The owner needs no entry: he may do everything, always. Who may change a list is the callers'
 * affair. Lists live in `mem`. Errors: ERR_LIMIT (ACL_ENTRIES_MAX) and those of kv.h. Spec: RFC
 * 4314 2. Format: doc/formats/tables.md (`c`, `C`). Tests: rows_test.c,
 * keeper/sharing/server_acl_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_ACL_H
#define POSTERN_STORE_ACL_H

#include "message/set/rights.h"
#include "store/table/table.h"

#define ACL_ANYONE 0u /* as grantee; accounts are numbered from 1 on */
enum { ACL_ENTRIES_MAX = 1000 };

struct acl_entry {
    uint32_t grantee;
    struct acl row;
};

/* What account `who`, which is not the owner, may do. */
MUST_USE enum err acl_rights(struct kv *kv, uint32_t owner, uint32_t mailbox, uint32_t who,
                             uint32_t *ret, struct errinfo *why);

MUST_USE enum err acl_find(struct kv *kv, uint32_t owner, uint32_t mailbox, uint32_t grantee,
                           struct acl *ret, struct errinfo *why); /* no entry: no rights */
MUST_USE enum err acl_list(struct kv *kv, struct arena *mem, uint32_t owner, uint32_t mailbox,
                           struct acl_entry **ret, size_t *ret_count, struct errinfo *why);

/* An entry without any rights goes away. */
MUST_USE enum err acl_set(struct txn *t, uint32_t owner, uint32_t mailbox,
                          const struct acl_entry *entry, struct errinfo *why);
/* A new mailbox has the list of the one above it. */
MUST_USE enum err acl_inherit(struct txn *t, uint32_t owner, uint32_t parent, uint32_t child,
                              struct errinfo *why);
/* The list of a mailbox that is deleted. */
MUST_USE enum err acl_drop_mailbox(struct txn *t, uint32_t owner, uint32_t mailbox,
                                   struct errinfo *why);
/* At most `max` of the entries that name an account that is removed. */
MUST_USE enum err acl_drop_grantee(struct txn *t, uint32_t grantee, uint32_t max, bool *ret_more,
                                   struct errinfo *why);

/* The mailboxes that have an entry for `grantee`, in order of owner and number, whatever it says.
 * owner 0: those of all owners. */
struct acl_place {
    uint32_t owner, mailbox;
};
MUST_USE enum err acl_places(struct kv *kv, struct arena *mem, uint32_t grantee, uint32_t owner,
                             struct acl_place **ret, size_t *ret_count, struct errinfo *why);

#endif
