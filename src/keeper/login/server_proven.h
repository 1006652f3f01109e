/* keeper/login/server_proven.h - passwords that were right a moment ago.
 *
 * A client that connects for every message would cost an argon2 each time. What is kept of a right
 * password is an HMAC under a key of this process, which lies in memory that is neither swapped nor
 * dumped: without the key the rest is noise. The HMAC covers account, stored form and password, so
 * a changed password is another question. Only right passwords are kept, PROVEN_SLOTS at most, each
 * for its time; who comes last takes the place of who expires first. Comparing takes the same time
 * wherever octets differ (doc/decisions/0022-proven-passwords.md). Tests: server_login_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_PROVEN_H
#define POSTERN_KEEPER_SERVER_PROVEN_H

#include "os/loop.h"
#include "store/accounts/digest.h"

enum { PROVEN_SLOTS = 16384 };

struct proven;

/* What is compared. */
struct proof {
    uint32_t account;
    uint8_t mac[SHA_256_BYTES];
};

struct proven *proven_new(struct loop *l);
void proven_free(struct proven *p); /* null is allowed */

void proven_make(const struct proven *p, uint32_t account, struct str stored, struct str password,
                 struct proof *ret);
bool proven_has(const struct proven *p, const struct proof *proof);
void proven_add(struct proven *p, const struct proof *proof, uint64_t life_ms);
/* Everything of an account: its password changes, or nobody may come in with it any more. */
void proven_forget(struct proven *p, uint32_t account);

#endif
