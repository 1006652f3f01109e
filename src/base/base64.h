/* base/base64.h - octets as letters and back: base64 and base64url, whole values at a time.
 *
 * Pure (memory only). For credentials, keys, tokens and header words; the streaming decoder for
 * message bodies lives in message/. Decoding is strict: no blanks, no line ends, no octets outside
 * the alphabet, correct padding, and unused bits must be zero, so that every value has exactly one
 * spelling. base64url is written without padding and read without it.
 * Results live in `mem`. Errors: ERR_SYNTAX. Spec: RFC 4648 4 and 5. Tests: base64_test.c.
 * Fuzz: base64_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_BASE64_H
#define POSTERN_BASE_BASE64_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

struct str base64_encode(struct arena *mem, struct str octets);
MUST_USE enum err base64_decode(struct arena *mem, struct str text, struct str *ret);

struct str base64url_encode(struct arena *mem, struct str octets);
MUST_USE enum err base64url_decode(struct arena *mem, struct str text, struct str *ret);

/* Appends the base64 form (with padding, without line ends). */
void base64_add(struct buf *b, struct str octets);

#endif
