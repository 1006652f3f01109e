/* message/text/saslprep_test.c - RFC 4013 3 and what people type. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/saslprep.h"

#include "base/buf.h"
#include "testing.h"

static const struct {
    const char *name;
    struct str in;
    enum err e;
    struct str want;
} rows[] = {
    { "1: soft hyphen goes", STR_INIT("I\xC2\xADX"), OK, STR_INIT("IX") },
    { "2: nothing to do", STR_INIT("user"), OK, STR_INIT("user") },
    { "3: case stays", STR_INIT("USER"), OK, STR_INIT("USER") },
    { "4: feminine ordinal", STR_INIT("\xC2\xAA"), OK, STR_INIT("a") },
    { "5: roman nine", STR_INIT("\xE2\x85\xA8"), OK, STR_INIT("IX") },
    { "6: a control character", STR_INIT("\x07"), ERR_SYNTAX, STR_INIT("") },
    { "7: two directions", STR_INIT("\xD8\xA7\x31"), ERR_SYNTAX, STR_INIT("") },
    { "empty", STR_INIT(""), OK, STR_INIT("") },
    { "blanks stay", STR_INIT(" a b "), OK, STR_INIT(" a b ") },
    { "no-break space",
      STR_INIT("a\xC2\xA0"
               "b"),
      OK, STR_INIT("a b") },
    { "composed", STR_INIT("cre\xCC\x80pe"), OK, STR_INIT("cr\xC3\xA8pe") },
    { "unknown to Unicode 3.2", STR_INIT("\xF0\x9F\xA5\x9E!"), OK, STR_INIT("\xF0\x9F\xA5\x9E!") },
    { "delete", STR_INIT("a\x7f"), ERR_SYNTAX, STR_INIT("") },
    { "not UTF-8", STR_INIT("caf\xE9"), ERR_SYNTAX, STR_INIT("") },
    { "private use", STR_INIT("\xEE\x80\x80"), ERR_SYNTAX, STR_INIT("") },
};

TEST(rows_come_out_as_the_rfc_has_them)
{
    struct arena *mem = arena_new(0);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct str got = STR_EMPTY;

        CHECK_EQ(saslprep(mem, rows[i].in, &got), rows[i].e, "%s", rows[i].name);
        CHECK_STR(got, rows[i].want, "%s", rows[i].name);
    }
    arena_free(mem);
}

TEST(every_beginning_of_a_row_is_text_or_refused)
{
    struct arena *mem = arena_new(0);

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t len = 0; len < rows[i].in.len; len++) {
            struct str got = STR_EMPTY;
            enum err e = saslprep(mem, str_take(rows[i].in, len), &got);

            CHECK(e == OK || (e == ERR_SYNTAX && got.len == 0), "%s cut at %zu", rows[i].name, len);
        }
    arena_free(mem);
}

TEST(what_grows_most_has_room)
{
    struct arena *mem = arena_new(0);
    struct buf b = { 0 };
    struct str got;

    for (int i = 0; i < 1000; i++) /* ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM: 18 letters */
        BUF_ADD(&b, "\xEF\xB7\xBA");
    CHECK_OK(saslprep(mem, buf_str(&b), &got), "long");
    CHECK(got.len > 18 * 1000, "%zu octets", got.len);
    for (int i = 0; i < 1000; i++)
        BUF_ADD(&b, "\xEF\xB7\xBA");
    CHECK_EQ(saslprep(mem, buf_str(&b), &got), ERR_LIMIT, "too long");
    buf_deinit(&b);
    arena_free(mem);
}
