/* base/codec.c - numbers and strings as octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"

enum { VARINT_OCTETS_MAX = 10 };

static void put_fixed(struct buf *b, uint64_t v, unsigned octets)
{
    char bytes[8];

    for (unsigned i = 0; i < octets; i++)
        bytes[i] = (char)(v >> (8 * (octets - 1 - i)));
    buf_add(b, str_from(bytes, octets));
}

void put_u16(struct buf *b, uint16_t v)
{
    put_fixed(b, v, 2);
}

void put_u32(struct buf *b, uint32_t v)
{
    put_fixed(b, v, 4);
}

void put_u64(struct buf *b, uint64_t v)
{
    put_fixed(b, v, 8);
}

void put_varint_long(struct buf *b, uint64_t v)
{
    char bytes[VARINT_OCTETS_MAX];
    size_t len = 0;

    for (; v >= 0x80; v >>= 7)
        bytes[len++] = (char)(v | 0x80);
    bytes[len++] = (char)v;
    buf_add(b, str_from(bytes, len));
}

void put_str(struct buf *b, struct str s)
{
    put_varint(b, s.len);
    buf_add(b, s);
}

struct str get_bytes(struct reader *r, size_t count)
{
    if (r->bad || r->rest.len < count) {
        r->bad = true;
        return STR_EMPTY;
    }

    struct str s = str_take(r->rest, count);
    r->rest = str_skip(r->rest, count);
    return s;
}

static uint64_t get_fixed(struct reader *r, unsigned octets)
{
    struct str s = get_bytes(r, octets);
    uint64_t v = 0;

    for (size_t i = 0; i < s.len; i++)
        v = v << 8 | (unsigned char)s.at[i];
    return v;
}

uint16_t get_u16(struct reader *r)
{
    return (uint16_t)get_fixed(r, 2);
}

uint32_t get_u32(struct reader *r)
{
    return (uint32_t)get_fixed(r, 4);
}

uint64_t get_u64(struct reader *r)
{
    return get_fixed(r, 8);
}

uint64_t get_varint_long(struct reader *r)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < VARINT_OCTETS_MAX; i++) {
        if (r->bad || i >= r->rest.len)
            break;

        uint8_t octet = (uint8_t)r->rest.at[i];
        if (i == VARINT_OCTETS_MAX - 1 && octet > 1)
            break; /* more than 64 bits */
        v |= (uint64_t)(octet & 0x7F) << (7 * i);
        if ((octet & 0x80) == 0) {
            r->rest = str_skip(r->rest, i + 1);
            return v;
        }
    }
    r->bad = true;
    return 0;
}

uint32_t get_varint32(struct reader *r)
{
    uint64_t v = get_varint(r);

    if (v > UINT32_MAX) {
        r->bad = true;
        return 0;
    }
    return (uint32_t)v;
}

struct str get_str(struct reader *r)
{
    uint64_t len = get_varint(r);

    if (r->bad || len > r->rest.len) {
        r->bad = true;
        return STR_EMPTY;
    }
    return get_bytes(r, (size_t)len);
}

uint32_t load_u32(const char *at)
{
    struct reader r = reader_of(str_from(at, 4));

    return get_u32(&r);
}

uint64_t load_u64(const char *at)
{
    struct reader r = reader_of(str_from(at, 8));

    return get_u64(&r);
}

void store_u32(char *at, uint32_t v)
{
    for (unsigned i = 0; i < 4; i++)
        at[i] = (char)(v >> (8 * (3 - i)));
}

void store_u64(char *at, uint64_t v)
{
    store_u32(at, (uint32_t)(v >> 32));
    store_u32(at + 4, (uint32_t)v);
}
