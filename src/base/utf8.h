/* base/utf8.h - characters in UTF-8: check, read, write, count, cut, repair.
 *
 * Pure. Only the well-formed sequences of RFC 3629 are accepted: no overlong forms, no surrogates,
 * nothing past U+10FFFF. Reading costs no memory; utf8_repair allocates in `mem` when something is
 * to be repaired. Spec: RFC 3629 3 and 4. Tests: utf8_test.c. Fuzz: utf8_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_UTF8_H
#define POSTERN_BASE_UTF8_H

#include "base/arena.h"
#include "base/buf.h"

enum { UTF8_BYTES_MAX = 4, UTF8_REPLACEMENT = 0xFFFD, UTF8_LAST = 0x10FFFF };

bool utf8_valid(struct str s);
bool utf8_is_ascii(struct str s);

/* Reads the first character of *rest and moves behind it. On a malformed sequence the result is
 * false, *ret is U+FFFD and *rest moves behind the longest beginning of a character found there
 * (at least one octet), so a loop always ends. An empty *rest is a BUG. */
bool utf8_next(struct str *rest, uint32_t *ret);

/* Writes one character and returns its octets (1 to 4); 0 when `c` is a surrogate or too large. */
size_t utf8_put(uint32_t c, char out[UTF8_BYTES_MAX]);
void utf8_add(struct buf *b, uint32_t c); /* what is no character becomes U+FFFD */

/* Number of characters; each malformed sequence counts as one. */
size_t utf8_length(struct str s);

/* The longest beginning of `s` of at most `bytes_max` octets that splits no character. */
struct str utf8_cut(struct str s, size_t bytes_max);

/* `s` itself when well-formed; else a copy with U+FFFD in place of each malformed sequence. */
struct str utf8_repair(struct arena *mem, struct str s);

#endif
