/* keeper/client.h - asking keeper, from gate, courier and the command line.
 *
 * One client a channel. keeper_NAME(client, &request, done, ctx) sends the request and returns a
 * ticket; done() is called once with the result, on a later turn of the loop: e is OK and rep is
 * set (valid during the call, as is everything it points to), or e says what failed and rep is
 * null. file is the file that came along (spool) and then belongs to the callee, else null.
 * keeper_forget() drops a ticket: its done() will not be called. When the channel breaks every open
 * ticket ends with ERR_CLOSED and lost() is called; nothing is asked twice. A request past
 * CHANNEL_FRAME_MAX ends with ERR_LIMIT. ERR_CLOSED alone leaves open whether keeper has done what
 * it was asked: whoever must not claim either (a 4xx, a tagged NO) ends the conversation instead.
 * Without a channel a request ends with ERR_UNAVAILABLE. Tests: client_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_CLIENT_H
#define POSTERN_KEEPER_CLIENT_H

#include "keeper/contract.h"
#include "os/channel.h"

struct keeper_client;

struct keeper_notes { /* any may be null */
    void (*changed)(void *ctx, const struct keep_changed_note *note);
    void (*queue_due)(void *ctx, const struct keep_queue_due_note *note);
    void (*lost)(void *ctx);
    void (*event)(void *ctx, const struct keep_event_note *note);
};

/* Takes the channel over. */
struct keeper_client *keeper_client_new(struct loop *l, struct channel *c,
                                        const struct keeper_notes *notes, void *ctx);
void keeper_client_free(struct keeper_client *k);
/* A new channel after lost(): sessions are gone, open files too. */
void keeper_client_reconnect(struct keeper_client *k, struct channel *c);
bool keeper_client_is_up(const struct keeper_client *k);
size_t keeper_client_queued(const struct keeper_client *k); /* octets not yet taken by keeper */

/* Inside a done() that failed: keeper's own words for the administrator (control channels get them,
 * other roles get an empty text). */
struct str keeper_client_why(const struct keeper_client *k);

void keeper_forget(struct keeper_client *k, uint64_t ticket);

#define KEEPER_CALL_PROTOTYPE(name, who)                                                           \
    typedef void (*keeper_##name##_done)(void *ctx, enum err e,                                    \
                                         const struct keep_##name##_rep *rep, struct file *file);  \
    uint64_t keeper_##name(struct keeper_client *k, const struct keep_##name##_req *req,           \
                           keeper_##name##_done done, void *ctx);
CONTRACT_CALLS(KEEPER_CALL_PROTOTYPE)

#endif
