/* store/table/rows.c - the octets of the rows, made from their lists of fields. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/rows.h"

static void put_zigzag(struct buf *b, int64_t v)
{
    put_varint(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static int64_t get_zigzag(struct reader *r)
{
    uint64_t v = get_varint(r);

    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static bool get_flag(struct reader *r)
{
    uint8_t v = get_u8(r);

    if (v > 1)
        r->bad = true;
    return v == 1;
}

/* A list holds no more elements than octets are left. */
static uint32_t get_count(struct reader *r)
{
    uint32_t count = get_varint32(r);

    if (count > r->rest.len)
        r->bad = true;
    return r->bad ? 0 : count;
}

static void put_fields_queue_rcpt(struct buf *out, const struct queue_rcpt *v);
static void get_fields_queue_rcpt(struct arena *mem, struct reader *r, struct queue_rcpt *v);

#define PUT_str(name) put_str(out, v->name);
#define PUT_flag(name) put_u8(out, v->name ? 1 : 0);
#define PUT_u32(name) put_varint(out, v->name);
#define PUT_u64(name) put_varint(out, v->name);
#define PUT_i64(name) put_zigzag(out, v->name);
#define PUT_strs(name)                                                                             \
    put_varint(out, v->name##_count);                                                              \
    for (uint32_t i = 0; i < v->name##_count; i++)                                                 \
        put_str(out, v->name[i]);
#define PUT_rcpts(name)                                                                            \
    put_varint(out, v->name##_count);                                                              \
    for (uint32_t i = 0; i < v->name##_count; i++)                                                 \
        put_fields_queue_rcpt(out, &v->name[i]);
#define PUT_FIELD(type, name) PUT_##type(name)

#define GET_str(name) v->name = get_str(r);
#define GET_flag(name) v->name = get_flag(r);
#define GET_u32(name) v->name = get_varint32(r);
#define GET_u64(name) v->name = get_varint(r);
#define GET_i64(name) v->name = get_zigzag(r);
#define GET_strs(name)                                                                             \
    v->name##_count = get_count(r);                                                                \
    v->name = ARENA_ARRAY(mem, struct str, v->name##_count + 1);                                   \
    for (uint32_t i = 0; i < v->name##_count; i++)                                                 \
        v->name[i] = get_str(r);
#define GET_rcpts(name)                                                                            \
    v->name##_count = get_count(r);                                                                \
    v->name = ARENA_ARRAY(mem, struct queue_rcpt, v->name##_count + 1);                            \
    for (uint32_t i = 0; i < v->name##_count; i++)                                                 \
        get_fields_queue_rcpt(mem, r, &v->name[i]);
#define GET_FIELD(type, name) GET_##type(name)

#define ROW_FIELDS(row, type, FIELDS)                                                              \
    static void put_fields_##row(struct buf *out, const struct type *v)                            \
    {                                                                                              \
        FIELDS(PUT_FIELD)                                                                          \
    }                                                                                              \
    static void get_fields_##row(UNUSED struct arena *mem, struct reader *r, struct type *v)       \
    {                                                                                              \
        FIELDS(GET_FIELD)                                                                          \
    }

#define ROW_CODEC(row, FIELDS)                                                                     \
    ROW_FIELDS(row, row, FIELDS)                                                                   \
    void row##_put(struct buf *out, const struct row *v)                                           \
    {                                                                                              \
        put_u8(out, ROW_VERSION);                                                                  \
        put_fields_##row(out, v);                                                                  \
    }                                                                                              \
    enum err row##_get(struct arena *mem, struct str in, struct row *ret)                          \
    {                                                                                              \
        struct reader r = reader_of(in);                                                           \
        struct row v;                                                                              \
                                                                                                   \
        if (get_u8(&r) != ROW_VERSION)                                                             \
            return ERR_CORRUPT;                                                                    \
        memset(&v, 0, sizeof v);                                                                   \
        get_fields_##row(mem, &r, &v);                                                             \
        if (!reader_done(&r))                                                                      \
            return ERR_CORRUPT;                                                                    \
        *ret = v;                                                                                  \
        return OK;                                                                                 \
    }
ROWS_OF_VERSION_1(ROW_CODEC)

/* ---- rows whose last fields came with version 2 ---- */

#define ROW_CODEC_2(row, OLD_FIELDS, FIELDS, NEWEST)                                               \
    ROW_FIELDS(row, row, FIELDS)                                                                   \
    static void get_fields_of_old_##row(struct reader *r, struct row *v)                           \
    {                                                                                              \
        OLD_FIELDS(GET_FIELD)                                                                      \
    }                                                                                              \
    void row##_put(struct buf *out, const struct row *v)                                           \
    {                                                                                              \
        put_u8(out, NEWEST);                                                                       \
        put_fields_##row(out, v);                                                                  \
    }                                                                                              \
    enum err row##_get(struct arena *mem, struct str in, struct row *ret)                          \
    {                                                                                              \
        struct reader r = reader_of(in);                                                           \
        uint8_t version = get_u8(&r);                                                              \
        struct row v = { 0 };                                                                      \
                                                                                                   \
        if (version == NEWEST)                                                                     \
            get_fields_##row(mem, &r, &v);                                                         \
        else if (version == 1)                                                                     \
            get_fields_of_old_##row(&r, &v);                                                       \
        else                                                                                       \
            return ERR_CORRUPT;                                                                    \
        if (!reader_done(&r))                                                                      \
            return ERR_CORRUPT;                                                                    \
        *ret = v;                                                                                  \
        return OK;                                                                                 \
    }
ROW_CODEC_2(account, ACCOUNT_FIELDS_1, ACCOUNT_FIELDS, ACCOUNT_VERSION)
ROW_CODEC_2(membership, MEMBERSHIP_FIELDS_1, MEMBERSHIP_FIELDS, MEMBERSHIP_VERSION)
