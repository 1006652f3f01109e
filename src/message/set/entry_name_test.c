/* message/set/entry_name_test.c - which texts name an annotation, and what is below what. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/entry_name.h"

#include "base/buf.h"

#include "testing.h"

static const struct {
    struct str in;
    const char *want; /* null: not a name */
    bool asking;
} names[] = {
    { STR_INIT("/private/comment"), "/private/comment", false },
    { STR_INIT("/SHARED/Comment"), "/shared/comment", false },
    { STR_INIT("/private/filters/values/a.b"), "/private/filters/values/a.b", false },
    { STR_INIT("/shared/vendor/x/y"), "/shared/vendor/x/y", false },
    { STR_INIT("/shared/vendor/x"), NULL, false },
    { STR_INIT("/shared/vendor/x"), "/shared/vendor/x", true },
    { STR_INIT("/shared/vendorx"), "/shared/vendorx", false },
    { STR_INIT("/private"), NULL, false },
    { STR_INIT("/private"), "/private", true },
    { STR_INIT("/privately/x"), NULL, false },
    { STR_INIT("/comment"), NULL, true },
    { STR_INIT("private/comment"), NULL, true },
    { STR_INIT("/private/comment/"), NULL, true },
    { STR_INIT("/private//comment"), NULL, true },
    { STR_INIT("/private/com*ment"), NULL, true },
    { STR_INIT("/private/com%ment"), NULL, true },
    { STR_INIT("/private/com ment"), NULL, true },
    { STR_INIT("/private/com\tment"), NULL, true },
    { STR_INIT("/private/\xc3\xbc"), NULL, true },
    { STR_INIT("/"), NULL, true },
    { STR_INIT(""), NULL, true },
};

TEST(entry_names_follow_the_rules)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        SCRATCH(mem, NULL);
        struct str got = STR("untouched");
        bool ok = entry_name_normalise(mem, names[i].in, names[i].asking, &got);

        CHECK_EQ(ok, names[i].want != NULL, "%.*s", STR_ARG(names[i].in));
        CHECK_STR(got, ok ? str_from_z(names[i].want) : STR("untouched"), "row %zu", i);
    }
}

TEST(an_entry_name_has_a_longest_form)
{
    SCRATCH(mem, NULL);
    struct buf b = { 0 };
    struct str got;

    BUF_ADD(&b, "/private/");
    while (b.len < ENTRY_NAME_BYTES_MAX)
        BUF_ADD(&b, "x");
    CHECK(entry_name_normalise(mem, buf_str(&b), false, &got), "as long as may be");
    BUF_ADD(&b, "x");
    CHECK(!entry_name_normalise(mem, buf_str(&b), false, &got), "longer");
    buf_deinit(&b);
}

TEST(depth_counts_the_levels_below)
{
    struct str a = STR("/private/a"), b = STR("/private/a/b"), c = STR("/private/a/b/c");

    CHECK(entry_is_within(a, a, 0) && !entry_is_within(b, a, 0), "0");
    CHECK(entry_is_within(a, a, 1) && entry_is_within(b, a, 1) && !entry_is_within(c, a, 1), "1");
    CHECK(entry_is_within(c, a, ENTRY_DEPTH_ALL), "infinity");
    CHECK(!entry_is_within(STR("/private/ab"), a, ENTRY_DEPTH_ALL), "not below");
    CHECK(!entry_is_within(a, b, ENTRY_DEPTH_ALL), "above");
    CHECK(entry_is_private(a) && !entry_is_private(STR("/shared/a")), "scope");
}
