/* store/accounts/token.c - tokens as rows beside their account. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/token.h"

#include "base/base64.h"
#include "base/hex.h"

enum { ACCOUNT_KEY_BYTES = 5, TEXT_BYTES_MAX = 256 };

struct str token_text(struct arena *mem, uint32_t account, const uint8_t random[TOKEN_RANDOM_BYTES])
{
    struct str secret = base64url_encode(mem, str_from(random, TOKEN_RANDOM_BYTES));

    return arena_printf(mem, "pt1.%u.%.*s", account, STR_ARG(secret));
}

static bool account_in(struct str text, uint32_t *ret)
{
    struct str rest = text;

    return text.len <= TEXT_BYTES_MAX && str_eq(str_split(&rest, '.'), STR("pt1")) &&
           str_to_u32(str_split(&rest, '.'), ret);
}

static void key_of(struct key *k, uint32_t account, struct str text)
{
    uint8_t hash[SHA_256_BYTES];

    digest_of(DIGEST_SHA_256, text, hash);
    key_of_account(k, TABLE_TOKEN, account);
    key_text(k, str_from(hash, sizeof hash));
}

/* The row is found by the hash, so there is no comparison that could tell how much was right. */
enum err token_find(struct kv *kv, struct arena *mem, struct str text, bool *ret_found,
                    uint32_t *ret_account, struct access_token *ret, struct errinfo *why)
{
    struct key k;

    *ret_found = false;
    *ret_account = 0;
    if (!account_in(text, ret_account))
        return OK;
    key_of(&k, *ret_account, text);
    return table_find_access_token(kv, mem, &k, ret_found, ret, why);
}

bool token_opens(const struct access_token *t, uint32_t scope, int64_t now_s)
{
    return (t->scope & scope) != 0 && (t->expires == 0 || now_s < t->expires);
}

enum err token_list(struct kv *kv, struct arena *mem, uint32_t account, struct token_listed **ret,
                    size_t *ret_count, struct errinfo *why)
{
    struct token_listed *list = ARENA_ARRAY(mem, struct token_listed, TOKENS_PER_ACCOUNT_MAX);
    struct key from, to;
    struct kv_iter *it;
    size_t count = 0;
    enum err e = OK;

    key_of_account(&from, TABLE_TOKEN, account);
    to = from;
    key_end(&to);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && e == OK && count < TOKENS_PER_ACCOUNT_MAX;
         on = kv_iter_next(it)) {
        struct token_listed *one = &list[count++];

        one->id = hex_encode(mem, str_sub(kv_iter_key(it), ACCOUNT_KEY_BYTES, TOKEN_ID_BYTES));
        if (access_token_get(mem, arena_copy(mem, kv_iter_value(it)), &one->row) != OK)
            e = table_damaged(kv_iter_key(it), why);
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    kv_iter_free(it);
    *ret = list;
    *ret_count = count;
    return e;
}

enum err token_store(struct txn *t, uint32_t account, struct str text,
                     const struct access_token *row, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct token_listed *list;
    struct key k;
    size_t count;
    enum err e = token_list(txn_kv(t), tmp, account, &list, &count, why);

    if (e != OK)
        return e;
    if (count >= TOKENS_PER_ACCOUNT_MAX)
        return err_set(why, ERR_LIMIT, "an account has at most %d tokens", TOKENS_PER_ACCOUNT_MAX);
    key_of(&k, account, text);
    table_put_access_token(t, &k, row);
    return OK;
}

enum err token_remove(struct txn *t, uint32_t account, struct str id, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str octets;
    struct key from, to;
    struct kv_iter *it;
    bool found;
    enum err e;

    if (!hex_decode(tmp, id, &octets) || octets.len != TOKEN_ID_BYTES)
        return err_set(why, ERR_SYNTAX, "a token is called by %d hexadecimal digits",
                       2 * TOKEN_ID_BYTES);
    key_of_account(&from, TABLE_TOKEN, account);
    key_text(&from, octets);
    to = from;
    key_end(&to);
    it = txn_iter(t, key_str(&from), key_str(&to));
    found = kv_iter_first(it);
    if (found)
        txn_delete(t, arena_copy(tmp, kv_iter_key(it)));
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    if (e == OK && !found)
        return err_set(why, ERR_NOT_FOUND, "the account has no token '%.*s'", STR_ARG(id));
    return e;
}
