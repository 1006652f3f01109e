/* base/str.h - a slice of octets that somebody else owns.
 *
 * Pure. `struct str` is passed by value and never owns memory; it lives as long as what it points
 * into. Octets, not characters: it may hold NUL and invalid UTF-8. Comparison without case is
 * ASCII only, as mail protocols define it. Tests: str_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_STR_H
#define POSTERN_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/macros.h"

struct str {
    const char *at;
    size_t len;
};

#define STR_NOT_FOUND ((size_t)-1)

/* From a literal: STR in expressions, STR_INIT in static tables. */
#define STR(literal) ((struct str){ ("" literal), sizeof(literal) - 1 })
#define STR_INIT(literal)                                                                          \
    {                                                                                              \
        ("" literal), sizeof(literal) - 1                                                          \
    }
#define STR_EMPTY ((struct str){ "", 0 })

/* For "%.*s". */
#define STR_ARG(s) ((int)(s).len), ((s).at)

static inline struct str str_from(const void *at, size_t len)
{
    return (struct str){ (const char *)at, len };
}

static inline struct str str_from_z(const char *z)
{
    return (struct str){ z, strlen(z) };
}

static inline bool str_empty(struct str s)
{
    return s.len == 0;
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* The octets from `from` (clamped to the length) to the end. */
static inline struct str str_skip(struct str s, size_t from)
{
    if (from > s.len)
        from = s.len;
    /* A null `at` may not even be moved by nothing. */
    return (struct str){ from == 0 ? s.at : s.at + from, s.len - from };
}

/* The first `len` octets, or all when there are fewer. */
static inline struct str str_take(struct str s, size_t len)
{
    return (struct str){ s.at, len < s.len ? len : s.len };
}

/* Octets [from, from + len), clamped. */
static inline struct str str_sub(struct str s, size_t from, size_t len)
{
    return str_take(str_skip(s, from), len);
}

static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

static inline char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - ('a' - 'A')) : c;
}

static inline bool ascii_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool ascii_is_alpha(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool str_eq_nocase(struct str a, struct str b);
bool str_starts(struct str s, struct str prefix);
bool str_starts_nocase(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
bool str_ends_nocase(struct str s, struct str suffix);

/* Octet order, shorter first on a common prefix: <0, 0, >0. */
int str_cmp(struct str a, struct str b);
int str_cmp_nocase(struct str a, struct str b);

/* Index of the first (last) occurrence, or STR_NOT_FOUND. */
size_t str_find_char(struct str s, char c);
size_t str_find_char_last(struct str s, char c);
size_t str_find(struct str s, struct str needle);
size_t str_find_nocase(struct str s, struct str needle);

/* Without spaces and tabs (and, for _crlf, CR and LF too) at both ends. */
struct str str_trim(struct str s);
struct str str_trim_crlf(struct str s);

/* Splits `*rest` at the first `sep`: returns what stands before it and moves *rest behind it.
 * Without a separator the whole of *rest is returned and *rest becomes empty. */
struct str str_split(struct str *rest, char sep);

/* Decimal digits only, no sign, no blanks; false when empty, not digits, or past `max`. */
MUST_USE bool str_to_u64(struct str s, uint64_t max, uint64_t *ret);
MUST_USE bool str_to_u32(struct str s, uint32_t *ret);

#endif
