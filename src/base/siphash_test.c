/* base/siphash_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/siphash.h"
#include "testing.h"

/* Results of the paper's reference vectors: key 00..0f, input 00..(n-1), for n = 0, 1, 7, 8,
 * 15, 63. */
static const struct {
    size_t len;
    uint64_t want;
} cases[] = {
    { 0, 0x726fdb47dd0e0e31U }, { 1, 0x74f839c593dc67fdU },  { 7, 0xab0200f58b01d137U },
    { 8, 0x93f5f5799a932462U }, { 15, 0xa129ca6149be45e5U }, { 63, 0x958a324ceb064572U },
};

TEST(siphash_gives_the_published_values)
{
    uint8_t octets[64];

    for (uint8_t i = 0; i < sizeof(octets); i++)
        octets[i] = i;
    struct siphash_key key = siphash_key_of(octets);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        CHECK(siphash(key, str_from(octets, cases[i].len)) == cases[i].want, "%zu octets",
              cases[i].len);
}

TEST(another_key_gives_another_hash)
{
    struct siphash_key one = { { 1, 2 } }, two = { { 1, 3 } };

    CHECK(siphash(one, STR("bob")) != siphash(two, STR("bob")), "keys matter");
}
