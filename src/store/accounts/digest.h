/* store/accounts/digest.h - the digests that passwords, proofs and tokens need.
 *
 * Pure (memory only), by OpenSSL's libcrypto. A digest has digest_bytes() octets; a failure of the
 * library is a BUG. Source: RFC 6234, RFC 2104, RFC 8018 5.2. Tests: scram_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_DIGEST_H
#define POSTERN_STORE_DIGEST_H

#include "base/str.h"

enum digest_kind { DIGEST_SHA_1, DIGEST_SHA_256, DIGEST_KINDS };
enum { DIGEST_BYTES_MAX = 32, SHA_256_BYTES = 32 };

size_t digest_bytes(enum digest_kind kind); /* 20 or 32 */
void digest_of(enum digest_kind kind, struct str text, uint8_t *ret);
/* The key has as many octets as the digest. */
void digest_hmac(enum digest_kind kind, const uint8_t *key, struct str text, uint8_t *ret);
/* Slow on purpose. 1 to INT32_MAX iterations. */
void digest_pbkdf2(enum digest_kind kind, struct str password, struct str salt, uint32_t iterations,
                   uint8_t *ret);
/* Takes the same time wherever they differ. */
bool digest_eq(const uint8_t *a, const uint8_t *b, size_t len);

#endif
