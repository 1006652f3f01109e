/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/bodies.h"

#include "base/checksum.h"
#include "store/journal/pack.h"
#include "store/journal/segment.h"

_Static_assert(BODY_CHUNK_BYTES == CHUNK_RAW_BYTES_MAX, "one size of chunk");
#define NO_CHUNK UINT64_MAX

struct octet_span {
    size_t skip, len;
};

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

/* Reads a row of table 'B', or says what became of it. */
static enum err place_of(uint64_t id, enum err e, bool found, struct str value,
                         struct body_place *ret, struct errinfo *why)
{
    if (e != OK)
        return err_set(why, e, "the row of body %llu cannot be read", (unsigned long long)id);
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no body %llu", (unsigned long long)id);
    if (!body_place_decode(value, ret))
        return err_set(why, ERR_CORRUPT, "the row of body %llu is damaged", (unsigned long long)id);
    return OK;
}

static enum err find(struct bodies *b, const struct kv_snapshot *snap, uint64_t id,
                     struct body_place *ret, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    char key[JOURNAL_KEY_BYTES];
    struct str value = STR_EMPTY;
    bool found = false;
    enum err e = kv_get(b->kv, snap, tmp, journal_key(key, 'B', id), &found, &value);

    return place_of(id, e, found, value, ret, why);
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

static enum err open_at(struct bodies *b, uint64_t id, const struct body_place *place,
                        struct body **ret, struct errinfo *why)
{
    struct segment *g = segments_find(b->segments, place->segment);
    enum err e;

    if (g == NULL)
        return err_set(why, ERR_CORRUPT, "body %llu lies in segment %llx, which is missing",
                       (unsigned long long)id, (unsigned long long)place->segment);
    if ((e = segment_pin(b->segments, g, why)) != OK)
        return e;

    struct body *body = calloc(1, sizeof(*body));
    if (body == NULL)
        BUG("out of memory");
    *body = (struct body){ .bodies = b, .segment = g, .place = *place, .raw_index = NO_CHUNK };
    body->head.id = id;
    *ret = body;
    return OK;
}

enum err body_open(struct bodies *b, uint64_t id, struct body **ret, struct errinfo *why)
{
    struct body_place place;
    enum err e = find(b, NULL, id, &place, why);

    return e == OK ? open_at(b, id, &place, ret, why) : e;
}

/* ---- many bodies, one after the other ---- */

struct body_walk {
    struct bodies *bodies;
    struct kv_iter *it;
    bool on; /* a row */
};

struct body_walk *body_walk_new(struct bodies *b)
{
    struct body_walk *w = calloc(1, sizeof(*w));
    char from[JOURNAL_KEY_BYTES], to[JOURNAL_KEY_BYTES];

    if (w == NULL)
        BUG("out of memory");
    w->bodies = b;
    w->it = kv_iter_new(b->kv, NULL, journal_key(from, 'B', 0), journal_key(to, 'B', UINT64_MAX));
    return w;
}

void body_walk_free(struct body_walk *w)
{
    if (w == NULL)
        return;
    kv_iter_free(w->it);
    free(w);
}

enum err body_walk_open(struct body_walk *w, uint64_t id, struct body **ret, struct errinfo *why)
{
    char octets[JOURNAL_KEY_BYTES];
    struct str key = journal_key(octets, 'B', id);
    struct body_place place;
    enum err e;

    /* Bodies are numbered in the order in which they came, as messages mostly are. */
    if (w->on)
        w->on = kv_iter_next(w->it);
    if (!w->on || !str_eq(kv_iter_key(w->it), key))
        w->on = kv_iter_seek(w->it, key);

    bool found = w->on && str_eq(kv_iter_key(w->it), key);
    e = place_of(id, kv_iter_error(w->it, why), found, found ? kv_iter_value(w->it) : STR_EMPTY,
                 &place, why);
    return e == OK ? open_at(w->bodies, id, &place, ret, why) : e;
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
    uint64_t id = body->head.id;
    struct body_head head;

    if (!body_head_decode(octets, &head) || head.id != id || head.raw_len != body->place.raw_len)
        return damaged(body, body->place.offset, "no head of this body", why);
    body->head = head;
    return OK;
}

static size_t chunk_raw_len(const struct body *body, uint64_t index)
{
    uint64_t left = body->place.raw_len - index * CHUNK_RAW_BYTES_MAX;

    return (size_t)MIN(left, CHUNK_RAW_BYTES_MAX);
}

/* Where the chunk begins, what its head says, and what is stored. */
struct stored_chunk {
    uint64_t at;
    struct chunk_head head;
    struct str octets;
};

/* Decompresses one chunk to `to`, which has room for `raw_len` octets. */
static enum err unpack_to(const struct body *body, const struct stored_chunk *c, char *to,
                          size_t raw_len, struct errinfo *why)
{
    if (checksum_crc32c(0, c->octets) != c->head.checksum)
        return damaged(body, c->at, "a chunk whose checksum does not fit", why);
    if (c->head.raw && c->octets.len == raw_len)
        memcpy(to, c->octets.at, raw_len);
    else if (c->head.raw ||
             unpack_chunk(body->bodies->pack, body->head.dictionary, c->octets, to, raw_len) != OK)
        return damaged(body, c->at, "a chunk that cannot be decompressed", why);
    return OK;
}

/* Nearly every body is one chunk: everything comes with one read. */
static enum err load_small(struct body *body, struct buf *scratch, struct stored_chunk *ret,
                           struct errinfo *why)
{
    size_t len = (size_t)body->place.stored_len;
    enum err e;

    buf_clear(scratch);

    char *at = buf_reserve(scratch, len);
    if ((e = file_pread(body->segment->file, body->place.offset, at, len, why)) != OK)
        return e;

    struct str octets = str_from(at, len), rest = str_skip(octets, BODY_HEAD_BYTES);
    if ((e = begin(body, octets, why)) != OK)
        return e;
    if (!chunk_head_decode(rest, chunk_raw_len(body, 0), &ret->head) ||
        ret->head.stored_len != rest.len - CHUNK_HEAD_BYTES)
        return damaged(body, body->place.offset, "no head of a chunk", why);
    ret->at = body->place.offset + BODY_HEAD_BYTES;
    ret->octets = str_skip(rest, CHUNK_HEAD_BYTES);
    return OK;
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

/* The body's own head, once, and room for the places of its chunks. */
static enum err begin_large(struct body *body, struct errinfo *why)
{
    uint64_t count = body_chunk_count(body->place.raw_len);
    char head[BODY_HEAD_BYTES];
    enum err e;

    if (body->known > 0)
        return OK;
    e = file_pread(body->segment->file, body->place.offset, head, sizeof(head), why);
    if (e != OK || (e = begin(body, str_from(head, sizeof(head)), why)) != OK)
        return e;
    body->chunk_at = calloc((size_t)count + 1, sizeof(*body->chunk_at));
    if (body->chunk_at == NULL)
        BUG("out of memory");
    body->chunk_at[0] = body->place.offset + BODY_HEAD_BYTES;
    body->known = 1;
    return OK;
}

static enum err load_chunk(struct body *body, uint64_t index, struct buf *scratch,
                           struct stored_chunk *ret, struct errinfo *why)
{
    struct chunk_head passed;
    enum err e = begin_large(body, why);

    for (uint64_t i = body->known - 1; i < index && e == OK; i++)
        e = read_chunk_head(body, i, &passed, why);
    if (e != OK || (e = read_chunk_head(body, index, &ret->head, why)) != OK)
        return e;
    buf_clear(scratch);
    ret->at = body->chunk_at[index];
    ret->octets = str_from(buf_reserve(scratch, ret->head.stored_len), ret->head.stored_len);
    return file_pread(body->segment->file, ret->at + CHUNK_HEAD_BYTES, scratch->at,
                      ret->head.stored_len, why);
}

/* Octets [skip, skip + len) of one chunk. Of a chunk that is not wanted whole everything is kept:
 * who reads a part mostly comes for the next one. */
static enum err chunk_to(struct body *body, uint64_t index, struct octet_span want, char *to,
                         struct buf *scratch, struct errinfo *why)
{
    size_t raw_len = chunk_raw_len(body, index);
    struct stored_chunk c;
    enum err e;

    if (body->raw_index == index) {
        memcpy(to, body->raw.at + want.skip, want.len);
        return OK;
    }
    e = body->place.raw_len <= CHUNK_RAW_BYTES_MAX ? load_small(body, scratch, &c, why)
                                                   : load_chunk(body, index, scratch, &c, why);
    if (e != OK)
        return e;
    if (want.len == raw_len)
        return unpack_to(body, &c, to, raw_len, why);

    body->raw_index = NO_CHUNK;
    buf_clear(&body->raw);
    if ((e = unpack_to(body, &c, buf_reserve(&body->raw, raw_len), raw_len, why)) != OK)
        return e;
    body->raw.len = raw_len;
    body->raw_index = index;
    memcpy(to, body->raw.at + want.skip, want.len);
    return OK;
}

enum err body_read_to(struct body *body, uint64_t offset, size_t len, char *to, struct buf *scratch,
                      struct errinfo *why)
{
    BUG_ON(offset > body->place.raw_len || len > body->place.raw_len - offset);
    while (len > 0) {
        uint64_t index = offset / CHUNK_RAW_BYTES_MAX;
        size_t skip = (size_t)(offset % CHUNK_RAW_BYTES_MAX);
        struct octet_span want = { skip, MIN(len, CHUNK_RAW_BYTES_MAX - skip) };
        enum err e = chunk_to(body, index, want, to, scratch, why);

        if (e != OK)
            return e;
        offset += want.len;
        to += want.len;
        len -= want.len;
    }
    return OK;
}

enum err body_read(struct body *body, uint64_t offset, size_t len, struct buf *out,
                   struct errinfo *why)
{
    uint64_t all = body->place.raw_len;
    size_t there = offset >= all ? 0 : (size_t)MIN((uint64_t)len, all - offset);
    struct buf scratch = { 0 };
    enum err e;

    if (there == 0)
        return OK;
    if ((e = body_read_to(body, offset, there, buf_reserve(out, there), &scratch, why)) == OK)
        out->len += there;
    buf_deinit(&scratch);
    return e;
}
