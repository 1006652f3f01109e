/* policy/schedule_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "policy/schedule.h"
#include "testing.h"

static const uint32_t waits[] = { 60, 300, 1800 };
static const struct schedule_settings settings = {
    .waits_s = waits, .wait_count = 3, .expire_s = 432000, .delay_report_s = 14400
};

TEST(waits_grow_reports_come_once_and_the_end_comes)
{
    static const struct {
        const char *name;
        struct schedule_facts facts;
        struct schedule_decision want;
    } rows[] = {
        { "first", { 1, 1000, 1000, 0, true, false }, { false, false, 1060 } },
        { "second", { 2, 1000, 1060, 0, true, false }, { false, false, 1360 } },
        { "the last wait repeats", { 9, 1000, 9000, 0, true, false }, { false, false, 10800 } },
        { "late: told", { 9, 0, 14400, 0, true, false }, { false, true, 16200 } },
        { "told before", { 9, 0, 14400, 0, true, true }, { false, false, 16200 } },
        { "not to be told", { 9, 0, 14400, 0, false, false }, { false, false, 16200 } },
        { "last chance at the expiry", { 99, 0, 431000, 0, true, true }, { false, false, 432000 } },
        { "expired", { 99, 0, 432000, 0, true, true }, { true, false, 0 } },
        { "a clock that jumped back", { 1, 5000, 1000, 0, true, false }, { false, false, 1060 } },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct schedule_decision got = schedule_after_failure(&settings, &rows[i].facts);

        CHECK_EQ(got.expired, rows[i].want.expired, "%s", rows[i].name);
        CHECK_EQ(got.report_delay, rows[i].want.report_delay, "%s", rows[i].name);
        CHECK_EQ(got.next_try, rows[i].want.next_try, "%s", rows[i].name);
    }
}

TEST(jitter_only_lengthens_and_stays_in_its_bounds)
{
    struct schedule_settings s = settings;

    s.jitter_percent = 20;
    for (uint64_t random = 0; random < 1000; random++) {
        struct schedule_facts f = {
            .attempts = 3, .arrived = 0, .now = 100, .random = random * 7919
        };
        int64_t next = schedule_after_failure(&s, &f).next_try;

        CHECK(next >= 1900 && next <= 2260, "random %d gives %d", (int)random, (int)next);
    }
}
