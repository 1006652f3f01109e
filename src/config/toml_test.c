/* config/toml_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "config/toml.h"
#include "testing.h"

/* All entries of a text in one line each: table.key=kind:value. */
static enum err read_all(struct arena *mem, struct str text, struct buf *out, struct errinfo *why)
{
    struct toml t = { .text = text };
    struct toml_entry en;
    bool more = true;
    enum err e;

    while ((e = toml_next(&t, mem, &en, &more, why)) == OK && more) {
        buf_printf(out, "%.*s.%.*s=", STR_ARG(en.table), STR_ARG(en.key));
        if (en.value.kind == TOML_TEXT)
            buf_add(out, en.value.text);
        else if (en.value.kind == TOML_NUMBER)
            buf_printf(out, "%lld", (long long)en.value.number);
        else if (en.value.kind == TOML_FLAG)
            buf_add(out, en.value.flag ? STR("yes") : STR("no"));
        for (size_t i = 0; i < en.value.count; i++)
            buf_printf(out, "<%.*s>", STR_ARG(en.value.texts[i]));
        buf_add_char(out, '\n');
    }
    return e;
}

static const struct {
    struct str in, want;
} good[] = {
    { STR_INIT(""), STR_INIT("") },
    { STR_INIT("# only a comment"), STR_INIT("") },
    { STR_INIT("\xEF\xBB\xBF[a]\r\nb=1\r\n"), STR_INIT("a.=\na.b=1\n") },
    { STR_INIT("[ smtp ] # here\nsize = \"50MB\"# there\n"), STR_INIT("smtp.=\nsmtp.size=50MB\n") },
    { STR_INIT("smtp.size = '50MB'"), STR_INIT("smtp.size=50MB\n") },
    { STR_INIT("a = true\nb = false\nc-d_9 = -1_000"), STR_INIT(".a=yes\n.b=no\n.c-d_9=-1000\n") },
    { STR_INIT("n = 9223372036854775807\nm = -9223372036854775808"),
      STR_INIT(".n=9223372036854775807\n.m=-9223372036854775808\n") },
    { STR_INIT("s = \"a\\\"b\\\\c\\t\\u20ac\\U0001F354\""),
      STR_INIT(".s=a\"b\\c\t\xE2\x82\xAC\xF0\x9F\x8D\x94\n") },
    { STR_INIT("s = 'a\\n\"b'"), STR_INIT(".s=a\\n\"b\n") },
    { STR_INIT("l = []\nm = [ 'a' , # one\n \"b\",\n]\n"), STR_INIT(".l=\n.m=<a><b>\n") },
    { STR_INIT("l=['1','2','3','4','5','6','7','8','9','10']"),
      STR_INIT(".l=<1><2><3><4><5><6><7><8><9><10>\n") },
};

TEST(every_good_text_gives_its_entries)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        SCRATCH(mem, NULL);
        struct buf out = { 0 };
        struct errinfo why = { 0 };

        CHECK_OK(read_all(mem, good[i].in, &out, &why), "row %zu: %s", i, why.text);
        CHECK_STR(buf_str(&out), good[i].want, "row %zu", i);
        buf_deinit(&out);
    }
}

TEST(every_good_text_cut_anywhere_is_read_or_refused_with_a_place)
{
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        for (size_t cut = 0; cut < good[i].in.len; cut++) {
            SCRATCH(mem, NULL);
            struct buf out = { 0 };
            struct errinfo why = { 0 };
            enum err e = read_all(mem, str_take(good[i].in, cut), &out, &why);

            CHECK(e == OK || str_starts(str_from_z(why.text), STR("line ")), "row %zu cut at %zu",
                  i, cut);
            buf_deinit(&out);
        }
}

static const struct {
    const char *in, *want;
} bad[] = {
    { "a", "line 1, column 2: expected '='" },
    { "\n  = 1", "line 2, column 3: expected a name" },
    { "a = ", "line 1, column 5: expected a value" },
    { "a = 1 b = 2", "line 1, column 7: expected the end of the line" },
    { "a = \"x", "line 1, column 7: a text must end" },
    { "a = \"x\ny\"", "line 1, column 7: a text must end" },
    { "a = \"\xC3\xA9\\q\"", "line 1, column 8: no such escape" },
    { "a = \"\\u00g0\"", "line 1, column 8: \\u needs" },
    { "a = \"\\ud800\"", "line 1, column 8: there is no such character" },
    { "a = 012", "line 1, column 5: expected a whole" },
    { "a = 1.5", "line 1, column 6: only whole" },
    { "a = 1979-05-27", "line 1, column 9: only whole" },
    { "a = 9223372036854775808", "line 1, column 24: the number is too large" },
    { "a = 99999999999999999999", "line 1, column 23: the number is too large" },
    { "a = [1]", "line 1, column 6: expected a text in quotes" },
    { "a = ['x' 'y']", "line 1, column 10: expected ','" },
    { "a = ['x'", "line 1, column 9: expected ','" },
    { "a = { b = 1 }", "line 1, column 5: tables in braces" },
    { "a = \"\"\"x\"\"\"", "line 1, column 5: texts over several lines" },
    { "[[a]]", "line 1, column 2: lists of tables" },
    { "[a.b]", "line 1, column 3: expected ']'" },
    { "[a\nb]", "line 1, column 3: expected ']'" },
    { "[]", "line 1, column 2: expected a name" },
    { "[t]\na.b = 1", "line 2, column 2: expected '='" },
    { "a = yes", "line 1, column 5: expected a value" },
    { "a = 1\rb = 2", "line 1, column 6: expected the end" },
    { "# \x01", "line 1, column 3: a control character" },
    { "a = \"\xFF\"", "line 1, column 1: the file is not UTF-8" },
};

TEST(every_bad_text_is_refused_where_it_is_bad)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        SCRATCH(mem, NULL);
        struct buf out = { 0 };
        struct errinfo why = { 0 };

        CHECK_EQ(read_all(mem, str_from_z(bad[i].in), &out, &why), ERR_SYNTAX, "%s", bad[i].in);
        CHECK(str_starts(str_from_z(why.text), str_from_z(bad[i].want)), "%s: %s", bad[i].in,
              why.text);
        buf_deinit(&out);
    }
}
