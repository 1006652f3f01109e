/* store/accounts/credentials_test.c - keys that are there, and keys that are invented. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/credentials.h"
#include "testing.h"

static const uint8_t salt[SCRAM_SALT_BYTES] = "0123456789abcde";

TEST(keys_of_a_password_are_the_same_in_the_row)
{
    struct arena *mem = arena_new(0);
    struct scram_keys made, kept;
    struct credentials c;

    credentials_make(mem, STR("pencil"), salt, 4096, &c);
    CHECK(credentials_valid(&c), "valid");
    for (int i = 0; i < DIGEST_KINDS; i++) {
        scram_keys_make((enum digest_kind)i, STR("pencil"), c.salt, 4096, &made);
        CHECK(credentials_keys(&c, (enum digest_kind)i, &kept), "keys");
        CHECK(memcmp(&made, &kept, sizeof made) == 0, "digest %d", i);
    }
    credentials_make(mem, STR("pencil"), salt, 0, &c);
    CHECK(credentials_valid(&c) && !credentials_keys(&c, DIGEST_SHA_256, &kept), "a row without");
    c.salt = STR("x");
    CHECK(!credentials_valid(&c), "half a row");
    arena_free(mem);
}

TEST(nobody_gets_the_same_salt_each_time_and_another_than_anybody_else)
{
    static const uint8_t secret[SHA_256_BYTES] = "secret", other[SHA_256_BYTES] = "other";
    struct arena *mem = arena_new(0);
    struct credentials a, again, b, c;

    credentials_invent(mem, secret, STR("carol@crepes.fr"), 15000, &a);
    credentials_invent(mem, secret, STR("carol@crepes.fr"), 15000, &again);
    credentials_invent(mem, secret, STR("dave@crepes.fr"), 15000, &b);
    credentials_invent(mem, other, STR("carol@crepes.fr"), 15000, &c);
    CHECK(credentials_valid(&a), "valid");
    CHECK_STR(a.salt, again.salt, "again");
    CHECK(!str_eq(a.salt, b.salt), "another name");
    CHECK(!str_eq(a.salt, c.salt), "another store");
    arena_free(mem);
}
