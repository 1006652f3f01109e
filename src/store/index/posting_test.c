/* store/index/posting_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/posting.h"
#include "testing.h"

enum { UNIVERSE_MAX = 5000 };

static uint64_t seed = 88172645463325252u;

static uint32_t any(uint32_t below)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (uint32_t)(seed >> 32) % below;
}

static void check_round(const uint32_t *numbers, uint32_t count, uint32_t universe)
{
    static uint32_t back[UNIVERSE_MAX];
    struct buf out = { 0 };
    uint32_t got;

    posting_encode(numbers, count, universe, &out);
    CHECK_EQ(posting_decode(buf_str(&out), universe, back, &got), OK, "%u of %u", count, universe);
    CHECK_EQ(got, count, "of %u", universe);
    CHECK(memcmp(back, numbers, count * sizeof *numbers) == 0, "%u of %u", count, universe);
    CHECK(out.len <= universe / 6 + 8, "%u of %u take %zu octets", count, universe, out.len);
    for (size_t cut = 0; cut < out.len; cut++)
        CHECK(posting_decode(str_take(buf_str(&out), cut), universe, back, &got) == ERR_CORRUPT,
              "%u of %u, cut at %zu", count, universe, cut);
    buf_deinit(&out);
}

TEST(sets_of_every_density_come_back)
{
    static uint32_t numbers[UNIVERSE_MAX];

    for (unsigned round = 0; round < 400; round++) {
        uint32_t universe = 1 + any(round < 200 ? 40 : UNIVERSE_MAX), percent = any(101), count = 0;

        for (uint32_t n = 0; n < universe; n++)
            if (any(100) < percent)
                numbers[count++] = n;
        check_round(numbers, count, universe);
    }
}

TEST(sets_at_the_ends_come_back)
{
    static uint32_t numbers[UNIVERSE_MAX];

    for (uint32_t n = 0; n < UNIVERSE_MAX; n++)
        numbers[n] = n;
    check_round(numbers, 0, 0);
    check_round(numbers, 0, UNIVERSE_MAX);
    check_round(numbers, UNIVERSE_MAX, UNIVERSE_MAX);
    check_round(numbers, UNIVERSE_MAX / 2, UNIVERSE_MAX);
    check_round(numbers + UNIVERSE_MAX - 1, 1, UNIVERSE_MAX);
    check_round(numbers, 1, UNIVERSE_MAX);
    check_round(numbers + 1, UNIVERSE_MAX - 1, UNIVERSE_MAX);
}

TEST(what_everything_has_costs_an_octet)
{
    static uint32_t numbers[UNIVERSE_MAX];
    struct buf out = { 0 };

    for (uint32_t n = 0; n < UNIVERSE_MAX; n++)
        numbers[n] = n;
    posting_encode(numbers, UNIVERSE_MAX, UNIVERSE_MAX, &out);
    CHECK_STR(buf_str(&out), STR("\001"), "%s", "all");
    buf_deinit(&out);
}
