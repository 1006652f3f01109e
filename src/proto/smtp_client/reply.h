/* proto/smtp_client/reply.h - replies of an SMTP server, put together line by line.
 *
 * Pure. One struct smtp_reply a connection. A reply is one or more lines "250-text", the last
 * "250 text" (or a bare "250"), all with one code; anything else is nonsense, and the caller ends
 * the connection. Only the first line's text is kept for people; capability lines are given to the
 * caller one by one. Spec: RFC 5321 4.2, RFC 2034 (enhanced codes). Tests: client_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_SMTP_CLIENT_REPLY_H
#define POSTERN_PROTO_SMTP_CLIENT_REPLY_H

#include "base/buf.h"

enum smtp_reply_status { SMTP_REPLY_MORE, SMTP_REPLY_DONE, SMTP_REPLY_NONSENSE };

#define SMTP_REPLY_STATUS_MAX 16 /* "5.123.123" */

struct smtp_reply {
    int code; /* 0 before the first line */
    uint32_t lines, lines_max;
    struct buf text; /* all lines' texts, joined by blanks, the enhanced code taken away */
    char status[SMTP_REPLY_STATUS_MAX];
    uint8_t status_len;
};

void smtp_reply_start(struct smtp_reply *r, uint32_t lines_max, size_t text_max);
void smtp_reply_deinit(struct smtp_reply *r);
/* One line without its CRLF; *ret_text is what stands behind code and separator. */
MUST_USE enum smtp_reply_status smtp_reply_line(struct smtp_reply *r, struct str line,
                                                struct str *ret_text);
/* The enhanced code, or empty when the reply had none of the class of its reply code. */
struct str smtp_reply_enhanced(const struct smtp_reply *r);

#endif
