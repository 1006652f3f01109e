/* store/journal/append.h - writes a batch of records at the tail of a segment and syncs it.
 *
 * append_run is the work of the commit thread: it compresses bodies chunk by chunk, so that a body
 * of any length needs no more memory than a few chunks, writes the records, and syncs once. It
 * fills in where everything came to lie. On failure nothing of the batch counts; `sync_failed`
 * tells a write that failed (the tail can be cut back) from a sync (nobody knows what is on the
 * disk). Format: doc/formats/journal.md. Tests: writer_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_APPEND_H
#define POSTERN_STORE_JOURNAL_APPEND_H

#include "store/journal/pack.h"
#include "store/journal/record.h"
#include "store/journal/txn.h"

struct append_body {
    uint64_t id;
    struct body_source source; /* a new body, or: */
    struct file *copy;         /* a stored one, taken over as it lies there */
    struct body_place from;
    struct body_place place; /* result */
};

struct append_record {
    uint64_t sequence, next_body;
    struct str ops;
    struct append_body *bodies;
    size_t body_count;
    uint64_t end; /* results: offset behind it */
    uint32_t checksum;
};

struct append {
    struct pack *pack;
    struct file *file;
    uint64_t segment, offset; /* offset: where to start; at the end where the next one starts */
    uint32_t previous;
    const struct pack_dictionary *dictionary;
    bool hurried, no_sync;
    struct append_record **records;
    size_t count;
    /* work space, kept from batch to batch */
    struct buf out, chunk, packed;
    struct pack_item *ahead; /* small bodies of a large record, packed before their turn */
    uint64_t out_at;
    uint32_t sum;
    size_t summed; /* octets of `out` that are in `sum` */
    enum err result;
    bool sync_failed;
    struct errinfo why;
};

void append_run(struct append *a);
void append_deinit(struct append *a);

#endif
