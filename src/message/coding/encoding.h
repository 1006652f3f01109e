/* message/coding/encoding.h - Content-Transfer-Encoding, undone and done, one chunk at a time.
 *
 * Pure. A body split anywhere gives the same octets. The decoders are tolerant: what does not
 * belong is skipped (base64) or taken as it is (quoted-printable) and noted in `damaged`, so a body
 * is never lost to a bad octet. Output goes to the caller's buf, at most as long as the input plus
 * what was held back. The encoders make lines of at most 76 octets that end in CRLF.
 * Spec: RFC 2045 6. Tests: encoding_test.c. Fuzz: encoding_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_ENCODING_H
#define POSTERN_MESSAGE_ENCODING_H

#include "base/buf.h"
#include "base/str.h"

enum encoding {
    ENCODING_7BIT,
    ENCODING_8BIT,
    ENCODING_BINARY,
    ENCODING_QP,
    ENCODING_BASE64,
    ENCODING_UNKNOWN /* RFC 2045 6.4: to be treated as application/octet-stream */
};

enum { ENCODING_LINE_BYTES = 76, ENCODING_HELD_BYTES = 76 };

/* From the token of the field, without case; an empty name means 7bit. */
enum encoding encoding_from_name(struct str name);
struct str encoding_name(enum encoding e); /* lower case; "x-unknown" for ENCODING_UNKNOWN */

/* The cheapest encoding that carries `body` over any path: 7bit when it is short lines of ASCII,
 * else quoted-printable for what reads like text, else base64. */
enum encoding encoding_choose(struct str body);

struct decoder {
    enum encoding encoding;
    bool damaged;
    uint8_t state, held_len; /* quoted-printable */
    char first;              /* first hex digit */
    char held[ENCODING_HELD_BYTES];
    uint32_t bits; /* base64 */
    uint8_t count;
};

static inline struct decoder decoder_of(enum encoding e)
{
    return (struct decoder){ .encoding = e };
}

void decoder_feed(struct decoder *d, struct str chunk, struct buf *out);
void decoder_end(struct decoder *d, struct buf *out); /* what was held back */

/* Everything at once; true when nothing was damaged. */
bool encoding_decode(enum encoding e, struct str in, struct buf *out);

struct encoder {
    enum encoding encoding;
    bool binary; /* quoted-printable: CR and LF are octets, not line ends */
    char held;   /* quoted-printable: a blank or CR whose successor is awaited */
    uint8_t count;
    uint32_t bits;
    size_t column;
};

static inline struct encoder encoder_of(enum encoding e)
{
    return (struct encoder){ .encoding = e };
}

/* In text (not `binary`) quoted-printable, LF and CRLF both are line ends and become CRLF. 7bit,
 * 8bit and binary pass. */
void encoder_feed(struct encoder *en, struct str chunk, struct buf *out);
void encoder_end(struct encoder *en, struct buf *out); /* ends the last base64 line with CRLF */

#endif
