/* store/accounts/credentials.h - the keys with which SCRAM proofs of a password are checked.
 *
 * A row of them stands beside a password since it was set, or since its owner first came with it
 * (older accounts). That there is a row says, too, that the argon2 form covers the prepared
 * password (password_prepare) and not the octets as they came. Texts of a row live in the arena
 * given. Names that nobody has get keys, too, always the same ones, so that they look like names
 * that somebody has. Errors: those of table.h. Format: doc/formats/tables.md, table `p`.
 * Spec: RFC 5802 3 and 9. Tests: credentials_test.c, keeper/login/server_login_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_CREDENTIALS_H
#define POSTERN_STORE_CREDENTIALS_H

#include "store/accounts/scram.h"
#include "store/table/table.h"

/* Takes `iterations` of PBKDF2 for each digest: for worker threads. 0: a row without keys.
 * `password` is prepared. */
void credentials_make(struct arena *mem, struct str password, const uint8_t salt[SCRAM_SALT_BYTES],
                      uint32_t iterations, struct credentials *ret);
/* What nobody's `name` is answered with; `secret` never changes. */
void credentials_invent(struct arena *mem, const uint8_t secret[SHA_256_BYTES], struct str name,
                        uint32_t iterations, struct credentials *ret);

/* Every text has its length. */
bool credentials_valid(const struct credentials *c);
/* False when there are none. */
bool credentials_keys(const struct credentials *c, enum digest_kind hash, struct scram_keys *ret);

MUST_USE enum err credentials_find(struct kv *kv, struct arena *mem, uint32_t account,
                                   bool *ret_found, struct credentials *ret, struct errinfo *why);
void credentials_store(struct txn *t, uint32_t account, const struct credentials *c);

/* The secret of this store, which is made once. */
MUST_USE enum err credentials_secret(struct kv *kv, bool *ret_found, uint8_t ret[SHA_256_BYTES],
                                     struct errinfo *why);
void credentials_secret_put(struct txn *t, const uint8_t secret[SHA_256_BYTES]);

#endif
