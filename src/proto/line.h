/* proto/line.h - lines out of a stream of octets, within bounds, for the line protocols.
 *
 * Pure (memory only). A line_reader owns what it has not yet given out, at most LINE_PENDING_MAX
 * octets, and holds no memory at all while nothing is pending. The same octets give the same
 * results however they were split. A line over the caller's limit is thrown away as it arrives
 * and reported once, where it ends; one that never ends is reported as a flood. A CR or LF that
 * is not part of CRLF is reported, never repaired, because two programs that disagree about where
 * a line ends can be played against each other (doc/decisions/0007-bare-lf.md); protocols that
 * carry no such danger may set `lf_ends_line`.
 * Spec: RFC 5321 2.3.8, 4.5.3.1. Tests: line_test.c. Fuzz: line_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_LINE_H
#define POSTERN_PROTO_LINE_H

#include "base/buf.h"

enum {
    LINE_PENDING_MAX = 32 * 1024, /* octets held; also the longest possible line limit */
    LINE_FLOOD_BYTES = 64 * 1024  /* octets past the limit before a line becomes a flood */
};

enum line_status {
    LINE_MORE,         /* no whole line yet                                       */
    LINE_DONE,         /* a line                                                  */
    LINE_TOO_LONG,     /* a line over the limit has ended; it is gone             */
    LINE_BARE_NEWLINE, /* a CR or LF outside CRLF; the caller should hang up      */
    LINE_FLOOD         /* far over the limit and still no end; should hang up     */
};

/* Zero-initialise to start. Only `lf_ends_line` is for the caller to write. */
struct line_reader {
    struct buf in;
    uint32_t from;     /* pending octets begin here                                     */
    uint32_t scanned;  /* that many pending octets are known to hold no line end        */
    uint32_t dropped;  /* octets of the present, overlong line that were thrown away    */
    bool lf_ends_line; /* LF alone ends a line, too                                     */
};

void line_deinit(struct line_reader *r);

/* Takes as many of `bytes` as there is room for and returns their number. Everything given out
 * before is no longer valid. */
size_t line_feed(struct line_reader *r, struct str bytes);

/* The next line, without its CRLF, in *ret (written for LINE_DONE only, valid until the next
 * line_* call). `line_max` (at most LINE_PENDING_MAX - 2) counts octets without the CRLF. */
MUST_USE enum line_status line_next(struct line_reader *r, size_t line_max, struct str *ret);

/* The octets not yet given out, for parts that are not lines: literals, chunks, message data. */
struct str line_pending(const struct line_reader *r);

/* Marks the first `count` pending octets as used; their memory stays valid until the next call
 * other than line_pending. */
void line_take(struct line_reader *r, size_t count);

/* Throws away everything pending: what a peer sent ahead of a TLS handshake must not count as
 * having come through it (RFC 3207 4.2). Returns how much it was. */
size_t line_drop(struct line_reader *r);

#endif
