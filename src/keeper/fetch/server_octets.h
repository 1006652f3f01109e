/* keeper/fetch/server_octets.h - the octets of one page: collected, then read and unpacked beside
 * the loop.
 *
 * The loop's thread opens the bodies (so their segments stay) and says which octets go where;
 * a worker reads, verifies and unpacks them into the reply or the page's own memory, and then
 * done() runs on the loop's thread. A page that is nearly empty is read at once. Everything belongs
 * to the request, also when keeper ends in the middle: its cleanup closes the bodies. A page holds
 * KEEP_FETCH_PAGE_BYTES at most. Errors: those of bodies.h. Tests: server_mail_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_OCTETS_H
#define POSTERN_KEEPER_SERVER_OCTETS_H

#include "keeper/server_job.h"
#include "store/journal/bodies.h"

struct octets;

/* Takes the request's `own` and `cleanup`. */
struct octets *octets_new(struct request *j);
/* Body number `id`, open until the end of the request; `many`: neighbours will follow. */
MUST_USE enum err octets_open(struct octets *o, uint64_t id, bool many, struct body **ret);
/* Octets [at, at + len) of the body that was opened last. *ret, a field of the fetch reply, becomes
 * what they are when done() runs; they are added in the order of the reply's rows and parts. */
void octets_add(struct octets *o, struct body *body, uint64_t at, size_t len, struct str *ret);
/* The reply is complete but for the octets. Calls done, perhaps at once, which ends the request. */
void octets_read(struct octets *o, void (*done)(struct request *j, enum err e));

#endif
