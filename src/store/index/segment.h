/* store/index/segment.h - a piece of an account's index: terms, and which emails have them.
 *
 * A segment covers some emails of one account, in the order of their numbers, and never changes
 * once it is written. Its rows are chunks of consecutive terms, each with a row of their postings
 * beside it, and a head that says which emails it covers; so what it takes to look a term up is two
 * rows, and what it takes to look for a piece of a word is the terms alone.
 * Writing appends rows to a batch that the caller applies and empties as it goes (any thread may
 * fill it; kv_apply is the loop's). A segment counts only when a manifest names it (index.h).
 * Numbers that are given and taken are those of emails within the segment, from 0.
 * Reading is allowed from every thread. Errors: those of kv.h, ERR_CORRUPT.
 * Format: doc/formats/index.md. Tests: segment_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_INDEX_SEGMENT_H
#define POSTERN_STORE_INDEX_SEGMENT_H

#include "base/arena.h"
#include "store/kv/kv.h"
#include "store/table/keys.h"

enum {
    INDEX_VERSION = 2,
    CHUNK_TERM_BYTES = 8 * 1024,     /* a chunk ends past so much of terms */
    CHUNK_POSTING_BYTES = 24 * 1024, /* or of postings */
    SEGMENT_EMAILS_MAX = 64 * 1000 * 1000
};

/* ---- writing ---- */

struct segment_writer {
    struct kv_batch *batch;
    size_t batch_bytes; /* put since the caller last set it to 0 */
    uint64_t bytes;     /* of the whole segment */
    uint64_t term_count;
    uint32_t account, number, emails;
    struct buf first, terms, lengths, postings; /* of the chunk being filled */
    uint32_t count;
};

void segment_write_begin(struct segment_writer *w, struct kv_batch *batch, uint32_t account,
                         uint32_t number, uint32_t emails);
/* Terms come in octet order, each once, with at least one number. */
void segment_write_term(struct segment_writer *w, struct str term, const uint32_t *numbers,
                        uint32_t count);
/* `emails`: ascending email numbers, as many as said at the beginning; `odd`: those that may hold
 * anything. Ends the last chunk, writes the head and frees what the writer holds. */
void segment_write_end(struct segment_writer *w, const uint32_t *emails, const uint32_t *odd,
                       uint32_t odd_count);
void segment_write_abort(struct segment_writer *w);

/* ---- reading ---- */

struct segment {
    struct kv *kv;
    const struct kv_snapshot *snap;
    uint32_t account, number;
    uint32_t count;         /* emails */
    const uint32_t *emails; /* their numbers; in the arena */
    const uint32_t *odd;    /* in the arena */
    uint32_t odd_count;
};

/* ERR_CORRUPT when there is no head. */
MUST_USE enum err segment_open(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem,
                               uint32_t account, uint32_t number, struct segment *ret,
                               struct errinfo *why);

/* Walks terms in order. What walk->term is lives until the next step. */
struct segment_walk {
    const struct segment *segment;
    struct kv_iter *it;
    struct arena *mem; /* of the postings of one chunk */
    struct str terms;  /* that follow in this chunk */
    struct reader lengths;
    struct str term;
    struct str postings;
    size_t posting_at, posting_len;
    bool have_postings;
    enum err e;
};

/* Begins before the first term >= `from`. */
void segment_walk_begin(struct segment_walk *w, const struct segment *s, struct str from);
bool segment_walk_next(struct segment_walk *w); /* false at the end or on an error: w->e */
/* The numbers under w->term; `ret` has room for all emails of the segment. */
MUST_USE enum err segment_walk_numbers(struct segment_walk *w, uint32_t *ret, uint32_t *ret_count);
void segment_walk_end(struct segment_walk *w);

/* Which terms: those that begin with `letter`, and whose word behind it is `text`, or begins
 * (open_right), ends (open_left) or goes on on both sides with it. A word of a header field ends at
 * its mark (words.h); `field`: null for those of any field and of none, or the field's code. */
struct term_pattern {
    char letter;
    struct str text;
    bool open_left, open_right;
    struct str field;
};

/* Gives the numbers of every term that fits. */
MUST_USE enum err segment_find(const struct segment *s, const struct term_pattern *p,
                               void (*found)(void *ctx, struct str term, const uint32_t *numbers,
                                             uint32_t count),
                               void *ctx);

/* The bounds of all rows of a segment in one of its tables, for removing them. */
void segment_bounds(enum table table, uint32_t account, uint32_t number, struct key *from,
                    struct key *to);

#endif
