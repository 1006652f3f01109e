/* proto/imap/parse/imap_date.c - the two dates of IMAP. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/parse/imap_date.h"

#include "base/calendar.h"

/* Exactly `count` digits, or -1. */
static int fixed_digits(struct scan *s, size_t count)
{
    int value = 0;

    for (size_t i = 0; i < count; i++) {
        if (s->rest.len <= i || !ascii_is_digit(s->rest.at[i])) {
            scan_fail(s, "Bad date");
            return -1;
        }
        value = value * 10 + (s->rest.at[i] - '0');
    }
    s->rest = str_skip(s->rest, count);
    return value;
}

/* "-" date-month "-" date-year, behind a day that was read already. */
static int64_t rest_of_date(struct scan *s, int day)
{
    scan_char(s, '-');

    uint8_t month = calendar_month_number(str_take(s->rest, 3));
    if (month == 0) {
        scan_fail(s, "Bad date");
        return 0;
    }
    s->rest = str_skip(s->rest, 3);
    scan_char(s, '-');

    int year = fixed_digits(s, 4);
    if (!scan_ok(s) || day < 1 || day > calendar_month_days(year, month)) {
        scan_fail(s, "Bad date");
        return 0;
    }
    return calendar_days(year, month, (uint8_t)day);
}

/* date = date-text / DQUOTE date-text DQUOTE; date-day = 1*2DIGIT. */
int64_t scan_date(struct scan *s)
{
    bool quoted = scan_try(s, '"');
    bool two = s->rest.len >= 2 && ascii_is_digit(s->rest.at[1]);
    int day = fixed_digits(s, two ? 2 : 1);
    int64_t days = rest_of_date(s, day);

    if (quoted)
        scan_char(s, '"');
    return days;
}

/* zone = ("+" / "-") 4DIGIT, in minutes east. */
static int zone(struct scan *s)
{
    bool west = scan_try(s, '-');

    if (!west)
        scan_char(s, '+');
    int hour = fixed_digits(s, 2), minute = fixed_digits(s, 2);
    if (hour > 23 || minute > 59)
        scan_fail(s, "Bad time zone");
    return (west ? -1 : 1) * (hour * 60 + minute);
}

/* date-time = DQUOTE date-day-fixed "-" date-month "-" date-year SP time SP zone DQUOTE. A leap
 * second (60) is the first second of the next minute. */
int64_t scan_date_time(struct scan *s, int *ret_zone_min)
{
    scan_char(s, '"');

    bool one = scan_try(s, ' ');
    int day = fixed_digits(s, one ? 1 : 2);
    int64_t days = rest_of_date(s, day);
    scan_space(s);
    int hour = fixed_digits(s, 2);
    scan_char(s, ':');
    int minute = fixed_digits(s, 2);
    scan_char(s, ':');
    int second = fixed_digits(s, 2);
    scan_space(s);
    int east = zone(s);
    scan_char(s, '"');
    if (hour > 23 || minute > 59 || second > 60)
        scan_fail(s, "Bad time");
    if (!scan_ok(s))
        return 0;

    *ret_zone_min = east;
    return days * CALENDAR_DAY_SECONDS + hour * 3600 + minute * 60 + second - (int64_t)east * 60;
}

static void put_two(char *at, int value, char pad)
{
    at[0] = (char)(value < 10 ? pad : '0' + value / 10);
    at[1] = (char)('0' + value % 10);
}

void imap_date_format(struct buf *out, int64_t unix_s, int zone_min)
{
    struct calendar c = calendar_of(unix_s + (int64_t)zone_min * 60);
    int east = zone_min < 0 ? -zone_min : zone_min;
    char text[DATE_TIME_BYTES];

    if (c.year < 0) /* the grammar has four digits and no sign; no message is that old */
        c.year = 0;
    memcpy(text, "\"dd-mmm-yyyy hh:mm:ss +hhmm\"", DATE_TIME_BYTES);
    put_two(text + 1, c.day, ' ');
    memcpy(text + 4, calendar_month_name(c.month).at, 3);
    put_two(text + 8, c.year / 100, '0');
    put_two(text + 10, c.year % 100, '0');
    put_two(text + 13, c.hour, '0');
    put_two(text + 16, c.minute, '0');
    put_two(text + 19, c.second, '0');
    text[22] = zone_min < 0 ? '-' : '+';
    put_two(text + 23, east / 60 % 100, '0');
    put_two(text + 25, east % 60, '0');
    buf_add(out, str_from(text, DATE_TIME_BYTES));
}
