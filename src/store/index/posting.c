/* store/index/posting.c - gaps as quotient and remainder, bit after bit. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/posting.h"

/* The head octets: how many gaps follow, doubled, and one more when they are those of the missing
 * numbers. Then, from the low bit of each octet up: for each gap its quotient by 2^k as so many
 * ones and a zero, and its remainder in k bits, low bit first. */
struct bit_writer {
    struct buf *out;
    uint64_t bits;
    unsigned count;
};

static void write_bits(struct bit_writer *w, uint64_t bits, unsigned count)
{
    w->bits |= bits << w->count;
    w->count += count;
    while (w->count >= 8) {
        buf_add_char(w->out, (char)(w->bits & 0xff));
        w->bits >>= 8;
        w->count -= 8;
    }
}

static void write_gap(struct bit_writer *w, uint32_t gap, unsigned k)
{
    uint32_t quotient = gap >> k;

    for (; quotient >= 32; quotient -= 32)
        write_bits(w, 0xffffffffu, 32);
    write_bits(w, ((uint64_t)1 << quotient) - 1, quotient + 1);
    write_bits(w, gap & ((1u << k) - 1), k);
}

/* About log2 of 0.69 times the mean gap, which is where the code is shortest. */
static unsigned parameter(uint32_t count, uint32_t universe)
{
    uint64_t mean = ((uint64_t)universe * 11 / 16) / count;
    unsigned k = 0;

    while (mean >> (k + 1) != 0)
        k++;
    return k;
}

void posting_encode(const uint32_t *numbers, uint32_t count, uint32_t universe, struct buf *out)
{
    struct bit_writer w = { .out = out };
    bool missing = count > universe / 2;
    uint32_t gaps = missing ? universe - count : count, next = 0;
    unsigned k;

    put_varint(out, (uint64_t)gaps << 1 | (missing ? 1 : 0));
    if (gaps == 0)
        return;
    k = parameter(gaps, universe);
    if (!missing)
        for (uint32_t i = 0; i < count; i++) {
            write_gap(&w, numbers[i] - next, k);
            next = numbers[i] + 1;
        }
    else
        for (uint32_t i = 0, at = 0; at < universe; at++) {
            if (i < count && numbers[i] == at) {
                i++;
                continue;
            }
            write_gap(&w, at - next, k);
            next = at + 1;
        }
    if (w.count > 0)
        write_bits(&w, 0, 8 - w.count);
}

struct bit_reader {
    const uint8_t *at, *end;
    uint64_t bits;
    unsigned count;
};

static void refill(struct bit_reader *r)
{
    while (r->count <= 56 && r->at < r->end) {
        r->bits |= (uint64_t)*r->at++ << r->count;
        r->count += 8;
    }
}

/* False when the octets end before. */
static bool read_gap(struct bit_reader *r, unsigned k, uint64_t max, uint64_t *ret)
{
    uint64_t quotient = 0;

    for (;;) {
        unsigned ones;

        refill(r);
        if (r->count == 0)
            return false;
        ones = r->bits == UINT64_MAX ? 64 : (unsigned)__builtin_ctzll(~r->bits);
        if (ones < r->count) {
            quotient += ones;
            r->bits >>= ones;
            r->bits >>= 1;
            r->count -= ones + 1;
            break;
        }
        quotient += r->count;
        r->bits = 0;
        r->count = 0;
        if (quotient << k > max)
            return false;
    }
    refill(r);
    if (r->count < k)
        return false;
    *ret = quotient << k | (r->bits & (((uint64_t)1 << k) - 1));
    r->bits >>= k;
    r->count -= k;
    return true;
}

/* Either the numbers read, or those between them. */
enum err posting_decode(struct str octets, uint32_t universe, uint32_t *ret, uint32_t *ret_count)
{
    struct reader head = reader_of(octets);
    uint64_t first = get_varint(&head), gaps = first >> 1, next = 0, gap = 0;
    bool missing = (first & 1) != 0;
    struct bit_reader r;
    uint32_t count = 0;
    unsigned k;

    if (head.bad || gaps > universe)
        return ERR_CORRUPT;
    r = (struct bit_reader){ .at = (const uint8_t *)head.rest.at };
    r.end = r.at + head.rest.len;
    k = gaps == 0 ? 0 : parameter((uint32_t)gaps, universe);
    for (uint64_t i = 0; i < gaps; i++) {
        if (!read_gap(&r, k, universe, &gap) || next + gap >= universe)
            return ERR_CORRUPT;
        if (!missing)
            ret[count++] = (uint32_t)(next + gap);
        else
            for (uint64_t n = next; n < next + gap; n++)
                ret[count++] = (uint32_t)n;
        next += gap + 1;
    }
    if (r.at != r.end || r.count >= 8 || r.bits != 0)
        return ERR_CORRUPT;
    for (; missing && next < universe; next++)
        ret[count++] = (uint32_t)next;
    *ret_count = count;
    return OK;
}
