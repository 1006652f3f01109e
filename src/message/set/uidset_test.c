/* message/set/uidset_test.c - every operation against a plain table of booleans. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/uidset.h"

#include "testing.h"

enum { RANGES_MAX = 100, WORLD = 40 };

static const struct {
    const char *name;
    struct str in;
    uint32_t star;
    enum err want;
    struct str out;
} texts[] = {
    { "one", STR_INIT("1"), 9, OK, STR_INIT("1") },
    { "example of the RFC", STR_INIT("2,4:7,9,12:*"), 15, OK, STR_INIT("2,4:7,9,12:15") },
    { "star below", STR_INIT("12:*"), 5, OK, STR_INIT("5:12") },
    { "star alone", STR_INIT("*"), 5, OK, STR_INIT("5") },
    { "star in an empty mailbox", STR_INIT("*,3,1:*"), 0, OK, STR_INIT("3") },
    { "star first", STR_INIT("*:4,5:7"), 10, OK, STR_INIT("4:10") },
    { "backwards", STR_INIT("9:4"), 1, OK, STR_INIT("4:9") },
    { "any order", STR_INIT("9,7,8,1,3:4,2"), 1, OK, STR_INIT("1:4,7:9") },
    { "overlap", STR_INIT("1:10,3:4,9:12"), 1, OK, STR_INIT("1:12") },
    { "the largest", STR_INIT("4294967295,4294967293:4294967294"), 1, OK,
      STR_INIT("4294967293:4294967295") },
    { "too large", STR_INIT("4294967296"), 1, ERR_SYNTAX, STR_INIT("") },
    { "zero", STR_INIT("0"), 1, ERR_SYNTAX, STR_INIT("") },
    { "leading zero", STR_INIT("01"), 1, ERR_SYNTAX, STR_INIT("") },
    { "empty", STR_INIT(""), 1, ERR_SYNTAX, STR_INIT("") },
    { "empty item", STR_INIT("1,,2"), 1, ERR_SYNTAX, STR_INIT("") },
    { "comma last", STR_INIT("1,"), 1, ERR_SYNTAX, STR_INIT("") },
    { "half a range", STR_INIT("1:"), 1, ERR_SYNTAX, STR_INIT("") },
    { "two colons", STR_INIT("1:2:3"), 1, ERR_SYNTAX, STR_INIT("") },
    { "blank", STR_INIT("1, 2"), 1, ERR_SYNTAX, STR_INIT("") },
    { "minus", STR_INIT("-1"), 1, ERR_SYNTAX, STR_INIT("") },
};

TEST(text_is_read_and_written)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct uidset s = { 0 };
        struct buf out = { 0 };

        CHECK_EQ(uidset_parse(texts[i].in, texts[i].star, RANGES_MAX, &s), texts[i].want, "%s",
                 texts[i].name);
        uidset_format(&s, &out);
        CHECK_STR(buf_str(&out), texts[i].out, "%s", texts[i].name);
        buf_deinit(&out);
        uidset_deinit(&s);
    }
}

TEST(a_refused_text_changes_nothing)
{
    struct uidset s = { 0 };

    uidset_add_range(&s, 3, 5);
    CHECK_EQ(uidset_parse(STR("1,2,x"), 9, RANGES_MAX, &s), ERR_SYNTAX, "letter");
    CHECK_EQ(uidset_parse(STR("1,2,3"), 9, 2, &s), ERR_LIMIT, "three items of two");
    CHECK_EQ(uidset_count(&s), 3, "kept");
    CHECK_OK(uidset_parse(STR("1,9"), 9, 2, &s), "two items of two");
    CHECK_EQ(uidset_count(&s), 2, "replaced");
    uidset_deinit(&s);
}

TEST(every_truncation_of_a_text_is_safe)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (size_t len = 0; len < texts[i].in.len; len++) {
            struct uidset s = { 0 };
            char *exact = malloc(len + 1);

            memcpy(exact, texts[i].in.at, len);
            if (uidset_parse(str_from(exact, len), 7, RANGES_MAX, &s) != OK)
                CHECK(uidset_empty(&s), "%s cut at %zu", texts[i].name, len);
            free(exact);
            uidset_deinit(&s);
        }
}

/* A small deterministic generator, so that a failure can be repeated. */
static uint32_t next_random(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static void check_same(const struct uidset *s, const bool *table, uint32_t round)
{
    uint32_t count = 0;
    struct uidset_iter it = uidset_iterate(s);
    uint32_t uid;

    for (uint32_t u = 1; u <= WORLD; u++) {
        CHECK_EQ(uidset_contains(s, u), table[u], "round %u, uid %u", round, u);
        CHECK_EQ(uidset_rank(s, u), count, "round %u, uid %u", round, u);
        if (!table[u])
            continue;
        CHECK_EQ(uidset_nth(s, count), u, "round %u, index %u", round, count);
        CHECK(uidset_next(&it, &uid) && uid == u, "round %u, uid %u", round, u);
        count++;
    }
    CHECK(!uidset_next(&it, &uid), "round %u", round);
    CHECK_EQ(uidset_count(s), count, "round %u", round);
    CHECK_EQ(uidset_nth(s, count), 0, "round %u", round);
    for (uint32_t i = 1; i < s->len; i++)
        CHECK(s->at[i].first > s->at[i - 1].last + 1, "round %u: ranges touch", round);
}

static void fill(struct uidset *s, bool *table, uint32_t *state)
{
    for (uint32_t step = 0; step < 12; step++) {
        uint32_t first = 1 + next_random(state) % WORLD;
        uint32_t width = next_random(state) % 7;
        uint32_t last = MIN(first + width, (uint32_t)WORLD);
        bool add = next_random(state) % 3 != 0;

        if (add)
            uidset_add_range(s, first, last);
        else
            uidset_remove_range(s, first, last);
        for (uint32_t u = first; u <= last; u++)
            table[u] = add;
    }
}

TEST(changes_agree_with_a_plain_table)
{
    uint32_t state = 1;

    for (uint32_t round = 0; round < 500; round++) {
        struct uidset s = { 0 };
        bool table[WORLD + 1] = { false };

        fill(&s, table, &state);
        check_same(&s, table, round);
        uidset_deinit(&s);
    }
}

TEST(set_algebra_agrees_with_a_plain_table)
{
    uint32_t state = 7;

    for (uint32_t round = 0; round < 500; round++) {
        struct uidset a = { 0 }, b = { 0 }, c = { 0 };
        bool in_a[WORLD + 1] = { false }, in_b[WORLD + 1] = { false }, want[WORLD + 1] = { false };

        fill(&a, in_a, &state);
        fill(&b, in_b, &state);
        for (int op = 0; op < 3; op++) {
            uidset_copy(&c, &a);
            (op == 0 ? uidset_union : op == 1 ? uidset_intersect : uidset_subtract)(&c, &b);
            for (uint32_t u = 1; u <= WORLD; u++)
                want[u] = op == 0   ? in_a[u] || in_b[u]
                          : op == 1 ? in_a[u] && in_b[u]
                                    : in_a[u] && !in_b[u];
            check_same(&c, want, round);
        }
        uidset_deinit(&a);
        uidset_deinit(&b);
        uidset_deinit(&c);
    }
}

TEST(a_set_may_meet_itself)
{
    struct uidset s = { 0 };

    CHECK_OK(uidset_parse(STR("1:3,7"), 1, RANGES_MAX, &s), "parse");
    uidset_union(&s, &s);
    uidset_intersect(&s, &s);
    CHECK_EQ(uidset_count(&s), 4, "same");
    uidset_subtract(&s, &s);
    CHECK(uidset_empty(&s), "nothing left");
    uidset_remove_range(&s, 1, 5);
    CHECK_EQ(uidset_last(&s) + uidset_first(&s) + uidset_at_or_after(&s, 1), 0, "empty");
    uidset_deinit(&s);
}

TEST(sequence_numbers_and_uids_translate)
{
    struct uidset view = { 0 }, asked = { 0 }, got = { 0 };
    struct buf out = { 0 };

    CHECK_OK(uidset_parse(STR("10:12,20,30:35"), 1, RANGES_MAX, &view), "view");
    CHECK_OK(uidset_parse(STR("2:5,9:99"), 1, RANGES_MAX, &asked), "seqs");
    uidset_from_seqs(&view, &asked, &got);
    uidset_format(&got, &out);
    CHECK_STR(buf_str(&out), STR("11:12,20,30,34:35"), "seqs to uids");
    uidset_to_seqs(&view, &got, &got);
    buf_clear(&out);
    uidset_format(&got, &out);
    CHECK_STR(buf_str(&out), STR("2:5,9:10"), "uids to seqs");
    CHECK_OK(uidset_parse(STR("1:9,13:19,36:*"), UINT32_MAX, RANGES_MAX, &asked), "holes");
    uidset_to_seqs(&view, &asked, &got);
    CHECK(uidset_empty(&got), "no such UIDs");
    buf_deinit(&out);
    uidset_deinit(&view);
    uidset_deinit(&asked);
    uidset_deinit(&got);
}

TEST(the_end_of_the_number_space_is_safe)
{
    struct uidset s = { 0 }, other = { 0 };
    struct uidset_iter it;
    uint32_t uid = 0, seen = 0;

    uidset_add_range(&s, 1, UINT32_MAX);
    CHECK_EQ(uidset_count(&s), UINT32_MAX, "all");
    CHECK_EQ(uidset_nth(&s, UINT32_MAX - 1), UINT32_MAX, "last");
    uidset_remove_range(&s, 3, UINT32_MAX - 1);
    uidset_add(&other, UINT32_MAX);
    for (it = uidset_iterate(&s); uidset_next(&it, &uid);)
        seen++;
    CHECK_EQ(seen, 3, "1, 2 and the largest");
    uidset_subtract(&s, &other);
    CHECK_EQ(uidset_last(&s), 2, "largest gone");
    uidset_remove_range(&s, 1, UINT32_MAX);
    CHECK(uidset_empty(&s), "none");
    uidset_deinit(&s);
    uidset_deinit(&other);
}

TEST(octets_are_read_back_and_every_cut_is_refused)
{
    struct uidset s = { 0 }, got = { 0 };
    struct buf out = { 0 };

    CHECK_OK(uidset_parse(STR("1:3,7,300:4294967295"), 1, RANGES_MAX, &s), "parse");
    uidset_encode(&s, &out);
    for (size_t len = 0; len < out.len; len++) {
        struct reader r = reader_of(str_take(buf_str(&out), len));

        CHECK_EQ(uidset_decode(&r, RANGES_MAX, &got), ERR_CORRUPT, "cut at %zu", len);
        CHECK(r.bad, "cut at %zu", len);
    }
    struct reader r = reader_of(buf_str(&out));
    CHECK_OK(uidset_decode(&r, RANGES_MAX, &got), "whole");
    CHECK(reader_done(&r) && uidset_equal(&s, &got), "same");
    r = reader_of(buf_str(&out));
    CHECK_EQ(uidset_decode(&r, 2, &got), ERR_LIMIT, "three ranges of two");
    buf_deinit(&out);
    uidset_deinit(&s);
    uidset_deinit(&got);
}

static const struct {
    const char *name;
    struct str octets;
} bad_octets[] = {
    { "zero is no element", STR_INIT("\1\0\0") },
    { "ranges touch", STR_INIT("\2\1\0\1\0") },
    { "past the largest", STR_INIT("\1\377\377\377\377\17\1") },
    { "count without ranges", STR_INIT("\11\1\0") },
    { "number over 32 bits", STR_INIT("\1\377\377\377\377\37\0") },
};

TEST(other_octets_are_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(bad_octets); i++) {
        struct uidset got = { 0 };
        struct reader r = reader_of(bad_octets[i].octets);

        CHECK_EQ(uidset_decode(&r, RANGES_MAX, &got), ERR_CORRUPT, "%s", bad_octets[i].name);
        uidset_deinit(&got);
    }
}
