/* store/accounts/token_test.c - the text of tokens and what they open. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/token.h"
#include "testing.h"

TEST(a_token_is_text_that_names_its_account)
{
    static const uint8_t random[TOKEN_RANDOM_BYTES] = { 0xff, 0xfe, 0xfd };
    struct arena *mem = arena_new(0);
    struct str text = token_text(mem, 42, random);

    CHECK(str_starts(text, STR("pt1.42.__79")), "%.*s", STR_ARG(text));
    for (size_t i = 0; i < text.len; i++)
        CHECK(ascii_is_alpha(text.at[i]) || ascii_is_digit(text.at[i]) ||
                  strchr("-._~+/=", text.at[i]) != NULL,
              "RFC 6750 2.1 does not know '%c'", text.at[i]);
    arena_free(mem);
}

TEST(a_token_that_is_none_is_not_found)
{
    static const struct str texts[] = { STR_INIT(""),         STR_INIT("pt1"),
                                        STR_INIT("pt1.x.y"),  STR_INIT("pt2.1.AAAA"),
                                        STR_INIT("pt1.1.AA"), STR_INIT("pt1.99999999999.AA") };
    struct arena *mem = arena_new(0);
    struct kv *kv = kv_new_mem();
    uint32_t account;
    struct access_token row;
    bool found;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        CHECK_OK(token_find(kv, mem, texts[i], &found, &account, &row, NULL), "row %zu", i);
        CHECK(!found, "row %zu", i);
    }
    kv_close(kv);
    arena_free(mem);
}

TEST(a_token_opens_what_it_is_for_until_it_expires)
{
    static const struct {
        struct access_token row;
        uint32_t scope;
        int64_t now;
        bool opens;
    } rows[] = {
        { { .scope = TOKEN_IMAP }, TOKEN_IMAP, 1000, true },
        { { .scope = TOKEN_IMAP }, TOKEN_SMTP, 1000, false },
        { { .scope = TOKEN_SCOPES, .expires = 1001 }, TOKEN_POP, 1000, true },
        { { .scope = TOKEN_SCOPES, .expires = 1000 }, TOKEN_POP, 1000, false },
        { { .scope = 0 }, TOKEN_POP, 0, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_EQ(token_opens(&rows[i].row, rows[i].scope, rows[i].now), rows[i].opens, "row %zu",
                 i);
}
