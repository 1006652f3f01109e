/* keeper/contract.c - the octets of the contract, made from its rows.
 *
 * Every record, request, reply and note is a sequence of fields, so one pair of macros for each
 * field type is all there is. Decoding uses the reader of base/codec.h, which remembers its first
 * error; a list is bounded by the octets that are left divided by the least that one element
 * takes, so a frame never asks for more memory than a small multiple of its own size. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/contract.h"

/* Zigzag: small negative numbers stay short (the sign moves to the lowest bit). */
static void put_zigzag(struct buf *b, int64_t v)
{
    put_varint(b, ((uint64_t)v << 1) ^ (uint64_t)(v >> 63));
}

static int64_t get_zigzag(struct reader *r)
{
    uint64_t v = get_varint(r);

    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static bool get_bool(struct reader *r)
{
    uint8_t v = get_u8(r);

    if (v > 1)
        r->bad = true;
    return v == 1;
}

/* The number of elements, refused when the rest could not hold so many. */
static size_t get_count(struct reader *r, size_t least_octets)
{
    uint64_t count = get_varint(r);

    if (count > r->rest.len / least_octets) {
        r->bad = true;
        return 0;
    }
    return (size_t)count;
}

/* Every field costs at least one octet, so the least size of a record is its number of fields. */
#define COUNT_FIELD(type, name, of) +1
#define RECORD_LEAST(name) enum { LEAST_##name = 0 FIELDS_##name(COUNT_FIELD) };
CONTRACT_RECORDS(RECORD_LEAST)

#define PUT_u8(name, of) put_u8(out, v->name);
#define PUT_u32(name, of) put_varint(out, v->name);
#define PUT_u64(name, of) put_varint(out, v->name);
#define PUT_i64(name, of) put_zigzag(out, v->name);
#define PUT_bool(name, of) put_u8(out, v->name ? 1 : 0);
#define PUT_str(name, of) put_str(out, v->name);
#define PUT_list(name, of)                                                                         \
    put_varint(out, v->name##_count);                                                              \
    for (size_t i = 0; i < v->name##_count; i++)                                                   \
        put_record_##of(out, &v->name[i]);
#define PUT_FIELD(type, name, of) PUT_##type(name, of)

#define GET_u8(name, of) v->name = get_u8(r);
#define GET_u32(name, of) v->name = get_varint32(r);
#define GET_u64(name, of) v->name = get_varint(r);
#define GET_i64(name, of) v->name = get_zigzag(r);
#define GET_bool(name, of) v->name = get_bool(r);
#define GET_str(name, of) v->name = get_str(r);
#define GET_list(name, of)                                                                         \
    v->name##_count = get_count(r, LEAST_##of);                                                    \
    v->name = v->name##_count == 0 ? NULL : ARENA_ARRAY(mem, struct keep_##of, v->name##_count);   \
    for (size_t i = 0; i < v->name##_count && !r->bad; i++)                                        \
        get_record_##of(mem, r, &v->name[i]);
#define GET_FIELD(type, name, of) GET_##type(name, of)

#define RECORD_CODEC(name)                                                                         \
    static void put_record_##name(struct buf *out, const struct keep_##name *v)                    \
    {                                                                                              \
        FIELDS_##name(PUT_FIELD)                                                                   \
    }                                                                                              \
    static void get_record_##name(UNUSED struct arena *mem, struct reader *r,                      \
                                  struct keep_##name *v)                                           \
    {                                                                                              \
        FIELDS_##name(GET_FIELD)                                                                   \
    }
CONTRACT_RECORDS(RECORD_CODEC)

void keep_manifest_add(struct buf *out, const struct keep_new_message *m)
{
    put_record_new_message(out, m);
}

bool keep_manifest_next(struct arena *mem, struct reader *r, struct keep_new_message *ret)
{
    struct keep_new_message m = { 0 };

    if (r->bad || r->rest.len == 0)
        return false;
    get_record_new_message(mem, r, &m);
    if (!r->bad)
        *ret = m;
    return !r->bad;
}

/* One whole: name_req, name_rep or name_note. The value is written on success only. */
#define WHOLE_CODEC(whole, FIELDS)                                                                 \
    void keep_##whole##_put(UNUSED struct buf *out, UNUSED const struct keep_##whole *v)           \
    {                                                                                              \
        FIELDS(PUT_FIELD)                                                                          \
    }                                                                                              \
    bool keep_##whole##_get(UNUSED struct arena *mem, struct str in, struct keep_##whole *ret)     \
    {                                                                                              \
        struct reader reader = reader_of(in);                                                      \
        UNUSED struct reader *r = &reader;                                                         \
        struct keep_##whole value, *v = &value;                                                    \
                                                                                                   \
        memset(v, 0, sizeof *v);                                                                   \
        FIELDS(GET_FIELD)                                                                          \
        if (!reader_done(r))                                                                       \
            return false;                                                                          \
        *ret = value;                                                                              \
        return true;                                                                               \
    }

#define CALL_CODEC(name, who)                                                                      \
    WHOLE_CODEC(name##_req, REQ_##name)                                                            \
    WHOLE_CODEC(name##_rep, REP_##name)
CONTRACT_CALLS(CALL_CODEC)

#define NOTE_CODEC(name, who) WHOLE_CODEC(name##_note, NOTE_##name)
CONTRACT_NOTES(NOTE_CODEC)

static const struct {
    const char *name;
    unsigned who;
} calls[] = {
#define CALL_ROW(name, who) { #name, who },
    CONTRACT_CALLS(CALL_ROW)
};

const char *keep_call_name(enum keep_call call)
{
    return (unsigned)call < CALL_COUNT ? calls[call].name : "unknown";
}

unsigned keep_call_who(enum keep_call call)
{
    return (unsigned)call < CALL_COUNT ? calls[call].who : 0;
}
