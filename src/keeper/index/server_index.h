/* keeper/index/server_index.h - the search index kept up with the mail, behind the commits.
 *
 * Accounts with emails that are not indexed yet wait in a row; one at a time is worked on, slice by
 * slice in a worker of its own, and what a slice has made is put into the tables on the loop in
 * small pieces. While requests are under way the worker rests as long as it worked, and it gives
 * way to all others that want the processor. Nothing waits for the index: a search takes emails
 * that are not in it for possible ones. What was not finished when keeper ends is begun again at
 * the next start. Loop's thread only. Tests: server_index_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_INDEX_SERVER_INDEX_H
#define POSTERN_KEEPER_INDEX_SERVER_INDEX_H

#include "keeper/server_job.h"
#include "store/index/index.h"

/* Makes k->index; every account is looked at once. */
MUST_USE enum err indexer_start(struct keeper *k, struct errinfo *why);
/* Ends at once, a running slice included; null is allowed. */
void indexer_free(struct keeper *k);
/* Something of the account's emails changed. */
void indexer_mark(struct keeper *k, uint32_t account);
/* True while an account is worked on or waits. */
bool indexer_is_busy(const struct keeper *k);

struct indexer_stats {
    uint64_t emails, segments, merges, failures; /* since start */
    uint64_t accounts_waiting;
};
struct indexer_stats indexer_stats(const struct keeper *k);

enum err read_index(struct request *j); /* server_index_call.c */

#endif
