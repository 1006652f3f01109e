/* base/buf_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "testing.h"

TEST(past_the_ceiling_nothing_is_cut_and_the_overflow_is_kept)
{
    struct buf b = { .max = 5 };

    buf_add(&b, STR("abc"));
    buf_add(&b, STR("def"));
    CHECK_STR(buf_str(&b), STR("abc"), "dropped whole");
    CHECK(b.overflowed, "marked");
    buf_printf(&b, "%s", "de");
    CHECK_STR(buf_str(&b), STR("abcde"), "exactly full");
    buf_printf(&b, "x");
    CHECK_STR(buf_str(&b), STR("abcde"), "printf dropped");
    CHECK(b.overflowed, "stays marked");
    buf_deinit(&b);
}

TEST(numbers_and_consume)
{
    struct buf b = { 0 };

    buf_add_u64(&b, UINT64_MAX);
    buf_add_char(&b, ' ');
    buf_add_u64(&b, 0);
    CHECK_STR(buf_str(&b), STR("18446744073709551615 0"), "decimal");
    buf_consume(&b, 21);
    CHECK_STR(buf_str(&b), STR("0"), "consumed");
    buf_consume(&b, 1);
    buf_shrink(&b, 0);
    CHECK(b.at == NULL, "given back");
    buf_deinit(&b);
}
