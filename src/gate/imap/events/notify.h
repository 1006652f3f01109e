/* gate/imap/events/notify.h - what a client wants to be told without asking (RFC 5465), and telling
 * it.
 *
 * A session that never used NOTIFY nor ENABLE METADATA has no struct notify and costs nothing here.
 * Responses about other mailboxes are written at once between commands and while idle; while a
 * command writes its own they wait, at most NOTIFY_PENDING_MAX octets of them. Changes of the open
 * mailbox are fetched by a push: the session reads no command while it lasts. When the client
 * cannot be told everything it is told so once, and then nothing more (RFC 5465 5.8).
 * Tests: test/session/imap_notify.txt, imap_session_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_NOTIFY_H
#define POSTERN_GATE_IMAP_NOTIFY_H

#include "gate/imap/session.h"

enum { NOTIFY_PENDING_MAX = 64 * 1024 };

struct notify {
    struct arena *mem; /* of what was asked for; null before the first NOTIFY */
    bool active;       /* NOTIFY was used: nothing but what it asks for is told */
    bool delayed;      /* SELECTED-DELAYED */
    uint32_t selected; /* message events of the open mailbox */
    struct imap_notify_group *groups;
    uint32_t group_count;
    struct imap_fetch_args *fetch; /* of new messages in the open mailbox; null: nothing */
    struct uidset fresh;           /* told by EXISTS, and not fetched yet */
    struct buf pending;
    uint64_t own_modseq; /* of the last change by this session */
};

/* A mailbox, as far as groups look at it. of_others: not of the personal namespace. */
struct notify_place {
    struct str name;
    bool subscribed, of_others;
};

/* Is a mailbox one of those that a group names? The selected one never is. */
bool notify_group_covers(const struct imap_notify_group *g, const struct notify_place *p);

/* The session's, made when it has none. */
struct notify *notify_of(struct imap_session *s);
/* Forgets what was asked for: NOTIFY NONE. */
void notify_reset(struct notify *n);
/* The kinds of events that keeper must tell of (keep_watch_req). */
uint32_t notify_kinds(const struct imap_session *s);
/* Message events that some group wants for a mailbox that is not open. */
uint32_t notify_events_for(const struct notify *n, const struct notify_place *p);
/* What STATUS says for them (RFC 5465 3.1): bits of enum imap_status_item. */
uint32_t notify_status_items(const struct imap_session *s, uint32_t events, bool at_first);

#endif
