/* base/utf8_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "testing.h"

static const struct {
    const char *name;
    struct str in;
    bool valid;
    size_t length;
    struct str repaired;
} cases[] = {
    { "empty", STR_INIT(""), true, 0, STR_INIT("") },
    { "ascii with NUL", STR_INIT("a\0b"), true, 3, STR_INIT("a\0b") },
    { "two octets", STR_INIT("cr\xC3\xAApe"), true, 5, STR_INIT("cr\xC3\xAApe") },
    { "three octets", STR_INIT("\xE2\x82\xAC"), true, 1, STR_INIT("\xE2\x82\xAC") },
    { "four octets", STR_INIT("\xF0\x9F\x8D\x94!"), true, 2, STR_INIT("\xF0\x9F\x8D\x94!") },
    { "first of each", STR_INIT("\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80"), true, 3,
      STR_INIT("\xC2\x80\xE0\xA0\x80\xF0\x90\x80\x80") },
    { "last of all", STR_INIT("\xF4\x8F\xBF\xBF"), true, 1, STR_INIT("\xF4\x8F\xBF\xBF") },
    { "past the last", STR_INIT("\xF4\x90\x80\x80"), false, 4,
      STR_INIT("\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD") },
    { "overlong slash", STR_INIT("\xC0\xAF"), false, 2, STR_INIT("\xEF\xBF\xBD\xEF\xBF\xBD") },
    { "overlong in three", STR_INIT("\xE0\x9F\xBF"), false, 3,
      STR_INIT("\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD") },
    { "surrogate", STR_INIT("\xED\xA0\x80"), false, 3,
      STR_INIT("\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD") },
    { "lone continuation", STR_INIT("a\x80z"), false, 3, STR_INIT("a\xEF\xBF\xBDz") },
    { "latin-1", STR_INIT("cr\xEApe"), false, 5, STR_INIT("cr\xEF\xBF\xBDpe") },
    { "cut in four", STR_INIT("\xF0\x9F\x8D"), false, 1, STR_INIT("\xEF\xBF\xBD") },
    { "cut, then good", STR_INIT("\xF0\x9Fok"), false, 3, STR_INIT("\xEF\xBF\xBDok") },
    { "never a lead", STR_INIT("\xFF\xFE"), false, 2, STR_INIT("\xEF\xBF\xBD\xEF\xBF\xBD") },
};

TEST(every_row_is_judged_counted_and_repaired)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCRATCH(mem, NULL);

        CHECK_EQ(utf8_valid(cases[i].in), cases[i].valid, "%s", cases[i].name);
        CHECK_EQ(utf8_length(cases[i].in), cases[i].length, "%s", cases[i].name);
        CHECK_STR(utf8_repair(mem, cases[i].in), cases[i].repaired, "%s", cases[i].name);
    }
}

TEST(every_row_cut_at_every_octet_ends_and_repairs_to_valid_text)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t cut = 0; cut <= cases[i].in.len; cut++) {
            SCRATCH(mem, NULL);
            struct str part = str_take(cases[i].in, cut);

            CHECK(utf8_valid(utf8_repair(mem, part)), "%s cut at %zu", cases[i].name, cut);
            if (cases[i].valid)
                CHECK(utf8_valid(utf8_cut(cases[i].in, cut)), "%s cut at %zu", cases[i].name, cut);
        }
}

TEST(every_character_comes_back_as_it_went)
{
    for (uint32_t c = 0; c <= UTF8_LAST + 1; c++) {
        char octets[UTF8_BYTES_MAX];
        size_t len = utf8_put(c, octets);
        bool is_character = c <= UTF8_LAST && (c < 0xD800 || c > 0xDFFF);
        uint32_t got = 0;

        CHECK_EQ(len > 0, is_character, "U+%04X", c);
        if (len == 0)
            continue;
        struct str rest = str_from(octets, len);
        CHECK(utf8_next(&rest, &got) && rest.len == 0, "U+%04X", c);
        CHECK_EQ(got, c, "U+%04X", c);
    }
}

TEST(a_cut_never_splits_a_character)
{
    CHECK_STR(utf8_cut(STR("a\xE2\x82\xAC"), 4), STR("a\xE2\x82\xAC"), "fits");
    CHECK_STR(utf8_cut(STR("a\xE2\x82\xAC"), 3), STR("a"), "one octet short");
    CHECK_STR(utf8_cut(STR("a\xE2\x82\xAC"), 1), STR("a"), "at the boundary");
    CHECK_STR(utf8_cut(STR("\x80\x80\x80\x80\x80\x80"), 5), STR("\x80\x80\x80\x80\x80"),
              "no UTF-8");
}

TEST(what_is_no_character_is_added_as_the_replacement)
{
    struct buf b = { 0 };

    utf8_add(&b, 0x20AC);
    utf8_add(&b, 0xD800);
    CHECK_STR(buf_str(&b), STR("\xE2\x82\xAC\xEF\xBF\xBD"), "a surrogate");
    buf_deinit(&b);
}
