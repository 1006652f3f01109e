/* message/coding/flowed_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/coding/flowed.h"
#include "testing.h"

TEST(paragraphs_are_joined)
{
    static const struct {
        struct str in;
        bool delsp;
        struct str want;
    } rows[] = {
        { STR_INIT("one \r\ntwo\r\nthree\r\n"), false, STR_INIT("one two\nthree\n") },
        { STR_INIT("on \r\ne \r\ntwo"), true, STR_INIT("onetwo\n") },
        { STR_INIT(" >stuffed\n From me\n"), false, STR_INIT(">stuffed\nFrom me\n") },
        { STR_INIT("> a \r\n> b\r\n>> c \r\n> d\r\n"), false, STR_INIT("> a b\n>> c \n> d\n") },
        { STR_INIT("text \r\n-- \r\nAlice"), false, STR_INIT("text \n-- \nAlice\n") },
        { STR_INIT("open "), false, STR_INIT("open \n") },
        { STR_INIT("\r\n\r\n"), false, STR_INIT("\n\n") },
        { STR_INIT(""), false, STR_INIT("") },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { .at = NULL };

        flowed_decode(&out, rows[i].in, rows[i].delsp);
        CHECK_STR(buf_str(&out), rows[i].want, "row %zu", i);
        buf_deinit(&out);
    }
}

TEST(long_lines_are_broken_softly_and_read_the_same)
{
    static const struct str texts[] = {
        STR_INIT("short\n"),
        STR_INIT("a paragraph that is so long that it has to be broken into several lines, each of "
                 "at most seventy-two octets, and each but the last with a blank at its end\n"),
        STR_INIT("> a quoted paragraph that is so long that it has to be broken into several lines "
                 "with a mark before each\n>> and one deeper\nback\n"),
        STR_INIT(" indented\nFrom here on\n-- \nAlice\n"),
        STR_INIT("averyveryveryveryveryveryveryveryveryveryveryveryveryveryveryveryverylongword "
                 "and more\n"),
        STR_INIT("\n\nempty lines\n"),
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf coded = { .at = NULL }, plain = { .at = NULL };

        flowed_encode(&coded, texts[i]);
        flowed_decode(&plain, buf_str(&coded), false);
        CHECK_STR(buf_str(&plain), texts[i], "text %zu", i);
        size_t line = 0;
        for (size_t k = 0; k < coded.len && i != 4; k++) {
            line = coded.at[k] == '\n' ? 0 : line + (coded.at[k] != '\r');
            CHECK(line <= FLOWED_LINE_BYTES, "text %zu", i);
        }
        buf_deinit(&coded);
        buf_deinit(&plain);
    }
}
