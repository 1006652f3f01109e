/* base/checksum_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/checksum.h"
#include "testing.h"

TEST(crc32c_gives_the_published_sums)
{
    char block[32];

    CHECK_EQ(checksum_crc32c(0, STR("")), 0, "nothing");
    CHECK_EQ(checksum_crc32c(0, STR("123456789")), 0xE3069283, "the check value");
    memset(block, 0, sizeof(block)); /* RFC 3720 B.4 */
    CHECK_EQ(checksum_crc32c(0, str_from(block, 32)), 0x8A9136AA, "32 zero octets");
    memset(block, 0xFF, sizeof(block));
    CHECK_EQ(checksum_crc32c(0, str_from(block, 32)), 0x62A8AB43, "32 octets of ones");
    for (int i = 0; i < 32; i++)
        block[i] = (char)i;
    CHECK_EQ(checksum_crc32c(0, str_from(block, 32)), 0x46DD794E, "0 to 31");
}

TEST(crc32c_of_parts_is_the_sum_of_the_whole)
{
    struct str all = STR("Do you like ketchup? How about pickles?");
    uint32_t want = checksum_crc32c(0, all);

    for (size_t cut = 0; cut <= all.len; cut++)
        CHECK_EQ(checksum_crc32c(checksum_crc32c(0, str_take(all, cut)), str_skip(all, cut)), want,
                 "cut at %zu", cut);
}

TEST(xxh3_gives_the_published_value_for_nothing_and_tells_texts_apart)
{
    CHECK(checksum_xxh3(STR("")) == 0x2D06800538D394C2U, "nothing");
    CHECK(checksum_xxh3(STR("ketchup")) != checksum_xxh3(STR("pickles")), "two texts");
}
