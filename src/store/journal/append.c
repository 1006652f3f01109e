/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/append.h"

#include "base/checksum.h"
#include "store/journal/bodies.h"

#define OUT_BYTES ((size_t)1024 * 1024)
#define AHEAD_BYTES ((size_t)1024 * 1024)
enum {
    WORK_BYTES_KEPT = 512 * 1024,
    AHEAD_MAX = 512, /* bodies that are packed ahead together */
    AHEAD_MIN = 32,  /* fewer are packed sooner than a thread is awake */
};

/* Records are put together in `out` and written when it is full or the batch is complete. The sum
 * of a record's octets runs along; its head, which needs sum and length, is filled in at the end:
 * in `out` when it is still there, else in the file. */
static enum err flush_out(struct append *a)
{
    enum err e;

    a->sum = checksum_crc32c(a->sum, str_skip(buf_str(&a->out), a->summed));
    e = file_pwrite(a->file, a->out_at, buf_str(&a->out), &a->why);
    a->out_at += a->out.len;
    buf_clear(&a->out);
    a->summed = 0;
    return e;
}

static enum err out_add(struct append *a, struct str octets)
{
    buf_add(&a->out, octets);
    return a->out.len >= OUT_BYTES ? flush_out(a) : OK;
}

static uint64_t out_offset(const struct append *a)
{
    return a->out_at + a->out.len;
}

/* Copies what one part contributes to octets [at, at + len) of the whole. */
static enum err take_part(struct str part, uint64_t part_at, uint64_t at, size_t len, char *out)
{
    uint64_t from = MAX(at, part_at), to = MIN(at + len, part_at + part.len);

    if (from < to)
        memcpy(out + (from - at), part.at + (from - part_at), (size_t)(to - from));
    return OK;
}

static enum err read_source(const struct body_source *s, uint64_t at, size_t len, char *out,
                            struct errinfo *why)
{
    uint64_t spool_at = s->prefix.len + s->bytes.len;
    uint64_t from = MAX(at, spool_at);

    (void)take_part(s->prefix, 0, at, len, out);
    (void)take_part(s->bytes, s->prefix.len, at, len, out);
    if (from >= at + len)
        return OK;
    return file_pread(s->spool, s->spool_at + (from - spool_at), out + (from - at),
                      (size_t)(at + len - from), why);
}

/* packed_len 0: it did not get shorter, and is kept as it is. */
static enum err out_chunk(struct append *a, struct str raw, const char *packed, size_t packed_len)
{
    char head[CHUNK_HEAD_BYTES];
    struct str stored = packed_len > 0 ? str_from(packed, packed_len) : raw;
    enum err e;

    chunk_head_encode(head, &(struct chunk_head){ .stored_len = (uint32_t)stored.len,
                                                  .checksum = checksum_crc32c(0, stored),
                                                  .raw = packed_len == 0 });
    if ((e = out_add(a, str_from(head, sizeof(head)))) != OK)
        return e;
    return out_add(a, stored);
}

static enum err add_chunk(struct append *a, struct append_body *b, uint64_t at, size_t len)
{
    char *raw = buf_reserve(&a->chunk, CHUNK_RAW_BYTES_MAX);
    char *packed = buf_reserve(&a->packed, CHUNK_RAW_BYTES_MAX);
    enum err e;

    if ((e = read_source(&b->source, at, len, raw, &a->why)) != OK)
        return e;
    return out_chunk(a, str_from(raw, len), packed,
                     pack_chunk(a->pack, a->dictionary, a->hurried, str_from(raw, len), packed));
}

static uint64_t source_len(const struct body_source *s)
{
    return s->prefix.len + s->bytes.len + (s->spool == NULL ? 0 : s->spool_len);
}

static enum err out_body_head(struct append *a, struct append_body *b, uint64_t raw_len)
{
    char head[BODY_HEAD_BYTES];

    b->place.raw_len = raw_len;
    body_head_encode(head, &(struct body_head){ .id = b->id,
                                                .raw_len = raw_len,
                                                .dictionary = pack_dictionary_id(a->dictionary) });
    return out_add(a, str_from(head, sizeof(head)));
}

static enum err add_new_body(struct append *a, struct append_body *b)
{
    uint64_t raw_len = source_len(&b->source);
    enum err e = out_body_head(a, b, raw_len);

    for (uint64_t at = 0; at < raw_len && e == OK; at += CHUNK_RAW_BYTES_MAX)
        e = add_chunk(a, b, at, (size_t)MIN(raw_len - at, CHUNK_RAW_BYTES_MAX));
    return e;
}

/* The octets are taken over unseen; their chunk checksums go with them, so damage shows later as
 * it would have shown before. */
static enum err add_copied_body(struct append *a, struct append_body *b)
{
    enum err e = OK;

    b->place.raw_len = b->from.raw_len;
    for (uint64_t at = 0; at < b->from.stored_len && e == OK; at += CHUNK_RAW_BYTES_MAX) {
        size_t len = (size_t)MIN(b->from.stored_len - at, CHUNK_RAW_BYTES_MAX);
        char *raw = buf_reserve(&a->chunk, CHUNK_RAW_BYTES_MAX);

        e = file_pread(b->copy, b->from.offset + at, raw, len, &a->why);
        if (e == OK)
            e = out_add(a, str_from(raw, len));
    }
    return e;
}

/* How many bodies from the first on are new and of one chunk, and fit into `chunk` together. */
static size_t count_ahead(const struct append_body *bodies, size_t count)
{
    uint64_t sum = 0;
    size_t n = 0;

    while (n < MIN(count, (size_t)AHEAD_MAX) && bodies[n].copy == NULL &&
           source_len(&bodies[n].source) <= MIN(CHUNK_RAW_BYTES_MAX, AHEAD_BYTES - sum))
        sum += source_len(&bodies[n++].source);
    return n < AHEAD_MIN ? 0 : n;
}

/* Packing is most of what a record with many small bodies costs; two threads share it. The octets
 * are read here, because a file belongs to one thread. *ret_count: how many are packed. */
static enum err pack_ahead(struct append *a, const struct append_body *bodies, size_t count,
                           size_t *ret_count)
{
    size_t n = count_ahead(bodies, count), at = 0;
    enum err e = OK;

    *ret_count = n;
    if (n == 0)
        return OK;
    if (a->ahead == NULL && (a->ahead = calloc(AHEAD_MAX, sizeof(*a->ahead))) == NULL)
        BUG("out of memory");

    char *raw = buf_reserve(&a->chunk, AHEAD_BYTES), *out = buf_reserve(&a->packed, AHEAD_BYTES);

    for (size_t i = 0; i < n && e == OK; i++) {
        size_t len = (size_t)source_len(&bodies[i].source);

        e = read_source(&bodies[i].source, 0, len, raw + at, &a->why);
        a->ahead[i] = (struct pack_item){ .raw = str_from(raw + at, len), .out = out + at };
        at += len;
    }
    if (e == OK)
        pack_chunks(a->pack, a->dictionary, a->hurried, a->ahead, n);
    return e;
}

static enum err add_packed_body(struct append *a, struct append_body *b,
                                const struct pack_item *item)
{
    enum err e = out_body_head(a, b, item->raw.len);

    if (e == OK && item->raw.len > 0)
        e = out_chunk(a, item->raw, item->out, item->packed_len);
    return e;
}

static enum err add_bodies(struct append *a, struct append_record *r)
{
    size_t begin = 0, ahead = 0; /* `ahead` bodies from `begin` on are packed */
    enum err e = OK;

    for (size_t i = 0; i < r->body_count && e == OK; i++) {
        struct append_body *b = &r->bodies[i];

        if (i >= begin + ahead) {
            begin = i;
            e = pack_ahead(a, b, r->body_count - i, &ahead);
        }
        b->place.segment = a->segment;
        b->place.offset = out_offset(a);
        if (e != OK)
            break;
        if (i < begin + ahead)
            e = add_packed_body(a, b, &a->ahead[i - begin]);
        else
            e = b->copy != NULL ? add_copied_body(a, b) : add_new_body(a, b);
        b->place.stored_len = out_offset(a) - b->place.offset;
    }
    return e;
}

static enum err add_record(struct append *a, struct append_record *r)
{
    char head[RECORD_HEAD_BYTES] = { 0 };
    uint64_t start = out_offset(a);
    enum err e;

    /* The head is not part of the running sum: it is summed when it is known. */
    a->sum = 0;
    a->summed = a->out.len + sizeof(head);
    buf_add(&a->out, str_from(head, sizeof(head)));
    if ((e = out_add(a, r->ops)) != OK || (e = add_bodies(a, r)) != OK)
        return e;

    struct record_head h = { .previous = a->previous,
                             .ops_len = (uint32_t)r->ops.len,
                             .body_count = (uint32_t)r->body_count,
                             .sequence = r->sequence,
                             .length = out_offset(a) - start,
                             .next_body = r->next_body };
    a->sum = checksum_crc32c(a->sum, str_skip(buf_str(&a->out), a->summed));
    a->summed = a->out.len;
    record_head_encode(head, &h);
    h.checksum = record_checksum(a->sum, head);
    record_head_encode(head, &h);
    a->previous = r->checksum = h.checksum;
    r->end = out_offset(a);
    if (start < a->out_at)
        return file_pwrite(a->file, start, str_from(head, sizeof(head)), &a->why);
    memcpy(a->out.at + (start - a->out_at), head, sizeof(head));
    return OK;
}

void append_run(struct append *a)
{
    enum err e = OK;

    a->out_at = a->offset;
    a->summed = 0;
    a->sync_failed = false;
    buf_clear(&a->out);
    for (size_t i = 0; i < a->count && e == OK; i++)
        e = add_record(a, a->records[i]);
    if (e == OK && a->out.len > 0)
        e = flush_out(a);
    if (e == OK && !a->no_sync) {
        e = file_sync(a->file, &a->why);
        a->sync_failed = e != OK;
    }
    buf_clear(&a->out);
    buf_shrink(&a->out, WORK_BYTES_KEPT);
    buf_clear(&a->chunk);
    buf_clear(&a->packed);
    buf_shrink(&a->chunk, WORK_BYTES_KEPT);
    buf_shrink(&a->packed, WORK_BYTES_KEPT);
    a->result = e;
}

void append_deinit(struct append *a)
{
    buf_deinit(&a->out);
    buf_deinit(&a->chunk);
    buf_deinit(&a->packed);
    free(a->ahead);
    a->ahead = NULL;
}
