/* store/journal/bodies.h - reading message bodies, by octet range, out of the journal.
 *
 * A struct body is a pinned place in a segment: it is opened and closed on the loop's thread, and
 * may be read in between from one worker thread at a time; while it is open its segment is not
 * removed. Bodies are kept in chunks of BODY_CHUNK_BYTES before compression, so a range costs no
 * more memory than the chunks it touches, one at a time; the last chunk stays in the struct body
 * for sequential readers. Every chunk's checksum is verified. Errors: ERR_NOT_FOUND, ERR_CORRUPT
 * (names segment and offset), ERR_IO. Format: doc/formats/bodies.md. Tests: writer_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_BODIES_H
#define POSTERN_STORE_JOURNAL_BODIES_H

#include "base/buf.h"
#include "store/kv/kv.h"

struct bodies;
struct body;

#define BODY_CHUNK_BYTES ((size_t)256 * 1024)

struct segments;
struct pack;

/* For the writer, which owns it. */
struct bodies *bodies_new(struct kv *kv, struct segments *segments, struct pack *pack);
void bodies_free(struct bodies *b);

/* Length before compression; ERR_NOT_FOUND when there is no such body. */
MUST_USE enum err bodies_size(struct bodies *b, const struct kv_snapshot *snap, uint64_t id,
                              uint64_t *ret, struct errinfo *why);

/* Opens the body as the latest committed state has it. */
MUST_USE enum err body_open(struct bodies *b, uint64_t id, struct body **ret, struct errinfo *why);
void body_close(struct body *body); /* null is allowed */
uint64_t body_len(const struct body *body);

/* Opens many: it stands in the rows where the last one was found, so the next costs little. It sees
 * the bodies that were there when it was made, and is freed on the same turn of the loop. */
struct body_walk;
struct body_walk *body_walk_new(struct bodies *b);
void body_walk_free(struct body_walk *w); /* null is allowed */
MUST_USE enum err body_walk_open(struct body_walk *w, uint64_t id, struct body **ret,
                                 struct errinfo *why);

/* Puts octets [offset, offset + len), all of which must be there, to `to`. A chunk that is wanted
 * whole is unpacked there and nowhere else. `scratch` holds what lies on the disk; the caller
 * keeps it from one body to the next. */
MUST_USE enum err body_read_to(struct body *body, uint64_t offset, size_t len, char *to,
                               struct buf *scratch, struct errinfo *why);
/* Appends octets [offset, offset + len) to `out`, clamped to the body's end. */
MUST_USE enum err body_read(struct body *body, uint64_t offset, size_t len, struct buf *out,
                            struct errinfo *why);

#endif
