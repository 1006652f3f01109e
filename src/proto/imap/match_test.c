/* proto/imap/match_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/match.h"

#include "testing.h"

TEST(patterns_match_as_the_rfc_says)
{
    static const struct {
        struct str pattern, name;
        bool want;
    } rows[] = {
        { STR_INIT("*"), STR_INIT("INBOX"), true },
        { STR_INIT("*"), STR_INIT("a/b/c"), true },
        { STR_INIT("%"), STR_INIT("a"), true },
        { STR_INIT("%"), STR_INIT("a/b"), false },
        { STR_INIT("%/%"), STR_INIT("a/b"), true },
        { STR_INIT("a/%"), STR_INIT("a/b"), true },
        { STR_INIT("a/%"), STR_INIT("a/b/c"), false },
        { STR_INIT("a/*"), STR_INIT("a/b/c"), true },
        { STR_INIT("a%c"), STR_INIT("abbc"), true },
        { STR_INIT("a*c"), STR_INIT("a/b/c"), true },
        { STR_INIT("inbox"), STR_INIT("INBOX"), true },
        { STR_INIT("iNb%"), STR_INIT("INBOX"), true },
        { STR_INIT("inbox/x"), STR_INIT("INBOX/x"), true },
        { STR_INIT("inbox/X"), STR_INIT("INBOX/x"), false },
        { STR_INIT("inboxes"), STR_INIT("INBOXES"), false },
        { STR_INIT("Sent"), STR_INIT("sent"), false },
        { STR_INIT(""), STR_INIT(""), true },
        { STR_INIT(""), STR_INIT("a"), false },
        { STR_INIT("**%%*"), STR_INIT("abc"), true },
        { STR_INIT("*a*a*a*a*b"), STR_INIT("aaaaaaaaaaaaaaaaaaaaaaaa"), false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_EQ(match_name(rows[i].pattern, rows[i].name), rows[i].want, "%s on %s",
                 rows[i].pattern.at, rows[i].name.at);
}

TEST(the_reference_is_a_prefix_unless_the_pattern_starts_at_the_root)
{
    SCRATCH(mem, NULL);

    CHECK_STR(match_pattern(mem, STR("a/"), STR("%")), STR("a/%"), "prefix");
    CHECK_STR(match_pattern(mem, STR("a/"), STR("/b")), STR("b"), "root");
    CHECK_STR(match_pattern(mem, STR(""), STR("*")), STR("*"), "none");
}

TEST(an_overlong_name_never_matches)
{
    static char name[MATCH_NAME_BYTES_MAX + 1];

    memset(name, 'a', sizeof(name));
    CHECK(!match_name(STR("*"), str_from(name, sizeof(name))), "too long");
    CHECK(match_name(STR("*"), str_from(name, sizeof(name) - 1)), "just fits");
}
