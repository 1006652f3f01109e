/* store/journal/absorb.h - brings the tables up to what the journal says.
 *
 * The one place where records become rows: used behind each commit and by replay, so that both
 * always do the same. An absorb gathers any number of records and applies them as one batch with
 * their position. It owns the rows 'B' (places of bodies) and 'S' (counters of segments; the row
 * "S" alone holds the next body id). Loop's thread, blocking. Errors: those of kv.h; ERR_CORRUPT
 * names segment and offset. Tests: absorb_test.c, writer_test.c, model_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_ABSORB_H
#define POSTERN_STORE_JOURNAL_ABSORB_H

#include "base/map.h"
#include "store/journal/scan.h"
#include "store/journal/segment.h"
#include "store/journal/writer.h"

struct absorb_body {
    uint64_t id;
    struct body_place place;
    bool gone;
};

struct absorb {
    struct kv *kv;
    struct segments *segments; /* null: counters are not kept (check) */
    struct kv_batch *batch;
    struct absorb_body *bodies; /* placed in this batch */
    size_t body_count, body_cap, records;
    struct map gone;   /* keys 'B' of bodies of earlier batches that ended in this one */
    struct arena *mem; /* of those keys */
    uint64_t next_body;
    bool next_body_changed;
    struct buf scratch;
};

void absorb_init(struct absorb *a, struct kv *kv, struct segments *segments);
void absorb_deinit(struct absorb *a);
/* Bodies first, then the changes of one record of `segment`. */
MUST_USE enum err absorb_body(struct absorb *a, uint64_t id, const struct body_place *place);
MUST_USE enum err absorb_ops(struct absorb *a, uint64_t segment, struct str ops,
                             uint64_t next_body);
MUST_USE enum err absorb_commit(struct absorb *a, const struct kv_position *position,
                                struct errinfo *why);

/* Reads counters and the next body id back from the tables. */
MUST_USE enum err absorb_load(struct absorb *a, struct errinfo *why);

struct replay {
    struct segments *segments;
    struct absorb *absorb;
    bool cut; /* a torn tail is cut off (else ERR_CORRUPT) */
    uint64_t next_sequence;
    struct kv_position end; /* result: the journal's end */
    struct writer_report report;
};

/* Absorbs everything behind `from` (all of it when zero). A torn record ends it where no segment
 * follows and `synced` (a position that is known to have been durable) is not behind it. */
MUST_USE enum err replay_run(struct replay *r, const struct kv_position *from,
                             const struct kv_position *synced, struct errinfo *why);

#endif
