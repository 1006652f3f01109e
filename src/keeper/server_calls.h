/* keeper/server_calls.h - the handlers of the calls: what the rows of server_dispatch.c name.
 *
 * Each is a read, a write or a start, as server_job.h describes them, and its call's row in
 * contract.def says what it answers. Loop's thread. Tests: server_mail_test.c and the others beside
 * the handlers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_CALLS_H
#define POSTERN_KEEPER_SERVER_CALLS_H

#include "base/err.h"
#include "base/str.h"

struct body_source;
struct request;
struct txn;

/* The handlers, by the file that they are in. */

enum err read_logout(struct request *j); /* server_session.c */
enum err read_may_send_as(struct request *j);
enum err read_spool(struct request *j);
enum err read_spool_drop(struct request *j);

/* server_mail.c: takes a spool file (0: none) from its channel, so that it is used once. */
enum err request_octets(struct request *j, uint64_t spool, uint64_t spool_bytes, struct str bytes,
                        struct body_source *ret, uint64_t *ret_size);
enum err read_route(struct request *j);
void start_deliver(struct request *j);
/* Takes a spool file of at least `bytes` octets from its channel into j->spool, so that it is used
 * once. ERR_NOT_FOUND, ERR_STATE (too short). */
MUST_USE enum err request_take_spool(struct request *j, uint64_t spool, uint64_t bytes);
MUST_USE enum err request_message_fits(struct request *j, uint64_t bytes);  /* ERR_LIMIT */
MUST_USE enum err request_disk_has_room(struct request *j, uint64_t bytes); /* ERR_NO_SPACE */
void start_append(struct request *j);                                       /* server_append.c */

enum err read_namespaces(struct request *j); /* server_acl.c */
enum err read_acl_list(struct request *j);
enum err read_acl_mine(struct request *j);
enum err read_acl_grantable(struct request *j);
enum err write_acl_set(struct request *j, struct txn *t);

enum err read_mailbox_list(struct request *j); /* server_mailbox.c */
enum err write_mailbox_create(struct request *j, struct txn *t);
enum err write_mailbox_delete(struct request *j, struct txn *t);
enum err write_mailbox_rename(struct request *j, struct txn *t);
enum err write_mailbox_subscribe(struct request *j, struct txn *t);
enum err read_mailbox_status(struct request *j);
enum err read_quota(struct request *j); /* server_quota.c */
enum err write_quota_set(struct request *j, struct txn *t);

enum err read_metadata_read(struct request *j); /* server_metadata.c */
enum err write_metadata_write(struct request *j, struct txn *t);
enum err read_watch(struct request *j); /* server_events.c */

void start_select(struct request *j); /* server_select.c */
enum err read_unselect(struct request *j);
void start_sync(struct request *j);
void start_fetch(struct request *j);                    /* fetch/server_fetch.c */
enum err write_store(struct request *j, struct txn *t); /* server_message.c */
void start_expunge(struct request *j);
enum err write_copy(struct request *j, struct txn *t);
void start_search(struct request *j); /* server_search.c */
void start_sort(struct request *j);   /* server_sort.c */
enum err read_sort_more(struct request *j);

enum err read_lease(struct request *j); /* server_queue.c */
enum err read_lease_renew(struct request *j);
enum err read_lease_read(struct request *j);
void start_lease_end(struct request *j);
enum err read_queue_list(struct request *j);
enum err read_queue_show(struct request *j);
void start_queue_act(struct request *j);

enum err write_domain_add(struct request *j, struct txn *t); /* server_admin.c */
enum err write_domain_remove(struct request *j, struct txn *t);
enum err read_domain_list(struct request *j);
void start_account_add(struct request *j);
enum err write_account_remove(struct request *j, struct txn *t);
enum err read_account_list(struct request *j);
void start_account_password(struct request *j);
enum err write_account_quota(struct request *j, struct txn *t);
enum err write_account_enable(struct request *j, struct txn *t);
enum err write_account_administrator(struct request *j, struct txn *t);
enum err write_alias_add(struct request *j, struct txn *t);
enum err write_alias_remove(struct request *j, struct txn *t);
enum err read_alias_list(struct request *j);

void start_check(struct request *j); /* server_check.c */
void start_rebuild(struct request *j);
enum err read_compact(struct request *j);
enum err read_status(struct request *j);

#endif
