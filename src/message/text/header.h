/* message/text/header.h - the fields of a header block, one after the other.
 *
 * Pure, without allocation but for unfolding. Works on the raw octets of a message (or of its
 * header alone) and gives slices of them. Lines end in CRLF or LF. Tolerated: blanks before the
 * colon (RFC 5322 4.5), an mbox "From " line at the top, a header that ends in something that is no
 * field without the empty line before it - the body then begins there - and a header without end.
 * Obeys header_bytes_max, fields_max and field_bytes_max.
 * Spec: RFC 5322 2.1, 2.2, 4.5; RFC 6532. Tests: header_test.c. Fuzz: header_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_HEADER_H
#define POSTERN_MESSAGE_HEADER_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"
#include "message/limits.h"

struct header_field {
    struct str name;  /* as written, without the colon */
    struct str value; /* behind the colon, folded as it is, blanks and line ends at both ends cut */
    struct str whole; /* the field with its line ends */
};

struct header_reader {
    const struct message_limits *limits; /* null for none */
    struct str text;
    size_t pos;      /* of the next field; once header_next was false, of the body */
    uint32_t fields; /* given so far */
    bool started, ended;
    bool over_limit; /* it ended because of a limit; `pos` is where that was noticed */
};

static inline struct header_reader header_reader_of(const struct message_limits *limits,
                                                    struct str text)
{
    return (struct header_reader){ .limits = limits, .text = text };
}

/* The next field; false at the end of the header, when r->pos is the offset of the body. */
bool header_next(struct header_reader *r, struct header_field *ret);

/* Octets from the start of `text` to the body, the empty line included. Obeys no limit. */
size_t header_length(struct str text);

/* The first (last) field of that name; false when there is none. */
bool header_find(struct str text, struct str name, struct header_field *ret);
bool header_find_last(struct str text, struct str name, struct header_field *ret);

/* How many fields of that name there are. */
uint32_t header_count(struct str text, struct str name);

/* `value` without the line ends of its folding (RFC 5322 2.2.3); the value itself when it has none.
 * The blanks of the folding stay. */
struct str header_unfold(struct arena *mem, struct str value);

/* Appends all fields but those named, as they are; not the empty line, and no mbox "From " line. */
void header_copy_without(struct buf *out, struct str text, const struct str *names, size_t count);

#endif
