/* keeper/login/server_delay.h - who logged in a moment ago and must wait before the next time.
 *
 * Pure (memory only): a table of DELAY_SLOTS accounts, made when it is first needed. Two accounts
 * that share a slot forget each other, which lets somebody in too soon, and keeps nobody out. Times
 * are milliseconds of the loop. Spec: RFC 2449 6.5. Tests: server_login_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_DELAY_H
#define POSTERN_KEEPER_SERVER_DELAY_H

#include "base/str.h"

enum { DELAY_SLOTS = 16384 };

struct delays;

struct delays *delays_new(void);
void delays_free(struct delays *d); /* null is allowed */

/* Whether the account's last time was `delay_ms` ago or longer; then this is its last time. */
bool delay_over(struct delays *d, uint32_t account, uint64_t now_ms, uint64_t delay_ms);

#endif
