/* message/text/word_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "message/text/word.h"
#include "testing.h"

static const struct {
    struct str in, want;
} rows[] = {
    { STR_INIT("plain subject"), STR_INIT("plain subject") },
    { STR_INIT("=?ISO-8859-1?Q?a?="), STR_INIT("a") },
    { STR_INIT("=?ISO-8859-1?Q?a?= b"), STR_INIT("a b") },
    { STR_INIT("=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?="), STR_INIT("ab") },
    { STR_INIT("=?ISO-8859-1?Q?a?=  \r\n  =?ISO-8859-1?Q?b?="), STR_INIT("ab") },
    { STR_INIT("=?ISO-8859-1?Q?a_b?="), STR_INIT("a b") },
    { STR_INIT("=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?="), STR_INIT("a b") },
    { STR_INIT("=?utf-8?B?Y3LDqnBl?="), STR_INIT("cr\xC3\xAApe") },
    { STR_INIT("=?utf-8?B?w6k?= =?UTF-8?q?=C3?=\r\n =?utf-8?q?=AA?="),
      STR_INIT("\xC3\xA9\xC3\xAA") },
    { STR_INIT("=?utf-8*fr?q?=C3=AA?="), STR_INIT("\xC3\xAA") },
    { STR_INIT("=?iso-2022-jp?B?GyRCJCIbKEI=?= x"), STR_INIT("\xE3\x81\x82 x") },
    { STR_INIT("=?x-none?Q?ab=C3=AA?="), STR_INIT("ab\xC3\xAA") },
    { STR_INIT("=?utf-8?Q?a b?="), STR_INIT("a b") },
    { STR_INIT("=?utf-8?Q?=4?="), STR_INIT("=4") },
    { STR_INIT("=?utf-8?Q?a?b?="), STR_INIT("=?utf-8?Q?a?b?=") },
    { STR_INIT("=?utf-8?X?a?="), STR_INIT("=?utf-8?X?a?=") },
    { STR_INIT("=?utf-8?Q?open"), STR_INIT("=?utf-8?Q?open") },
    { STR_INIT("(=?utf-8?Q?a?=)"), STR_INIT("(a)") },
    { STR_INIT("folded\r\n\tline"), STR_INIT("folded\tline") },
    { STR_INIT("raw \xC3\xAA"), STR_INIT("raw \xC3\xAA") },
    { STR_INIT("raw \xEA"), STR_INIT("raw \xC3\xAA") },
    { STR_INIT("=?utf-8?Q?a=0D=0ABcc:_x?="), STR_INIT("aBcc: x") },
    { STR_INIT("a\0b"), STR_INIT("a b") },
};

TEST(encoded_words_decode_to_text)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *mem = arena_new(0);

        CHECK_STR(word_decode(mem, rows[i].in), rows[i].want, "%.*s", STR_ARG(rows[i].in));
        arena_free(mem);
    }
}

TEST(words_cut_anywhere_stay_valid_text)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut <= rows[i].in.len; cut++) {
            struct arena *mem = arena_new(0);
            char *exact = malloc(cut + 1);

            memcpy(exact + 1, rows[i].in.at, cut);
            CHECK(utf8_valid(word_decode(mem, str_from(exact + 1, cut))), "row %zu cut %zu", i,
                  cut);
            free(exact);
            arena_free(mem);
        }
}

TEST(what_is_encoded_reads_the_same)
{
    static const struct str texts[] = {
        STR_INIT("Cr\xC3\xAApes at noon, bring sugar = sweet_things? And a long tail of words."),
        STR_INIT("\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD"
                 "\xA0\xE5\xA5\xBD\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD\xA0"),
        STR_INIT("\xF0\x9F\x8D\x94"),
        STR_INIT(""),
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t column = 0; column < 80; column++) {
            struct arena *mem = arena_new(0);
            struct buf out = { .at = NULL };
            size_t at = column, line = column;

            word_encode(&out, texts[i], &at);
            for (size_t k = 0; k < out.len; k++) {
                line = out.at[k] == '\n' ? 0 : line + (out.at[k] != '\r');
                CHECK(line <= 76 || column > 76, "text %zu column %zu", i, column);
            }
            CHECK_EQ(at, line, "column after, text %zu column %zu", i, column);
            CHECK_STR(str_trim_crlf(word_decode(mem, buf_str(&out))), texts[i], "column %zu",
                      column);
            buf_deinit(&out);
            arena_free(mem);
        }
}
