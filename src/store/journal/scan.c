/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/scan.h"

#include "base/checksum.h"

#define WINDOW_BYTES ((size_t)512 * 1024)

/* Octets [at, at + len) of the file, at most WINDOW_BYTES; a miss reads ahead. */
static bool look(struct scan *s, uint64_t at, size_t len, struct str *ret)
{
    if (at < s->window_at || at + len > s->window_at + s->window.len) {
        size_t want = (size_t)MIN(s->end - at, WINDOW_BYTES);
        char *room;

        buf_clear(&s->window);
        room = buf_reserve(&s->window, WINDOW_BYTES);
        s->error = file_pread(s->file, at, room, want, &s->why);
        if (s->error != OK)
            return false;
        s->window_at = at;
        s->window.len = want;
    }
    *ret = str_sub(buf_str(&s->window), (size_t)(at - s->window_at), len);
    return true;
}

static enum scan_status bad(struct scan *s, const char *reason)
{
    if (s->error != OK)
        return SCAN_FAILED;
    s->reason = reason;
    s->torn = true;
    return SCAN_BAD;
}

static enum scan_status read_head(struct scan *s, struct str *ret_octets)
{
    if (s->at == s->end)
        return SCAN_END;
    if (s->end - s->at < RECORD_HEAD_BYTES)
        return bad(s, "the file ends inside a record's head");
    if (!look(s, s->at, RECORD_HEAD_BYTES, ret_octets))
        return SCAN_FAILED;
    if (!record_head_decode(*ret_octets, &s->head))
        return bad(s, "no record's head");
    if (s->head.length > s->end - s->at)
        return bad(s, "the file ends inside a record");
    if (s->head.previous != s->previous)
        return bad(s, "a record that does not follow the one before it");
    return SCAN_RECORD;
}

static bool sum_up(struct scan *s, uint64_t from, uint64_t to, uint32_t *sum)
{
    struct str octets;

    for (uint64_t at = from; at < to; at += octets.len) {
        if (!look(s, at, (size_t)MIN(to - at, WINDOW_BYTES / 2), &octets))
            return false;
        *sum = checksum_crc32c(*sum, octets);
    }
    return true;
}

static bool read_ops(struct scan *s)
{
    struct str octets;

    buf_clear(&s->ops_copy);
    for (uint64_t done = 0; done < s->head.ops_len; done += octets.len) {
        if (!look(s, s->at + RECORD_HEAD_BYTES + done,
                  (size_t)MIN(s->head.ops_len - done, WINDOW_BYTES), &octets))
            return false;
        buf_add(&s->ops_copy, octets);
    }
    s->ops = buf_str(&s->ops_copy);
    return true;
}

/* Walks the heads of one body's chunks; *at moves behind it. */
static bool read_body(struct scan *s, uint64_t *at, uint64_t end, struct scan_body *b)
{
    struct str octets;
    struct chunk_head chunk;
    uint64_t start = *at;

    if (end - *at < BODY_HEAD_BYTES || !look(s, *at, BODY_HEAD_BYTES, &octets) ||
        !body_head_decode(octets, &b->head))
        return false;
    *at += BODY_HEAD_BYTES;
    for (uint64_t left = b->head.raw_len; left > 0;) {
        size_t raw_len = (size_t)MIN(left, CHUNK_RAW_BYTES_MAX);

        if (end - *at < CHUNK_HEAD_BYTES || !look(s, *at, CHUNK_HEAD_BYTES, &octets) ||
            !chunk_head_decode(octets, raw_len, &chunk) ||
            chunk.stored_len > end - *at - CHUNK_HEAD_BYTES)
            return false;
        *at += CHUNK_HEAD_BYTES + chunk.stored_len;
        left -= raw_len;
    }
    b->place = (struct body_place){ .segment = s->segment,
                                    .offset = start,
                                    .stored_len = *at - start,
                                    .raw_len = b->head.raw_len };
    return true;
}

static bool read_bodies(struct scan *s, uint64_t at, uint64_t end)
{
    if (s->head.body_count > s->list_cap) {
        s->list_cap = s->head.body_count;
        s->list = realloc(s->list, s->list_cap * sizeof(*s->list));
        if (s->list == NULL)
            BUG("out of memory");
    }
    for (size_t i = 0; i < s->head.body_count; i++)
        if (!read_body(s, &at, end, &s->list[i]))
            return false;
    s->bodies = s->list;
    return at == end;
}

enum scan_status scan_next(struct scan *s)
{
    struct str octets;
    char head[RECORD_HEAD_BYTES];
    uint32_t sum = 0;
    enum scan_status status;

    s->error = OK;
    if ((status = read_head(s, &octets)) != SCAN_RECORD)
        return status;
    memcpy(head, octets.at, sizeof(head));

    uint64_t ops_at = s->at + RECORD_HEAD_BYTES, end = s->at + s->head.length;
    if (!s->skip_bodies) {
        if (!sum_up(s, ops_at, end, &sum))
            return bad(s, "");
        if (record_checksum(sum, head) != s->head.checksum)
            return bad(s, "a record whose checksum does not fit");
    }
    if (!read_ops(s))
        return bad(s, "");
    /* From here on the octets are those that were written: a fault is not a torn write. */
    if (!s->skip_bodies && !read_bodies(s, ops_at + s->head.ops_len, end)) {
        status = bad(s, "a record whose bodies make no sense");
        s->torn = false;
        return status;
    }
    s->start = s->at;
    s->at = end;
    s->previous = s->head.checksum;
    return SCAN_RECORD;
}

void scan_deinit(struct scan *s)
{
    buf_deinit(&s->window);
    buf_deinit(&s->ops_copy);
    free(s->list);
}
