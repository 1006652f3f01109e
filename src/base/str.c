/* base/str.c - slices. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"

bool str_eq_nocase(struct str a, struct str b)
{
    return a.len == b.len && str_cmp_nocase(a, b) == 0;
}

bool str_starts(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq(str_take(s, prefix.len), prefix);
}

bool str_starts_nocase(struct str s, struct str prefix)
{
    return s.len >= prefix.len && str_eq_nocase(str_take(s, prefix.len), prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq(str_skip(s, s.len - suffix.len), suffix);
}

bool str_ends_nocase(struct str s, struct str suffix)
{
    return s.len >= suffix.len && str_eq_nocase(str_skip(s, s.len - suffix.len), suffix);
}

static int order_by_length(size_t a, size_t b)
{
    return (a > b) - (a < b);
}

int str_cmp(struct str a, struct str b)
{
    size_t common = MIN(a.len, b.len);
    int order = common == 0 ? 0 : memcmp(a.at, b.at, common);

    return order != 0 ? order : order_by_length(a.len, b.len);
}

int str_cmp_nocase(struct str a, struct str b)
{
    size_t common = MIN(a.len, b.len);

    for (size_t i = 0; i < common; i++) {
        int order = (unsigned char)ascii_lower(a.at[i]) - (unsigned char)ascii_lower(b.at[i]);

        if (order != 0)
            return order;
    }
    return order_by_length(a.len, b.len);
}

size_t str_find_char(struct str s, char c)
{
    const char *hit = s.len == 0 ? NULL : memchr(s.at, c, s.len);

    return hit == NULL ? STR_NOT_FOUND : (size_t)(hit - s.at);
}

size_t str_find_char_last(struct str s, char c)
{
    const char *hit = s.len == 0 ? NULL : memrchr(s.at, c, s.len);

    return hit == NULL ? STR_NOT_FOUND : (size_t)(hit - s.at);
}

size_t str_find(struct str s, struct str needle)
{
    if (needle.len == 0)
        return 0;
    if (s.len < needle.len)
        return STR_NOT_FOUND;

    const char *hit = memmem(s.at, s.len, needle.at, needle.len);
    return hit == NULL ? STR_NOT_FOUND : (size_t)(hit - s.at);
}

size_t str_find_nocase(struct str s, struct str needle)
{
    if (needle.len == 0)
        return 0;
    for (size_t i = 0; i + needle.len <= s.len; i++)
        if (ascii_lower(s.at[i]) == ascii_lower(needle.at[0]) &&
            str_eq_nocase(str_sub(s, i, needle.len), needle))
            return i;
    return STR_NOT_FOUND;
}

static struct str trim_set(struct str s, struct str set)
{
    while (s.len > 0 && str_find_char(set, s.at[0]) != STR_NOT_FOUND)
        s = str_skip(s, 1);
    while (s.len > 0 && str_find_char(set, s.at[s.len - 1]) != STR_NOT_FOUND)
        s.len--;
    return s;
}

struct str str_trim(struct str s)
{
    return trim_set(s, STR(" \t"));
}

struct str str_trim_crlf(struct str s)
{
    return trim_set(s, STR(" \t\r\n"));
}

struct str str_split(struct str *rest, char sep)
{
    size_t at = str_find_char(*rest, sep);
    struct str first = str_take(*rest, at == STR_NOT_FOUND ? rest->len : at);

    *rest = str_skip(*rest, at == STR_NOT_FOUND ? rest->len : at + 1);
    return first;
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *ret)
{
    uint64_t value = 0;

    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_digit(s.at[i]))
            return false;

        uint64_t digit = (uint64_t)(s.at[i] - '0');
        if (value > (max - digit) / 10 || digit > max)
            return false;
        value = value * 10 + digit;
    }
    *ret = value;
    return true;
}

bool str_to_u32(struct str s, uint32_t *ret)
{
    uint64_t value;

    if (!str_to_u64(s, UINT32_MAX, &value))
        return false;
    *ret = (uint32_t)value;
    return true;
}
