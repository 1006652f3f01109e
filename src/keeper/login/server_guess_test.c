/* keeper/login/server_guess_test.c - whom failures slow down, and whom not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/login/server_guess.h"

#include "testing.h"

#define ALICE STR("alice")
#define HERE STR("192.0.2.1")

/* One attempt; its delay, or UINT64_MAX when refused. */
static uint64_t attempt(struct guesses *g, struct str from, struct str account, bool right,
                        uint64_t now)
{
    struct guess who = guess_of_attempt(g, from, account);
    uint64_t ms;

    if (!guess_begin(g, &who, now, &ms))
        return UINT64_MAX;
    guess_end(g, &who, right, now + ms);
    return ms;
}

static struct guesses *new_table(void)
{
    return guesses_new((struct siphash_key){ { 1, 2 } });
}

TEST(failures_are_free_then_wait_twice_as_long_each)
{
    static const uint64_t want[] = { 0, 0, 0, 0, 0, 500, 1000, 2000, 4000, 8000, 16000, 30000 };
    struct guesses *g = new_table();

    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        CHECK_EQ(attempt(g, HERE, ALICE, false, 1000), want[i], "attempt %zu", i);
    CHECK_EQ(attempt(g, HERE, ALICE, true, 1000), 30000, "the right one waits, too");
    CHECK_EQ(attempt(g, HERE, ALICE, false, 1000), 0, "and forgives");
    guesses_free(g);
}

TEST(who_waits_takes_a_place_and_there_are_few)
{
    struct guesses *g = new_table();
    struct guess who[5];
    uint64_t ms;

    for (int i = 0; i < 6; i++)
        (void)attempt(g, HERE, ALICE, false, 0);
    for (int i = 0; i < 5; i++) {
        who[i] = guess_of_attempt(g, HERE, ALICE);
        CHECK_EQ(guess_begin(g, &who[i], 0, &ms), i < 4, "waiting %d", i);
    }
    guess_end(g, &who[0], false, 0);
    CHECK(guess_begin(g, &who[4], 0, &ms), "a place is free");
    CHECK_EQ(attempt(g, STR("192.0.2.2"), ALICE, true, 0), 0, "from elsewhere");
    guesses_free(g);
}

TEST(many_at_once_are_not_free)
{
    struct guesses *g = new_table();
    int let = 0;

    for (int i = 0; i < 1000; i++) {
        struct guess who = guess_of_attempt(g, HERE, ALICE);
        uint64_t ms;

        let += guess_begin(g, &who, 0, &ms);
    }
    CHECK_EQ(let, 5 + 4, "begun before any has ended");
    guesses_free(g);
}

TEST(an_address_that_tries_many_accounts_is_slowed_down_alone)
{
    struct guesses *g = new_table();
    char name[16];

    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof name, "user%d", i);
        CHECK_EQ(attempt(g, HERE, str_from_z(name), false, 0), 0, "%s", name);
    }
    CHECK_EQ(attempt(g, HERE, STR("another"), false, 0), 250, "the next");
    CHECK_EQ(attempt(g, STR("192.0.2.2"), STR("another"), false, 0), 0, "its neighbour");
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "user%d", i);
        CHECK_EQ(attempt(g, STR("127.0.0.1"), str_from_z(name), false, 0), 0, "loopback");
    }
    guesses_free(g);
}

TEST(an_account_that_many_try_stays_open_for_who_knows_it)
{
    struct guesses *g = new_table();
    char from[32];

    CHECK_EQ(attempt(g, HERE, ALICE, true, 0), 0, "alice, before");
    for (int i = 0; i < 100; i++) {
        snprintf(from, sizeof from, "198.51.100.%d", i);
        CHECK(attempt(g, str_from_z(from), ALICE, false, 0) <= 4000, "slower, never refused");
    }
    CHECK_EQ(attempt(g, STR("203.0.113.1"), ALICE, true, 0), 4000, "alice, from a new place");
    CHECK_EQ(attempt(g, HERE, ALICE, true, 0), 0, "alice, from where she was");
    guesses_free(g);
}

TEST(counts_fade)
{
    struct guesses *g = new_table();

    for (int i = 0; i < 12; i++)
        (void)attempt(g, HERE, ALICE, false, 0);
    CHECK_EQ(attempt(g, HERE, ALICE, false, 0), 30000, "at once");
    CHECK_EQ(attempt(g, HERE, ALICE, false, 2 * GUESS_HALVE_MS), 0, "later");
    guesses_free(g);
}

TEST(a_network_of_ip6_is_one_address)
{
    struct guesses *g = new_table();
    char from[40];

    for (int i = 1; i <= 5; i++) {
        snprintf(from, sizeof from, "2001:db8:1:2:%x::1", i);
        CHECK_EQ(attempt(g, str_from_z(from), ALICE, false, 0), 0, "%s", from);
    }
    CHECK_EQ(attempt(g, STR("2001:db8:1:2:3:4:5:6"), ALICE, false, 0), 500, "the same network");
    CHECK_EQ(attempt(g, STR("2001:db8:1:3::1"), ALICE, false, 0), 0, "the next network");
    guesses_free(g);
}

TEST(a_full_table_forgets_who_failed_least)
{
    struct guesses *g = new_table();
    char name[32];

    for (int i = 0; i < 12; i++)
        (void)attempt(g, HERE, ALICE, false, 0);
    for (int i = 0; i < 3 * GUESS_SLOTS; i++) {
        snprintf(name, sizeof name, "n%d", i);
        (void)attempt(g, STR("127.0.0.1"), str_from_z(name), false, 0);
    }
    CHECK_EQ(attempt(g, HERE, ALICE, false, 0), 30000, "alice is still guarded");
    guesses_free(g);
}
