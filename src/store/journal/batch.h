/* store/journal/batch.h - the inside of the writer: requests, the batch being built, the writer.
 *
 * Shared by txn.c, writer.c and compact.c only. A batch holds the overlay that its transactions
 * see; each transaction keeps the overlay as it was before, so that undoing it is putting that
 * back. All memory of a batch lies in its arena and goes when the last done() has been called. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_BATCH_H
#define POSTERN_STORE_JOURNAL_BATCH_H

#include "base/list.h"
#include "os/workers.h"
#include "store/journal/absorb.h"
#include "store/journal/append.h"
#include "store/kv/kv_engine.h"
#include "store/kv/tree.h"

struct request {
    struct list link;
    enum err (*build)(void *ctx, struct txn *t);
    void (*done)(void *ctx, enum err e);
    void *ctx;
    bool silent; /* the observer is not told: nothing changes for readers */
    enum err result;
    struct append_record record; /* sequence 0: nothing to write */
    struct txn_op *ops;
    size_t op_count;
};

struct txn {
    struct kv view; /* the overlay as a table */
    struct kv *base;
    struct tree overlay;
    struct arena *mem;
    uint64_t sequence, next_body;
    uint64_t bytes; /* of this transaction */
    bool grows;     /* brings new bodies */
    struct buf encoded;
    struct txn_op *ops;
    size_t op_count, op_cap;
    struct append_body *bodies;
    size_t body_count, body_cap;
};

void txn_init(struct txn *t, struct kv *base);
void txn_deinit(struct txn *t);
/* Starts the next transaction on the same overlay; `mem` is the batch's. */
void txn_begin(struct txn *t, struct arena *mem);
/* Hands what the transaction did to the request (memory in the batch's arena). */
void txn_finish(struct txn *t, struct request *r);

/* For compaction only. */
void txn_grave(struct txn *t, struct str key, uint64_t origin);
void txn_body_copy(struct txn *t, uint64_t id, struct file *file, const struct body_place *from);

struct flush_waiter {
    struct flush_waiter *next;
    void (*done)(void *ctx, enum err e);
    void *ctx;
};

struct quiet_waiter {
    struct list link;
    void (*run)(void *ctx);
    void *ctx;
};

struct compact;

struct writer {
    struct loop *loop;
    struct fs *fs;
    struct kv *kv;
    struct writer_settings settings;
    struct segments segments;
    struct pack *pack;
    struct bodies *bodies;
    struct absorb absorb;
    struct workers *commit, *background;
    struct writer_report report;
    struct writer_stats stats;
    writer_observer observer;
    void *observer_ctx;

    struct list queue, batch; /* of struct request */
    struct list quiet;        /* of struct quiet_waiter */
    size_t waiting;
    bool busy, kicked, stopped, closing;
    struct txn txn;
    struct arena *mem; /* of the batch */
    struct append append;
    struct append_record **records;
    size_t record_cap;
    struct kv_position tail; /* the journal's end */
    uint64_t next_sequence, next_body;

    struct timer kick_timer, flush_timer;
    uint64_t unflushed_bytes;
    bool flushing;
    enum err flush_result;
    struct flush_waiter *flush_now, *flush_next;

    uint64_t written_bytes, space_checked_at; /* octets appended since start; at the last look */
    bool low_space;
    struct training *training;
    struct compact *compact;
    struct errinfo why;
};

void writer_submit_silent(struct writer *w, enum err (*build)(void *ctx, struct txn *t),
                          void (*done)(void *ctx, enum err e), void *ctx);

/* compact.c: work in the background */
struct compact *compact_new(struct writer *w);
void compact_free(struct compact *c);
/* Looks whether there is something to do; unless `now`, only when enough has changed. */
void compact_consider(struct compact *c, bool now);
/* Trains the first dictionary when there are enough bodies to learn from. */
void writer_consider_training(struct writer *w);
/* At closing, when the background thread has ended. */
void writer_forget_training(struct writer *w);

#endif
