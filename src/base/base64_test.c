/* base/base64_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"
#include "testing.h"

/* RFC 4648 10, and octets that use the last two letters. */
static const struct {
    struct str octets, text, url;
} cases[] = {
    { STR_INIT(""), STR_INIT(""), STR_INIT("") },
    { STR_INIT("f"), STR_INIT("Zg=="), STR_INIT("Zg") },
    { STR_INIT("fo"), STR_INIT("Zm8="), STR_INIT("Zm8") },
    { STR_INIT("foo"), STR_INIT("Zm9v"), STR_INIT("Zm9v") },
    { STR_INIT("foob"), STR_INIT("Zm9vYg=="), STR_INIT("Zm9vYg") },
    { STR_INIT("fooba"), STR_INIT("Zm9vYmE="), STR_INIT("Zm9vYmE") },
    { STR_INIT("foobar"), STR_INIT("Zm9vYmFy"), STR_INIT("Zm9vYmFy") },
    { STR_INIT("\xFB\xFF\xBF\x00"), STR_INIT("+/+/AA=="), STR_INIT("-_-_AA") },
    { STR_INIT("\0alice\0hungry"), STR_INIT("AGFsaWNlAGh1bmdyeQ=="),
      STR_INIT("AGFsaWNlAGh1bmdyeQ") },
};

TEST(every_row_goes_out_and_comes_back)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        SCRATCH(mem, NULL);
        struct str got = STR_EMPTY;

        CHECK_STR(base64_encode(mem, cases[i].octets), cases[i].text, "row %zu", i);
        CHECK_STR(base64url_encode(mem, cases[i].octets), cases[i].url, "row %zu", i);
        CHECK_OK(base64_decode(mem, cases[i].text, &got), "row %zu", i);
        CHECK_STR(got, cases[i].octets, "row %zu", i);
        CHECK_OK(base64url_decode(mem, cases[i].url, &got), "row %zu", i);
        CHECK_STR(got, cases[i].octets, "row %zu", i);
    }
}

TEST(every_row_cut_short_is_an_error_or_a_shorter_value)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t cut = 0; cut < cases[i].text.len; cut++) {
            SCRATCH(mem, NULL);
            struct str got = STR("untouched"), part = str_take(cases[i].text, cut);
            enum err e = base64_decode(mem, part, &got);

            CHECK_EQ(e, cut % 4 == 0 ? OK : ERR_SYNTAX, "row %zu cut at %zu", i, cut);
            CHECK_STR(got, cut % 4 == 0 ? str_take(cases[i].octets, cut / 4 * 3) : STR("untouched"),
                      "row %zu cut at %zu", i, cut);
        }
}

TEST(what_is_not_strict_base64_is_refused)
{
    static const struct str bad[] = {
        STR_INIT("Zg"),
        STR_INIT("Zg="),
        STR_INIT("Zg==="),
        STR_INIT("Zg==\r\n"),
        STR_INIT("Z g="),
        STR_INIT("=Zg="),
        STR_INIT("Zg=a"),
        STR_INIT("===="),
        STR_INIT("-_-_"),
        STR_INIT("Zh=="),
        STR_INIT("Zm9="),
        STR_INIT("Zm9\0"),
        STR_INIT("\xC3\xA9"
                 "AA"),
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        SCRATCH(mem, NULL);
        struct str got;

        CHECK_EQ(base64_decode(mem, bad[i], &got), ERR_SYNTAX, "row %zu", i);
    }
}

TEST(base64url_has_no_padding_and_its_own_letters)
{
    SCRATCH(mem, NULL);
    struct str got;

    CHECK_EQ(base64url_decode(mem, STR("Zg=="), &got), ERR_SYNTAX, "padded");
    CHECK_EQ(base64url_decode(mem, STR("+/+/"), &got), ERR_SYNTAX, "standard letters");
    CHECK_EQ(base64url_decode(mem, STR("Zh"), &got), ERR_SYNTAX, "bits left over");
    CHECK_EQ(base64url_decode(mem, STR("Z"), &got), ERR_SYNTAX, "one letter");
}

TEST(base64_add_obeys_the_ceiling_of_the_buffer)
{
    struct buf b = { .max = 7 };

    base64_add(&b, STR("foob"));
    CHECK(b.overflowed && b.len == 0, "eight letters do not fit into seven");
    buf_clear(&b);
    base64_add(&b, STR("foo"));
    CHECK_STR(buf_str(&b), STR("Zm9v"), "four do");
    buf_deinit(&b);
}
