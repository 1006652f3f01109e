/* message/text/date.c - a date is a handful of tokens; each is known by its looks.
 *
 * Instead of one order of tokens, every token is put where it fits: a word that is a month, a
 * number with colons, a number before or after the month, a zone. That reads RFC 5322, RFC 822,
 * asctime and their many misspellings by the same few lines. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/date.h"

#include "base/calendar.h"

enum { TOKENS_MAX = 40, HOUR_MIN = 60 };

/* What has been found so far; negative numbers are not yet known. */
struct draft {
    int32_t year;
    int month, day, hour, minute, second;
    bool has_zone;
    struct mail_date date;
};

/* RFC 5322 4.3 and RFC 822 5.1; what is not here has an unknown zone. */
static const struct {
    struct str name;
    int16_t minutes;
} zones[] = {
    { STR_INIT("UT"), 0 },     { STR_INIT("GMT"), 0 },    { STR_INIT("UTC"), 0 },
    { STR_INIT("EST"), -300 }, { STR_INIT("EDT"), -240 }, { STR_INIT("CST"), -360 },
    { STR_INIT("CDT"), -300 }, { STR_INIT("MST"), -420 }, { STR_INIT("MDT"), -360 },
    { STR_INIT("PST"), -480 }, { STR_INIT("PDT"), -420 }, { STR_INIT("Z"), 0 },
};

static struct str skip_comment(struct str s)
{
    size_t depth = 0;

    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '\\')
            i++;
        else if (s.at[i] == '(')
            depth++;
        else if (s.at[i] == ')' && --depth == 0)
            return str_skip(s, i + 1);
    }
    return str_skip(s, s.len);
}

static bool is_token_char(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == ':';
}

/* The next token: letters, digits and colons, with a sign in front when it may be a zone. *ret_sign
 * is '+', '-' or 0. */
static bool next_token(struct str *s, struct str *ret, char *ret_sign)
{
    *ret_sign = '\0';
    while (s->len > 0 && !is_token_char(s->at[0])) {
        if (s->at[0] == '(') {
            *s = skip_comment(*s);
            *ret_sign = '\0';
            continue;
        }
        *ret_sign = s->at[0] == '+' || s->at[0] == '-' ? s->at[0] : '\0';
        *s = str_skip(*s, 1);
    }
    size_t len = 0;
    while (len < s->len && is_token_char(s->at[len]))
        len++;
    *ret = str_take(*s, len);
    *s = str_skip(*s, len);
    return len > 0;
}

/* hh:mm or hh:mm:ss, one or two digits each. */
static bool take_time(struct str token, struct draft *d)
{
    uint64_t hour, minute, second = 0;
    struct str rest = token;

    if (!str_to_u64(str_split(&rest, ':'), 23, &hour) ||
        !str_to_u64(str_split(&rest, ':'), 59, &minute))
        return false;
    if (rest.len > 0 && !str_to_u64(rest, 60, &second))
        return false;
    d->hour = (int)hour;
    d->minute = (int)minute;
    d->second = (int)second;
    return true;
}

/* Digits of a numeric zone, hhmm, hh:mm or h. */
static bool take_numeric_zone(struct str token, char sign, struct draft *d)
{
    size_t colon = str_find_char(token, ':');
    uint64_t hours, minutes = 0;
    struct str hour_part = colon != STR_NOT_FOUND ? str_take(token, colon)
                           : token.len <= 2       ? token
                                                  : str_take(token, token.len - 2);
    struct str minute_part = str_skip(token, colon != STR_NOT_FOUND ? colon + 1 : hour_part.len);

    if (!str_to_u64(hour_part, 99, &hours) ||
        (minute_part.len > 0 && !str_to_u64(minute_part, 59, &minutes)))
        return false;

    int total = (int)(hours * HOUR_MIN + minutes);
    d->has_zone = true;
    d->date.zone_known = !(sign == '-' && total == 0);
    d->date.zone_min = (int16_t)(sign == '-' ? -total : total);
    return true;
}

static void take_zone_name(struct str token, struct draft *d)
{
    for (size_t i = 0; i < ARRAY_LEN(zones); i++)
        if (str_eq_nocase(token, zones[i].name)) {
            d->has_zone = true;
            d->date.zone_known = true;
            d->date.zone_min = zones[i].minutes;
            return;
        }
    /* Military letters were defined with the wrong sign, so they say nothing (RFC 5322 4.3). */
    d->has_zone = true;
}

static bool take_word(struct str token, struct draft *d)
{
    uint8_t month = calendar_month_number(str_take(token, 3));

    if (d->month < 0 && month != 0)
        d->month = month;
    else if (d->hour >= 0 && !d->has_zone)
        take_zone_name(token, d);
    /* Any other word is the name of the day, or noise. */
    return true;
}

/* RFC 5322 4.3: two digits below 50 are 20xx, others 19xx; three digits count from 1900. */
static void take_year(uint32_t number, size_t digits, struct draft *d)
{
    if (digits <= 2)
        number += number < 50 ? 2000 : 1900;
    else if (digits == 3)
        number += 1900;
    d->year = (int32_t)number;
}

static bool take_number(struct str token, struct draft *d)
{
    uint32_t number;

    if (token.len > 4 || !str_to_u32(token, &number))
        return false;
    if (d->day < 0 && token.len <= 2) {
        d->day = (int)number;
        return true;
    }
    if (d->year < 0) {
        take_year(number, token.len, d);
        return true;
    }
    return false;
}

static bool take_token(struct str token, char sign, struct draft *d)
{
    if (ascii_is_alpha(token.at[0]))
        return take_word(token, d);
    if (sign != '\0' && d->hour >= 0)
        return take_numeric_zone(token, sign, d);
    if (str_find_char(token, ':') != STR_NOT_FOUND)
        return d->hour >= 0 || take_time(token, d);
    return take_number(token, d);
}

static bool finish(struct draft *d, struct mail_date *ret)
{
    struct calendar c = { .year = d->year,
                          .month = (uint8_t)d->month,
                          .day = (uint8_t)d->day,
                          .hour = (uint8_t)d->hour,
                          .minute = (uint8_t)d->minute,
                          .second = (uint8_t)d->second };

    if (d->month < 0 || d->day < 0 || d->hour < 0 || d->year < 0 || !calendar_valid(&c))
        return false;
    d->date.epoch_s = calendar_epoch(&c) - (int64_t)d->date.zone_min * HOUR_MIN;
    *ret = d->date;
    return true;
}

bool date_parse(struct str value, struct mail_date *ret)
{
    struct draft d = { .year = -1, .month = -1, .day = -1, .hour = -1 };
    struct str token;
    char sign;

    for (int i = 0; i < TOKENS_MAX && next_token(&value, &token, &sign); i++)
        if (!take_token(token, sign, &d))
            break;
    return finish(&d, ret);
}

static struct calendar local_fields(int64_t epoch_s, int16_t zone_min)
{
    return calendar_of(epoch_s + (int64_t)zone_min * HOUR_MIN);
}

static void add_time_and_zone(struct buf *out, const struct calendar *c, int16_t zone_min)
{
    unsigned zone = (unsigned)(zone_min < 0 ? -zone_min : zone_min);

    buf_printf(out, " %02u:%02u:%02u %c%02u%02u", c->hour, c->minute, c->second,
               zone_min < 0 ? '-' : '+', zone / HOUR_MIN, zone % HOUR_MIN);
}

void date_format(struct buf *out, int64_t epoch_s, int16_t zone_min)
{
    struct calendar c = local_fields(epoch_s, zone_min);

    buf_add(out, calendar_weekday_name(c.weekday));
    buf_printf(out, ", %u ", c.day);
    buf_add(out, calendar_month_name(c.month));
    buf_printf(out, " %04d", c.year);
    add_time_and_zone(out, &c, zone_min);
}

void date_imap_format(struct buf *out, int64_t epoch_s, int16_t zone_min)
{
    struct calendar c = local_fields(epoch_s, zone_min);

    buf_printf(out, "%2u-", c.day);
    buf_add(out, calendar_month_name(c.month));
    buf_printf(out, "-%04d", c.year);
    add_time_and_zone(out, &c, zone_min);
}

/* day "-" month "-" year of four digits. */
static bool parse_imap_day(struct str text, struct calendar *ret)
{
    uint64_t day, year;
    struct str day_part = str_split(&text, '-'), month_part = str_split(&text, '-');

    ret->month = month_part.len == 3 ? calendar_month_number(month_part) : 0;
    if (day_part.len > 2 || !str_to_u64(day_part, 31, &day) || text.len != 4 ||
        !str_to_u64(text, CALENDAR_YEAR_MAX, &year))
        return false;
    ret->day = (uint8_t)day;
    ret->year = (int32_t)year;
    return calendar_valid(ret);
}

bool date_imap_day_parse(struct str text, int64_t *ret_days)
{
    struct calendar c = { .year = 0 };

    if (!parse_imap_day(text, &c))
        return false;
    *ret_days = calendar_days(c.year, c.month, c.day);
    return true;
}

bool date_imap_parse(struct str text, struct mail_date *ret)
{
    struct draft d = { .year = -1, .month = -1, .day = -1, .hour = -1 };
    struct calendar c = { .year = 0 };

    /* "dd-Mon-yyyy hh:mm:ss +zzzz" has exactly 26 octets. */
    if (text.len != 26 || text.at[11] != ' ' || text.at[20] != ' ' || text.at[14] != ':' ||
        text.at[17] != ':' || (text.at[21] != '+' && text.at[21] != '-'))
        return false;
    bool one_digit = text.at[0] == ' ';
    if (!parse_imap_day(str_sub(text, one_digit, 11u - one_digit), &c) ||
        !take_time(str_sub(text, 12, 8), &d) ||
        str_find_char(str_skip(text, 22), ':') != STR_NOT_FOUND ||
        !take_numeric_zone(str_skip(text, 22), text.at[21], &d))
        return false;
    d.year = c.year;
    d.month = c.month;
    d.day = c.day;
    return finish(&d, ret);
}
