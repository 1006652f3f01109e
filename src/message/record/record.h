/* message/record/record.h - the structure record: what a message is made of, found out once at
 * arrival.
 *
 * Pure. record_build walks the octets of a message a single time and appends the record; all that
 * IMAP, POP3, JMAP and the search ask later is answered from the record without the message.
 * record_open checks a record's frame and gives a `struct record` that points into its octets; the
 * accessors decode on the way, allocate nothing, and live as long as those octets. A damaged
 * interior gives empty answers, never a fault.
 *
 * record_build never fails. Past a limit of struct message_limits the rest is opaque: too many
 * parts leave the remaining octets in the last part, too deep a multipart becomes one text/plain
 * part, too long a header is not looked at past the limit; RECORD_OPAQUE tells. A multipart in
 * which no boundary is found becomes text/plain as well, so every multipart has a part.
 *
 * Offsets and sizes are octets of the message as it is stored, counted from its first octet.
 * Messages with LF line ends, mixed ends, NULs or no body are recorded alike.
 * A string that is not there (NIL) has a null `at`. Strings are raw header text: unfolded, without
 * NUL, encoded words and RFC 2231 parameters left as they are, as IMAP wants them.
 * Format: doc/formats/structure-record.md. Spec: RFC 3501 6.4.5, 7.4.2; RFC 2045-2046; RFC
 * 5256 2.1; RFC 8970. Obeys header_bytes_max, fields_max, addresses_max, params_max,
 * boundary_bytes_max, parts_max, depth_max, references_max. Tests: record_test.c, walk_test.c.
 * Fuzz: record_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_RECORD_H
#define POSTERN_MESSAGE_RECORD_H

#include "base/codec.h"
#include "base/err.h"
#include "message/coding/encoding.h"
#include "message/limits.h"
#include "message/text/address.h"

#define RECORD_VERSION 2u
#define RECORD_FRAME_BYTES 72u        /* the fixed beginning; 68 of version 1, without fields */
#define RECORD_PREVIEW_CHARS_MAX 200u /* RFC 8970 3.1: 256 at most, 200 encouraged */
#define RECORD_DEPTH_MAX 200u         /* depth_max is cut to this: readers keep a stack of it */

enum record_fact {
    RECORD_HAS_DATE = 1u << 0,       /* the Date field was understood */
    RECORD_HAS_MESSAGE_ID = 1u << 1, /* message_id_hash is that of a Message-ID field */
    RECORD_IS_REPLY = 1u << 2,       /* the subject had "Re:", "Fwd:" or "(fwd)"; RFC 5256 2.1 */
    RECORD_HAS_ATTACHMENT = 1u << 3, /* a part is an attachment or has a file name */
    RECORD_OPAQUE = 1u << 4,         /* a limit was passed: the tree is not the whole truth */
    RECORD_HEADER_8BIT = 1u << 5,    /* the header has octets above 127 */
    RECORD_BARE_NEWLINE = 1u << 6,   /* some line does not end with CRLF */
    RECORD_HAS_FIELDS = 1u << 7      /* common header fields are in the record: fields.h */
};

struct record {
    uint64_t size_bytes;   /* of the whole message: RFC822.SIZE */
    uint64_t header_bytes; /* with the blank line; the body begins here */
    uint64_t lines;        /* of the body; a last line without an end counts */
    int64_t date_s;        /* Date field, seconds since 1970 UTC; see RECORD_HAS_DATE */
    int16_t date_zone_min; /* minutes east of UTC that the Date field named */
    uint8_t facts;         /* enum record_fact */
    uint32_t part_count;   /* at least 1 */
    uint64_t message_id_hash;
    uint32_t reference_count;
    struct str base_subject;                /* UTF-8, decoded, RFC 5256 2.1; may be empty */
    struct str preview;                     /* UTF-8, one line, RFC 8970; may be empty */
    struct str envelope, parts, references; /* sections, for the accessors below */
    struct str fields;                      /* likewise, for fields.h */
};

/* Appends the record of `message` to `out`. */
void record_build(struct str message, const struct message_limits *limits, struct buf *out);

/* ERR_CORRUPT for a damaged frame, ERR_UNSUPPORTED for a version that is not known. */
MUST_USE enum err record_open(struct str octets, struct record *ret);

/* Sections of a record, for record_trim. */
enum record_section {
    RECORD_ENVELOPE = 1u << 0,
    RECORD_PARTS = 1u << 1,
    RECORD_REFERENCES = 1u << 2,
    RECORD_BASE_SUBJECT = 1u << 3,
    RECORD_PREVIEW = 1u << 4,
    RECORD_FIELDS = 1u << 5,
};
/* The same record with these sections alone, in `mem`: the others are empty. What is no record
 * comes back as it is. */
struct str record_trim(struct arena *mem, struct str octets, unsigned sections);

/* The message ids that this one refers to, oldest first, as hashes: References, or when there is
 * none the first id of In-Reply-To. i < reference_count. */
uint64_t record_reference(const struct record *r, uint32_t i);

/* The hash of a message id as message/text/msgid.h gives it, as it stands in records. */
uint64_t record_hash_message_id(struct str id);

/* In the order in which they stand in the envelope and in IMAP's ENVELOPE. */
enum envelope_field {
    ENVELOPE_DATE,
    ENVELOPE_SUBJECT,
    ENVELOPE_FROM,
    ENVELOPE_SENDER,
    ENVELOPE_REPLY_TO,
    ENVELOPE_TO,
    ENVELOPE_CC,
    ENVELOPE_BCC,
    ENVELOPE_IN_REPLY_TO,
    ENVELOPE_MESSAGE_ID,
    ENVELOPE_FIELD_COUNT
};

/* One of the four string fields; NIL when the header lacks it. `envelope` is that of a record or of
 * a message part. */
struct str envelope_text(struct str envelope, enum envelope_field field);

/* The addresses of one of the six address fields. Sender and Reply-To give those of From when they
 * are missing or empty, as IMAP and people expect. */
struct envelope_addresses {
    struct reader rest;
};
struct envelope_addresses envelope_addresses(struct str envelope, enum envelope_field field);
/* False at the end; *ret is written when true. */
bool envelope_next(struct envelope_addresses *list, struct mail_address *ret);

enum part_kind {
    PART_LEAF,
    PART_MULTIPART, /* children follow */
    PART_MESSAGE    /* message/rfc822 or message/global: one child, the root of that message */
};

/* A list of strings: parameters (name, value, name, value ...) or languages. */
struct string_list {
    struct reader rest;
    uint32_t left;
};
/* False at the end; *ret is written when true. */
bool string_list_next(struct string_list *list, struct str *ret);
/* The raw value of a parameter; NIL when there is none. */
struct str string_list_param(struct string_list params, struct str name);
/* Its meaning in UTF-8 (RFC 2231, RFC 2047), as "filename" of a disposition; NIL when there is
 * none. In `mem` or in the record. */
struct str string_list_param_text(struct arena *mem, struct string_list params, struct str name);

struct part {
    enum part_kind kind;
    enum encoding encoding; /* how the body is coded, message/coding/encoding.h */
    uint32_t index;         /* in pre-order; the root is 0 */
    uint32_t depth;         /* the root is 0 */
    uint32_t descendants;   /* parts below this one; index + descendants + 1 is the next sibling */
    uint64_t header_at, header_bytes; /* this part's MIME header with its blank line */
    uint64_t body_at, body_bytes;     /* as stored, before decoding */
    uint64_t lines;
    /* For PART_MESSAGE: the header of the message inside; its body is the child's. */
    uint64_t inner_header_bytes;
    struct str type, subtype; /* as written; never NIL: text/plain when the header says nothing */
    struct str encoding_name; /* as written; NIL when the header says nothing (it means 7bit) */
    struct str id, description, md5, location; /* NIL when not there */
    struct str disposition;                    /* NIL when not there */
    struct string_list params, disposition_params, languages;
    struct str envelope; /* of the message inside; NIL unless PART_MESSAGE */
};

/* All parts in pre-order. The root part's header is the message's header. */
struct part_iter {
    struct reader rest;
    uint32_t index, depth;
    uint32_t open[RECORD_DEPTH_MAX + 1]; /* the index behind the last descendant, for each level */
};
struct part_iter record_parts(const struct record *r);
/* False at the end; *ret is written when true. */
bool part_next(struct part_iter *it, struct part *ret);

/* The first part, without a way to those below it. */
bool record_root(const struct record *r, struct part *ret);

/* IMAP section numbers (RFC 3501 6.4.5): "1.2" is { 1, 2 }. A message that is not multipart has
 * the part 1. False when there is no such part. */
bool record_find_part(const struct record *r, const uint32_t *path, uint32_t path_len,
                      struct part *ret);
/* The part with this index. */
bool record_get_part(const struct record *r, uint32_t index, struct part *ret);

#endif
