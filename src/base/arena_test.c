/* base/arena_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "testing.h"

TEST(allocations_are_zeroed_aligned_and_apart)
{
    struct arena *a = arena_new(64);

    for (size_t size = 0; size < 3000; size = size * 2 + 1) {
        char *p = arena_alloc(a, size);

        CHECK_EQ((uintptr_t)p % 16, 0, "size %zu", size);
        for (size_t i = 0; i < size; i++)
            CHECK_EQ(p[i], 0, "size %zu octet %zu", size, i);
        memset(p, 0xAA, size);
    }
    arena_free(a);
}

TEST(scratch_is_rewound_and_never_the_callers)
{
    struct arena *first = scratch_other_than(NULL);
    size_t before = arena_used(first);

    {
        SCRATCH(tmp, NULL);
        struct arena *inner = scratch_other_than(tmp);

        CHECK(inner != tmp, "two arenas");
        (void)arena_alloc(tmp, 100000);
        CHECK(arena_used(tmp) > before, "used");
    }
    CHECK_EQ(arena_used(first), before, "rewound");
}

TEST(reset_keeps_one_block_and_forgets_the_rest)
{
    struct arena *a = arena_new(128);

    for (int i = 0; i < 100; i++)
        (void)arena_alloc(a, 100);
    arena_reset(a);
    CHECK_EQ(arena_used(a), 0, "after reset");
    CHECK_STR(arena_printf(a, "%d-%s", 7, "x"), STR("7-x"), "printf");
    CHECK_STR(arena_join(a, STR("ab"), STR("c")), STR("abc"), "join");
    arena_free(a);
}
