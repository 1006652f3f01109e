/* message/set/flags_test.c - flag lists as clients write them, bits as they are stored. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/flags.h"

#include "testing.h"

static const struct {
    const char *name;
    struct str in;
    enum err want;
    struct str out;
} lists[] = {
    { "empty", STR_INIT("()"), OK, STR_INIT("()") },
    { "nothing", STR_INIT(""), OK, STR_INIT("()") },
    { "system", STR_INIT("(\\Deleted \\Seen)"), OK, STR_INIT("(\\Seen \\Deleted)") },
    { "without parentheses", STR_INIT("\\seen \\DRAFT"), OK, STR_INIT("(\\Seen \\Draft)") },
    { "known keyword in any case", STR_INIT("($mdnsent $JUNK)"), OK, STR_INIT("($MDNSent $Junk)") },
    { "own keywords", STR_INIT("(work $Label1 \\Flagged)"), OK,
      STR_INIT("(\\Flagged work $Label1)") },
    { "twice", STR_INIT("(work WORK \\Seen \\Seen)"), OK, STR_INIT("(\\Seen work)") },
    { "closing brace is an atom char", STR_INIT("(a}b)"), OK, STR_INIT("(a}b)") },
    { "recent", STR_INIT("(\\Recent)"), ERR_UNSUPPORTED, STR_INIT("") },
    { "unknown system flag", STR_INIT("(\\Hungry)"), ERR_UNSUPPORTED, STR_INIT("") },
    { "backslash alone", STR_INIT("(\\)"), ERR_SYNTAX, STR_INIT("") },
    { "open", STR_INIT("(\\Seen"), ERR_SYNTAX, STR_INIT("") },
    { "one parenthesis", STR_INIT("("), ERR_SYNTAX, STR_INIT("") },
    { "two blanks", STR_INIT("(a  b)"), ERR_SYNTAX, STR_INIT("") },
    { "blank last", STR_INIT("(a )"), ERR_SYNTAX, STR_INIT("") },
    { "nested", STR_INIT("((a))"), ERR_SYNTAX, STR_INIT("") },
    { "quote", STR_INIT("(\"a\")"), ERR_SYNTAX, STR_INIT("") },
    { "8 bit", STR_INIT("(\303\251)"), ERR_SYNTAX, STR_INIT("") },
    { "control", STR_INIT("(a\1)"), ERR_SYNTAX, STR_INIT("") },
    { "NUL", STR_INIT("(a\0)"), ERR_SYNTAX, STR_INIT("") },
    { "star", STR_INIT("(\\*)"), ERR_SYNTAX, STR_INIT("") },
};

TEST(flag_lists_are_read_and_written)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        struct arena *mem = arena_new(0);
        struct keyword_list k = { 0 };
        struct flag_names f;
        struct buf out = { 0 };
        uint64_t bits;

        CHECK_EQ(flag_names_parse(mem, lists[i].in, &f), lists[i].want, "%s", lists[i].name);
        if (lists[i].want == OK) {
            CHECK_OK(flags_resolve_add(&k, &f, &bits), "%s", lists[i].name);
            CHECK_EQ(flags_resolve(&k, &f), bits, "%s", lists[i].name);
            flags_format(bits, &k, &out);
        }
        CHECK_STR(buf_str(&out), lists[i].out, "%s", lists[i].name);
        buf_deinit(&out);
        keyword_list_deinit(&k);
        arena_free(mem);
    }
}

TEST(every_truncation_of_a_flag_list_is_safe)
{
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        for (size_t len = 0; len <= lists[i].in.len; len++) {
            struct arena *mem = arena_new(0);
            struct flag_names f = { 0 };
            char *exact = malloc(len + 1);

            memcpy(exact, lists[i].in.at, len);
            if (flag_names_parse(mem, str_from(exact, len), &f) == OK)
                CHECK(f.count <= len, "%s cut at %zu", lists[i].name, len);
            free(exact);
            arena_free(mem);
        }
}

TEST(names_over_a_limit_are_refused)
{
    struct arena *mem = arena_new(0);
    struct flag_names f;
    struct buf text = { 0 };

    for (size_t i = 0; i < KEYWORD_BYTES_MAX; i++)
        buf_add_char(&text, 'k');
    CHECK_OK(flag_names_parse(mem, buf_str(&text), &f), "the longest");
    buf_add_char(&text, 'k');
    CHECK_EQ(flag_names_parse(mem, buf_str(&text), &f), ERR_LIMIT, "one more octet");
    buf_clear(&text);
    for (unsigned i = 0; i <= FLAG_NAMES_MAX; i++)
        buf_printf(&text, "%sk%u", i == 0 ? "" : " ", i);
    CHECK_EQ(flag_names_parse(mem, buf_str(&text), &f), ERR_LIMIT, "one more name");
    buf_deinit(&text);
    arena_free(mem);
}

TEST(a_full_keyword_list_takes_all_or_nothing)
{
    struct arena *mem = arena_new(0);
    struct keyword_list k = { 0 };
    struct flag_names f;
    uint64_t bit = 0;

    for (unsigned i = 0; i + 1 < KEYWORDS_MAX; i++)
        CHECK_OK(keyword_bit_add(&k, arena_printf(mem, "k%u", i), &bit), "keyword %u", i);
    CHECK_OK(flag_names_parse(mem, STR("(new1 new2)"), &f), "parse");
    CHECK_EQ(flags_resolve_add(&k, &f, &bit), ERR_LIMIT, "room for one");
    CHECK_EQ(keyword_bit_find(&k, STR("new1")), 0, "neither was added");
    CHECK_OK(keyword_bit_add(&k, STR("last"), &bit), "last");
    CHECK(bit == (uint64_t)1 << 63, "the last bit");
    CHECK_EQ(keyword_bit_add(&k, STR("more"), &bit), ERR_LIMIT, "full");
    CHECK_OK(keyword_bit_add(&k, STR("K3"), &bit), "known in other case");
    CHECK_EQ(bit, 1u << (KEYWORD_FIRST_BIT + 3), "its bit");
    CHECK_OK(keyword_bit_add(&k, STR("$junk"), &bit), "fixed");
    CHECK_EQ(bit, FLAG_JUNK, "fixed bit");
    keyword_list_deinit(&k);
    arena_free(mem);
}

TEST(octets_of_flag_names_are_read_back_and_every_cut_is_refused)
{
    struct arena *mem = arena_new(0);
    struct flag_names f, got;
    struct buf out = { 0 };

    CHECK_OK(flag_names_parse(mem, STR("(\\Seen a bc)"), &f), "parse");
    flag_names_encode(&f, &out);
    for (size_t len = 0; len < out.len; len++) {
        struct reader r = reader_of(str_take(buf_str(&out), len));

        CHECK_EQ(flag_names_decode(mem, &r, &got), ERR_CORRUPT, "cut at %zu", len);
    }
    struct reader r = reader_of(buf_str(&out));
    CHECK_OK(flag_names_decode(mem, &r, &got), "whole");
    CHECK_EQ(got.bits, FLAG_SEEN, "bits");
    CHECK_STR(got.keywords[1], STR("bc"), "second of %u", got.count);
    r = reader_of(STR("\x20\0"));
    CHECK_EQ(flag_names_decode(mem, &r, &got), ERR_CORRUPT, "\\Recent is never stored");
    buf_deinit(&out);
    arena_free(mem);
}

TEST(octets_of_a_keyword_list_are_read_back_and_every_cut_is_refused)
{
    struct keyword_list k = { 0 }, got = { 0 };
    struct buf out = { 0 };
    uint64_t bit;

    CHECK_OK(keyword_bit_add(&k, STR("work"), &bit), "work");
    CHECK_OK(keyword_bit_add(&k, STR("Home"), &bit), "Home");
    keyword_list_encode(&k, &out);
    for (size_t len = 0; len < out.len; len++) {
        struct reader r = reader_of(str_take(buf_str(&out), len));

        CHECK_EQ(keyword_list_decode(&r, &got), ERR_CORRUPT, "cut at %zu", len);
    }
    struct reader r = reader_of(buf_str(&out));
    CHECK_OK(keyword_list_decode(&r, &got), "whole");
    CHECK_EQ(keyword_bit_find(&got, STR("home")), 1u << 17, "second");
    CHECK_STR(flag_name(1u << 17, &got), STR("Home"), "as first written");
    r = reader_of(STR("\2\1a\1A"));
    CHECK_EQ(keyword_list_decode(&r, &got), ERR_CORRUPT, "twice");
    CHECK_EQ(got.count, 2, "kept");
    r = reader_of(STR("\1\5$Junk"));
    CHECK_EQ(keyword_list_decode(&r, &got), ERR_CORRUPT, "fixed");
    buf_deinit(&out);
    keyword_list_deinit(&k);
    keyword_list_deinit(&got);
}
