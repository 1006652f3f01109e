/* keeper/fetch/server_ahead.h - the next pages of a download, made before they are asked for.
 *
 * Who asked for a page and got one with a cursor will ask again, for the same with the cursor's
 * value. So while the gate hands one page on, keeper makes the one or two behind it: a request of
 * its own, which waits for the one that it is the answer to and then takes over its tag. It is
 * dropped when its session asks for something else, ends, or asks after the mailbox has changed,
 * and when nobody comes for it. Loop's thread. At most AHEAD_PAGES_MAX pages in all of keeper.
 * Tests: server_ahead_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_AHEAD_H
#define POSTERN_KEEPER_SERVER_AHEAD_H

#include "keeper/server_job.h"

/* The page that `j` asks for may be there, or under way: then it takes j's place and `j` is gone.
 * False: what was made for this session is of no use, and has been dropped. */
MUST_USE bool ahead_take(struct request *j, struct session *s);
/* The page of `j` is planned, and what comes behind it begins at `next`. */
void ahead_planned(struct request *j, struct session *s, uint32_t next);
/* Ends the request of a page, or lets it wait for whom it was made for. */
void ahead_end(struct request *j, enum err e);

/* Forgets what was made for a session; for all. */
void ahead_drop(struct session *s);
void ahead_drop_all(struct keeper *k);
/* Fired by keeper's timers: makes pages, and drops those that nobody came for. */
void ahead_run(void *keeper);
void ahead_look(void *keeper);

/* server_fetch.c: plans the page of a request and has it read; ends with ahead_end. */
void fetch_page(struct request *j);

#endif
