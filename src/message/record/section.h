/* message/record/section.h - which octets of a message IMAP's BODY[section] names.
 *
 * Pure. A section is a path of part numbers and what is asked of that part. section_find answers
 * from the structure record with an octet range of the message; for HEADER.FIELDS the caller reads
 * that range and hands it to header_subset. Nothing is decoded.
 * A section that the message does not have is "not found"; IMAP answers NIL for it.
 * Spec: RFC 3501 6.4.5, 9 (section). Tests: section_test.c. Fuzz: section_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_SECTION_H
#define POSTERN_MESSAGE_SECTION_H

#include "message/record/record.h"

enum section_kind {
    SECTION_ALL, /* the part's body; with an empty path the whole message */
    SECTION_HEADER,
    SECTION_HEADER_FIELDS,
    SECTION_HEADER_FIELDS_NOT,
    SECTION_TEXT,
    SECTION_MIME
};

struct section {
    enum section_kind kind;
    uint32_t path[RECORD_DEPTH_MAX];
    uint32_t path_len;
};

/* Reads the inside of the brackets without a field list: "", "HEADER", "1.2", "2.MIME",
 * "1.HEADER.FIELDS". ERR_SYNTAX, or ERR_LIMIT for a path deeper than RECORD_DEPTH_MAX. */
MUST_USE enum err section_parse(struct str text, struct section *ret);

/* Appends the same text. */
void section_format(const struct section *s, struct buf *out);

struct octet_range {
    uint64_t at, bytes;
};

/* The octets of the section; for the two HEADER.FIELDS kinds those of the whole header. False when
 * the message has no such section. */
bool section_find(const struct record *r, const struct section *s, struct octet_range *ret);

/* The name of a field that begins with `line`, without the colon and blanks before it. */
struct str header_field_name(struct str line);

/* Appends the fields of `header` whose names are listed (or are not, when `unlisted`), as they
 * stand, and the blank line if the header has one. */
void header_subset(struct str header, const struct str *names, size_t count, bool unlisted,
                   struct buf *out);

#endif
