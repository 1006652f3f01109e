/* store/journal/writer.h - the one writer: group commit, replay, flushing and compaction.
 *
 * A writer owns the folder `journal/` of a struct fs and keeps a struct kv in step with it. All
 * calls are made on the loop's thread. Submissions queue while a batch is being written; when it is
 * durable it is applied to the tables, the observer is told, every done(OK) is called, and the next
 * batch is formed from what has queued. done() is never called from inside writer_submit.
 * Errors given to done(): what build returned (only that request is dropped); ERR_NO_SPACE (exactly
 * the requests of that batch; later ones may succeed); ERR_IO (not done: the journal could not be
 * written, or the writer has stopped for good and the role must be started anew); ERR_CLOSED (the
 * sync failed: replay decides at the next start whether it was done). writer_close drops waiting
 * submissions without a call.
 * Formats: doc/formats/journal.md, bodies.md. Tests: writer_test.c, model_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_WRITER_H
#define POSTERN_STORE_JOURNAL_WRITER_H

#include "os/loop.h"
#include "store/journal/txn.h"

struct writer;
struct bodies;

struct writer_settings {
    uint64_t segment_bytes;   /* a segment is closed past this; 0: 64 MiB                 */
    uint64_t batch_bytes_max; /* bodies and values of one batch; 0: 4 MiB                 */
    uint32_t batch_count_max; /* submissions of one batch; 0: 1024                        */
    uint64_t flush_bytes;     /* tables are flushed after so much journal; 0: 32 MiB      */
    uint32_t flush_ms;        /* and so long after a change at the latest; 0: 60 s        */
    int zstd_level;           /* 0: 3, and 1 for big batches                              */
    uint32_t train_bodies;    /* a dictionary is trained after so many; 0: 2000; see dict.h */
    uint64_t reserve_bytes;   /* with less space free new bodies are refused; 0: 64 MiB       */
    uint32_t compact_below;   /* percent of live octets; 0: 50                            */
    bool no_compaction;
    bool no_sync;     /* done() does not wait for the disk                        */
    bool no_training; /* for tests and the simulator                              */
};

/* Tables and compaction need room to work, so submissions with new bodies are refused
 * (ERR_NO_SPACE) before the disk is full; flags and deletions still go through. */

/* Tables and compaction need room to work, so submissions with new bodies are refused with
 * ERR_NO_SPACE before the disk is full; flags and deletions still go through. */

/* What replay found; for the log and for `postern check`. */
struct writer_report {
    uint64_t segments, transactions;             /* replayed */
    uint64_t cut_segment, cut_offset, cut_bytes; /* torn tail that was cut off; bytes 0: none */
};

/* The observer is told of every batch that has become durable and visible, in order, before the
 * done()s: the changes of one transaction a call, without the journal's own rows. */
typedef void (*writer_observer)(void *ctx, const struct txn_op *ops, size_t count);

/* Opens or creates the journal, replays what the tables lack (all of it for volatile or empty
 * tables) and starts. ERR_CORRUPT names segment and offset. Blocks; before the role serves. */
MUST_USE enum err writer_open(struct loop *l, struct fs *fs, struct kv *kv,
                              const struct writer_settings *settings, struct writer **ret,
                              struct errinfo *why);
/* Waits for the batch under way; nothing is written and no done() is called from then on, so what
 * the submissions point to may go. Open bodies must be closed before writer_close follows. */
void writer_end_work(struct writer *w);
/* Does writer_end_work unless it was done, flushes the tables when the writer
 * is healthy, frees. `kv` and `fs` remain the caller's. */
void writer_close(struct writer *w);
const struct writer_report *writer_replayed(const struct writer *w);

void writer_observe(struct writer *w, writer_observer on_applied, void *ctx);

/* build() runs on the loop's thread when the next batch is formed, never from inside this call.
 * `ctx` and what build hands to txn_body_new must live until done(). */
void writer_submit(struct writer *w, enum err (*build)(void *ctx, struct txn *t),
                   void (*done)(void *ctx, enum err e), void *ctx);
bool writer_stopped(const struct writer *w);
/* Submissions that are not done yet. */
size_t writer_waiting(const struct writer *w);
/* One sentence about the last failure, for the log. */
const char *writer_last_error(const struct writer *w);

struct kv *writer_kv(struct writer *w);
struct bodies *writer_bodies(struct writer *w);
/* Flushes the tables in the background; done(ctx, e) on the loop. */
void writer_flush(struct writer *w, void (*done)(void *ctx, enum err e), void *ctx);

struct writer_stats {
    uint64_t transactions, batches;                         /* since start          */
    uint64_t segments, journal_bytes;                       /* now                  */
    uint64_t live_body_bytes;                               /* now, as stored       */
    uint64_t segments_compacted;                            /* since start          */
    uint64_t bodies, bodies_raw_bytes, bodies_stored_bytes; /* written since start */
};
void writer_get_stats(const struct writer *w, struct writer_stats *ret);

/* Drops the tables and replays the whole journal into them. Only without submissions under way
 * (ERR_STATE); blocks. */
MUST_USE enum err writer_rebuild(struct writer *w, struct errinfo *why);

/* Nothing is under way, nothing waits. */
bool writer_at_rest(const struct writer *w);

/* Calls run() on the loop when no batch is under way and before the next one is formed, so that
 * journal and tables are at the same place; never from inside this call. Forgotten when the writer
 * ends its work. */
void writer_when_quiet(struct writer *w, void (*run)(void *ctx), void *ctx);

/* Reads every record of every segment and every live body and compares with the tables; calls
 * `found` for each thing that is wrong, with one sentence. Blocks. Only when quiet, as above. */
MUST_USE enum err writer_check(struct writer *w, void (*found)(void *ctx, struct str sentence),
                               void *ctx, struct errinfo *why);

#endif
