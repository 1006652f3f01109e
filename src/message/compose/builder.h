/* message/compose/builder.h - compose a message: text, HTML, attachments, inline images.
 *
 * Pure: date, identifiers and the boundary seed are inputs. A compose is a plain struct that the
 * caller fills; builder_format appends the finished message, with CRLF line ends, folded header,
 * and each part in the cheapest encoding that passes every path (7bit, quoted-printable, base64; a
 * message inside is never encoded, RFC 2046 5.2.1). The shape follows from what is there:
 *
 *     mixed( alternative( text, related( html, inlines... ) ), attachments... )
 *
 * and a level with a single child is left out. Header text is UTF-8 and becomes encoded words,
 * unless `utf8` says that the message may travel by SMTPUTF8. Text is UTF-8 with LF or CRLF.
 * Spec: RFC 5322 3.6, RFC 2045-2047, RFC 2183, RFC 2387, RFC 6532. Tests: builder_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_BUILDER_H
#define POSTERN_MESSAGE_BUILDER_H

#include "base/buf.h"
#include "base/str.h"
#include "message/text/address.h"

/* One file that goes with the message. */
struct builder_file {
    struct str type;       /* "image/png"; empty for application/octet-stream */
    struct str name;       /* file name in UTF-8; may be empty */
    struct str content_id; /* without brackets; needed for inline images, else empty */
    struct str body;       /* octets; for message/rfc822 the message */
};

struct builder_field {
    struct str name, text; /* text in UTF-8 */
};

/* A message about to be. Strings and lists that are empty are left out. */
struct compose {
    struct address_list from, sender, reply_to, to, cc, bcc; /* names in UTF-8 */
    struct str subject;
    int64_t date_s;
    int16_t zone_min;
    struct str message_id, in_reply_to; /* without brackets */
    const struct str *references;       /* oldest first */
    size_t reference_count;
    struct str text, html;
    const struct builder_file *inlines; /* referred to by the HTML as cid:... */
    size_t inline_count;
    const struct builder_file *attachments;
    size_t attachment_count;
    const struct builder_field *extra; /* further header fields, in order */
    size_t extra_count;
    struct str boundary_seed; /* random letters and digits, 16 or more */
    bool utf8;                /* RFC 6532 header */
    bool flowed;              /* the text part is sent as format=flowed, RFC 3676 */
    bool keep_bcc;            /* drafts keep Bcc; what is sent must not */
};

void builder_format(struct buf *out, const struct compose *c);

/* True when some address or identifier is beyond ASCII, so that only SMTPUTF8 can carry it. */
bool builder_needs_utf8(const struct compose *c);

#endif
