/* base/calendar.c - the Gregorian calendar in whole numbers.
 *
 * Years are counted from March, so that the leap day is the last day of a year and the months
 * follow a regular pattern; 400 such years always have 146,097 days. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"

enum {
    ERA_YEARS = 400,
    ERA_DAYS = 146097,
    YEAR_DAYS = 365,
    FOUR_YEARS_DAYS = 1461, /* the days of four years, one of them leap  */
    CENTURY_DAYS = 36524,   /* the days of a hundred years without the last leap day */
    DAYS_0000_03_01_TO_1970 = 719468
};

static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char weekday_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

/* Quotient rounded towards minus infinity, for dates before the epoch. */
static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

bool calendar_is_leap(int32_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

uint8_t calendar_month_days(int32_t year, uint8_t month)
{
    static const uint8_t days[13] = { 0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    if (month > 12)
        return 0;
    return month == 2 && calendar_is_leap(year) ? 29 : days[month];
}

bool calendar_valid(const struct calendar *c)
{
    return c->year >= CALENDAR_YEAR_MIN && c->year <= CALENDAR_YEAR_MAX && c->month >= 1 &&
           c->month <= 12 && c->day >= 1 && c->day <= calendar_month_days(c->year, c->month) &&
           c->hour <= 23 && c->minute <= 59 && c->second <= 60;
}

int64_t calendar_days(int32_t year, uint8_t month, uint8_t day)
{
    int64_t march_year = (int64_t)year - (month <= 2);
    int64_t era = floor_div(march_year, ERA_YEARS);
    int64_t year_of_era = march_year - era * ERA_YEARS;
    int64_t month_of_year = (month + 9) % 12; /* March is 0 */
    int64_t day_of_year = (153 * month_of_year + 2) / 5 + day - 1;
    int64_t leap_days = year_of_era / 4 - year_of_era / 100;

    return era * ERA_DAYS + year_of_era * YEAR_DAYS + leap_days + day_of_year -
           DAYS_0000_03_01_TO_1970;
}

uint8_t calendar_weekday(int64_t days)
{
    int64_t week = floor_div(days + 4, 7); /* 1970-01-01 was a Thursday */

    return (uint8_t)(days + 4 - week * 7);
}

int64_t calendar_epoch(const struct calendar *c)
{
    return calendar_days(c->year, c->month, c->day) * CALENDAR_DAY_SECONDS + c->hour * 3600 +
           c->minute * 60 + c->second;
}

static struct calendar date_of_days(int64_t days)
{
    int64_t shifted = days + DAYS_0000_03_01_TO_1970;
    int64_t era = floor_div(shifted, ERA_DAYS);
    int64_t day_of_era = shifted - era * ERA_DAYS;
    /* Taking out the leap days that lie before this one leaves years of equal length. */
    int64_t leap_days = day_of_era / (FOUR_YEARS_DAYS - 1) - day_of_era / CENTURY_DAYS +
                        day_of_era / (ERA_DAYS - 1);
    int64_t year_of_era = (day_of_era - leap_days) / YEAR_DAYS;
    int64_t day_of_year =
        day_of_era - (YEAR_DAYS * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_of_year = (5 * day_of_year + 2) / 153;
    int64_t month = month_of_year < 10 ? month_of_year + 3 : month_of_year - 9;

    return (struct calendar){
        .year = (int32_t)(year_of_era + era * ERA_YEARS + (month <= 2)),
        .month = (uint8_t)month,
        .day = (uint8_t)(day_of_year - (153 * month_of_year + 2) / 5 + 1),
        .weekday = calendar_weekday(days),
    };
}

struct calendar calendar_of(int64_t epoch_seconds)
{
    int64_t min = calendar_days(CALENDAR_YEAR_MIN, 1, 1) * CALENDAR_DAY_SECONDS;
    int64_t max = calendar_days(CALENDAR_YEAR_MAX + 1, 1, 1) * CALENDAR_DAY_SECONDS - 1;
    int64_t seconds = MIN(MAX(epoch_seconds, min), max);
    int64_t days = floor_div(seconds, CALENDAR_DAY_SECONDS);
    int64_t of_day = seconds - days * CALENDAR_DAY_SECONDS;
    struct calendar c = date_of_days(days);

    c.hour = (uint8_t)(of_day / 3600);
    c.minute = (uint8_t)(of_day / 60 % 60);
    c.second = (uint8_t)(of_day % 60);
    return c;
}

struct str calendar_weekday_name(uint8_t weekday)
{
    return weekday < 7 ? str_from(weekday_names[weekday], 3) : STR_EMPTY;
}

struct str calendar_month_name(uint8_t month)
{
    return month >= 1 && month <= 12 ? str_from(month_names[month - 1], 3) : STR_EMPTY;
}

uint8_t calendar_month_number(struct str name)
{
    for (uint8_t i = 0; i < 12; i++)
        if (str_eq_nocase(name, str_from(month_names[i], 3)))
            return (uint8_t)(i + 1);
    return 0;
}
