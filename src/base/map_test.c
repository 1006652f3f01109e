/* base/map_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"
#include "base/map.h"
#include "testing.h"

static const struct siphash_key KEY = { { 7, 11 } };

TEST(an_empty_map_holds_nothing)
{
    struct map m;
    size_t at = 0;

    map_init(&m, KEY);
    CHECK(map_find(&m, STR("alice")) == NULL, "find");
    CHECK(map_remove(&m, STR("alice")) == NULL, "remove");
    CHECK(map_next(&m, &at, NULL) == NULL, "walk");
    map_deinit(&m);
}

TEST(a_second_put_replaces_and_returns_the_first)
{
    struct map m;
    int one, two;

    map_init(&m, KEY);
    CHECK(map_put(&m, STR("alice"), &one) == NULL, "first");
    CHECK(map_put(&m, STR("alice"), &two) == &one, "second");
    CHECK(map_find(&m, STR("alice")) == &two && m.count == 1, "it is there once");
    map_deinit(&m);
}

/* A pseudo-random walk of puts and removes beside a plain array that says what must be there. */
TEST(a_long_walk_of_puts_and_removes_stays_true)
{
    enum { KEYS = 500, STEPS = 50000 };
    static char values[KEYS];
    static bool present[KEYS];
    SCRATCH(mem, NULL);
    struct str keys[KEYS];
    struct map m;
    size_t want = 0, seen = 0, at = 0;
    uint32_t seed = 1;

    map_init(&m, KEY);
    for (size_t i = 0; i < KEYS; i++)
        keys[i] = arena_printf(mem, "user%zu@crepes.fr", i);
    for (size_t step = 0; step < STEPS; step++) {
        seed = seed * 1664525 + 1013904223;
        size_t i = (seed >> 8) % KEYS;
        void *before =
            (seed >> 30) != 0 ? map_put(&m, keys[i], &values[i]) : map_remove(&m, keys[i]);

        CHECK((before != NULL) == present[i], "step %zu key %zu", step, i);
        want = want + ((seed >> 30) != 0) - present[i];
        present[i] = (seed >> 30) != 0;
        if (step % 100 == 0)
            for (size_t k = 0; k < KEYS; k++)
                CHECK(map_find(&m, keys[k]) == (present[k] ? &values[k] : NULL), "step %zu key %zu",
                      step, k);
    }
    CHECK_EQ(m.count, want, "count");
    struct str key;
    for (char *v; (v = map_next(&m, &at, &key)) != NULL; seen++)
        CHECK(present[v - values] && str_eq(key, keys[v - values]),
              "walk meets only what is there");
    CHECK_EQ(seen, want, "and all of it");
    map_deinit(&m);
    memset(present, 0, sizeof(present));
}
