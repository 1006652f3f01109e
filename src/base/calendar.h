/* base/calendar.h - days, dates and seconds.
 *
 * Pure: no clock, no time zone database, no locale. The proleptic Gregorian calendar, UTC, without
 * leap seconds (a second 60 is the first of the next minute). Epoch seconds count from
 * 1970-01-01T00:00:00Z and may be negative; years run from -9999 to 9999.
 * Tests: calendar_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_CALENDAR_H
#define POSTERN_BASE_CALENDAR_H

#include "base/str.h"

enum { CALENDAR_YEAR_MIN = -9999, CALENDAR_YEAR_MAX = 9999, CALENDAR_DAY_SECONDS = 86400 };

struct calendar {
    int32_t year;
    uint8_t month;   /* 1 to 12 */
    uint8_t day;     /* 1 to 31 */
    uint8_t hour;    /* 0 to 23 */
    uint8_t minute;  /* 0 to 59 */
    uint8_t second;  /* 0 to 60 */
    uint8_t weekday; /* 0 is Sunday; written by calendar_of, ignored when read */
};

bool calendar_is_leap(int32_t year);
uint8_t calendar_month_days(int32_t year, uint8_t month); /* 0 for a month that there is not */

/* True when every field is in its range and the day exists in its month. */
bool calendar_valid(const struct calendar *c);

/* Days since 1970-01-01. The fields must be valid. */
int64_t calendar_days(int32_t year, uint8_t month, uint8_t day);
uint8_t calendar_weekday(int64_t days);

/* Epoch seconds of valid fields, and the fields of epoch seconds. Seconds outside the years above
 * are taken as the nearest that is inside. */
int64_t calendar_epoch(const struct calendar *c);
struct calendar calendar_of(int64_t epoch_seconds);

/* "Mon" and "Jan", as mail dates spell them (RFC 5322 3.3); empty for a number out of range. */
struct str calendar_weekday_name(uint8_t weekday);
struct str calendar_month_name(uint8_t month);
uint8_t calendar_month_number(struct str name); /* any case; 0 when it is no month */

#endif
