/* store/deliver.h - one message for all its recipients, in one transaction.
 *
 * Addresses are followed through aliases; every account gets the message once in its INBOX, every
 * foreign address once in the queue, and the body is stored once for all of them. A local recipient
 * that is gone, switched off or full is queued, so that courier reports it, unless it is courier
 * who delivers (then it is an error and nothing happens). Recipients who want notice of success get
 * a queue entry that says so (store/queue.h). Errors: ERR_SYNTAX (an address), ERR_LIMIT,
 * ERR_NOT_FOUND, ERR_QUOTA and ERR_DENIED (courier only), those of kv.h. Spec: RFC 5321 3.9, RFC
 * 3461. Tests: keeper/calls/server_mail_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_DELIVER_H
#define POSTERN_STORE_DELIVER_H

#include "store/accounts/directory.h"
#include "store/mailbox/messages.h"
#include "store/queue.h"

enum { DELIVER_RCPTS_MAX = 10000 };
#define DELIVER_NOTIFY_SUCCESS 2u /* RFC 3461 4.1; the bit in `notify` */

struct deliver_rcpt {
    struct str address, orcpt;
    uint8_t notify;
};

struct delivery {
    const struct directory_settings *directory;
    const struct deliver_rcpt *rcpts;
    size_t rcpt_count;
    struct str reverse_path, envid, record;
    struct body_source source; /* lives until the submission is done */
    uint64_t size;
    size_t return_path_bytes; /* of source.bytes, not to be queued */
    uint32_t ret, body_kind;
    bool smtputf8, by_courier;
    int64_t now_s;
};

MUST_USE enum err deliver_message(struct txn *t, struct arena *mem, const struct delivery *d,
                                  struct errinfo *why);

/* What would become of mail for this address. */
enum route { ROUTE_IS_UNKNOWN, ROUTE_IS_LOCAL, ROUTE_IS_FOREIGN, ROUTE_IS_FULL, ROUTE_IS_DISABLED };
MUST_USE enum err deliver_route(struct kv *kv, const struct directory_settings *directory,
                                struct str address, uint64_t size, enum route *ret,
                                struct errinfo *why);

#endif
