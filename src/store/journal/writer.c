/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/writer.h"

#include <stdarg.h>

#include "store/journal/batch.h"
#include "store/journal/bodies.h"

#define KIB ((uint64_t)1024)
#define MIB (1024 * KIB)
/* Past so many octets of bodies a batch is compressed at the quick level. */
#define HURRIED_BYTES (256 * KIB)
#define SPACE_LOOK_BYTES (4 * MIB)

static void kick(struct writer *w);

/* ---- forming a batch ---- */

static void end_request(struct writer *w, struct request *r)
{
    list_remove(&r->link);
    w->waiting--;
    r->done(r->ctx, r->result);
    free(r);
}

/* Calls every done(). They may submit again: that joins the queue, not this list. */
static void end_batch(struct writer *w)
{
    struct list done;

    list_init(&done);
    while (!list_empty(&w->batch)) {
        struct list *first = list_first(&w->batch);

        list_remove(first);
        list_add_last(&done, first);
    }
    tree_release(&w->txn.overlay);
    w->busy = false;
    while (!list_empty(&done))
        end_request(w, LIST_ITEM(list_first(&done), struct request, link));
    arena_reset(w->mem);
    kick(w);
}

static void fail_batch(struct writer *w, enum err e)
{
    LIST_EACH(it, &w->batch)
    {
        struct request *r = LIST_ITEM(it, struct request, link);

        if (r->result == OK)
            r->result = e;
    }
}

static void stop(struct writer *w)
{
    w->stopped = true;
}

/* Runs one build. What it did is forgotten when it fails, because the overlay from before is still
 * there; ids it took are free again. */
static void build_one(struct writer *w, struct request *r)
{
    struct txn *t = &w->txn;
    struct tree before = tree_share(&t->overlay);
    uint64_t next_body = t->next_body;

    txn_begin(t, w->mem);
    r->result = r->build(r->ctx, t);
    if (r->result == OK && t->grows && w->low_space)
        r->result = ERR_NO_SPACE;
    if (r->result != OK) {
        tree_release(&t->overlay);
        t->overlay = before;
        t->next_body = next_body;
        return;
    }
    tree_release(&before);
    txn_finish(t, r);
    if (r->record.sequence != 0)
        t->sequence++;
}

static void add_record(struct writer *w, size_t at, struct append_record *record)
{
    if (at == w->record_cap) {
        w->record_cap = w->record_cap == 0 ? 64 : w->record_cap * 2;
        w->records = realloc(w->records, w->record_cap * sizeof(struct append_record *));
        if (w->records == NULL)
            BUG("out of memory");
    }
    w->records[at] = record;
}

/* Moves requests from the queue into the batch until it is big enough. Returns the records. */
static size_t build_batch(struct writer *w, uint64_t *ret_bytes)
{
    size_t count = 0, records = 0;

    *ret_bytes = 0;
    w->txn.sequence = w->next_sequence;
    w->txn.next_body = w->next_body;
    while (!list_empty(&w->queue) && count < w->settings.batch_count_max &&
           *ret_bytes < w->settings.batch_bytes_max) {
        struct request *r = LIST_ITEM(list_first(&w->queue), struct request, link);

        list_remove(&r->link);
        list_add_last(&w->batch, &r->link);
        build_one(w, r);
        count++;
        if (r->result != OK || r->record.sequence == 0)
            continue;
        add_record(w, records++, &r->record);
        *ret_bytes += w->txn.bytes;
    }
    return records;
}

static void look_for_space(struct writer *w)
{
    uint64_t free_bytes;
    struct errinfo why;

    if (w->space_checked_at != 0 && !w->low_space &&
        w->written_bytes - w->space_checked_at < SPACE_LOOK_BYTES)
        return;
    w->space_checked_at = w->written_bytes + 1;
    if (fs_free_bytes(w->fs, &free_bytes, &why) == OK)
        w->low_space = free_bytes < w->settings.reserve_bytes;
}

static enum err next_segment(struct writer *w)
{
    struct segment *tail = segments_tail(&w->segments);
    struct segment_head head = { .number = tail == NULL ? 1 : tail->number + 1,
                                 .first_sequence = w->next_sequence,
                                 .next_body = w->next_body };
    enum err e = segments_add(&w->segments, &head, &w->why);

    if (e != OK)
        return e;
    tail = segments_tail(&w->segments);
    w->tail.segment = tail->number;
    w->tail.offset = tail->size;
    w->tail.checksum = tail->head_checksum;
    return OK;
}

/* Builds are cheap to redo, but their requests have been told nothing yet, so a failure here is
 * theirs as well. */
static enum err prepare_tail(struct writer *w)
{
    if (w->tail.offset < w->settings.segment_bytes)
        return OK;

    enum err e = next_segment(w);
    if (e != OK && e != ERR_NO_SPACE)
        stop(w);
    return e;
}

static void run_append(void *ctx)
{
    struct writer *w = ctx;

    append_run(&w->append);
}

static void batch_written(void *ctx);

static void write_batch(struct writer *w, size_t records, uint64_t bytes)
{
    struct segment *tail;
    struct append *a = &w->append;
    enum err e = prepare_tail(w);

    if (e == OK) {
        tail = segments_tail(&w->segments);
        e = segment_pin(&w->segments, tail, &w->why);
    }
    if (e != OK) {
        fail_batch(w, e);
        end_batch(w);
        return;
    }
    a->pack = w->pack;
    a->file = tail->file;
    a->segment = w->tail.segment;
    a->offset = w->tail.offset;
    a->previous = w->tail.checksum;
    a->dictionary = pack_newest(w->pack);
    a->hurried = w->settings.zstd_level == 0 && bytes > HURRIED_BYTES;
    a->no_sync = w->settings.no_sync;
    a->records = w->records;
    a->count = records;
    workers_run(w->commit, run_append, batch_written, w);
}

static void run_quiet(struct writer *w)
{
    while (!list_empty(&w->quiet)) {
        struct quiet_waiter *q = LIST_ITEM(list_first(&w->quiet), struct quiet_waiter, link);

        list_remove(&q->link);
        q->run(q->ctx);
        free(q);
    }
}

static void form_batch(void *ctx)
{
    struct writer *w = ctx;
    uint64_t bytes;

    w->kicked = false;
    if (w->busy || w->closing)
        return;
    run_quiet(w);
    if (list_empty(&w->queue))
        return;
    w->busy = true;
    if (w->stopped) {
        while (!list_empty(&w->queue)) {
            struct list *first = list_first(&w->queue);

            list_remove(first);
            list_add_last(&w->batch, first);
        }
        fail_batch(w, ERR_IO);
        end_batch(w);
        return;
    }
    look_for_space(w);
    size_t records = build_batch(w, &bytes);
    if (records == 0)
        end_batch(w);
    else
        write_batch(w, records, bytes);
}

static void kick(struct writer *w)
{
    if (w->kicked || w->busy || (list_empty(&w->queue) && list_empty(&w->quiet)))
        return;
    w->kicked = true;
    timer_set_in(&w->kick_timer, 0);
}

/* ---- when it is written ---- */

static void count_bodies(struct writer *w, const struct append_record *rec)
{
    for (size_t i = 0; i < rec->body_count; i++) {
        if (rec->bodies[i].copy != NULL)
            continue;
        w->stats.bodies++;
        w->stats.bodies_raw_bytes += rec->bodies[i].place.raw_len;
        w->stats.bodies_stored_bytes += rec->bodies[i].place.stored_len;
    }
}

static enum err absorb_batch(struct writer *w)
{
    enum err e = OK;

    LIST_EACH(it, &w->batch)
    {
        struct request *r = LIST_ITEM(it, struct request, link);
        struct append_record *rec = &r->record;

        if (r->result != OK || rec->sequence == 0)
            continue;
        for (size_t i = 0; i < rec->body_count && e == OK; i++)
            e = absorb_body(&w->absorb, rec->bodies[i].id, &rec->bodies[i].place);
        if (e == OK)
            e = absorb_ops(&w->absorb, w->tail.segment, rec->ops, rec->next_body);
        if (e != OK)
            return e;
        count_bodies(w, rec);
        w->stats.transactions++;
        w->next_sequence = rec->sequence + 1;
        w->next_body = rec->next_body;
        w->tail.offset = rec->end;
        w->tail.sequence = rec->sequence;
        w->tail.checksum = rec->checksum;
    }
    segments_tail(&w->segments)->size = w->tail.offset;
    w->stats.batches++;
    return absorb_commit(&w->absorb, &w->tail, &w->why);
}

static void tell_observer(struct writer *w)
{
    if (w->observer == NULL)
        return;
    LIST_EACH(it, &w->batch)
    {
        struct request *r = LIST_ITEM(it, struct request, link);

        if (r->result == OK && !r->silent && r->op_count > 0)
            w->observer(w->observer_ctx, r->ops, r->op_count);
    }
}

/* What was written of a batch that failed must not come to light at the next start, so the tail is
 * cut back, durably, before anybody is told. */
static void cut_back(struct writer *w)
{
    struct segment *tail = segments_tail(&w->segments);
    struct errinfo ignored;

    if (file_truncate(tail->file, w->tail.offset, &w->why) != OK ||
        file_sync(tail->file, &w->why) != OK)
        stop(w);
    else if (w->tail.offset < w->settings.segment_bytes)
        (void)!file_reserve(tail->file, w->tail.offset, w->settings.segment_bytes - w->tail.offset,
                            &ignored);
}

static void flush_soon(struct writer *w)
{
    if (!w->flushing && w->unflushed_bytes >= w->settings.flush_bytes)
        writer_flush(w, NULL, NULL);
    else if (!timer_is_set(&w->flush_timer))
        timer_set_in(&w->flush_timer, w->settings.flush_ms);
}

static void batch_written(void *ctx)
{
    struct writer *w = ctx;
    uint64_t before = w->tail.offset;
    enum err e = w->append.result;

    if (e != OK) {
        w->why = w->append.why;
        if (w->append.sync_failed)
            stop(w);
        else
            cut_back(w);
        /* After a failed sync the records may be there at the next start, or not. */
        fail_batch(w, w->stopped ? ERR_CLOSED : e);
    } else if ((e = absorb_batch(w)) != OK) {
        stop(w);
        fail_batch(w, ERR_CLOSED);
    }
    segment_unpin(&w->segments, segments_tail(&w->segments));
    if (e == OK) {
        w->written_bytes += w->tail.offset - before;
        w->unflushed_bytes += w->tail.offset - before;
        tell_observer(w);
        flush_soon(w);
    }
    end_batch(w);
    if (e == OK && !w->closing) {
        compact_consider(w->compact, false);
        writer_consider_training(w);
    }
}

/* ---- flushing the tables ---- */

static void run_flush(void *ctx)
{
    struct writer *w = ctx;
    struct errinfo why;

    w->flush_result = kv_flush(w->kv, &why);
}

static void start_flush(struct writer *w);

static void flushed(void *ctx)
{
    struct writer *w = ctx;
    struct flush_waiter *list = w->flush_now;

    w->flushing = false;
    w->flush_now = NULL;
    if (w->flush_result != OK)
        (void)err_set(&w->why, w->flush_result, "the tables cannot be flushed");
    while (list != NULL) {
        struct flush_waiter *next = list->next;

        if (list->done != NULL)
            list->done(list->ctx, w->flush_result);
        free(list);
        list = next;
    }
    if (w->flush_next != NULL && !w->flushing)
        start_flush(w);
}

static void start_flush(struct writer *w)
{
    w->flushing = true;
    w->flush_now = w->flush_next;
    w->flush_next = NULL;
    w->unflushed_bytes = 0;
    timer_cancel(&w->flush_timer);
    workers_run(w->background, run_flush, flushed, w);
}

void writer_flush(struct writer *w, void (*done)(void *ctx, enum err e), void *ctx)
{
    struct flush_waiter *f = calloc(1, sizeof(*f));

    if (f == NULL)
        BUG("out of memory");
    *f = (struct flush_waiter){ w->flush_next, done, ctx };
    w->flush_next = f;
    if (!w->flushing)
        start_flush(w);
}

static void flush_timer_fired(void *ctx)
{
    struct writer *w = ctx;

    if (w->unflushed_bytes > 0 && !w->flushing)
        writer_flush(w, NULL, NULL);
    compact_consider(w->compact, true);
}

/* ---- submissions ---- */

static void submit(struct writer *w, const struct request *what)
{
    struct request *r = malloc(sizeof(*r));

    if (r == NULL)
        BUG("out of memory");
    *r = *what;
    list_add_last(&w->queue, &r->link);
    w->waiting++;
    kick(w);
}

void writer_submit(struct writer *w, enum err (*build)(void *ctx, struct txn *t),
                   void (*done)(void *ctx, enum err e), void *ctx)
{
    submit(w, &(struct request){ .build = build, .done = done, .ctx = ctx });
}

void writer_submit_silent(struct writer *w, enum err (*build)(void *ctx, struct txn *t),
                          void (*done)(void *ctx, enum err e), void *ctx)
{
    submit(w, &(struct request){ .build = build, .done = done, .ctx = ctx, .silent = true });
}

void writer_when_quiet(struct writer *w, void (*run)(void *ctx), void *ctx)
{
    struct quiet_waiter *q = malloc(sizeof(*q));

    if (q == NULL)
        BUG("out of memory");
    *q = (struct quiet_waiter){ .run = run, .ctx = ctx };
    list_add_last(&w->quiet, &q->link);
    kick(w);
}

/* ---- opening and closing ---- */

static void set_defaults(struct writer_settings *s)
{
    s->segment_bytes = s->segment_bytes == 0 ? 64 * MIB : s->segment_bytes;
    s->batch_bytes_max = s->batch_bytes_max == 0 ? 4 * MIB : s->batch_bytes_max;
    s->batch_count_max = s->batch_count_max == 0 ? 1024 : s->batch_count_max;
    s->flush_bytes = s->flush_bytes == 0 ? 32 * MIB : s->flush_bytes;
    s->flush_ms = s->flush_ms == 0 ? 60 * 1000 : s->flush_ms;
    s->reserve_bytes = s->reserve_bytes == 0 ? 64 * MIB : s->reserve_bytes;
    s->compact_below = s->compact_below == 0 ? 50 : s->compact_below;
    s->train_bodies = s->train_bodies == 0 ? 2000 : s->train_bodies;
}

/* Tables that know nothing, or a place that the journal no longer has, are filled from the start.
 */
static enum err replay(struct writer *w, const struct kv_position *synced, struct errinfo *why)
{
    struct kv_position from = kv_position(w->kv);
    struct replay r = { .segments = &w->segments, .absorb = &w->absorb, .cut = true };
    enum err e;

    if (from.segment != 0 &&
        from.segment > (w->segments.count == 0 ? 0 : segments_tail(&w->segments)->number))
        return err_set(why, ERR_CORRUPT,
                       "the journal ends before segment %llx, which the tables know",
                       (unsigned long long)from.segment);
    if (from.segment != 0 && segments_find(&w->segments, from.segment) == NULL) {
        if ((e = kv_drop_all(w->kv, why)) != OK)
            return e;
        from = (struct kv_position){ 0 };
    }
    if (from.segment != 0 && (e = absorb_load(&w->absorb, why)) != OK)
        return e;
    if ((e = replay_run(&r, &from, synced, why)) != OK)
        return e;

    struct segment *tail = segments_tail(&w->segments);
    /* What was replayed from the tail was read, perhaps from memory only (see segment_harden). */
    if (tail != NULL && (from.segment != tail->number || from.offset < tail->size) &&
        (e = segment_harden(&w->segments, tail, from.segment == tail->number ? from.offset : 0,
                            why)) != OK)
        return e;
    w->report = r.report;
    w->tail = r.end;
    w->next_sequence = r.next_sequence;
    w->next_body = w->absorb.next_body;
    if (tail != NULL) {
        w->next_sequence = MAX(w->next_sequence, tail->head.first_sequence);
        w->next_body = MAX(w->next_body, tail->head.next_body);
        w->absorb.next_body = w->next_body;
    }
    return OK;
}

static enum err open_parts(struct writer *w, struct errinfo *why)
{
    struct kv_position known = kv_position(w->kv);
    enum err e;

    w->segments.reserve_bytes = w->settings.segment_bytes;
    if ((e = segments_open(&w->segments, w->fs, why)) != OK ||
        (e = pack_open(w->fs, w->settings.zstd_level == 0 ? 3 : w->settings.zstd_level, &w->pack,
                       why)) != OK ||
        (e = replay(w, &known, why)) != OK)
        return e;
    if (w->segments.count == 0 && (e = next_segment(w)) != OK) {
        if (why != NULL)
            *why = w->why;
        return e;
    }
    if ((e = workers_new(w->loop, 1, &w->commit, why)) != OK)
        return e;
    return workers_new(w->loop, 1, &w->background, why);
}

static void free_writer(struct writer *w)
{
    workers_free(w->commit);
    workers_free(w->background);
    bodies_free(w->bodies);
    pack_close(w->pack);
    absorb_deinit(&w->absorb);
    segments_close(&w->segments);
    txn_deinit(&w->txn);
    append_deinit(&w->append);
    arena_free(w->mem);
    free(w->records);
    free(w);
}

enum err writer_open(struct loop *l, struct fs *fs, struct kv *kv,
                     const struct writer_settings *settings, struct writer **ret,
                     struct errinfo *why)
{
    struct writer *w = calloc(1, sizeof(*w));
    enum err e;

    if (w == NULL)
        BUG("out of memory");
    w->loop = l;
    w->fs = fs;
    w->kv = kv;
    w->settings = *settings;
    set_defaults(&w->settings);
    list_init(&w->queue);
    list_init(&w->batch);
    list_init(&w->quiet);
    w->mem = arena_new(0);
    txn_init(&w->txn, kv);
    absorb_init(&w->absorb, kv, &w->segments);
    if ((e = open_parts(w, why)) != OK) {
        free_writer(w);
        return e;
    }
    w->bodies = bodies_new(kv, &w->segments, w->pack);
    timer_init(&w->kick_timer, l, form_batch, w);
    timer_init(&w->flush_timer, l, flush_timer_fired, w);
    w->compact = compact_new(w);
    compact_consider(w->compact, false);
    *ret = w;
    return OK;
}

static void drop_requests(struct list *head)
{
    while (!list_empty(head)) {
        struct list *first = list_first(head);

        list_remove(first);
        free(LIST_ITEM(first, struct request, link));
    }
}

static void drop_waiters(struct flush_waiter *f)
{
    while (f != NULL) {
        struct flush_waiter *next = f->next;

        free(f);
        f = next;
    }
}

static void drop_quiet(struct writer *w)
{
    while (!list_empty(&w->quiet)) {
        struct quiet_waiter *q = LIST_ITEM(list_first(&w->quiet), struct quiet_waiter, link);

        list_remove(&q->link);
        free(q);
    }
}

void writer_end_work(struct writer *w)
{
    drop_quiet(w);
    w->closing = true;
    timer_cancel(&w->kick_timer);
    timer_cancel(&w->flush_timer);
    /* The pools wait for the job that is running; what it wrote is replayed at the next start. */
    workers_free(w->commit);
    workers_free(w->background);
    w->commit = w->background = NULL;
}

void writer_close(struct writer *w)
{
    struct errinfo ignored;

    if (w == NULL)
        return;
    writer_end_work(w);
    if (!w->stopped)
        (void)!kv_flush(w->kv, &ignored);
    compact_free(w->compact);
    writer_forget_training(w);
    drop_requests(&w->queue);
    drop_requests(&w->batch);
    drop_waiters(w->flush_now);
    drop_waiters(w->flush_next);
    free_writer(w);
}

bool writer_at_rest(const struct writer *w)
{
    return !w->busy && !w->flushing && w->waiting == 0 && workers_waiting(w->background) == 0;
}

enum err writer_rebuild(struct writer *w, struct errinfo *why)
{
    struct kv_position known = w->tail;
    enum err e;

    if (!writer_at_rest(w) || w->stopped)
        return err_set(why, ERR_STATE, "the journal is being written to");
    if ((e = kv_drop_all(w->kv, why)) != OK)
        return e;
    for (size_t i = 0; i < w->segments.count; i++) {
        struct segment *g = w->segments.list[i];

        g->body_bytes = g->live_bytes = g->kv_bytes = g->grave_bytes = 0;
    }
    absorb_deinit(&w->absorb);
    absorb_init(&w->absorb, w->kv, &w->segments);
    if ((e = replay(w, &known, why)) != OK) {
        stop(w);
        return e;
    }
    return kv_flush(w->kv, why);
}

/* ---- questions ---- */

const struct writer_report *writer_replayed(const struct writer *w)
{
    return &w->report;
}

void writer_observe(struct writer *w, writer_observer on_applied, void *ctx)
{
    w->observer = on_applied;
    w->observer_ctx = ctx;
}

bool writer_stopped(const struct writer *w)
{
    return w->stopped;
}

size_t writer_waiting(const struct writer *w)
{
    return w->waiting;
}

const char *writer_last_error(const struct writer *w)
{
    return w->why.text;
}

struct kv *writer_kv(struct writer *w)
{
    return w->kv;
}

struct bodies *writer_bodies(struct writer *w)
{
    return w->bodies;
}

void writer_get_stats(const struct writer *w, struct writer_stats *ret)
{
    struct writer_stats s = w->stats;

    s.segments = w->segments.count;
    s.journal_bytes = segments_bytes(&w->segments);
    s.live_body_bytes = 0;
    for (size_t i = 0; i < w->segments.count; i++)
        s.live_body_bytes += w->segments.list[i]->live_bytes;
    *ret = s;
}
