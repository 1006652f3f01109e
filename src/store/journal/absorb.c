/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/absorb.h"

enum { REPLAY_RECORDS_A_BATCH = 256 };
#define NEXT_BODY_KEY STR("S")

void absorb_init(struct absorb *a, struct kv *kv, struct segments *segments)
{
    *a = (struct absorb){ .kv = kv, .segments = segments, .next_body = 1 };
    a->batch = kv_batch_new(kv);
    a->mem = arena_new(0);
    map_init(&a->gone, (struct siphash_key){ 0 }); /* ids are ours: no peer chooses them */
}

void absorb_deinit(struct absorb *a)
{
    kv_batch_free(a->batch);
    map_deinit(&a->gone);
    arena_free(a->mem);
    free(a->bodies);
    buf_deinit(&a->scratch);
}

static struct segment *touch(struct absorb *a, uint64_t number)
{
    struct segment *g = a->segments == NULL ? NULL : segments_find(a->segments, number);

    if (g != NULL)
        g->touched = true;
    return g;
}

/* Where the body was so far: placed in this very batch or known to the tables. */
static enum err find_place(struct absorb *a, uint64_t id, struct absorb_body **ret_pending,
                           bool *ret_found, struct body_place *ret)
{
    SCRATCH(tmp, NULL);
    char key[JOURNAL_KEY_BYTES];
    struct str value;
    enum err e;

    *ret_pending = NULL;
    for (size_t i = a->body_count; i-- > 0;)
        if (a->bodies[i].id == id) {
            *ret_pending = &a->bodies[i];
            *ret_found = !a->bodies[i].gone;
            *ret = a->bodies[i].place;
            return OK;
        }
    *ret_found = false;
    if (map_find(&a->gone, journal_key(key, 'B', id)) != NULL)
        return OK;
    e = kv_get(a->kv, NULL, tmp, journal_key(key, 'B', id), ret_found, &value);
    if (e == OK && *ret_found && !body_place_decode(value, ret))
        return ERR_CORRUPT;
    return e;
}

/* The place is no longer used: the segment has fewer live octets. */
static enum err forget_place(struct absorb *a, uint64_t id)
{
    struct absorb_body *pending;
    struct body_place place;
    bool found;
    enum err e = find_place(a, id, &pending, &found, &place);

    if (e != OK || !found)
        return e;

    struct segment *g = touch(a, place.segment);
    if (g != NULL)
        g->live_bytes -= MIN(g->live_bytes, place.stored_len);
    if (pending != NULL) {
        pending->gone = true;
    } else {
        /* The tables still show it until this batch is applied, and the same end may come once
         * more: a grave that a compaction carried on. */
        char *key = arena_alloc(a->mem, JOURNAL_KEY_BYTES);

        (void)map_put(&a->gone, journal_key(key, 'B', id), key);
    }
    return OK;
}

enum err absorb_body(struct absorb *a, uint64_t id, const struct body_place *place)
{
    char key[JOURNAL_KEY_BYTES];
    struct segment *g;
    enum err e;

    /* A body that was never seen needs no look-up; one seen before has been moved. */
    if (id < a->next_body && (e = forget_place(a, id)) != OK)
        return e;
    if (a->body_count == a->body_cap) {
        a->body_cap = a->body_cap == 0 ? 64 : a->body_cap * 2;
        a->bodies = realloc(a->bodies, a->body_cap * sizeof(*a->bodies));
        if (a->bodies == NULL)
            BUG("out of memory");
    }
    a->bodies[a->body_count++] = (struct absorb_body){ id, *place, false };
    if ((g = touch(a, place->segment)) != NULL) {
        g->body_bytes += place->stored_len;
        g->live_bytes += place->stored_len;
    }
    buf_clear(&a->scratch);
    body_place_encode(&a->scratch, place);
    kv_batch_put(a->batch, journal_key(key, 'B', id), buf_str(&a->scratch));
    return OK;
}

static enum err absorb_op(struct absorb *a, struct segment *g, const struct record_op *op)
{
    uint64_t size = op->key.len + op->value.len;

    if (g != NULL) {
        g->kv_bytes += size;
        g->grave_bytes += op->kind == OP_PUT ? 0 : size;
    }
    if (op->kind == OP_PUT) {
        kv_batch_put(a->batch, op->key, op->value);
        return OK;
    }
    kv_batch_delete(a->batch, op->key);
    return journal_key_is(op->key, 'B') ? forget_place(a, journal_key_number(op->key)) : OK;
}

enum err absorb_ops(struct absorb *a, uint64_t segment, struct str ops, uint64_t next_body)
{
    struct reader r = reader_of(ops);
    struct segment *g = touch(a, segment);
    struct record_op op;
    enum err e;

    while (record_op_next(&r, &op))
        if ((e = absorb_op(a, g, &op)) != OK)
            return e;
    if (next_body > a->next_body) {
        a->next_body = next_body;
        a->next_body_changed = true;
    }
    a->records++;
    return r.bad ? ERR_CORRUPT : OK;
}

static void put_counters(struct absorb *a)
{
    char key[JOURNAL_KEY_BYTES];

    for (size_t i = 0; a->segments != NULL && i < a->segments->count; i++) {
        struct segment *g = a->segments->list[i];

        if (!g->touched)
            continue;
        g->touched = false;
        buf_clear(&a->scratch);
        segment_counters_encode(&a->scratch, g);
        kv_batch_put(a->batch, journal_key(key, 'S', g->number), buf_str(&a->scratch));
    }
    if (a->next_body_changed) {
        buf_clear(&a->scratch);
        put_varint(&a->scratch, a->next_body);
        kv_batch_put(a->batch, NEXT_BODY_KEY, buf_str(&a->scratch));
        a->next_body_changed = false;
    }
}

enum err absorb_commit(struct absorb *a, const struct kv_position *position, struct errinfo *why)
{
    enum err e;

    put_counters(a);
    e = kv_apply(a->kv, a->batch, position, why);
    kv_batch_clear(a->batch);
    a->body_count = 0;
    a->records = 0;
    if (a->gone.count > 0) {
        map_deinit(&a->gone);
        arena_reset(a->mem);
    }
    return e;
}

static enum err load_next_body(struct absorb *a, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str value;
    bool found;
    enum err e = kv_get(a->kv, NULL, tmp, NEXT_BODY_KEY, &found, &value);

    if (e != OK)
        return err_set(why, e, "the journal's own rows cannot be read");
    if (found) {
        struct reader r = reader_of(value);

        a->next_body = get_varint(&r);
        if (!reader_done(&r))
            return err_set(why, ERR_CORRUPT, "the row of the next body id is damaged");
    }
    return OK;
}

enum err absorb_load(struct absorb *a, struct errinfo *why)
{
    char from[JOURNAL_KEY_BYTES];
    struct kv_iter *it = kv_iter_new(a->kv, NULL, journal_key(from, 'S', 0), STR("T"));
    enum err e = OK;

    for (bool more = kv_iter_first(it); more && e == OK; more = kv_iter_next(it)) {
        struct str key = kv_iter_key(it);
        struct segment *g =
            journal_key_is(key, 'S') ? segments_find(a->segments, journal_key_number(key)) : NULL;

        /* Rows of segments that were removed go with the next batch. */
        if (g == NULL)
            kv_batch_delete(a->batch, key);
        else if (!segment_counters_decode(kv_iter_value(it), g))
            e = err_set(why, ERR_CORRUPT, "the counters of segment %llx are damaged",
                        (unsigned long long)g->number);
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e == OK ? load_next_body(a, why) : e;
}

static enum err absorb_scanned(struct replay *r, struct scan *s, struct errinfo *why)
{
    struct absorb *a = r->absorb;
    enum err e = OK;

    if (s->head.sequence < r->next_sequence)
        return err_set(why, ERR_CORRUPT,
                       "segment %llx, offset %llu: transaction %llu comes too late",
                       (unsigned long long)s->segment, (unsigned long long)s->start,
                       (unsigned long long)s->head.sequence);
    for (size_t i = 0; i < s->head.body_count && e == OK; i++)
        e = absorb_body(a, s->bodies[i].head.id, &s->bodies[i].place);
    if (e == OK)
        e = absorb_ops(a, s->segment, s->ops, s->head.next_body);
    if (e != OK)
        return err_set(why, e, "segment %llx, offset %llu: cannot be replayed: %s",
                       (unsigned long long)s->segment, (unsigned long long)s->start, err_text(e));
    r->next_sequence = s->head.sequence + 1;
    r->report.transactions++;
    r->end = (struct kv_position){ s->segment, s->at, s->head.sequence, s->previous };
    if (a->records >= REPLAY_RECORDS_A_BATCH)
        e = absorb_commit(a, &r->end, why);
    return e;
}

/* The first record that is not whole ends the last segment: it was being written when the power
 * went and was never acknowledged. Anywhere else, and before a place that is known to have been
 * durable, it is damage, and nothing is cut. */
static enum err end_bad(struct replay *r, struct scan *s, bool last,
                        const struct kv_position *synced, struct segment *g, struct errinfo *why)
{
    bool was_durable =
        g->number < synced->segment || (g->number == synced->segment && s->at < synced->offset);
    enum err e;

    if (!last || !s->torn || !r->cut || was_durable)
        return err_set(why, ERR_CORRUPT, "segment %llx, offset %llu: %s",
                       (unsigned long long)g->number, (unsigned long long)s->at, s->reason);
    r->report.cut_segment = g->number;
    r->report.cut_offset = s->at;
    r->report.cut_bytes = g->size - s->at;
    if ((e = file_truncate(g->file, s->at, why)) != OK)
        return e;
    g->size = s->at;
    return file_sync(g->file, why);
}

static enum err replay_segment(struct replay *r, struct segment *g, struct scan *s, bool last,
                               const struct kv_position *synced, struct errinfo *why)
{
    enum scan_status status;
    enum err e = OK;

    while (e == OK && (status = scan_next(s)) == SCAN_RECORD)
        e = absorb_scanned(r, s, why);
    if (e != OK)
        return e;
    if (status == SCAN_FAILED)
        return err_set(why, s->error, "segment %llx: %s", (unsigned long long)g->number,
                       s->why.text);
    if (status == SCAN_BAD && (e = end_bad(r, s, last, synced, g, why)) != OK)
        return e;
    if (last && g->size < synced->offset && g->number == synced->segment)
        return err_set(why, ERR_CORRUPT, "segment %llx ends before what the tables have absorbed",
                       (unsigned long long)g->number);
    r->end.segment = g->number;
    r->end.offset = s->at;
    r->end.checksum = s->previous;
    return OK;
}

enum err replay_run(struct replay *r, const struct kv_position *from,
                    const struct kv_position *synced, struct errinfo *why)
{
    enum err e = OK;

    r->end = *from;
    r->next_sequence = from->sequence + 1;
    for (size_t i = 0; i < r->segments->count && e == OK; i++) {
        struct segment *g = r->segments->list[i];
        struct scan s = { .segment = g->number,
                          .at = SEGMENT_HEAD_BYTES,
                          .end = g->size,
                          .previous = g->head_checksum };

        if (g->number < from->segment)
            continue;
        if (g->number == from->segment) {
            s.at = from->offset;
            s.previous = from->checksum;
        }
        if (s.at > s.end)
            return err_set(why, ERR_CORRUPT,
                           "segment %llx ends before what the tables have absorbed",
                           (unsigned long long)g->number);
        if ((e = segment_pin(r->segments, g, why)) != OK)
            return e;
        s.file = g->file;
        e = replay_segment(r, g, &s, i + 1 == r->segments->count, synced, why);
        r->report.segments++;
        scan_deinit(&s);
        segment_unpin(r->segments, g);
    }
    return e == OK && r->absorb->records > 0 ? absorb_commit(r->absorb, &r->end, why) : e;
}
