/* keeper/login/server_attempt.h - what every way of logging in begins and ends with.
 *
 * An attempt is counted, and may have to wait, before anything is checked (server_guess.h); at its
 * end it is told whether it was right, the log line is written, and the session is made. A handler
 * that has one puts it first in request->own: it is found there when keeper ends in the middle.
 * Tests: server_login_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_ATTEMPT_H
#define POSTERN_KEEPER_SERVER_ATTEMPT_H

#include "keeper/login/server_guess.h"
#include "keeper/server_job.h"

struct attempt {
    struct str name, service, peer, mechanism;
    bool known; /* there is such an account: `account` and `row` */
    uint32_t account;
    struct account row;
    struct guess guess;
    bool counted;
    struct timer wait;
    void (*next)(struct request *j);
};
/* Whose attempt it is: of `account`, or, when nobody has the name, of `name`. ERR_UNAVAILABLE when
 * it may not even be looked at; else `next` comes, perhaps after a delay. */
void attempt_begin(struct request *j, struct attempt *a, void (*next)(struct request *j));
/* Tells whether it was right, writes the log line, and on success makes the session. */
MUST_USE enum err attempt_end(struct request *j, struct attempt *a, bool right,
                              uint64_t *ret_session);

/* The handlers of this folder. */
void start_login(struct request *j);                        /* server_login.c */
void start_sasl(struct request *j);                         /* server_sasl.c */
void exchanges_free(struct peer *p);                        /* what a peer leaves unfinished */
enum err write_token_add(struct request *j, struct txn *t); /* server_token.c */
enum err read_token_list(struct request *j);
enum err write_token_revoke(struct request *j, struct txn *t);

#endif
