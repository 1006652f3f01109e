/* message/record/record_codec.h - the smallest pieces of a structure record, shared by its writer,
 * its reader and the IMAP formatter.
 *
 * Pure. A text is varint (length << 2 | class) and its octets. The class says how IMAP can carry
 * the text, so that formatting a hundred thousand envelopes is copying and not looking. Format:
 * doc/formats/structure-record.md. Tests: record_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_RECORD_CODEC_H
#define POSTERN_MESSAGE_RECORD_CODEC_H

#include "base/codec.h"

enum text_class {
    TEXT_NIL = 0,
    TEXT_PLAIN = 1,  /* fits between quotes as it is */
    TEXT_ESCAPE = 2, /* has a quote or a backslash */
    TEXT_LITERAL = 3 /* has octets above 127 */
};

/* Appends raw header text: unfolded (CR and LF left out), NUL left out, blanks at both ends cut.
 * A null `at` is NIL. */
void put_text(struct buf *b, struct str s);

/* NIL has a null `at`. */
struct str get_text(struct reader *r, enum text_class *ret_class);

/* Where an address list stands: one octet before each address, and one after the last. */
enum address_mark { ADDRESS_LIST_END = 0, ADDRESS_FOLLOWS = 1 };
enum { ADDRESS_TEXTS = 4 }; /* name, route, local, domain: the order of ENVELOPE */

/* Bits that say which optional items a part has, in this order. */
enum part_item {
    PART_HAS_ENCODING = 1u << 0,
    PART_HAS_PARAMS = 1u << 1,
    PART_HAS_ID = 1u << 2,
    PART_HAS_DESCRIPTION = 1u << 3,
    PART_HAS_MD5 = 1u << 4,
    PART_HAS_LOCATION = 1u << 5,
    PART_HAS_DISPOSITION = 1u << 6, /* text, parameters */
    PART_HAS_LANGUAGES = 1u << 7
};

/* Where the numbers of the frame stand. */
enum record_frame {
    FRAME_VERSION = 0,
    FRAME_FACTS = 1,
    FRAME_DATE_ZONE = 2,
    FRAME_PART_COUNT = 4,
    FRAME_SIZE = 8,
    FRAME_HEADER_BYTES = 16,
    FRAME_LINES = 24,
    FRAME_DATE = 32,
    FRAME_MESSAGE_ID_HASH = 40,
    FRAME_ENVELOPE_LEN = 48,
    FRAME_PARTS_LEN = 52,
    FRAME_REFERENCE_COUNT = 56,
    FRAME_SUBJECT_LEN = 60,
    FRAME_PREVIEW_LEN = 64,
    FRAME_FIELDS_LEN = 68
};
enum { FRAME_BYTES_OF_1 = 68 }; /* version 1 ended there */

#endif
