/* message/coding/charset_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/coding/charset.h"
#include "testing.h"

TEST(text_in_any_charset_becomes_utf8)
{
    static const struct {
        struct str charset, in, want;
        enum err e;
    } rows[] = {
        { STR_INIT("us-ascii"), STR_INIT("plain"), STR_INIT("plain"), OK },
        { STR_INIT(""), STR_INIT("cr\xC3\xAApe"), STR_INIT("cr\xC3\xAApe"), OK },
        { STR_INIT("US-ASCII"), STR_INIT("cr\xEApe"), STR_INIT("cr\xC3\xAApe"), OK },
        { STR_INIT("ascii"), STR_INIT("cr\xEApe"), STR_INIT("cr\xC3\xAApe"), OK },
        { STR_INIT("UTF-8"), STR_INIT("cr\xC3\xAApe"), STR_INIT("cr\xC3\xAApe"), OK },
        { STR_INIT("utf-8"), STR_INIT("\xC0\xAF!"), STR_INIT("\xEF\xBF\xBD\xEF\xBF\xBD!"), OK },
        { STR_INIT("iso-8859-1"), STR_INIT("\xE9\x80"), STR_INIT("\xC3\xA9\xE2\x82\xAC"), OK },
        { STR_INIT("ISO-8859-15"), STR_INIT("\xA4"), STR_INIT("\xE2\x82\xAC"), OK },
        { STR_INIT("koi8-r"), STR_INIT("\xC4\xC1"), STR_INIT("\xD0\xB4\xD0\xB0"), OK },
        { STR_INIT("iso-2022-jp"), STR_INIT("\x1B$B$\"\x1B(B"), STR_INIT("\xE3\x81\x82"), OK },
        { STR_INIT("gb18030"), STR_INIT("\xC4\xE3"), STR_INIT("\xE4\xBD\xA0"), OK },
        { STR_INIT("utf-16be"), STR_INIT("\xD8\x3D\xDE\x00"), STR_INIT("\xF0\x9F\x98\x80"), OK },
        { STR_INIT("utf-7"), STR_INIT("+AOk-"), STR_INIT("\xC3\xA9"), OK },
        { STR_INIT("x-no-such"), STR_INIT("abc"), STR_INIT(""), ERR_UNSUPPORTED },
        { STR_INIT("ibm-37,swaplfnl"), STR_INIT("abc"), STR_INIT(""), ERR_UNSUPPORTED },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *mem = arena_new(0);
        struct str got = STR_EMPTY;

        CHECK_EQ(charset_to_utf8(mem, rows[i].charset, rows[i].in, &got), rows[i].e, "%.*s",
                 STR_ARG(rows[i].charset));
        CHECK_STR(got, rows[i].want, "%.*s", STR_ARG(rows[i].charset));
        arena_free(mem);
    }
}

TEST(a_stream_split_anywhere_gives_the_same_text)
{
    static const struct str in = STR_INIT("a\x1B$B$\"$$\x1B(Bz");
    static const struct str want = STR_INIT("a\xE3\x81\x82\xE3\x81\x84z");

    for (size_t cut = 0; cut <= in.len; cut++) {
        struct charset_stream *s;
        struct buf out = { .at = NULL };

        CHECK_OK(charset_stream_new(STR("iso-2022-jp"), &s), "open");
        charset_stream_feed(s, str_take(in, cut), false, &out);
        charset_stream_feed(s, str_skip(in, cut), true, &out);
        CHECK_STR(buf_str(&out), want, "cut %zu", cut);
        charset_stream_free(s);
        buf_deinit(&out);
    }
}

TEST(case_and_normal_form_make_text_comparable)
{
    struct arena *mem = arena_new(0);

    CHECK_STR(text_fold_case(mem, STR("Hello")), STR("hello"), "ascii");
    CHECK_STR(text_fold_case(mem, STR("STRA\xC3\x9F\x45")), STR("strasse"), "sharp s");
    CHECK_STR(text_fold_case(mem, STR("\xC3\x89T\xC3\x89")), STR("\xC3\xA9t\xC3\xA9"), "latin");
    CHECK_STR(text_fold_case(mem, STR("E\xCC\x81")), STR("\xC3\xA9"), "combining");
    CHECK_STR(text_fold_case(mem, STR("\xCE\x90\xFF")), STR("\xCE\x90\xEF\xBF\xBD"),
              "longest growth, repaired");
    CHECK_STR(text_nfc(mem, STR("e\xCC\x81")), STR("\xC3\xA9"), "nfc");
    CHECK_STR(text_nfc(mem, STR("x")), STR("x"), "nfc of ascii");
    arena_free(mem);
}

TEST(names_that_are_known)
{
    CHECK(charset_is_known(STR("Windows-1251")), "windows");
    CHECK(charset_is_known(STR("shift_jis")), "sjis");
    CHECK(!charset_is_known(STR("nonsense")), "nonsense");
    CHECK(!charset_is_known(STR("")) == false, "empty is ascii");
}

TEST(collation_keys_are_those_of_unicode_casemap)
{
    struct arena *mem = arena_new(0);

    CHECK_STR(text_casemap(mem, STR("a_B")), STR("A_B"), "ascii");
    CHECK_STR(text_casemap(mem, STR("CAF\xC3\x89")), STR("CAFE\xCC\x81"), "latin");
    CHECK_STR(text_casemap(mem, STR("caf\xC3\xA9")), STR("CAFE\xCC\x81"), "the same, small");
    CHECK_STR(text_casemap(mem, STR("\xC7\x84")), STR("Dz\xCC\x8C"), "title case of a digraph");
    CHECK_STR(text_casemap(mem, STR("\xFFx")), STR("\xEF\xBF\xBDX"), "repaired");
    CHECK_STR(text_casemap(mem, STR("")), STR(""), "nothing");
    arena_free(mem);
}
