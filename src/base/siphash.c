/* base/siphash.c - SipHash-2-4. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"

struct state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t load_low_first(const unsigned char *at, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)at[i] << (8 * i);
    return value;
}

static void rounds(struct state *s, int count)
{
    for (int i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v1 = rotate(s->v1, 13) ^ s->v0;
        s->v0 = rotate(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate(s->v1, 17) ^ s->v2;
        s->v2 = rotate(s->v2, 32);
    }
}

static void absorb(struct state *s, uint64_t word)
{
    s->v3 ^= word;
    rounds(s, 2);
    s->v0 ^= word;
}

struct siphash_key siphash_key_of(const uint8_t octets[16])
{
    return (struct siphash_key){ { load_low_first(octets, 8), load_low_first(octets + 8, 8) } };
}

/* The constants are the octets of "somepseudorandomlygeneratedbytes". */
uint64_t siphash(struct siphash_key key, struct str octets)
{
    const unsigned char *at = (const unsigned char *)octets.at;
    size_t whole = octets.len / 8 * 8;
    struct state s = { key.half[0] ^ 0x736f6d6570736575U, key.half[1] ^ 0x646f72616e646f6dU,
                       key.half[0] ^ 0x6c7967656e657261U, key.half[1] ^ 0x7465646279746573U };

    for (size_t i = 0; i < whole; i += 8)
        absorb(&s, load_low_first(at + i, 8));
    absorb(&s, (uint64_t)octets.len << 56 | load_low_first(at + whole, octets.len - whole));

    s.v2 ^= 0xFF;
    rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
