/* message/record/imap_text.h - a structure record in IMAP's notation.
 *
 * Pure. Appends to a struct buf; a damaged record gives NILs, never a broken line. Text with octets
 * that a quoted string cannot hold becomes a literal, so a response may hold any header.
 * Spec: RFC 3501 7.4.2, 9 (envelope, body, nstring). Tests: imap_text_test.c. Fuzz: record_fuzz.c.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_IMAP_TEXT_H
#define POSTERN_MESSAGE_IMAP_TEXT_H

#include "message/record/record.h"

/* nstring: NIL for a null `at`, else quoted when it can be, else a literal. NUL is left out. */
void imap_format_nstring(struct str s, struct buf *out);

/* "(date subject from sender reply-to to cc bcc in-reply-to message-id)" */
void imap_format_envelope(const struct record *r, struct buf *out);

/* BODYSTRUCTURE with `extended`, else BODY. */
void imap_format_body(const struct record *r, bool extended, struct buf *out);

#endif
