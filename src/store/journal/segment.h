/* store/journal/segment.h - the segment files of a journal: which there are, open, pinned, gone.
 *
 * Loop's thread, apart from reading and writing a pinned segment's file. Files are named
 * journal/seg-%016x by number and opened when first pinned; of those that nobody pins, some stay
 * open. A segment that was doomed is removed when its last pin is gone. The counters say how much
 * of a segment is still of use; they are kept in rows 'S' of the tables. Errors: those of
 * os/file.h, ERR_CORRUPT for a head that is not one. Tests: writer_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_SEGMENT_H
#define POSTERN_STORE_JOURNAL_SEGMENT_H

#include "os/file.h"
#include "store/journal/record.h"

#define JOURNAL_FOLDER "journal"

struct segment {
    uint64_t number;
    uint64_t size; /* octets up to the end of the last record              */
    uint32_t head_checksum;
    uint64_t body_bytes;    /* of bodies, as stored                                 */
    uint64_t live_bytes;    /* of those that have references and are read from here */
    uint64_t kv_bytes;      /* of changes                                           */
    uint64_t grave_bytes;   /* of graves among them                                 */
    uint64_t kv_live_bytes; /* of changes that were current when last examined      */
    uint64_t examined_at;   /* of `kv_written` in compact.c                         */
    bool examined, doomed, touched;
    unsigned pins;
    uint64_t last_use;
    struct file *file; /* null when not open */
    struct segment_head head;
};

struct segments {
    struct fs *fs;
    struct segment **list; /* ascending numbers; the last one is the tail */
    size_t count, cap, open;
    uint64_t uses;
    uint64_t reserve_bytes;
};

/* Lists the folder (made when missing) and reads every head. A last segment whose head was not
 * finished when the power went is removed. */
MUST_USE enum err segments_open(struct segments *s, struct fs *fs, struct errinfo *why);
void segments_close(struct segments *s);

struct segment *segments_find(const struct segments *s, uint64_t number); /* or null */
static inline struct segment *segments_tail(const struct segments *s)
{
    return s->count == 0 ? NULL : s->list[s->count - 1];
}
/* Makes the next tail, its head durable. */
MUST_USE enum err segments_add(struct segments *s, const struct segment_head *head,
                               struct errinfo *why);
/* Keeps the file open and in place until segment_unpin. */
MUST_USE enum err segment_pin(struct segments *s, struct segment *g, struct errinfo *why);
void segment_unpin(struct segments *s, struct segment *g);
/* Writes the octets [from, g->size) of a segment once more as they are, and syncs them and the
 * names: a sync that failed before the last end of the process may have left octets that can be
 * read but are on no disk, and no later sync would bring them there. */
MUST_USE enum err segment_harden(struct segments *s, struct segment *g, uint64_t from,
                                 struct errinfo *why);
/* To be removed when nobody needs it any more. */
void segment_doom(struct segments *s, struct segment *g);

/* The counters as a row of the tables. */
void segment_counters_encode(struct buf *out, const struct segment *g);
bool segment_counters_decode(struct str in, struct segment *g);
uint64_t segments_bytes(const struct segments *s);

#endif
