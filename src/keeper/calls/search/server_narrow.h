/* keeper/calls/search/server_narrow.h - what the search index says of a search, before messages are
 * read.
 *
 * Each key of the program with a text in it is looked up once, in a worker; then every message of
 * the mailbox can be asked about by the number of its email: the key surely matches, perhaps, or
 * not. Emails that are not indexed yet are perhaps. An index that cannot be read knows nothing,
 * which the log tells. Words asked for with FUZZY have scores besides. Freed on the loop's thread.
 * Spec: RFC 3501 6.4.4, RFC 6203. Tests: server_narrow_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_CALLS_SERVER_NARROW_H
#define POSTERN_KEEPER_CALLS_SERVER_NARROW_H

#include "keeper/server_job.h"
#include "message/order/group_search.h"

enum { NARROW_KEYS_MAX = 64 }; /* keys past these are not looked up, so they are perhaps */

struct narrowing;

/* Null when the program has no texts to look for, or there is no index. `program` must live as
 * long. */
struct narrowing *narrow_new(struct keeper *k, uint32_t account, const struct search *program);
void narrow_free(struct narrowing *n); /* null is allowed */
/* Looks everything up; done(ctx) on the loop. */
void narrow_run(struct narrowing *n, void (*done)(void *ctx), void *ctx);

/* For struct search_group: what is known of a key for the messages of a group. */
bool narrow_candidates(void *ctx, const struct search_node *node, const struct search_group *g,
                       struct group_verdict *ret);

/* 1 to 100: how well the email fits the FUZZY keys; 0 when the index does not know it. */
unsigned narrow_score(const struct narrowing *n, uint64_t email);

#endif
