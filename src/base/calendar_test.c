/* base/calendar_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"
#include "testing.h"

static const struct {
    int64_t epoch;
    struct calendar fields;
} cases[] = {
    { 0, { 1970, 1, 1, 0, 0, 0, 4 } },
    { -1, { 1969, 12, 31, 23, 59, 59, 3 } },
    { 951782400, { 2000, 2, 29, 0, 0, 0, 2 } },
    { 1077926399, { 2004, 2, 27, 23, 59, 59, 5 } },
    { 1234567890, { 2009, 2, 13, 23, 31, 30, 5 } },
    { 2147483647, { 2038, 1, 19, 3, 14, 7, 2 } },
    { 4107542400, { 2100, 3, 1, 0, 0, 0, 1 } },
    { -2208988800, { 1900, 1, 1, 0, 0, 0, 1 } },
    { -62135596800, { 1, 1, 1, 0, 0, 0, 1 } },
    { -62167219200, { 0, 1, 1, 0, 0, 0, 6 } },
    { 253402300799, { 9999, 12, 31, 23, 59, 59, 5 } },
};

static void check_same(struct calendar got, struct calendar want, size_t row)
{
    CHECK_EQ(got.year, want.year, "row %zu", row);
    CHECK_EQ(got.month, want.month, "row %zu", row);
    CHECK_EQ(got.day, want.day, "row %zu", row);
    CHECK_EQ(got.hour, want.hour, "row %zu", row);
    CHECK_EQ(got.minute, want.minute, "row %zu", row);
    CHECK_EQ(got.second, want.second, "row %zu", row);
    CHECK_EQ(got.weekday, want.weekday, "row %zu", row);
}

TEST(known_instants_have_known_fields_and_back)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        CHECK(calendar_valid(&cases[i].fields), "row %zu", i);
        check_same(calendar_of(cases[i].epoch), cases[i].fields, i);
        CHECK_EQ(calendar_epoch(&cases[i].fields), cases[i].epoch, "row %zu", i);
    }
}

TEST(every_day_of_twelve_centuries_follows_the_one_before)
{
    struct calendar want = { 1500, 1, 1, 0, 0, 0, 0 };
    int64_t day = calendar_days(want.year, want.month, want.day);

    want.weekday = calendar_weekday(day);
    while (want.year < 2700) {
        CHECK_EQ(calendar_days(want.year, want.month, want.day), day, "%d-%d-%d", want.year,
                 want.month, want.day);
        check_same(calendar_of(day * CALENDAR_DAY_SECONDS), want, (size_t)want.year);
        day++;
        want.weekday = (uint8_t)((want.weekday + 1) % 7);
        if (want.day++ < calendar_month_days(want.year, want.month))
            continue;
        want.day = 1;
        if (want.month++ < 12)
            continue;
        want.month = 1;
        want.year++;
    }
}

TEST(days_and_times_that_are_not_are_invalid)
{
    static const struct calendar bad[] = {
        { 2023, 2, 29, 0, 0, 0, 0 }, { 1900, 2, 29, 0, 0, 0, 0 },  { 2023, 4, 31, 0, 0, 0, 0 },
        { 2023, 0, 1, 0, 0, 0, 0 },  { 2023, 13, 1, 0, 0, 0, 0 },  { 2023, 1, 0, 0, 0, 0, 0 },
        { 2023, 1, 1, 24, 0, 0, 0 }, { 2023, 1, 1, 0, 60, 0, 0 },  { 2023, 1, 1, 0, 0, 61, 0 },
        { 10000, 1, 1, 0, 0, 0, 0 }, { -10000, 1, 1, 0, 0, 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK(!calendar_valid(&bad[i]), "row %zu", i);
}

TEST(a_leap_second_is_the_first_of_the_next_minute)
{
    struct calendar leap = { 2016, 12, 31, 23, 59, 60, 0 };

    CHECK(calendar_valid(&leap), "it exists");
    CHECK_EQ(calendar_of(calendar_epoch(&leap)).year, 2017, "and is the next year");
}

TEST(seconds_out_of_range_become_the_nearest_in_range)
{
    CHECK_EQ(calendar_of(INT64_MAX).year, CALENDAR_YEAR_MAX, "far future");
    CHECK_EQ(calendar_of(INT64_MAX).day, 31, "its last day");
    CHECK_EQ(calendar_of(INT64_MIN).year, CALENDAR_YEAR_MIN, "far past");
    CHECK_EQ(calendar_of(INT64_MIN).second, 0, "its first second");
}

TEST(months_and_weekdays_have_the_names_of_mail)
{
    CHECK_STR(calendar_weekday_name(0), STR("Sun"), "first");
    CHECK_STR(calendar_weekday_name(6), STR("Sat"), "last");
    CHECK_STR(calendar_weekday_name(7), STR(""), "none");
    CHECK_STR(calendar_month_name(1), STR("Jan"), "first");
    CHECK_STR(calendar_month_name(12), STR("Dec"), "last");
    CHECK_STR(calendar_month_name(0), STR(""), "none");
    for (uint8_t m = 1; m <= 12; m++)
        CHECK_EQ(calendar_month_number(calendar_month_name(m)), m, "month %d", m);
    CHECK_EQ(calendar_month_number(STR("SEP")), 9, "any case");
    CHECK_EQ(calendar_month_number(STR("Sept")), 0, "not so");
}
