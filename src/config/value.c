/* config/value.c - durations and sizes by their tables of units. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Largest first: parsing demands that order, formatting takes the first that divides. */
static const struct unit time_units[] = {
    { "w", 604800000 }, { "d", 86400000 }, { "h", 3600000 },
    { "m", 60000 },     { "s", 1000 },     { "ms", 1 },
};

static const struct unit size_units[] = {
    { "TB", 1ULL << 40 },
    { "GB", 1ULL << 30 },
    { "MB", 1ULL << 20 },
    { "KB", 1ULL << 10 },
    { "TiB", 1ULL << 40 },
    { "GiB", 1ULL << 30 },
    { "MiB", 1ULL << 20 },
    { "KiB", 1ULL << 10 },
    { "B", 1 },
    { "", 1 },
};

static size_t count_while(struct str s, bool (*is)(char))
{
    size_t n = 0;

    while (n < s.len && is(s.at[n]))
        n++;
    return n;
}

bool duration_parse(struct str text, uint64_t *ret_ms)
{
    uint64_t sum = 0, number, part;
    size_t next_unit = 0;

    if (text.len == 0)
        return false;
    while (text.len > 0) {
        size_t digits = count_while(text, ascii_is_digit);
        size_t letters = count_while(str_skip(text, digits), ascii_is_alpha);
        struct str name = str_sub(text, digits, letters);

        while (next_unit < ARRAY_LEN(time_units) &&
               !str_eq(name, str_from_z(time_units[next_unit].name)))
            next_unit++;
        if (next_unit == ARRAY_LEN(time_units) ||
            !str_to_u64(str_take(text, digits), INT64_MAX, &number) ||
            __builtin_mul_overflow(number, time_units[next_unit].factor, &part) ||
            __builtin_add_overflow(sum, part, &sum) || sum > INT64_MAX)
            return false;
        next_unit++;
        text = str_skip(text, digits + letters);
    }
    *ret_ms = sum;
    return true;
}

bool size_parse(struct str text, uint64_t *ret_bytes)
{
    size_t digits = count_while(text, ascii_is_digit);
    struct str name = str_trim(str_skip(text, digits));
    uint64_t number, bytes;

    if (!str_to_u64(str_take(text, digits), INT64_MAX, &number))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(size_units); i++)
        if (str_eq_nocase(name, str_from_z(size_units[i].name))) {
            if (__builtin_mul_overflow(number, size_units[i].factor, &bytes) || bytes > INT64_MAX)
                return false;
            *ret_bytes = bytes;
            return true;
        }
    return false;
}

static void format(const struct unit *units, size_t count, uint64_t value, struct buf *out)
{
    for (size_t i = 0; i < count; i++)
        if (value > 0 && value % units[i].factor == 0) {
            buf_add_u64(out, value / units[i].factor);
            buf_add(out, str_from_z(units[i].name));
            return;
        }
}

void duration_format(uint64_t ms, struct buf *out)
{
    if (ms == 0)
        BUF_ADD(out, "0s");
    format(time_units, ARRAY_LEN(time_units), ms, out);
}

void size_format(uint64_t bytes, struct buf *out)
{
    if (bytes == 0)
        BUF_ADD(out, "0");
    format(size_units, ARRAY_LEN(size_units), bytes, out);
}
