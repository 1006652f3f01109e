/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/bodies.h"

#include "base/checksum.h"
#include "store/journal/pack.h"
#include "store/journal/segment.h"

_Static_assert(BODY_CHUNK_BYTES == CHUNK_RAW_BYTES_MAX, "one size of chunk");
#define NO_CHUNK UINT64_MAX

struct bodies {
    struct kv *kv;
    struct segments *segments;
    struct pack *pack;
};

/* Chunks follow each other with their lengths in front, so the place of one is found by hopping
 * over those before it; `chunk_at` remembers the places found so far. */
struct body {
    struct bodies *bodies;
    struct segment *segment;
    struct body_place place;
    struct body_head head;
    uint64_t *chunk_at;
    uint64_t known; /* entries of chunk_at */
    struct buf raw; /* the last chunk, decompressed */
    uint64_t raw_index;
};

struct bodies *bodies_new(struct kv *kv, struct segments *segments, struct pack *pack)
{
    struct bodies *b = calloc(1, sizeof(*b));

    if (b == NULL)
        BUG("out of memory");
    *b = (struct bodies){ kv, segments, pack };
    return b;
}

void bodies_free(struct bodies *b)
{
    free(b);
}

static enum err find(struct bodies *b, const struct kv_snapshot *snap, uint64_t id,
                     struct body_place *ret, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    char key[JOURNAL_KEY_BYTES];
    struct str value;
    bool found;
    enum err e = kv_get(b->kv, snap, tmp, journal_key(key, 'B', id), &found, &value);

    if (e != OK)
        return err_set(why, e, "the row of body %llu cannot be read", (unsigned long long)id);
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no body %llu", (unsigned long long)id);
    if (!body_place_decode(value, ret))
        return err_set(why, ERR_CORRUPT, "the row of body %llu is damaged", (unsigned long long)id);
    return OK;
}

enum err bodies_size(struct bodies *b, const struct kv_snapshot *snap, uint64_t id, uint64_t *ret,
                     struct errinfo *why)
{
    struct body_place place;
    enum err e = find(b, snap, id, &place, why);

    if (e == OK)
        *ret = place.raw_len;
    return e;
}

enum err body_open(struct bodies *b, uint64_t id, struct body **ret, struct errinfo *why)
{
    struct body_place place;
    struct segment *g;
    enum err e;

    if ((e = find(b, NULL, id, &place, why)) != OK)
        return e;
    if ((g = segments_find(b->segments, place.segment)) == NULL)
        return err_set(why, ERR_CORRUPT, "body %llu lies in segment %llx, which is missing",
                       (unsigned long long)id, (unsigned long long)place.segment);
    if ((e = segment_pin(b->segments, g, why)) != OK)
        return e;

    struct body *body = calloc(1, sizeof(*body));
    if (body == NULL)
        BUG("out of memory");
    *body = (struct body){ .bodies = b, .segment = g, .place = place, .raw_index = NO_CHUNK };
    body->head.id = id;
    *ret = body;
    return OK;
}

void body_close(struct body *body)
{
    if (body == NULL)
        return;
    segment_unpin(body->bodies->segments, body->segment);
    buf_deinit(&body->raw);
    free(body->chunk_at);
    free(body);
}

uint64_t body_len(const struct body *body)
{
    return body->place.raw_len;
}

static enum err damaged(const struct body *body, uint64_t at, const char *what, struct errinfo *why)
{
    return err_set(why, ERR_CORRUPT, "segment %llx, offset %llu (body %llu): %s",
                   (unsigned long long)body->place.segment, (unsigned long long)at,
                   (unsigned long long)body->head.id, what);
}

/* The head names the dictionary; it also shows whether the row points to the right place. */
static enum err begin(struct body *body, struct str octets, struct errinfo *why)
{
    uint64_t id = body->head.id, count = body_chunk_count(body->place.raw_len);
    struct body_head head;

    if (!body_head_decode(octets, &head) || head.id != id || head.raw_len != body->place.raw_len)
        return damaged(body, body->place.offset, "no head of this body", why);
    body->head = head;
    body->chunk_at = calloc((size_t)count + 1, sizeof(*body->chunk_at));
    if (body->chunk_at == NULL)
        BUG("out of memory");
    body->chunk_at[0] = body->place.offset + BODY_HEAD_BYTES;
    body->known = 1;
    return OK;
}

static size_t chunk_raw_len(const struct body *body, uint64_t index)
{
    uint64_t left = body->place.raw_len - index * CHUNK_RAW_BYTES_MAX;

    return (size_t)MIN(left, CHUNK_RAW_BYTES_MAX);
}

/* Decompresses one chunk, given its head and stored octets, into body->raw. */
static enum err fill(struct body *body, uint64_t index, const struct chunk_head *head,
                     struct str stored, struct errinfo *why)
{
    size_t raw_len = chunk_raw_len(body, index);
    uint64_t at = body->chunk_at[index];

    if (checksum_crc32c(0, stored) != head->checksum)
        return damaged(body, at, "a chunk whose checksum does not fit", why);
    body->raw_index = NO_CHUNK;
    buf_clear(&body->raw);
    if (head->raw) {
        buf_add(&body->raw, stored);
    } else {
        char *room = buf_reserve(&body->raw, raw_len);

        if (unpack_chunk(body->bodies->pack, body->head.dictionary, stored, room, raw_len) != OK)
            return damaged(body, at, "a chunk that cannot be decompressed", why);
        body->raw.len = raw_len;
    }
    body->raw_index = index;
    return OK;
}

/* Nearly every body is one chunk: everything comes with one read. */
static enum err load_small(struct body *body, struct errinfo *why)
{
    struct buf all = { 0 };
    struct chunk_head chunk;
    size_t len = (size_t)body->place.stored_len;
    char *at = buf_reserve(&all, len);
    enum err e = file_pread(body->segment->file, body->place.offset, at, len, why);

    all.len = len;
    struct str octets = buf_str(&all), rest = str_skip(octets, BODY_HEAD_BYTES);
    if (e == OK && body->known == 0)
        e = begin(body, octets, why);
    if (e == OK && (!chunk_head_decode(rest, chunk_raw_len(body, 0), &chunk) ||
                    chunk.stored_len != rest.len - CHUNK_HEAD_BYTES))
        e = damaged(body, body->place.offset, "no head of a chunk", why);
    if (e == OK)
        e = fill(body, 0, &chunk, str_skip(rest, CHUNK_HEAD_BYTES), why);
    buf_deinit(&all);
    return e;
}

static enum err read_chunk_head(struct body *body, uint64_t index, struct chunk_head *ret,
                                struct errinfo *why)
{
    char octets[CHUNK_HEAD_BYTES];
    uint64_t at = body->chunk_at[index], end = body->place.offset + body->place.stored_len;
    enum err e;

    if (end - at < sizeof(octets))
        return damaged(body, at, "the body ends before its last chunk", why);
    if ((e = file_pread(body->segment->file, at, octets, sizeof(octets), why)) != OK)
        return e;
    if (!chunk_head_decode(str_from(octets, sizeof(octets)), chunk_raw_len(body, index), ret) ||
        ret->stored_len > end - at - sizeof(octets))
        return damaged(body, at, "no head of a chunk", why);
    body->chunk_at[index + 1] = at + sizeof(octets) + ret->stored_len;
    body->known = MAX(body->known, index + 2);
    return OK;
}

static enum err load_chunk(struct body *body, uint64_t index, struct errinfo *why)
{
    char head[BODY_HEAD_BYTES];
    struct file *f = body->segment->file;
    struct chunk_head chunk;
    struct buf stored = { 0 };
    enum err e = OK;

    if (body->known == 0) {
        if ((e = file_pread(f, body->place.offset, head, sizeof(head), why)) != OK ||
            (e = begin(body, str_from(head, sizeof(head)), why)) != OK)
            return e;
    }
    for (uint64_t i = body->known - 1; i < index && e == OK; i++)
        e = read_chunk_head(body, i, &chunk, why);
    if (e != OK || (e = read_chunk_head(body, index, &chunk, why)) != OK)
        return e;

    char *room = buf_reserve(&stored, chunk.stored_len);
    e = file_pread(f, body->chunk_at[index] + CHUNK_HEAD_BYTES, room, chunk.stored_len, why);
    stored.len = chunk.stored_len;
    if (e == OK)
        e = fill(body, index, &chunk, buf_str(&stored), why);
    buf_deinit(&stored);
    return e;
}

enum err body_read(struct body *body, uint64_t offset, size_t len, struct buf *out,
                   struct errinfo *why)
{
    uint64_t all = body->place.raw_len;
    uint64_t end = offset >= all ? offset : offset + MIN(len, all - offset);

    while (offset < end) {
        uint64_t index = offset / CHUNK_RAW_BYTES_MAX;
        size_t skip = (size_t)(offset % CHUNK_RAW_BYTES_MAX);
        enum err e = OK;

        if (body->raw_index != index)
            e = all <= CHUNK_RAW_BYTES_MAX ? load_small(body, why) : load_chunk(body, index, why);
        if (e != OK)
            return e;
        struct str part =
            str_sub(buf_str(&body->raw), skip, (size_t)MIN(end - offset, CHUNK_RAW_BYTES_MAX));
        buf_add(out, part);
        offset += part.len;
    }
    return OK;
}
