/* message/text/field.h - header fields written as RFC 5322 wants them.
 *
 * Pure. Each call appends whole fields with their CRLF, folded so that lines keep to 78 octets
 * where there is a place to fold. Text is UTF-8; what cannot stand in a field becomes encoded
 * words, or, with `utf8` (RFC 6532, for SMTPUTF8 transport), stays UTF-8. CR, LF and other control
 * octets in what is given never reach the header as such. Field names are the caller's and are not
 * checked. Spec: RFC 5322 2.2.3, 3.4, 3.6.4; RFC 2047 5; RFC 6532 3. Tests: field_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_FIELD_H
#define POSTERN_MESSAGE_FIELD_H

#include "base/buf.h"
#include "base/str.h"
#include "message/text/address.h"

enum { FIELD_LINE_BYTES = 78 /* RFC 5322 2.1.1 */ };

/* Unstructured text: Subject, Comments and the like. */
void field_add_text(struct buf *out, struct str name, struct str text, bool utf8);

/* Addresses with names in UTF-8; nothing at all when the list is empty. */
void field_add_addresses(struct buf *out, struct str name, const struct address_list *list,
                         bool utf8);

void field_add_date(struct buf *out, struct str name, int64_t epoch_s, int16_t zone_min);

/* Message ids, given without their angle brackets; nothing when there are none. */
void field_add_ids(struct buf *out, struct str name, const struct str *ids, size_t count);

/* A value that is already in its final form; control octets become blanks, and it is folded at
 * blanks. */
void field_add_raw(struct buf *out, struct str name, struct str value);

#endif
