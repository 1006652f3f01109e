/* keeper/events/server_events.h - telling gates what exactly happened, for IMAP's NOTIFY.
 *
 * Only accounts with a session that watches cost anything: struct watcher holds what happened since
 * the last turn of the loop (at most EVENTS_PENDING_MAX) and, to see what was renamed, the names as
 * they were. When there is more than is kept, or a gate does not take its notes, one EVENT_OVERFLOW
 * is sent and the watching of those sessions ends. All on the loop's thread.
 * Spec: RFC 5465 5. Tests: server_events_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_EVENTS_H
#define POSTERN_KEEPER_SERVER_EVENTS_H

#include "keeper/server_job.h"

enum {
    EVENTS_PENDING_MAX = 1000,           /* of one account in one turn                  */
    EVENT_QUEUE_BYTES_MAX = 1024 * 1024, /* notes and replies that a gate has not taken */
};

/* From the writer's observer: the changes of one transaction. */
void events_observe(struct keeper *k, const struct txn_op *ops, size_t count);
/* With the other notes, on the next turn. */
void events_send(struct keeper *k);
/* The session ends. */
void events_forget(struct session *s);

#endif
