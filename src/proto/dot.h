/* proto/dot.h - dot-stuffing, undone and done, one chunk at a time.
 *
 * Pure: no I/O, clock or globals. SMTP and POP3 both end a message with a line of a single dot
 * and double the dot that begins any other line. One struct dot_reader per DATA, one struct
 * dot_writer per message sent. Input and output are octets. When reading, a chunk never grows,
 * so `out` needs in.len octets and may be the memory of `in` itself; a bare CR or a bare LF is
 * reported, never repaired (doc/decisions/0007-bare-lf.md). When writing, line ends that are not
 * CRLF (binary mail has them) become CRLF, so that what is sent can not be misread.
 * Spec: RFC 5321 4.5.2, RFC 1939 3. Tests: dot_test.c. Fuzz: dot_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_DOT_H
#define POSTERN_PROTO_DOT_H

#include "base/buf.h"

enum dot_status { DOT_MORE, DOT_END, DOT_BARE_NEWLINE };

struct dot_reader {
    uint8_t state;
}; /* zero-initialise to start */

/* Decodes `in` into `out`. *used says how much input was eaten, *made how much was
 * written; after DOT_END the rest of `in` is the next command. */
MUST_USE enum dot_status dot_feed(struct dot_reader *r, struct str in, char *out, size_t *used,
                                  size_t *made);

struct dot_writer {
    uint8_t state;
}; /* zero-initialise to start */

/* Appends `in`, stuffed, to `out`: at most twice its length and three octets. */
void dot_write(struct dot_writer *w, struct str in, struct buf *out);

/* How many octets dot_write would append for `in`, and dot_finish before its dot, but for the
 * stuffing: what POP3 tells as a size (RFC 1939 11). A writer of its own. */
size_t dot_measure(struct dot_writer *w, struct str in);
size_t dot_measure_end(const struct dot_writer *w);

/* Ends the last line if it is open, and then the message, with a dot on a line of its own. */
void dot_finish(struct dot_writer *w, struct buf *out);

#endif
