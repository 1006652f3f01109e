/* courier/local.h - queued recipients whose domain is ours.
 *
 * Asks keeper where mail for each address would go now, and acts on the answer: a mailbox gets the
 * message by an ordinary delivery; an address that is nobody's fails; a full or disabled account
 * is deferred or fails. A recipient whose domain is not ours is left to the caller.
 * Tests: courier_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_LOCAL_H
#define POSTERN_COURIER_LOCAL_H

#include "courier/job.h"

/* Calls done once, on a later turn, when every local recipient is decided. `ctx` is the caller's.
 */
struct local_round;
struct local_round *local_start(struct job *j, void (*done)(void *ctx, struct job *j), void *ctx);
void local_free(struct local_round *l); /* before done only; null is allowed */

#endif
