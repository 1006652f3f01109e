/* message/record/section_test.c - which octets a section names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/section.h"

#include "testing.h"

/* Shaped like the example of RFC 3501 6.4.5: 1 text, 2 octets, 3 message {1 text, 2 octets}, 4
 * multipart {1 image, 2 message {1 text, 2 multipart {1 plain, 2 html}}}. */
#define MESSAGE                                                                                    \
    "Subject: root\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n"                           \
    "--a\r\nX: 1\r\n\r\none\r\n"                                                                   \
    "--a\r\nContent-Type: application/octet-stream\r\n\r\ntwo\r\n"                                 \
    "--a\r\nContent-Type: message/rfc822\r\n\r\n"                                                  \
    "Subject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"                          \
    "--b\r\n\r\n3.1\r\n--b\r\nContent-Type: application/octet-stream\r\n\r\n3.2\r\n--b--\r\n\r\n"  \
    "--a\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n"                                     \
    "--c\r\nContent-Type: image/gif\r\n\r\n4.1\r\n"                                                \
    "--c\r\nContent-Type: message/rfc822\r\n\r\n"                                                  \
    "Subject: 4.2\r\nContent-Type: multipart/mixed; boundary=d\r\n\r\n"                            \
    "--d\r\n\r\n4.2.1\r\n--d\r\nContent-Type: multipart/alternative; boundary=e\r\n\r\n"           \
    "--e\r\n\r\n4.2.2.1\r\n--e\r\nContent-Type: text/html\r\n\r\n4.2.2.2\r\n--e--\r\n\r\n"         \
    "--d--\r\n\r\n--c--\r\n\r\n--a--\r\n"

#define PLAIN "Subject: plain\r\n\r\nham\r\n"
#define NESTED "Content-Type: message/rfc822\n\nSubject: in\n\nham\n"

static const struct {
    struct str message, section;
    bool found;
    struct str begins; /* the range begins so; the whole of it when it has no dots */
} rows[] = {
    { STR_INIT(MESSAGE), STR_INIT(""), true, STR_INIT("Subject: root...") },
    { STR_INIT(MESSAGE), STR_INIT("TEXT"), true, STR_INIT("--a\r\nX: 1...") },
    { STR_INIT(MESSAGE), STR_INIT("HEADER"), true,
      STR_INIT("Subject: root\r\nContent-Type: multipart/mixed; boundary=a\r\n\r\n") },
    { STR_INIT(MESSAGE), STR_INIT("1"), true, STR_INIT("one") },
    { STR_INIT(MESSAGE), STR_INIT("1.MIME"), true, STR_INIT("X: 1\r\n\r\n") },
    { STR_INIT(MESSAGE), STR_INIT("1.HEADER"), false, STR_INIT("") },
    { STR_INIT(MESSAGE), STR_INIT("1.TEXT"), false, STR_INIT("") },
    { STR_INIT(MESSAGE), STR_INIT("1.1"), false, STR_INIT("") },
    { STR_INIT(MESSAGE), STR_INIT("2"), true, STR_INIT("two") },
    { STR_INIT(MESSAGE), STR_INIT("3"), true, STR_INIT("Subject: three...") },
    { STR_INIT(MESSAGE), STR_INIT("3.HEADER"), true,
      STR_INIT("Subject: three\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n") },
    { STR_INIT(MESSAGE), STR_INIT("3.TEXT"), true, STR_INIT("--b\r\n\r\n3.1...") },
    { STR_INIT(MESSAGE), STR_INIT("3.MIME"), true,
      STR_INIT("Content-Type: message/rfc822\r\n\r\n") },
    { STR_INIT(MESSAGE), STR_INIT("3.1"), true, STR_INIT("3.1") },
    { STR_INIT(MESSAGE), STR_INIT("3.2"), true, STR_INIT("3.2") },
    { STR_INIT(MESSAGE), STR_INIT("3.3"), false, STR_INIT("") },
    { STR_INIT(MESSAGE), STR_INIT("4"), true, STR_INIT("--c\r\n...") },
    { STR_INIT(MESSAGE), STR_INIT("4.1"), true, STR_INIT("4.1") },
    { STR_INIT(MESSAGE), STR_INIT("4.1.MIME"), true, STR_INIT("Content-Type: image/gif\r\n\r\n") },
    { STR_INIT(MESSAGE), STR_INIT("4.2.HEADER"), true, STR_INIT("Subject: 4.2\r\n...") },
    { STR_INIT(MESSAGE), STR_INIT("4.2.1"), true, STR_INIT("4.2.1") },
    { STR_INIT(MESSAGE), STR_INIT("4.2.2"), true, STR_INIT("--e\r\n\r\n4.2.2.1...") },
    { STR_INIT(MESSAGE), STR_INIT("4.2.2.1"), true, STR_INIT("4.2.2.1") },
    { STR_INIT(MESSAGE), STR_INIT("4.2.2.2"), true, STR_INIT("4.2.2.2") },
    { STR_INIT(MESSAGE), STR_INIT("4.2.2.3"), false, STR_INIT("") },
    { STR_INIT(MESSAGE), STR_INIT("5"), false, STR_INIT("") },
    { STR_INIT(PLAIN), STR_INIT("1"), true, STR_INIT("ham\r\n") },
    { STR_INIT(PLAIN), STR_INIT("1.MIME"), true, STR_INIT("Subject: plain\r\n\r\n") },
    { STR_INIT(PLAIN), STR_INIT("2"), false, STR_INIT("") },
    { STR_INIT(PLAIN), STR_INIT("1.1"), false, STR_INIT("") },
    { STR_INIT(PLAIN), STR_INIT("header.fields"), true, STR_INIT("Subject: plain\r\n\r\n") },
    { STR_INIT(NESTED), STR_INIT("1"), true, STR_INIT("Subject: in\n\nham\n") },
    { STR_INIT(NESTED), STR_INIT("1.HEADER"), true, STR_INIT("Subject: in\n\n") },
    { STR_INIT(NESTED), STR_INIT("1.TEXT"), true, STR_INIT("ham\n") },
    { STR_INIT(NESTED), STR_INIT("1.1"), true, STR_INIT("ham\n") },
    { STR_INIT(NESTED), STR_INIT("1.1.1"), false, STR_INIT("") },
    { STR_INIT(""), STR_INIT("TEXT"), true, STR_INIT("") },
    { STR_INIT(""), STR_INIT("1"), true, STR_INIT("") },
};

TEST(sections_are_the_octets_that_the_rows_say)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf octets = { 0 }, out = { 0 };
        struct record r;
        struct section s;
        struct octet_range range = { 0 };
        struct str want = rows[i].begins;

        record_build(rows[i].message, &limits, &octets);
        CHECK_OK(record_open(buf_str(&octets), &r), "row %zu", i);
        CHECK_OK(section_parse(rows[i].section, &s), "row %zu", i);
        CHECK_EQ(section_find(&r, &s, &range), rows[i].found, "%.*s", STR_ARG(rows[i].section));
        if (str_ends(want, STR("..."))) {
            want.len -= 3;
            range.bytes = MIN(range.bytes, want.len);
        }
        CHECK_STR(str_sub(rows[i].message, range.at, range.bytes), want, "%.*s",
                  STR_ARG(rows[i].section));
        section_format(&s, &out);
        CHECK(str_eq_nocase(buf_str(&out), rows[i].section), "row %zu", i);
        buf_deinit(&out);
        buf_deinit(&octets);
    }
}

static const struct str bad[] = {
    STR_INIT("0"),   STR_INIT("1."),       STR_INIT("1..2"),          STR_INIT("01"),
    STR_INIT("ham"), STR_INIT("MIME"),     STR_INIT("1.HAM"),         STR_INIT(".1"),
    STR_INIT("1x"),  STR_INIT("HEADER.1"), STR_INIT("99999999999.1"), STR_INIT(" 1"),
};

TEST(other_sections_are_refused)
{
    struct section s;
    struct buf deep = { 0 };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        CHECK_EQ(section_parse(bad[i], &s), ERR_SYNTAX, "%.*s", STR_ARG(bad[i]));
    for (unsigned i = 0; i < RECORD_DEPTH_MAX; i++)
        buf_printf(&deep, "%s1", i == 0 ? "" : ".");
    CHECK_OK(section_parse(buf_str(&deep), &s), "as deep as may be");
    BUF_ADD(&deep, ".1");
    CHECK_EQ(section_parse(buf_str(&deep), &s), ERR_LIMIT, "one deeper");
    buf_deinit(&deep);
}

#define FIELDS "From: a\r\nTO : b,\r\n\tc\r\nX-To: d\r\nto: e\r\n\r\n"

static const struct {
    const char *name;
    struct str header;
    bool unlisted;
    struct str want;
} subsets[] = {
    { "listed", STR_INIT(FIELDS), false, STR_INIT("TO : b,\r\n\tc\r\nto: e\r\n\r\n") },
    { "not listed", STR_INIT(FIELDS), true, STR_INIT("From: a\r\nX-To: d\r\n\r\n") },
    { "none there", STR_INIT("From: a\n\n"), false, STR_INIT("\n") },
    { "no blank line", STR_INIT("To: a"), false, STR_INIT("To: a") },
    { "fold of nothing, listed", STR_INIT(" a\r\nTo: b\r\n"), false, STR_INIT("To: b\r\n") },
    { "fold of nothing, not listed", STR_INIT(" a\r\nTo: b\r\n"), true, STR_INIT(" a\r\n") },
    { "empty", STR_INIT(""), true, STR_INIT("") },
};

TEST(header_subsets_keep_folds_and_the_blank_line)
{
    static const struct str names[] = { STR_INIT("to"), STR_INIT("Cc") };

    for (size_t i = 0; i < ARRAY_LEN(subsets); i++) {
        struct buf out = { 0 };

        header_subset(subsets[i].header, names, ARRAY_LEN(names), subsets[i].unlisted, &out);
        CHECK_STR(buf_str(&out), subsets[i].want, "%s", subsets[i].name);
        buf_deinit(&out);
    }
}
