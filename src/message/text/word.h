/* message/text/word.h - encoded words: text beyond ASCII in header fields.
 *
 * Pure. Decoding takes the raw field value (folded or not) and gives one line of UTF-8 for people,
 * searching and JMAP; it never fails: an encoded word that is not well-formed stays as it is, and
 * octets above 127 that stand there raw are taken for UTF-8 or, failing that, Windows-1252. The
 * result lives in `mem`, or is the input itself when that was plain ASCII on one line.
 * Spec: RFC 2047, RFC 2231 5, RFC 6532. Tests: word_test.c. Fuzz: word_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_WORD_H
#define POSTERN_MESSAGE_WORD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

enum { WORD_BYTES_MAX = 75 }; /* RFC 2047 2 */

/* Blanks between adjacent encoded words vanish; characters split between words are joined. Control
 * octets other than tab become blanks when they stood raw, and are dropped when decoded. */
struct str word_decode(struct arena *mem, struct str value);

/* Appends UTF-8 `text` as encoded words, folded so that no line passes 76 octets; fits any place
 * where a phrase or text may stand. *column is the length of the current line, before and after. */
void word_encode(struct buf *out, struct str text, size_t *column);

/* True when `text` cannot stand in a field as it is: beyond ASCII, control octets, or "=?". */
bool word_needs_encoding(struct str text);

#endif
