/* message/record/walk.h - one pass over a message: its parts, their octet ranges, the header
 * fields.
 *
 * Pure. walk_message goes through the octets line by line with an explicit stack of open multiparts
 * and messages; it neither decodes nor fails. Everything it returns lives in `mem` or points into
 * the message. It is the first half of record_build and of nothing else that stores; policy code
 * may walk a message to look at its parts.
 * Limits: see message/record/record.h. Spec: RFC 2045 5.2, RFC 2046 5.1, 5.2.1; RFC 5322 2.1, 4.5.
 * Tests: walk_test.c. Fuzz: record_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_WALK_H
#define POSTERN_MESSAGE_WALK_H

#include "base/arena.h"
#include "message/limits.h"
#include "message/record/record.h"
#include "message/text/param.h"

/* The header fields that the record is made from. The first ten are the envelope, in the order of
 * enum envelope_field. */
#define WALK_FIELD_ROWS(ROW)                                                                       \
    ROW(DATE, "Date")                                                                              \
    ROW(SUBJECT, "Subject")                                                                        \
    ROW(FROM, "From")                                                                              \
    ROW(SENDER, "Sender")                                                                          \
    ROW(REPLY_TO, "Reply-To")                                                                      \
    ROW(TO, "To")                                                                                  \
    ROW(CC, "Cc")                                                                                  \
    ROW(BCC, "Bcc")                                                                                \
    ROW(IN_REPLY_TO, "In-Reply-To")                                                                \
    ROW(MESSAGE_ID, "Message-ID")                                                                  \
    ROW(REFERENCES, "References")                                                                  \
    ROW(CONTENT_TYPE, "Content-Type")                                                              \
    ROW(CONTENT_ENCODING, "Content-Transfer-Encoding")                                             \
    ROW(CONTENT_ID, "Content-ID")                                                                  \
    ROW(CONTENT_DESCRIPTION, "Content-Description")                                                \
    ROW(CONTENT_DISPOSITION, "Content-Disposition")                                                \
    ROW(CONTENT_LANGUAGE, "Content-Language")                                                      \
    ROW(CONTENT_LOCATION, "Content-Location")                                                      \
    ROW(CONTENT_MD5, "Content-MD5")

#define WALK_FIELD_ENUM(name, text) WALK_##name,
enum walk_field { WALK_FIELD_ROWS(WALK_FIELD_ENUM) WALK_FIELD_COUNT };
#undef WALK_FIELD_ENUM

/* One occurrence of a field. `value` is raw: behind the colon, folded, without the last line end.
 */
struct walk_value {
    struct str value;
    struct walk_value *next; /* the same field again, in order */
};

struct walk_header {
    size_t at, bytes;                           /* with the blank line, if there is one */
    struct walk_value fields[WALK_FIELD_COUNT]; /* value.at is null when there is none */
};

struct walk_part {
    enum part_kind kind;
    uint32_t parent, descendants, depth;
    struct walk_header *header; /* of this part; for the root that of the message */
    size_t body_at, body_end;
    uint64_t lines;
    struct str type, subtype; /* never null */
    const struct param *params;
    size_t param_count;
    struct walk_header *inner; /* PART_MESSAGE: the header of the message inside */
};

struct walk {
    struct walk_part *parts; /* pre-order; at least one */
    uint32_t count;
    uint8_t facts; /* RECORD_OPAQUE, RECORD_HEADER_8BIT (of the root), RECORD_BARE_NEWLINE */
};

void walk_message(struct arena *mem, const struct message_limits *limits, struct str message,
                  struct walk *ret);

/* The first value of a field; NIL when there is none. */
static inline struct str walk_value(const struct walk_header *h, enum walk_field f)
{
    return h->fields[f].value;
}

#endif
