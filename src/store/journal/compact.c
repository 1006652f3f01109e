/* SPDX-License-Identifier: Apache-2.0 */
/* Work in the background: giving back the space of segments that are mostly dead, and training the
 * first dictionary. Why what is left always suffices for a rebuild is argued in
 * doc/formats/journal.md; the rules are in copy_op and copy_body below.
 *
 * A compaction reads a segment a piece at a time on the background thread, and after each piece
 * submits one ordinary transaction that copies forward what is still of use. What that is, is
 * decided inside the transaction, against the state it changes, so nothing can come in between. */
#include "store/journal/batch.h"
#include "store/journal/bodies.h"

enum {
    PIECE_BYTES = 256 * 1024, /* of a segment, copied in one transaction at most (or one record) */
    PAUSE_MS = 10,            /* between pieces */
    TRAIN_SAMPLES_MAX = 2000,
    TRAIN_SAMPLE_BYTES = 8 * 1024,
    TRAIN_BYTES_MAX = 8 * 1024 * 1024,
};

enum activity { IDLE, EXAMINING, COPYING, FLUSHING };

struct compact {
    struct writer *w;
    enum activity activity;
    struct segment *segment; /* pinned unless IDLE */
    struct scan scan;
    struct timer pause;
    struct arena *mem; /* of the piece */
    struct buf ops;    /* changes of the piece */
    struct scan_body *bodies;
    size_t body_count, body_cap;
    enum scan_status status;
    uint64_t live_bytes;       /* found by an examination */
    uint64_t considered_bytes; /* w->written_bytes when last looked */
    bool look_again;
};

static void read_piece(struct compact *c);
static void look(struct compact *c);

static void go_idle(struct compact *c)
{
    struct segment *g = c->segment;

    c->activity = IDLE;
    c->segment = NULL;
    scan_deinit(&c->scan);
    c->scan = (struct scan){ 0 };
    segment_unpin(&c->w->segments, g);
}

/* A segment that cannot be read stays as it is: the role goes on serving, and `check` names it. */
static void give_up(struct compact *c, const char *what)
{
    struct writer *w = c->w;

    (void)err_set(&w->why, ERR_IO, "segment %llx is not compacted: %s",
                  (unsigned long long)c->segment->number, what);
    c->segment->examined = true;
    c->segment->kv_live_bytes = c->segment->size;
    c->segment->examined_at = UINT64_MAX;
    go_idle(c);
}

static bool begin(struct compact *c, struct segment *g, enum activity activity)
{
    struct writer *w = c->w;

    if (segment_pin(&w->segments, g, &w->why) != OK)
        return false;
    c->activity = activity;
    c->segment = g;
    c->live_bytes = 0;
    c->scan = (struct scan){ .file = g->file,
                             .segment = g->number,
                             .at = SEGMENT_HEAD_BYTES,
                             .end = g->size,
                             .previous = g->head_checksum,
                             .skip_bodies = activity == EXAMINING };
    return true;
}

/* ---- examining: how much of the changes is current ---- */

static bool is_current(struct kv *kv, const struct record_op *op)
{
    SCRATCH(tmp, NULL);
    struct str value;
    bool found;

    return kv_get(kv, NULL, tmp, op->key, &found, &value) == OK && found &&
           str_eq(value, op->value);
}

static void run_examine(void *ctx)
{
    struct compact *c = ctx;

    while ((c->status = scan_next(&c->scan)) == SCAN_RECORD) {
        struct reader r = reader_of(c->scan.ops);
        struct record_op op;

        while (record_op_next(&r, &op))
            if (op.kind != OP_PUT || is_current(c->w->kv, &op))
                c->live_bytes += op.key.len + op.value.len;
    }
}

static void examined(void *ctx)
{
    struct compact *c = ctx;

    if (c->status != SCAN_END) {
        give_up(c, "it cannot be read");
        return;
    }
    c->segment->examined = true;
    c->segment->kv_live_bytes = c->live_bytes;
    c->segment->examined_at = c->w->written_bytes;
    go_idle(c);
    look(c);
}

/* ---- copying ---- */

static bool older_exists(const struct compact *c, uint64_t origin)
{
    const struct segments *s = &c->w->segments;

    for (size_t i = 0; i < s->count && s->list[i]->number < origin; i++)
        if (s->list[i] != c->segment)
            return true;
    return false;
}

/* A put whose value is the current one is made again. A delete or grave is carried on as a grave
 * while its key is absent and a segment exists that is older than the delete: only there can a put
 * be that it guards against. Everything else has been overtaken by a later change. */
static enum err copy_op(struct compact *c, struct txn *t, const struct record_op *op)
{
    SCRATCH(tmp, NULL);
    uint64_t origin = op->kind == OP_GRAVE ? op->origin : c->segment->number;
    struct str value;
    bool found;
    enum err e;

    if (op->kind != OP_PUT && !older_exists(c, origin))
        return OK;
    if ((e = txn_get(t, tmp, op->key, &found, &value)) != OK)
        return e;
    if (op->kind == OP_PUT && found && str_eq(value, op->value))
        txn_put(t, op->key, op->value);
    else if (op->kind != OP_PUT && !found)
        txn_grave(t, op->key, origin);
    return OK;
}

/* A body is copied while the tables say that it lies right here. */
static enum err copy_body(struct compact *c, struct txn *t, const struct scan_body *b)
{
    SCRATCH(tmp, NULL);
    char key[JOURNAL_KEY_BYTES];
    struct body_place place;
    struct str value;
    bool found;
    enum err e = txn_get(t, tmp, journal_key(key, 'B', b->head.id), &found, &value);

    if (e != OK || !found)
        return e;
    if (!body_place_decode(value, &place))
        return ERR_CORRUPT;
    if (place.segment == b->place.segment && place.offset == b->place.offset)
        txn_body_copy(t, b->head.id, c->segment->file, &place);
    return OK;
}

static enum err build_copies(void *ctx, struct txn *t)
{
    struct compact *c = ctx;
    struct reader r = reader_of(buf_str(&c->ops));
    struct record_op op;
    enum err e = OK;

    for (size_t i = 0; i < c->body_count && e == OK; i++)
        e = copy_body(c, t, &c->bodies[i]);
    while (e == OK && record_op_next(&r, &op))
        e = copy_op(c, t, &op);
    return e == OK && r.bad ? ERR_CORRUPT : e;
}

/* The tables are durable past all copies: from here on nothing needs the segment but readers that
 * have it open. */
static void tables_flushed(void *ctx, enum err e)
{
    struct compact *c = ctx;
    struct segment *g = c->segment;

    if (e != OK) {
        give_up(c, "the tables cannot be flushed");
        return;
    }
    c->w->stats.segments_compacted++;
    g->doomed = true;
    go_idle(c);
    look(c);
}

static void copies_done(void *ctx, enum err e)
{
    struct compact *c = ctx;

    if (e == ERR_NO_SPACE) { /* there may be some when it is next considered */
        go_idle(c);
        return;
    }
    if (e != OK) {
        give_up(c, err_text(e));
        return;
    }
    if (c->status == SCAN_RECORD) {
        timer_set_in(&c->pause, PAUSE_MS);
        return;
    }
    c->activity = FLUSHING;
    writer_flush(c->w, tables_flushed, c);
}

static void add_body(struct compact *c, const struct scan_body *b)
{
    if (c->body_count == c->body_cap) {
        c->body_cap = c->body_cap == 0 ? 64 : c->body_cap * 2;
        c->bodies = realloc(c->bodies, c->body_cap * sizeof(*c->bodies));
        if (c->bodies == NULL)
            BUG("out of memory");
    }
    c->bodies[c->body_count++] = *b;
}

static void run_read(void *ctx)
{
    struct compact *c = ctx;
    struct scan *s = &c->scan;
    uint64_t start = s->at;

    while ((c->status = scan_next(s)) == SCAN_RECORD) {
        buf_add(&c->ops, s->ops);
        for (size_t i = 0; i < s->head.body_count; i++)
            add_body(c, &s->bodies[i]);
        if (s->at - start >= PIECE_BYTES)
            return;
    }
}

static void piece_read(void *ctx)
{
    struct compact *c = ctx;

    if (c->status == SCAN_BAD || c->status == SCAN_FAILED)
        give_up(c, c->status == SCAN_BAD ? c->scan.reason : c->scan.why.text);
    else
        writer_submit_silent(c->w, build_copies, copies_done, c);
}

static void read_piece(struct compact *c)
{
    buf_clear(&c->ops);
    c->body_count = 0;
    workers_run(c->w->background, run_read, piece_read, c);
}

static void pause_over(void *ctx)
{
    read_piece(ctx);
}

/* ---- choosing ---- */

/* What must at least be copied; body octets are known, changes count as live until examined. */
static uint64_t live_bytes(const struct segment *g)
{
    return g->live_bytes + (g->examined ? g->kv_live_bytes : g->kv_bytes);
}

/* An examination is repeated when as much has been written as the journal's changes measure. */
static bool examination_is_due(const struct compact *c, const struct segment *g, uint64_t kv_bytes)
{
    return !g->examined || (g->examined_at <= c->w->written_bytes &&
                            c->w->written_bytes - g->examined_at > MAX(kv_bytes, g->size));
}

/* Graves go when all older segments are gone, so when there are many of them the oldest segment is
 * copied forward even if it is full of life. */
static struct segment *oldest_under_graves(const struct segments *s)
{
    uint64_t graves = 0;

    for (size_t i = 0; i < s->count; i++)
        graves += s->list[i]->grave_bytes;
    return s->count > 4 && graves > segments_bytes(s) / 8 && !s->list[0]->doomed &&
                   s->list[0]->examined_at != UINT64_MAX
               ? s->list[0]
               : NULL;
}

/* Is less than the agreed part of the segment alive? */
static bool is_sparse(const struct compact *c, const struct segment *g, uint64_t live)
{
    return live * 100 < g->size * c->w->settings.compact_below;
}

static struct segment *choose(struct compact *c, enum activity *ret)
{
    struct segments *s = &c->w->segments;
    struct segment *to_examine = NULL;
    uint64_t kv_bytes = 0;

    for (size_t i = 0; i < s->count; i++)
        kv_bytes += s->list[i]->kv_bytes;
    *ret = COPYING;
    for (size_t i = 0; i + 1 < s->count; i++) {
        struct segment *g = s->list[i];

        if (g->doomed || g->examined_at == UINT64_MAX || !is_sparse(c, g, g->live_bytes))
            continue;
        if (is_sparse(c, g, live_bytes(g)))
            return g;
        if (to_examine == NULL && examination_is_due(c, g, kv_bytes))
            to_examine = g;
    }
    struct segment *oldest = oldest_under_graves(s);
    if (oldest != NULL)
        return oldest;
    *ret = EXAMINING;
    return to_examine;
}

static void look(struct compact *c)
{
    struct writer *w = c->w;
    enum activity activity;
    struct segment *g;

    c->considered_bytes = w->written_bytes;
    if (c->activity != IDLE || w->closing || w->stopped || w->settings.no_compaction)
        return;
    g = choose(c, &activity);
    if (g == NULL || !begin(c, g, activity))
        return;
    if (activity == EXAMINING)
        workers_run(w->background, run_examine, examined, c);
    else
        read_piece(c);
}

/* Walking the list costs little, but there may be thousands of segments. */
void compact_consider(struct compact *c, bool now)
{
    struct writer *w = c->w;
    bool first = c->considered_bytes == 0 && w->segments.count > 1;

    if (now || first || w->written_bytes - c->considered_bytes >= w->settings.segment_bytes / 16)
        look(c);
}

struct compact *compact_new(struct writer *w)
{
    struct compact *c = calloc(1, sizeof(*c));

    if (c == NULL)
        BUG("out of memory");
    c->w = w;
    timer_init(&c->pause, w->loop, pause_over, c);
    return c;
}

void compact_free(struct compact *c)
{
    timer_cancel(&c->pause);
    if (c->activity != IDLE)
        go_idle(c);
    buf_deinit(&c->ops);
    free(c->bodies);
    free(c);
}

/* ---- training ---- */

struct training {
    struct writer *w;
    struct body *bodies[TRAIN_SAMPLES_MAX];
    size_t count;
    struct buf dictionary;
    bool learned;
};

static void run_training(void *ctx)
{
    struct training *t = ctx;
    struct buf samples = { 0 };
    size_t lens[TRAIN_SAMPLES_MAX];
    unsigned count = 0;

    for (size_t i = 0; i < t->count && samples.len < TRAIN_BYTES_MAX; i++) {
        size_t before = samples.len;
        struct errinfo ignored;

        if (body_read(t->bodies[i], 0, TRAIN_SAMPLE_BYTES, &samples, &ignored) == OK &&
            samples.len > before)
            lens[count++] = samples.len - before;
    }
    t->learned = count > 0 && pack_train(samples.at, lens, count, &t->dictionary);
    buf_deinit(&samples);
}

static void trained(void *ctx)
{
    struct training *t = ctx;
    struct writer *w = t->w;

    /* Bodies that taught nothing would teach nothing a moment later: wait for twice as many. */
    if (!t->learned || pack_add(w->pack, buf_str(&t->dictionary), &w->why) != OK)
        w->settings.train_bodies *= 2;
    for (size_t i = 0; i < t->count; i++)
        body_close(t->bodies[i]);
    buf_deinit(&t->dictionary);
    w->training = NULL;
    free(t);
}

/* The newest bodies stand for those to come. */
static void choose_samples(struct training *t)
{
    struct writer *w = t->w;
    char from[JOURNAL_KEY_BYTES];
    struct kv_iter *it = kv_iter_new(w->kv, NULL, journal_key(from, 'B', 0), STR("C"));
    struct errinfo ignored;

    for (bool more = kv_iter_last(it); more && t->count < TRAIN_SAMPLES_MAX;
         more = kv_iter_prev(it))
        if (journal_key_is(kv_iter_key(it), 'B') &&
            body_open(w->bodies, journal_key_number(kv_iter_key(it)), &t->bodies[t->count],
                      &ignored) == OK)
            t->count++;
    kv_iter_free(it);
}

void writer_consider_training(struct writer *w)
{
    struct training *t;

    if (w->settings.no_training || w->training != NULL || pack_newest(w->pack) != NULL ||
        w->next_body <= w->settings.train_bodies)
        return;
    if ((t = calloc(1, sizeof(*t))) == NULL)
        BUG("out of memory");
    t->w = w;
    w->training = t;
    choose_samples(t);
    workers_run(w->background, run_training, trained, t);
}

void writer_forget_training(struct writer *w)
{
    struct training *t = w->training;

    if (t == NULL)
        return;
    for (size_t i = 0; i < t->count; i++)
        body_close(t->bodies[i]);
    buf_deinit(&t->dictionary);
    free(t);
    w->training = NULL;
}
