/* base/hex.h - octets as hexadecimal digits and back.
 *
 * Pure (memory only). Written in lower case, read in either. Results live in `mem`.
 * Spec: RFC 4648 8. Tests: hex_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_HEX_H
#define POSTERN_BASE_HEX_H

#include "base/arena.h"

/* The value of one digit, or -1. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline struct str hex_encode(struct arena *mem, struct str octets)
{
    char *out = arena_alloc_array(mem, octets.len + 1, 2);

    for (size_t i = 0; i < octets.len; i++) {
        unsigned char c = (unsigned char)octets.at[i];

        out[2 * i] = "0123456789abcdef"[c >> 4];
        out[2 * i + 1] = "0123456789abcdef"[c & 15];
    }
    return str_from(out, octets.len * 2);
}

/* False when the number of digits is odd or one is none. */
MUST_USE static inline bool hex_decode(struct arena *mem, struct str text, struct str *ret)
{
    if (text.len % 2 != 0)
        return false;

    char *out = arena_alloc(mem, text.len / 2 + 1);
    for (size_t i = 0; i < text.len / 2; i++) {
        int high = hex_digit(text.at[2 * i]), low = hex_digit(text.at[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        out[i] = (char)(high << 4 | low);
    }
    *ret = str_from(out, text.len / 2);
    return true;
}

#endif
