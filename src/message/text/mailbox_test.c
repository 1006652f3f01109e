/* message/text/mailbox_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/mailbox.h"
#include "testing.h"

enum { ALL = MAILBOX_UTF8 | PATH_NULL | PATH_POSTMASTER };

static const struct {
    struct str in;
    unsigned allow;
    enum err e;
    struct str want, rest; /* mailbox_format of the result, and what stands behind the path */
} rows[] = {
    { STR_INIT("<alice@crepes.fr>"), 0, OK, STR_INIT("alice@crepes.fr"), STR_INIT("") },
    { STR_INIT("<Bob@Hamburger.EDU> SIZE=10"), 0, OK, STR_INIT("Bob@hamburger.edu"),
      STR_INIT(" SIZE=10") },
    { STR_INIT("<>"), PATH_NULL, OK, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<Postmaster>"), PATH_POSTMASTER, OK, STR_INIT("Postmaster"), STR_INIT("") },
    { STR_INIT("<Postmaster>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<bob>"), ALL, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<@a.test,@b.test:joe@c.test>"), 0, OK, STR_INIT("joe@c.test"), STR_INIT("") },
    { STR_INIT("<@a.test:joe@c.test>"), 0, OK, STR_INIT("joe@c.test"), STR_INIT("") },
    { STR_INIT("<@a.test,joe@c.test>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<@:joe@c.test>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<\"alice\"@crepes.fr>"), 0, OK, STR_INIT("alice@crepes.fr"), STR_INIT("") },
    { STR_INIT("<\"a b\\\"c>\"@crepes.fr>"), 0, OK, STR_INIT("\"a b\\\"c>\"@crepes.fr"),
      STR_INIT("") },
    { STR_INIT("<Joe\\,Smith@crepes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<\"\"@crepes.fr>"), 0, OK, STR_INIT("\"\"@crepes.fr"), STR_INIT("") },
    { STR_INIT("<a..b@crepes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<.a@crepes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a.@crepes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@crepes..fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@crepes.fr.>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@-crepes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@crepes-.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@cre_pes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@b@crepes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a%b@crepes.fr>"), 0, OK, STR_INIT("a%b@crepes.fr"), STR_INIT("") },
    { STR_INIT("<a@[192.0.2.1]>"), 0, OK, STR_INIT("a@[192.0.2.1]"), STR_INIT("") },
    { STR_INIT("<a@[192.0.2.256]>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@[192.0.2]>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@[192.0.2.1.5]>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@[IPv6:2001:DB8::1]>"), 0, OK, STR_INIT("a@[ipv6:2001:db8::1]"), STR_INIT("") },
    { STR_INIT("<a@[IPv6:2001:db8::g]>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@[x400:c=fr/o=crepes]>"), 0, OK, STR_INIT("a@[x400:c=fr/o=crepes]"),
      STR_INIT("") },
    { STR_INIT("<a@[]>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@crepes.fr"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("a@crepes.fr"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("a@crepes.fr BODY=7BIT"), PATH_BARE, OK, STR_INIT("a@crepes.fr"),
      STR_INIT(" BODY=7BIT") },
    { STR_INIT("a@crepes.fr>"), PATH_BARE, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("< a@crepes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a b@crepes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a\0b@crepes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<\"a\nb\"@crepes.fr>"), 0, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<al\xC3\xAD@cr\xC3\xAApes.fr>"), MAILBOX_UTF8, OK,
      STR_INIT("al\xC3\xAD@cr\xC3\xAApes.fr"), STR_INIT("") },
    { STR_INIT("<al\xC3\xAD@cre\xCC\x82pes.fr>"), MAILBOX_UTF8, OK,
      STR_INIT("al\xC3\xAD@cr\xC3\xAApes.fr"), STR_INIT("") },
    { STR_INIT("<a@b\xCD\xBE.fr>"), MAILBOX_UTF8, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<a@\xE2\x84\xAA.fr>"), MAILBOX_UTF8, OK, STR_INIT("a@k.fr"), STR_INIT("") },
    { STR_INIT("<al\xC3\xAD@crepes.fr>"), 0, ERR_UNSUPPORTED, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<al\xC3@crepes.fr>"), MAILBOX_UTF8, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT("<@crepes.fr>"), ALL, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
    { STR_INIT(""), ALL, ERR_SYNTAX, STR_INIT(""), STR_INIT("") },
};

TEST(paths_follow_the_grammar_of_smtp)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *mem = arena_new(0);
        struct mailbox m = { .utf8 = false };
        struct str rest = rows[i].in;

        CHECK_EQ(path_parse(mem, &rest, rows[i].allow, &m), rows[i].e, "%.*s", STR_ARG(rows[i].in));
        if (rows[i].e == OK) {
            struct buf out = { .at = NULL };

            mailbox_format(&out, &m);
            CHECK_STR(buf_str(&out), rows[i].want, "%.*s", STR_ARG(rows[i].in));
            CHECK_STR(rest, rows[i].rest, "%.*s", STR_ARG(rows[i].in));
            buf_deinit(&out);
        } else {
            CHECK_STR(rest, rows[i].in, "untouched: %.*s", STR_ARG(rows[i].in));
        }
        arena_free(mem);
    }
}

TEST(a_path_cut_short_is_refused)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t whole = rows[i].in.len - rows[i].rest.len;

        if (rows[i].e != OK || rows[i].in.at[0] != '<')
            continue;
        for (size_t cut = 0; cut < whole; cut++) {
            struct arena *mem = arena_new(0);
            struct mailbox m;
            char *exact = malloc(cut + 1);

            memcpy(exact + 1, rows[i].in.at, cut);
            struct str rest = str_from(exact + 1, cut);
            CHECK(path_parse(mem, &rest, rows[i].allow, &m) != OK, "row %zu cut %zu", i, cut);
            free(exact);
            arena_free(mem);
        }
    }
}

TEST(parts_over_their_limits_are_refused)
{
    static const struct {
        size_t local, label, labels;
        enum err e;
    } sizes[] = {
        { 256, 10, 2, OK },       { 257, 10, 2, ERR_LIMIT }, { 1, 63, 3, OK },
        { 1, 64, 2, ERR_SYNTAX }, { 1, 62, 4, OK },          { 1, 63, 4, OK },
        { 1, 60, 5, ERR_LIMIT },
    };

    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct arena *mem = arena_new(0);
        struct buf text = { .at = NULL };
        struct mailbox m;

        for (size_t k = 0; k < sizes[i].local; k++)
            buf_add_char(&text, 'a');
        for (size_t l = 0; l < sizes[i].labels; l++) {
            buf_add_char(&text, l == 0 ? '@' : '.');
            for (size_t k = 0; k < sizes[i].label; k++)
                buf_add_char(&text, 'b');
        }
        CHECK_EQ(mailbox_parse(mem, buf_str(&text), 0, &m), sizes[i].e, "row %zu", i);
        buf_deinit(&text);
        arena_free(mem);
    }
}

TEST(sub_addresses_split_at_the_first_separator)
{
    struct str user, detail;

    CHECK(mailbox_split_detail(STR("bob+news+x"), '+', &user, &detail), "two");
    CHECK_STR(user, STR("bob"), "user");
    CHECK_STR(detail, STR("news+x"), "detail");
    CHECK(mailbox_split_detail(STR("bob+"), '+', &user, &detail), "empty detail");
    CHECK(!mailbox_split_detail(STR("+bob"), '+', &user, &detail), "no user");
    CHECK(!mailbox_split_detail(STR("bob"), '+', &user, &detail), "none");
}

TEST(addresses_of_hosts_in_text)
{
    static const struct {
        struct str in;
        bool ok;
        uint8_t want[16];
    } ips[] = {
        { STR_INIT("192.0.2.1"), true, { [10] = 255, [11] = 255, 192, 0, 2, 1 } },
        { STR_INIT("::1"), true, { [15] = 1 } },
        { STR_INIT("::"), true, { 0 } },
        { STR_INIT("2001:db8:1:2:3:4:5:6"),
          true,
          { 0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6 } },
        { STR_INIT("2001:db8::ff00:42"), true, { 0x20, 1, 0x0d, 0xb8, [12] = 0xff, [15] = 0x42 } },
        { STR_INIT("::ffff:192.0.2.1"), true, { [10] = 255, [11] = 255, 192, 0, 2, 1 } },
        { STR_INIT("1:2:3:4:5:6:7"), false, { 0 } },
        { STR_INIT("1:2:3:4:5:6:7:8:9"), false, { 0 } },
        { STR_INIT("1::2::3"), false, { 0 } },
        { STR_INIT("1:2:3:4:5:6:7::"), true, { 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7 } },
        { STR_INIT("12345::"), false, { 0 } },
        { STR_INIT("1:"), false, { 0 } },
        { STR_INIT(":1"), false, { 0 } },
        { STR_INIT("1.2.3"), false, { 0 } },
        { STR_INIT("0001.2.3.4"), false, { 0 } },
        { STR_INIT("::1.2.3.4.5"), false, { 0 } },
        { STR_INIT(""), false, { 0 } },
    };

    for (size_t i = 0; i < ARRAY_LEN(ips); i++) {
        uint8_t ip[16];

        CHECK_EQ(ip_parse(ips[i].in, ip), ips[i].ok, "%.*s", STR_ARG(ips[i].in));
        if (ips[i].ok)
            CHECK(memcmp(ip, ips[i].want, 16) == 0, "%.*s", STR_ARG(ips[i].in));
    }
}
