/* base/codec_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/codec.h"
#include "testing.h"

TEST(every_number_comes_back_as_it_went)
{
    static const uint64_t values[] = { 0,     1,          0x7F,       0x80,      0x3FFF,
                                       65535, UINT32_MAX, 1ULL << 40, INT64_MAX, UINT64_MAX };

    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        struct buf b = { 0 };

        put_varint(&b, values[i]);
        put_u64(&b, values[i]);
        put_u32(&b, (uint32_t)values[i]);
        put_str(&b, STR("a\0b"));

        struct reader r = reader_of(buf_str(&b));
        CHECK(get_varint(&r) == values[i], "varint %zu", i);
        CHECK(get_u64(&r) == values[i], "u64 %zu", i);
        CHECK_EQ(get_u32(&r), (uint32_t)values[i], "u32 %zu", i);
        CHECK_STR(get_str(&r), STR("a\0b"), "str %zu", i);
        CHECK(reader_done(&r), "row %zu", i);

        for (size_t cut = 0; cut < b.len; cut++) {
            struct reader part = reader_of(str_take(buf_str(&b), cut));

            (void)get_varint(&part);
            (void)get_u64(&part);
            (void)get_u32(&part);
            (void)get_str(&part);
            CHECK(part.bad, "row %zu cut at %zu", i, cut);
        }
        buf_deinit(&b);
    }
}

TEST(a_varint_over_64_bits_is_bad)
{
    struct reader r = reader_of(STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));

    (void)get_varint(&r);
    CHECK(r.bad, "eleventh bit group");
}

TEST(a_string_longer_than_the_input_is_bad)
{
    struct reader r = reader_of(STR("\xff\xff\xff\xff\x0f"
                                    "abc"));

    (void)get_str(&r);
    CHECK(r.bad, "4 GiB claimed");
}
