/* store/journal/model_test.h - a journal on a faulty folder beside a plain model of what it holds.
 *
 * A rig owns a temporary folder, a loop, tables and a writer. Random transactions change rows "k.."
 * and bodies that rows "s.." refer to; what was acknowledged goes into the model, what got
 * ERR_CLOSED from a stopping writer is kept apart, since nobody can know it before the next start.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_MODEL_TEST_H
#define POSTERN_STORE_JOURNAL_MODEL_TEST_H

#include "os/fault.h"
#include "os/sim.h"
#include "store/journal/bodies.h"
#include "store/journal/writer.h"
#include "testing.h"

enum {
    MODEL_KEYS = 40,
    MODEL_SLOTS = 12,
    MODEL_COLD_SLOTS = 4,
    MODEL_CHANGES = 6,
    MODEL_UNKNOWN = 64
};

struct model {
    int value[MODEL_KEYS];      /* 0: absent */
    uint64_t seed[MODEL_SLOTS]; /* 0: no body */
    size_t len[MODEL_SLOTS];
};

struct model_change {
    enum { CHANGE_PUT, CHANGE_DELETE, CHANGE_BODY, CHANGE_COPY, CHANGE_DROP } kind;
    unsigned at, from;
    int value;
    uint64_t seed;
    size_t len;
};

struct model_txn {
    struct model_change changes[MODEL_CHANGES];
    size_t count;
};

struct model_job;

struct rig {
    char folder[64];
    struct fs *fs; /* faulty over real */
    struct loop *loop;
    struct kv *kv;
    struct writer *writer;
    struct writer_settings settings;
    bool rocks;
    uint64_t random;
    int steps;
    size_t pending;
    struct model sure;
    struct model_txn unknown[MODEL_UNKNOWN];
    size_t unknown_count;
    size_t body_len_max;
    struct model_job *outstanding[MODEL_UNKNOWN];
    struct sim *sim;       /* null: the real side */
    size_t torn;           /* tails cut off after power cuts */
    struct arena *scratch; /* for tests that need one; theirs to free */
};

void rig_new(struct rig *r, uint64_t seed, bool rocks);
void rig_free(struct rig *r);
MUST_USE enum err rig_open(struct rig *r, struct errinfo *why);
void rig_close(struct rig *r);
unsigned rig_random(struct rig *r, unsigned below);

/* Submits `count` random transactions and runs the loop until all are done. */
void rig_run(struct rig *r, size_t count);
/* Runs the loop for a while of real time, for what happens in the background. */
void rig_pass(struct rig *r, uint64_t ms);
/* Tables and bodies are exactly the model, or the model and a beginning of what is unknown; that
 * then becomes the model. */
void rig_check(struct rig *r, const char *row);

#endif
