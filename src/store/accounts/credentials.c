/* store/accounts/credentials.c - SCRAM keys as rows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/credentials.h"

static struct str copied(struct arena *mem, const uint8_t *at, size_t len)
{
    return arena_copy(mem, str_from(at, len));
}

static void add_keys(struct arena *mem, enum digest_kind hash, const struct scram_keys *keys,
                     struct credentials *c)
{
    size_t len = digest_bytes(hash);
    struct str stored = copied(mem, keys->stored, len), server = copied(mem, keys->server, len);

    if (hash == DIGEST_SHA_1) {
        c->stored_sha1 = stored;
        c->server_sha1 = server;
    } else {
        c->stored_sha256 = stored;
        c->server_sha256 = server;
    }
}

void credentials_make(struct arena *mem, struct str password, const uint8_t salt[SCRAM_SALT_BYTES],
                      uint32_t iterations, struct credentials *ret)
{
    struct scram_keys keys;

    *ret = (struct credentials){ .iterations = iterations };
    if (iterations == 0)
        return;
    ret->salt = copied(mem, salt, SCRAM_SALT_BYTES);
    for (int i = 0; i < DIGEST_KINDS; i++) {
        scram_keys_make((enum digest_kind)i, password, ret->salt, iterations, &keys);
        add_keys(mem, (enum digest_kind)i, &keys, ret);
    }
    explicit_bzero(&keys, sizeof keys);
}

/* The salt must be the same each time and for each name another one; the keys must only be such
 * that no proof fits them. */
void credentials_invent(struct arena *mem, const uint8_t secret[SHA_256_BYTES], struct str name,
                        uint32_t iterations, struct credentials *ret)
{
    uint8_t made[SHA_256_BYTES];
    struct scram_keys keys;

    *ret = (struct credentials){ .iterations = iterations };
    digest_hmac(DIGEST_SHA_256, secret, arena_join(mem, STR("salt "), name), made);
    ret->salt = copied(mem, made, SCRAM_SALT_BYTES);
    digest_hmac(DIGEST_SHA_256, secret, arena_join(mem, STR("keys "), name), made);
    memcpy(keys.stored, made, sizeof made);
    memcpy(keys.server, made, sizeof made);
    for (int i = 0; i < DIGEST_KINDS; i++)
        add_keys(mem, (enum digest_kind)i, &keys, ret);
}

bool credentials_valid(const struct credentials *c)
{
    bool any = c->iterations > 0;
    size_t sha1 = any ? digest_bytes(DIGEST_SHA_1) : 0;
    size_t sha256 = any ? digest_bytes(DIGEST_SHA_256) : 0;

    return c->salt.len == (any ? SCRAM_SALT_BYTES : 0) && c->stored_sha1.len == sha1 &&
           c->server_sha1.len == sha1 && c->stored_sha256.len == sha256 &&
           c->server_sha256.len == sha256;
}

bool credentials_keys(const struct credentials *c, enum digest_kind hash, struct scram_keys *ret)
{
    bool sha1 = hash == DIGEST_SHA_1;
    struct str stored = sha1 ? c->stored_sha1 : c->stored_sha256;
    struct str server = sha1 ? c->server_sha1 : c->server_sha256;

    if (c->iterations == 0)
        return false;
    *ret = (struct scram_keys){ 0 };
    memcpy(ret->stored, stored.at, stored.len);
    memcpy(ret->server, server.at, server.len);
    return true;
}

enum err credentials_find(struct kv *kv, struct arena *mem, uint32_t account, bool *ret_found,
                          struct credentials *ret, struct errinfo *why)
{
    struct key k;
    enum err e;

    key_of_account(&k, TABLE_PROOF, account);
    if ((e = table_find_credentials(kv, mem, &k, ret_found, ret, why)) != OK || !*ret_found)
        return e;
    return credentials_valid(ret) ? OK : table_damaged(key_str(&k), why);
}

void credentials_store(struct txn *t, uint32_t account, const struct credentials *c)
{
    struct key k;

    key_of_account(&k, TABLE_PROOF, account);
    table_put_credentials(t, &k, c);
}

/* ---- the secret: four numbers, so that it needs no table of its own ---- */

enum { PARTS = 4 };

static void part_key(struct key *k, int part)
{
    char name[] = "salt-secret-0";

    name[sizeof name - 2] = (char)('0' + part);
    key_of_text(k, TABLE_NUMBER, str_from_z(name));
}

enum err credentials_secret(struct kv *kv, bool *ret_found, uint8_t ret[SHA_256_BYTES],
                            struct errinfo *why)
{
    uint64_t parts[PARTS] = { 0 };
    bool found = true;

    for (int i = 0; i < PARTS && found; i++) {
        struct key k;
        enum err e;

        part_key(&k, i);
        if ((e = table_find_number(kv, &k, &found, &parts[i], why)) != OK)
            return e;
    }
    if (found)
        memcpy(ret, parts, sizeof parts);
    *ret_found = found;
    return OK;
}

void credentials_secret_put(struct txn *t, const uint8_t secret[SHA_256_BYTES])
{
    uint64_t parts[PARTS];

    memcpy(parts, secret, sizeof parts);
    for (int i = 0; i < PARTS; i++) {
        struct key k;

        part_key(&k, i);
        table_put_number(t, &k, parts[i]);
    }
}
