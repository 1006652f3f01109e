/* base/utf8.c - UTF-8 by a table of lead octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

/* The rows of RFC 3629 4: lead octets, length, and the range of the second octet, which is where
 * overlong forms, surrogates and numbers past U+10FFFF are told apart. */
static const struct lead {
    uint8_t first, last, len, second_min, second_max;
} leads[] = {
    { 0x00, 0x7F, 1, 0x00, 0x00 }, { 0xC2, 0xDF, 2, 0x80, 0xBF }, { 0xE0, 0xE0, 3, 0xA0, 0xBF },
    { 0xE1, 0xEC, 3, 0x80, 0xBF }, { 0xED, 0xED, 3, 0x80, 0x9F }, { 0xEE, 0xEF, 3, 0x80, 0xBF },
    { 0xF0, 0xF0, 4, 0x90, 0xBF }, { 0xF1, 0xF3, 4, 0x80, 0xBF }, { 0xF4, 0xF4, 4, 0x80, 0x8F },
};

static const struct lead *find_lead(uint8_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(leads); i++)
        if (c >= leads[i].first && c <= leads[i].last)
            return &leads[i];
    return NULL;
}

/* How many octets at the start of `s` belong to one character as far as they go; *whole says
 * whether the character is complete. */
static size_t span(struct str s, bool *whole)
{
    const unsigned char *at = (const unsigned char *)s.at;
    const struct lead *lead = find_lead(at[0]);

    *whole = false;
    if (lead == NULL)
        return 1;
    for (size_t i = 1; i < lead->len; i++) {
        uint8_t min = i == 1 ? lead->second_min : 0x80, max = i == 1 ? lead->second_max : 0xBF;

        if (i == s.len || at[i] < min || at[i] > max)
            return i;
    }
    *whole = true;
    return lead->len;
}

bool utf8_next(struct str *rest, uint32_t *ret)
{
    static const uint8_t lead_mask[] = { 0, 0x7F, 0x1F, 0x0F, 0x07 };
    bool whole;

    BUG_ON(rest->len == 0);
    size_t len = span(*rest, &whole);
    uint32_t c = (unsigned char)rest->at[0] & lead_mask[whole ? len : 0];
    for (size_t i = 1; i < len; i++)
        c = c << 6 | ((unsigned char)rest->at[i] & 0x3F);

    *rest = str_skip(*rest, len);
    *ret = whole ? c : UTF8_REPLACEMENT;
    return whole;
}

bool utf8_is_ascii(struct str s)
{
    unsigned char all = 0;

    for (size_t i = 0; i < s.len; i++)
        all |= (unsigned char)s.at[i];
    return all < 0x80;
}

bool utf8_valid(struct str s)
{
    uint32_t c;

    if (utf8_is_ascii(s))
        return true;
    while (s.len > 0)
        if (!utf8_next(&s, &c))
            return false;
    return true;
}

size_t utf8_put(uint32_t c, char out[UTF8_BYTES_MAX])
{
    if ((c >= 0xD800 && c <= 0xDFFF) || c > UTF8_LAST)
        return 0;

    size_t len = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead_bits[] = { 0, 0, 0xC0, 0xE0, 0xF0 };
    for (size_t i = len - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3F));
        c >>= 6;
    }
    out[0] = (char)(lead_bits[len] | c);
    return len;
}

void utf8_add(struct buf *b, uint32_t c)
{
    char octets[UTF8_BYTES_MAX];
    size_t len = utf8_put(c, octets);

    if (len == 0)
        len = utf8_put(UTF8_REPLACEMENT, octets);
    buf_add(b, str_from(octets, len));
}

size_t utf8_length(struct str s)
{
    size_t count = 0;
    uint32_t c;

    for (; s.len > 0; count++)
        (void)utf8_next(&s, &c);
    return count;
}

/* Steps back over at most three continuation octets to the lead octet of the character that the
 * limit would split. Text that is no UTF-8 is cut where the limit is. */
struct str utf8_cut(struct str s, size_t bytes_max)
{
    if (s.len <= bytes_max)
        return s;
    for (size_t back = 0; back < UTF8_BYTES_MAX && back <= bytes_max; back++) {
        size_t at = bytes_max - back;

        if (((unsigned char)s.at[at] & 0xC0) != 0x80)
            return str_take(s, at);
    }
    return str_take(s, bytes_max);
}

struct str utf8_repair(struct arena *mem, struct str s)
{
    if (utf8_valid(s))
        return s;

    BUG_ON(s.len > SIZE_MAX / 3);
    char *out = arena_alloc(mem, s.len * 3); /* U+FFFD takes three octets for at least one */
    size_t made = 0;
    uint32_t c;
    while (s.len > 0) {
        (void)utf8_next(&s, &c);
        made += utf8_put(c, out + made);
    }
    return str_from(out, made);
}
