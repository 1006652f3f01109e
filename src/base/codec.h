/* base/codec.h - numbers and strings as octets, out and in.
 *
 * Pure. The writers append to a struct buf; the reader is a cursor that remembers its first
 * error: after a short or malformed item every further read returns zero or empty, and the caller
 * checks `bad` once at the end. Fixed-width numbers are big-endian (so keys sort), varints are
 * LEB128 (7 bits an octet, low first, at most 10 octets). Strings carry a varint length.
 * Results of reader_str point into the input. Tests: codec_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_CODEC_H
#define POSTERN_BASE_CODEC_H

#include "base/buf.h"

static inline void put_u8(struct buf *b, uint8_t v)
{
    buf_add_char(b, (char)v);
}
void put_u16(struct buf *b, uint16_t v);
void put_u32(struct buf *b, uint32_t v);
void put_u64(struct buf *b, uint64_t v);
void put_varint_long(struct buf *b, uint64_t v);
static inline void put_varint(struct buf *b, uint64_t v)
{
    if (v < 0x80)
        put_u8(b, (uint8_t)v);
    else
        put_varint_long(b, v);
}
void put_str(struct buf *b, struct str s); /* varint length, octets */

struct reader {
    struct str rest;
    bool bad;
};

static inline struct reader reader_of(struct str s)
{
    return (struct reader){ s, false };
}

static inline uint8_t get_u8(struct reader *r)
{
    if (r->bad || r->rest.len == 0) {
        r->bad = true;
        return 0;
    }
    r->rest.len--;
    return (uint8_t)*r->rest.at++;
}
uint16_t get_u16(struct reader *r);
uint32_t get_u32(struct reader *r);
uint64_t get_u64(struct reader *r);
uint64_t get_varint_long(struct reader *r);
static inline uint64_t get_varint(struct reader *r)
{
    if (!r->bad && r->rest.len > 0 && ((uint8_t)r->rest.at[0] & 0x80) == 0)
        return get_u8(r);
    return get_varint_long(r);
}
uint32_t get_varint32(struct reader *r); /* bad when over 32 bits */
struct str get_str(struct reader *r);
struct str get_bytes(struct reader *r, size_t count);

/* True when everything was read and nothing was bad. */
static inline bool reader_done(const struct reader *r)
{
    return !r->bad && r->rest.len == 0;
}

/* The same numbers at a fixed place, for record headers. */
uint32_t load_u32(const char *at);
uint64_t load_u64(const char *at);
void store_u32(char *at, uint32_t v);
void store_u64(char *at, uint64_t v);

#endif
