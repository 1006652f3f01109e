/* store/accounts/password.c - passwords as argon2id makes them unreadable. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/password.h"

#include <argon2.h>

#include "message/text/saslprep.h"

enum { HASH_BYTES = 32, LANES = 1 };

struct str password_prepare(struct arena *mem, struct str password)
{
    struct str prepared;

    if (saslprep(mem, password, &prepared) != OK || prepared.len == 0)
        return password;
    return prepared;
}

enum err password_hash(const struct password_settings *settings, struct str password,
                       const uint8_t salt[PASSWORD_SALT_BYTES],
                       char ret[PASSWORD_ENCODED_BYTES_MAX])
{
    if (password.len == 0 || password.len > PASSWORD_BYTES_MAX)
        return ERR_LIMIT;

    int e = argon2id_hash_encoded(settings->passes, settings->kib, LANES, password.at, password.len,
                                  salt, PASSWORD_SALT_BYTES, HASH_BYTES, ret,
                                  PASSWORD_ENCODED_BYTES_MAX);

    return e == ARGON2_OK ? OK : ERR_UNAVAILABLE;
}

bool password_matches(const char *encoded, struct str password)
{
    return password.len > 0 && password.len <= PASSWORD_BYTES_MAX &&
           argon2id_verify(encoded, password.at, password.len) == ARGON2_OK;
}
