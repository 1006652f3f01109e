/* keeper/sharing/server_place.h - from what a session calls a mailbox to the mailbox, and the right
 * to it.
 *
 * A session belongs to one account. Names without a prefix are that account's; names below the
 * prefix of other users ("Other Users/bob@hamburger.edu/Work") are other accounts', and those below
 * the public prefix ("Public/News") those of the account that the settings name; both are found
 * only with a right that server_rights.h asks for. Without the right to look a mailbox up, it does
 * not exist: the same error after the same reads as for a name that nobody has (ERR_NOT_FOUND);
 * with it, but without enough, ERR_DENIED.
 *
 * An open mailbox has a number by which the session's further calls name it. Those of the account
 * itself are the store's own numbers. Others get one from PLACE_GUEST on, which means something
 * only to sessions of this account and only while there are any; rights are looked at in every
 * call. So a call that forgets to ask here finds nothing, and no number opens what was not granted.
 * Spec: RFC 2342, RFC 4314 4 and 6. Tests: server_acl_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_PLACE_H
#define POSTERN_KEEPER_SERVER_PLACE_H

#include "keeper/server_job.h"
#include "keeper/sharing/server_rights.h"
#include "store/mailbox/mailboxes.h"

#define PLACE_GUEST 0x80000000u
enum { GUESTS_MAX = 20000 }; /* mailboxes of others that the sessions of one account have opened */

struct place {
    struct session *session;
    uint32_t account; /* whose it is */
    uint32_t mailbox;
    uint32_t rights; /* of the session; RIGHTS_ALL of its own account's */
    struct mbox row;
};

/* The mailbox that a call's number means. ERR_NOT_FOUND: gone, or no longer to be read. */
MUST_USE enum err request_place(struct request *j, struct kv *kv, uint64_t session, uint32_t number,
                                enum place_part part, struct place *ret);
/* The mailbox of that name. */
MUST_USE enum err request_place_named(struct request *j, struct kv *kv, uint64_t session,
                                      struct str name, enum place_part part, struct place *ret);
/* The number by which further calls name it. 0: too many (ERR_LIMIT). */
uint32_t place_number(const struct place *p);
/* The same if it has one already, else 0. */
uint32_t place_number_known(const struct place *p);

/* What is added to the numbers of emails and threads, so that the ids a session sees (RFC 8474) are
 * different for different messages: those of others have their owner's number in front. */
#define PLACE_IDS_SHIFT 36
static inline uint64_t place_ids(const struct place *p)
{
    return p->account == p->session->account ? 0 : (uint64_t)p->account << PLACE_IDS_SHIFT;
}

/* Where a new name would be: whose, and its name there. The right to make it is checked: "k" on the
 * nearest mailbox above it, which only the owner needs not. `prefix`: what stands before the name.
 */
struct place_name {
    struct session *session;
    uint32_t account;
    struct str name, prefix;
};
MUST_USE enum err request_place_new(struct request *j, struct kv *kv, uint64_t session,
                                    struct str name, struct place_name *ret);

/* Mailboxes of others that the session may look up, with their full names. */
MUST_USE enum err places_of_others(struct request *j, const struct session *s,
                                   struct mailbox_listed **ret, size_t *ret_count);
/* The same for an account, whoever asks. */
MUST_USE enum err places_shared_with(struct keeper *k, struct arena *mem, uint32_t account,
                                     struct mailbox_listed **ret, size_t *ret_count,
                                     struct errinfo *why);

/* Is it a name of a namespace that is not the account's own? */
bool place_is_elsewhere(const struct keeper *k, struct str name);

/* Sessions of other accounts that have the mailbox open: calls visit with their account and number.
 */
void guests_each(struct keeper *k, uint32_t owner, uint32_t mailbox,
                 void (*visit)(struct keeper *k, uint32_t account, uint32_t number,
                               uint32_t owner));
/* Whose mailbox a number of an account's sessions means. */
bool guest_find(struct keeper *k, uint32_t account, uint32_t number, uint32_t *ret_owner,
                uint32_t *ret_mailbox);
void guests_forget(struct keeper *k, struct watched *w);

#endif
