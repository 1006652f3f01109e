/* message/record/fields.h - the header fields that clients ask of every message, out of its record.
 *
 * Pure. Lists of messages are made from BODY[HEADER.FIELDS (...)] of thousands of them. A record
 * has the octets of the fields that such lists are made of (record_keeps_field), in their order and
 * as they stand, so that no message is read for them. Most fields look as anybody would write them
 * from what the envelope says; those are told by one octet, the others are kept literally.
 * record_fields gives exactly the octets that header_subset (section.h) gives from the message.
 * Results are appended to the caller's buffer. A record from before there were fields, or whose
 * fields would take more than RECORD_FIELDS_BYTES_MAX, lacks the fact RECORD_HAS_FIELDS: then the
 * message is asked. Damage gives fewer fields, never a fault.
 * Format: doc/formats/structure-record.md. Spec: RFC 3501 6.4.5. Tests: fields_test.c.
 * Fuzz: fields_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_RECORD_FIELDS_H
#define POSTERN_MESSAGE_RECORD_FIELDS_H

#include "message/record/record.h"

#define RECORD_FIELDS_BYTES_MAX ((size_t)4096) /* of one record */

/* Is it one of those that records keep? */
bool record_keeps_field(struct str name);

/* Appends those of the named fields that the header has, and its blank line. All names must be of
 * fields that records keep. False, and nothing is appended, when this record has no fields. */
MUST_USE bool record_fields(const struct record *r, const struct str *names, size_t count,
                            struct buf *out);

/* For record_build: appends the section. False when it would be too long; nothing is appended. */
MUST_USE bool record_fields_build(struct str header, struct str envelope, struct buf *out);

#endif
