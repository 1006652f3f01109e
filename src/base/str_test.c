/* base/str_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/str.h"
#include "testing.h"

TEST(numbers_parse_exactly_or_not_at_all)
{
    static const struct {
        struct str in;
        uint64_t max;
        bool ok;
        uint64_t want;
    } rows[] = {
        { STR_INIT("0"), UINT64_MAX, true, 0 },
        { STR_INIT("18446744073709551615"), UINT64_MAX, true, UINT64_MAX },
        { STR_INIT("18446744073709551616"), UINT64_MAX, false, 0 },
        { STR_INIT("99999999999999999999999"), UINT64_MAX, false, 0 },
        { STR_INIT("5"), 4, false, 0 },
        { STR_INIT("4"), 4, true, 4 },
        { STR_INIT(""), 10, false, 0 },
        { STR_INIT("-1"), 10, false, 0 },
        { STR_INIT("+1"), 10, false, 0 },
        { STR_INIT("1 "), 10, false, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint64_t got = 0;

        CHECK_EQ(str_to_u64(rows[i].in, rows[i].max, &got), rows[i].ok, "%.*s",
                 STR_ARG(rows[i].in));
        if (rows[i].ok)
            CHECK(got == rows[i].want, "%.*s", STR_ARG(rows[i].in));
    }
}

TEST(finding_splitting_trimming)
{
    struct str rest = STR("a,b,,c");

    CHECK_STR(str_split(&rest, ','), STR("a"), "first");
    CHECK_STR(str_split(&rest, ','), STR("b"), "second");
    CHECK_STR(str_split(&rest, ','), STR(""), "empty");
    CHECK_STR(str_split(&rest, ','), STR("c"), "last");
    CHECK_STR(str_split(&rest, ','), STR(""), "none left");
    CHECK_EQ(str_find_nocase(STR("Hello World"), STR("WORLD")), 6, "nocase");
    CHECK_EQ(str_find(STR("aab"), STR("ab")), 1, "find");
    CHECK(str_find(STR("a"), STR("ab")) == STR_NOT_FOUND, "longer needle");
    CHECK_STR(str_trim(STR(" \t x y ")), STR("x y"), "trim");
    CHECK(str_cmp_nocase(STR("abc"), STR("ABD")) < 0, "order");
    CHECK(str_starts_nocase(STR("Content-Type"), STR("content-")), "prefix");
    CHECK(str_ends_nocase(STR("x@CREPES.fr"), STR("@crepes.FR")), "suffix");
}
