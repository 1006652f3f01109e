/* proto/imap/parse/mutf7_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/parse/mutf7.h"

#include "testing.h"

static const struct {
    const char *name;
    struct str wire, text;
} pairs[] = {
    { "plain", STR_INIT("INBOX"), STR_INIT("INBOX") },
    { "empty", STR_INIT(""), STR_INIT("") },
    { "ampersand", STR_INIT("a&-b"), STR_INIT("a&b") },
    { "example of RFC 3501 5.1.3", STR_INIT("~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
      STR_INIT("~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e") },
    { "one letter", STR_INIT("Entw&APw-rfe"), STR_INIT("Entw\xc3\xbcrfe") },
    { "beyond the first plane", STR_INIT("&2D3eAA-"), STR_INIT("\xf0\x9f\x98\x80") },
    { "control", STR_INIT("a&AAk-b"), STR_INIT("a\tb") },
};

TEST(names_go_both_ways)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        SCRATCH(mem, NULL);
        struct buf wire = { 0 };
        struct str text;

        CHECK(mutf7_decode(mem, pairs[i].wire, &text), "%s", pairs[i].name);
        CHECK_STR(text, pairs[i].text, "%s", pairs[i].name);
        mutf7_encode(&wire, pairs[i].text);
        CHECK_STR(buf_str(&wire), pairs[i].wire, "%s", pairs[i].name);
        buf_deinit(&wire);
    }
}

TEST(every_cut_of_a_name_is_refused_or_has_one_wire_form)
{
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        for (size_t len = 0; len < pairs[i].wire.len; len++) {
            SCRATCH(mem, NULL);
            struct buf wire = { 0 };
            struct str text;

            if (!mutf7_decode(mem, str_take(pairs[i].wire, len), &text))
                continue;
            mutf7_encode(&wire, text);
            CHECK_STR(buf_str(&wire), str_take(pairs[i].wire, len), "%s, %zu", pairs[i].name, len);
            buf_deinit(&wire);
        }
}

TEST(other_spellings_are_refused)
{
    static const struct {
        const char *why;
        struct str wire;
    } bad[] = {
        { "8-bit", STR_INIT("\xc3\xbc") },
        { "control character", STR_INIT("a\tb") },
        { "no end", STR_INIT("&U,BTFw") },
        { "ampersand alone", STR_INIT("a&") },
        { "printable ASCII shifted", STR_INIT("&AGE-") },
        { "NUL", STR_INIT("&AAA-") },
        { "two runs in a row", STR_INIT("&U,A-&Uxc-") },
        { "padding not zero", STR_INIT("&APx-") },
        { "a digit too many", STR_INIT("&APwA-") },
        { "half a pair", STR_INIT("&2D0-") },
        { "low half first", STR_INIT("&3gA-") },
        { "slash is not a digit", STR_INIT("&U/A-") },
        { "empty bits", STR_INIT("&A-") },
    };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        SCRATCH(mem, NULL);
        struct str text;

        CHECK(!mutf7_decode(mem, bad[i].wire, &text), "%s", bad[i].why);
    }
}
