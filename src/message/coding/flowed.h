/* message/coding/flowed.h - format=flowed: paragraphs in plain text.
 *
 * Pure. Input may have LF or CRLF line ends; output of decoding has LF, of encoding CRLF. Octets
 * are not looked at beyond blanks, ">" and line ends, so any charset that keeps ASCII will do;
 * encoding breaks lines at blanks only and never inside a word. Spec: RFC 3676. Tests:
 * flowed_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_FLOWED_H
#define POSTERN_MESSAGE_FLOWED_H

#include "base/buf.h"
#include "base/str.h"

enum { FLOWED_LINE_BYTES = 72, FLOWED_QUOTE_DEPTH_MAX = 30 };

/* Joins the lines of each paragraph. A quoted paragraph begins with one ">" a level and a blank.
 * `delsp` is the parameter of that name: the blank at a soft line end goes. */
void flowed_decode(struct buf *out, struct str text, bool delsp);

/* Breaks long lines softly and stuffs what needs it; lines that begin with ">" are quotations.
 * What comes out is for Content-Type text/plain with format=flowed. */
void flowed_encode(struct buf *out, struct str text);

#endif
