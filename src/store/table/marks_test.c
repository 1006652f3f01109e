/* store/table/marks_test.c - blocks of marks: their octets, and every UID against a plain array. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/marks.h"
#include "testing.h"

static struct marks_run room[MARKS_BLOCK_UIDS], other[MARKS_BLOCK_UIDS];

/* UIDs 1:2 and 5 (3 and 4 are gone) the same, 9 another. */
static struct marks example(void)
{
    struct marks m = { .at = room };

    marks_add(&m, 1, 1, 2, 300);
    marks_add(&m, 2, 2, 2, 300);
    marks_add(&m, 3, 5, 2, 300);
    marks_add(&m, 9, 9, 3, 300);
    return m;
}

TEST(the_octets_are_those_of_the_format)
{
    struct marks m = example();
    struct buf b = { 0 };

    marks_encode(&m, &b);
    CHECK_STR(buf_str(&b), STR("\1\2\1\4\2\xac\2\3\0\3\xac\2"), "two runs");
    buf_deinit(&b);
}

TEST(cut_off_or_longer_octets_are_refused)
{
    struct marks m = example(), got = { .at = other };
    struct buf b = { 0 };

    marks_encode(&m, &b);
    for (size_t cut = 0; cut < b.len; cut++)
        CHECK_EQ(marks_decode(str_take(buf_str(&b), cut), &got), ERR_CORRUPT, "cut at %zu", cut);
    CHECK_OK(marks_decode(buf_str(&b), &got), "whole");
    put_u8(&b, 0);
    CHECK_EQ(marks_decode(buf_str(&b), &got), ERR_CORRUPT, "an octet more");
    buf_deinit(&b);
}

TEST(what_no_writer_writes_is_refused)
{
    static const struct {
        const char *name;
        struct str in;
    } rows[] = {
        { "another version", STR_INIT("\2\1\1\0\0\1") },
        { "no runs", STR_INIT("\1\0") },
        { "more runs than UIDs", STR_INIT("\1\x81\x08") },
        { "UID 0", STR_INIT("\1\1\0\0\0\1") },
        { "modseq 0", STR_INIT("\1\1\1\0\0\0") },
        { "past the block", STR_INIT("\1\1\1\xff\x07\0\1") },
        { "far past the block", STR_INIT("\1\1\xff\xff\xff\xff\xff\xff\xff\xff\xff\1\0\0\1") },
        { "two runs that are one", STR_INIT("\1\2\1\0\0\1\0\0\0\1") },
    };
    struct marks got = { .at = other };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_EQ(marks_decode(rows[i].in, &got), ERR_CORRUPT, "%s", rows[i].name);
}

/* Random messages with random marks, written and read: each has the flags that it was given. */
TEST(every_uid_finds_its_mark)
{
    uint32_t seed = 7;

    for (uint32_t round = 0; round < 200; round++) {
        struct marks m = { .at = room, .block = round % 3 }, got = { .at = other };
        uint64_t flags[MARKS_BLOCK_UIDS] = { 0 };
        uint32_t base = m.block << MARKS_BLOCK_BITS, gap = base;
        struct buf b = { 0 };

        got.block = m.block;
        for (uint32_t i = 1; i < MARKS_BLOCK_UIDS; i++) {
            seed = seed * 1664525 + 1013904223;
            if (seed >> 24 < 80)
                continue; /* gone */
            if (seed >> 24 < 100) {
                gap = base + i + 1; /* there, without a mark */
                continue;
            }
            flags[i] = 1 + (seed >> 16) % (1 + round % 4);
            marks_add(&m, gap, base + i, flags[i], 9);
            gap = base + i + 1;
        }
        marks_encode(&m, &b);
        CHECK_OK(marks_decode(buf_str(&b), &got), "round %u", round);
        for (uint32_t i = 1; i < MARKS_BLOCK_UIDS; i++) {
            const struct marks_run *k = marks_find(&got, base + i);

            if (flags[i] != 0)
                CHECK(k != NULL && k->flags == flags[i] && k->modseq == 9, "round %u, UID %u",
                      round, base + i);
        }
        buf_deinit(&b);
    }
}
