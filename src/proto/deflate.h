/* proto/deflate.h - both directions of a connection that is compressed, a piece at a time.
 *
 * Pure (memory only), by zlib. What comes is opened into pieces of at most DEFLATE_PIECE_BYTES, so
 * that octets that unpack to a thousand times their size cost no memory; what goes is flushed with
 * every call, so that the peer can read all of it. A busy link holds some 110 KiB. deflate_rest
 * gives nearly all of that back: towards the peer we begin afresh, which a raw DEFLATE stream
 * allows wherever a flush was; of what came, the octets are kept that the peer may still refer to
 * (as many as it has sent, 32 KiB at most). The link takes its memory again by itself.
 * Errors: ERR_CORRUPT when the peer's octets are no DEFLATE, or when its stream has ended.
 * Spec: RFC 1951; RFC 4978 (IMAP COMPRESS). Tests: deflate_test.c. Fuzz: deflate_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_DEFLATE_H
#define POSTERN_PROTO_DEFLATE_H

#include "base/buf.h"
#include "base/err.h"

enum { DEFLATE_PIECE_BYTES = 16 * 1024 };

struct deflate_link;

struct deflate_link *deflate_new(void);
void deflate_free(struct deflate_link *l); /* null is allowed */

/* Opens the next piece of what came. *ret_used octets of `in` were eaten; *ret is the piece, valid
 * until the next call; it is empty when more octets are needed. */
MUST_USE enum err deflate_open(struct deflate_link *l, struct str in, size_t *ret_used,
                               struct str *ret);

/* Appends `plain` compressed and flushed. Empty: nothing. */
void deflate_add(struct deflate_link *l, struct str plain, struct buf *out);

/* Nothing happens for a while: gives memory back as far as that is possible now. */
void deflate_rest(struct deflate_link *l);
/* Octets of memory held. */
size_t deflate_held(const struct deflate_link *l);

#endif
