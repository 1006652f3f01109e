/* message/coding/charset.h - text in any charset to UTF-8, and UTF-8 made comparable.
 *
 * Pure; ICU converts, ASCII, UTF-8 and ISO-8859-1 do not need it. Converting never fails on the
 * octets: what is not valid in its charset becomes U+FFFD. Charset names are compared without case
 * and punctuation as ICU does; a name that nobody knows is an error and the caller decides what
 * to show. Results live in `mem`, or are the input itself when nothing had to change.
 * Spec: RFC 2045 2.2, RFC 2978, RFC 3629, RFC 5051, UAX 15. Tests: charset_test.c. Fuzz:
 * word_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_CHARSET_H
#define POSTERN_MESSAGE_CHARSET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define CHARSET_NAME_BYTES_MAX 64

/* ERR_UNSUPPORTED when `charset` is not known. An empty name means US-ASCII. Octets above 127 in
 * text labelled US-ASCII are taken for UTF-8 if they are that, else for Windows-1252, because that
 * is what senders of such text mean; ISO-8859-1 is read as Windows-1252 for the same reason. */
MUST_USE enum err charset_to_utf8(struct arena *mem, struct str charset, struct str text,
                                  struct str *ret);

bool charset_is_known(struct str charset);

/* One converter kept over the chunks of a body; characters split between chunks are joined. Heap;
 * ended with charset_stream_free. */
struct charset_stream;

MUST_USE enum err charset_stream_new(struct str charset, struct charset_stream **ret);
void charset_stream_feed(struct charset_stream *s, struct str chunk, bool last, struct buf *out);
void charset_stream_free(struct charset_stream *s); /* null is allowed */

/* Folds case for searching: full Unicode default case folding of the NFC form. Ill-formed input is
 * repaired first. ASCII without upper-case letters is returned as it is. */
struct str text_fold_case(struct arena *mem, struct str s);

/* The key by which i;unicode-casemap compares (RFC 5051): every character in title case, then
 * decomposed for good. Keys are compared as octets. Ill-formed input is repaired first. ASCII
 * without lower-case letters is returned as it is. */
struct str text_casemap(struct arena *mem, struct str s);

/* Unicode Normalization Form C; the input itself when it is ASCII. Ill-formed input is repaired. */
struct str text_nfc(struct arena *mem, struct str s);

#endif
