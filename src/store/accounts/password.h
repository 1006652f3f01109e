/* store/accounts/password.h - passwords as argon2id makes them unreadable.
 *
 * Pure (memory only), and callable from worker threads: one call takes `kib` of memory and some
 * tens of milliseconds, so callers bound how many run at once. The result is the encoded form that
 * names its own parameters, so settings may change while old passwords stay valid.
 * Source: RFC 9106; libargon2; RFC 4013. Tests: keeper/server_auth_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_PASSWORD_H
#define POSTERN_STORE_PASSWORD_H

#include "base/arena.h"
#include "base/err.h"

enum { PASSWORD_SALT_BYTES = 16, PASSWORD_ENCODED_BYTES_MAX = 256, PASSWORD_BYTES_MAX = 1024 };

struct password_settings {
    uint32_t kib, passes;
};

/* The password as it is hashed: prepared by SASLprep (RFC 4013), or as it is where that refuses it,
 * which is what clients send that prepare nothing. */
struct str password_prepare(struct arena *mem, struct str password);

/* Writes the NUL-terminated encoded form. ERR_LIMIT for a password that is empty or too long. */
MUST_USE enum err password_hash(const struct password_settings *settings, struct str password,
                                const uint8_t salt[PASSWORD_SALT_BYTES],
                                char ret[PASSWORD_ENCODED_BYTES_MAX]);
/* `encoded` is NUL-terminated. */
bool password_matches(const char *encoded, struct str password);

#endif
