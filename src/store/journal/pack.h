/* store/journal/pack.h - compressing body chunks, and the dictionaries that help.
 *
 * Chunks are zstd frames, made with the newest dictionary and read with the one that the body's
 * head names; dictionaries are files journal/dict-%08x and are kept for ever. pack_chunk is called
 * on the commit thread only, unpack_chunk on any thread, the rest on the loop's thread.
 * Errors: ERR_CORRUPT when a chunk or its dictionary cannot be read. Format: doc/formats/bodies.md.
 * Tests: writer_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_PACK_H
#define POSTERN_STORE_JOURNAL_PACK_H

#include "base/buf.h"
#include "os/file.h"

struct pack;
struct pack_dictionary;

#define DICTIONARY_BYTES_MAX ((size_t)112 * 1024)

/* Loads the dictionaries that are there. Levels: `level` for small batches, 1 for `hurried`. */
MUST_USE enum err pack_open(struct fs *fs, int level, struct pack **ret, struct errinfo *why);
void pack_close(struct pack *p);

/* The newest dictionary or null; stays valid as long as the pack. */
const struct pack_dictionary *pack_newest(const struct pack *p);
uint32_t pack_dictionary_id(const struct pack_dictionary *d); /* 0 for null */

/* Compresses `raw` into `out` (raw.len octets of room); 0 when that would not be shorter. */
size_t pack_chunk(struct pack *p, const struct pack_dictionary *d, bool hurried, struct str raw,
                  char *out);
/* The same for many chunks, half of them on a thread of its own; `packed_len` is the result. */
struct pack_item {
    struct str raw;
    char *out;
    size_t packed_len;
};
void pack_chunks(struct pack *p, const struct pack_dictionary *d, bool hurried,
                 struct pack_item *items, size_t count);
MUST_USE enum err unpack_chunk(struct pack *p, uint32_t dictionary, struct str stored, char *out,
                               size_t raw_len);

/* Trains a dictionary from samples that lie one after the other; any thread. False when there is
 * too little to learn. */
MUST_USE bool pack_train(const char *samples, const size_t *lens, unsigned count, struct buf *ret);
/* Saves it durably and uses it from the next batch on. */
MUST_USE enum err pack_add(struct pack *p, struct str dictionary, struct errinfo *why);

#endif
