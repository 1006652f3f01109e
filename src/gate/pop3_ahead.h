/* gate/pop3_ahead.h - messages of a maildrop, read before they are asked for.
 *
 * Who retrieves one message after the other will ask for the next one. So a session that sees its
 * peer walk asks keeper for several messages at once, hands them out as they are wanted, and asks
 * for more before the last is gone. A message that was read ahead does not count as read until it
 * is handed out; those are collected and marked \Seen together: with the next question, when the
 * peer rests, at QUIT, and when the connection ends. A message that another session removes
 * meanwhile may still be handed out.
 * Memory: on the heap, at most POP3_AHEAD_BYTES and half as much again, and a list of
 * POP3_AHEAD_MESSAGES messages; nothing of it while a session rests, because rest(ctx) is called
 * POP3_AHEAD_KEPT_MS after the last message was taken. A message that is longer than a reading is
 * never among them. What cannot be read is simply not there: the caller then asks for it alone and
 * gets the reason. One loop. Spec: RFC 1939 5. Tests: pop3_session_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_POP3_AHEAD_H
#define POSTERN_GATE_POP3_AHEAD_H

#include "keeper/client.h"
#include "message/set/uidset.h"
#include "os/loop.h"
#include "proto/pop3/pop3.h"

#define POP3_AHEAD_BYTES ((uint64_t)256 * 1024)
enum {
    POP3_AHEAD_MESSAGES = 512,
    POP3_AHEAD_KEPT_MS = 1000,
};

struct pop3_ahead;

/* Whose mail it is. */
struct pop3_mail {
    struct loop *loop;
    struct keeper_client *keeper;
    uint64_t session;
    uint32_t mailbox;
};

struct pop3_ahead_events {
    void (*come)(void *ctx); /* a question has ended, well or not */
    void (*rest)(void *ctx); /* nothing was taken for a while; may free it */
};

struct pop3_ahead *pop3_ahead_new(const struct pop3_mail *mail,
                                  const struct pop3_ahead_events *events, void *ctx);
void pop3_ahead_free(struct pop3_ahead *a); /* null is allowed */

/* Takes a message out, and those before it; from now on it counts as read. *ret lives until the
 * next call. */
MUST_USE bool pop3_ahead_take(struct pop3_ahead *a, uint32_t uid, struct str *ret);
/* The question that will bring this message, or 0. */
uint64_t pop3_ahead_awaits(const struct pop3_ahead *a, uint32_t uid);
/* Asks for messages from `number` on, unless it is asking or has enough. */
void pop3_ahead_ask(struct pop3_ahead *a, const struct pop3 *machine, uint32_t number);
/* Likewise, for those behind the last that were asked for. */
void pop3_ahead_ask_on(struct pop3_ahead *a, const struct pop3 *machine);

/* Moves the UIDs of those that were taken and are not marked \Seen yet to *ret (empty before). */
void pop3_ahead_seen(struct pop3_ahead *a, struct uidset *ret);
/* Asks keeper to mark them; done as keeper_store has it. Returns the ticket. */
uint64_t pop3_mark_seen(const struct pop3_mail *mail, const struct uidset *uids,
                        keeper_store_done done, void *ctx);

#endif
