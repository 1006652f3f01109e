/* message/record/imap_text_test.c - messages and how IMAP shows them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/imap_text.h"

#include "testing.h"

/* The message of RFC 3501 8 with other people. */
#define EXAMPLE                                                                                    \
    "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"                                              \
    "From: Alice Crepe <alice@crepes.fr>\r\n"                                                      \
    "Subject: IMAP4rev1 WG mtg summary and minutes\r\n"                                            \
    "To: bob@hamburger.edu\r\n"                                                                    \
    "cc: carol@crepes.fr, Dave Ham <dave@hamburger.edu>\r\n"                                       \
    "Message-Id: <B27397-0100000@crepes.fr>\r\n"                                                   \
    "MIME-Version: 1.0\r\n"                                                                        \
    "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n"                                               \
    "\r\n"                                                                                         \
    "Do you like ketchup?\r\n"                                                                     \
    "How about pickles?\r\n"

#define NO_ENVELOPE "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
#define PLAIN "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" "
#define ALICE "((NIL NIL \"alice\" \"crepes.fr\"))"

static const struct {
    const char *name;
    struct str message, envelope, body;
} rows[] = {
    { "example of the RFC", STR_INIT(EXAMPLE),
      STR_INIT("(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" "
               "\"IMAP4rev1 WG mtg summary and minutes\" "
               "((\"Alice Crepe\" NIL \"alice\" \"crepes.fr\")) "
               "((\"Alice Crepe\" NIL \"alice\" \"crepes.fr\")) "
               "((\"Alice Crepe\" NIL \"alice\" \"crepes.fr\")) "
               "((NIL NIL \"bob\" \"hamburger.edu\")) "
               "((NIL NIL \"carol\" \"crepes.fr\")"
               "(\"Dave Ham\" NIL \"dave\" \"hamburger.edu\")) NIL NIL "
               "\"<B27397-0100000@crepes.fr>\")"),
      STR_INIT("(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 42 2)") },
    { "empty", STR_INIT(""), STR_INIT(NO_ENVELOPE), STR_INIT(PLAIN "0 0)") },
    { "text without a header", STR_INIT("Do you like ketchup?\r\nYes"), STR_INIT(NO_ENVELOPE),
      STR_INIT(PLAIN "25 2)") },
    { "header without a body", STR_INIT("From: alice@crepes.fr\r\n\r\n"),
      STR_INIT("(NIL NIL " ALICE " " ALICE " " ALICE " NIL NIL NIL NIL NIL)"),
      STR_INIT(PLAIN "0 0)") },
    { "empty fields",
      STR_INIT("From: alice@crepes.fr\nSender:\nReply-To: \nTo:\nSubject:\nDate: \n\n"),
      STR_INIT("(\"\" \"\" " ALICE " " ALICE " " ALICE " NIL NIL NIL NIL NIL)"),
      STR_INIT(PLAIN "0 0)") },
    { "sender of its own", STR_INIT("From: alice@crepes.fr\r\nSender: bob@hamburger.edu\r\n\r\n"),
      STR_INIT("(NIL NIL " ALICE " ((NIL NIL \"bob\" \"hamburger.edu\")) " ALICE
               " NIL NIL NIL NIL NIL)"),
      STR_INIT(PLAIN "0 0)") },
    { "group, quotes, fold, source route",
      STR_INIT(
          "To: cooks: \"Alice \\\"A\\\"\" <alice@crepes.fr>,\r\n <@a,@b:bob@hamburger.edu>;\r\n"
          "Subject: say \"cheese\\\"\r\n\tand  ham \r\n\r\n"),
      STR_INIT("(NIL \"say \\\"cheese\\\\\\\"\tand  ham\" NIL NIL NIL ((NIL NIL \"cooks\" NIL)"
               "(\"Alice \\\"A\\\"\" NIL \"alice\" \"crepes.fr\")"
               "(NIL \"@a,@b\" \"bob\" \"hamburger.edu\")(NIL NIL NIL NIL)) NIL NIL NIL NIL)"),
      STR_INIT(PLAIN "0 0)") },
    { "8 bit and NUL", STR_INIT("Subject: cr\303\252p\0es\r\nIn-Reply-To: <\0>\r\n\r\n"),
      STR_INIT("(NIL {7}\r\ncr\303\252pes NIL NIL NIL NIL NIL NIL \"<>\" NIL)"),
      STR_INIT(PLAIN "0 0)") },
    { "the same field twice",
      STR_INIT("To: alice@crepes.fr\r\nSubject: a\r\nTo: bob@hamburger.edu\r\nSubject: b\r\n\r\n"),
      STR_INIT("(NIL \"a\" NIL NIL NIL ((NIL NIL \"alice\" \"crepes.fr\")"
               "(NIL NIL \"bob\" \"hamburger.edu\")) NIL NIL NIL NIL)"),
      STR_INIT(PLAIN "0 0)") },
    { "every MIME field",
      STR_INIT("Content-Type: Image/PNG; name=\"a b.png\"; x=\"\"\r\n"
               "Content-Transfer-Encoding: BASE64 (really)\r\nContent-ID: <1@crepes.fr>\r\n"
               "Content-Description: \"my\" ham\r\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
               "Content-Disposition: attachment; filename*0=a; filename*1=b\r\n"
               "Content-Language: en, fr\r\nContent-Location: http://crepes.fr/\r\n\r\nAAAA\r\n"),
      STR_INIT(NO_ENVELOPE),
      STR_INIT("(\"Image\" \"PNG\" (\"name\" \"a b.png\" \"x\" \"\") \"<1@crepes.fr>\" "
               "\"\\\"my\\\" ham\" \"BASE64\" 6 \"Q2hlY2sgSW50ZWdyaXR5IQ==\" "
               "(\"attachment\" (\"filename*0\" \"a\" \"filename*1\" \"b\")) (\"en\" \"fr\") "
               "\"http://crepes.fr/\")") },
    { "two parts",
      STR_INIT("Content-Type: multipart/mixed; boundary=\"--b\"\r\n\r\npreamble\r\n"
               "----b\r\n\r\none\r\n----b  \r\nContent-Type: text/plain; format=flowed\r\n\r\n"
               "two\r\n\r\n----b--\r\nepilogue\r\n----b\r\n"),
      STR_INIT(NO_ENVELOPE),
      STR_INIT("(" PLAIN "3 1)(\"text\" \"plain\" (\"charset\" \"us-ascii\" \"format\" \"flowed\") "
               "NIL NIL \"7bit\" 5 1) \"mixed\")") },
    { "no part in a multipart",
      STR_INIT("Content-Type: multipart/mixed; boundary=b\r\n\r\nham\r\n"), STR_INIT(NO_ENVELOPE),
      STR_INIT(PLAIN "5 1)") },
    { "no boundary", STR_INIT("Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nham\r\n"),
      STR_INIT(NO_ENVELOPE), STR_INIT(PLAIN "12 3)") },
    { "inner terminator missing",
      STR_INIT("Content-Type: multipart/mixed; boundary=o\n\n--o\n"
               "Content-Type: multipart/alternative; boundary=oi\n\n--oi\n\na\n--o\n\nb\n--o--\n"),
      STR_INIT(NO_ENVELOPE), STR_INIT("((" PLAIN "1 1) \"alternative\")" PLAIN "1 1) \"mixed\")") },
    { "all terminators missing",
      STR_INIT("Content-Type: multipart/mixed; boundary=o\n\n--o\n"
               "Content-Type: multipart/alternative; boundary=i\n\n--i\n\na\nb"),
      STR_INIT(NO_ENVELOPE), STR_INIT("((" PLAIN "3 2) \"alternative\") \"mixed\")") },
    { "digest",
      STR_INIT("Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n"
               "From: alice@crepes.fr\r\n\r\nham\r\n--b--\r\n"),
      STR_INIT(NO_ENVELOPE),
      STR_INIT("((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 28 (NIL NIL " ALICE " " ALICE
               " " ALICE " NIL NIL NIL NIL NIL) " PLAIN "3 1) 3) \"digest\")") },
    { "message in a message in a message",
      STR_INIT("Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\n"
               "Subject: in\n\nham\n"),
      STR_INIT(NO_ENVELOPE),
      STR_INIT("(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 47 " NO_ENVELOPE
               " (\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 "
               "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) " PLAIN "4 1) 3) 5)") },
    { "message that ends in its header",
      STR_INIT("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
               "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n--b--\r\n"),
      STR_INIT(NO_ENVELOPE),
      STR_INIT("((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 11 "
               "(NIL \"in\" NIL NIL NIL NIL NIL NIL NIL NIL) " PLAIN "0 0) 1) \"mixed\")") },
    { "part without a blank line",
      STR_INIT("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nham and cheese\r\n--b\r\n"
               "--b\r\nContent-ID: <a>\r\n--b--"),
      STR_INIT(NO_ENVELOPE),
      STR_INIT("(" PLAIN "14 1)" PLAIN "0 0)"
               "(\"text\" \"plain\" (\"charset\" \"us-ascii\") \"<a>\" NIL \"7bit\" 0 0) "
               "\"mixed\")") },
    { "nonsense for a type", STR_INIT("Content-Type: ham\r\n\r\nx"), STR_INIT(NO_ENVELOPE),
      STR_INIT(PLAIN "1 1)") },
};

static struct record open_built(struct str message, struct buf *octets)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct record r;

    record_build(message, &limits, octets);
    CHECK_OK(record_open(buf_str(octets), &r), "record of %zu octets", octets->len);
    return r;
}

/* The rows tell BODY; where that has extension data the row is BODYSTRUCTURE. */
static void format_as(const struct record *r, struct str want, struct buf *out)
{
    imap_format_body(r, false, out);
    if (!str_eq(buf_str(out), want) && str_find(want, STR("attachment")) != STR_NOT_FOUND) {
        buf_clear(out);
        imap_format_body(r, true, out);
    }
}

TEST(envelopes_and_bodies_are_as_the_rows_say)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf octets = { 0 }, out = { 0 };
        struct record r = open_built(rows[i].message, &octets);

        imap_format_envelope(&r, &out);
        CHECK_STR(buf_str(&out), rows[i].envelope, "%s", rows[i].name);
        buf_clear(&out);
        format_as(&r, rows[i].body, &out);
        CHECK_STR(buf_str(&out), rows[i].body, "%s", rows[i].name);
        buf_deinit(&out);
        buf_deinit(&octets);
    }
}

TEST(a_body_structure_has_its_extensions)
{
    struct buf octets = { 0 }, out = { 0 };
    struct record r = open_built(STR("Content-Type: multipart/mixed; boundary=b\r\n"
                                     "Content-Language: fr\r\nContent-Location: here\r\n"
                                     "Content-Disposition: inline\r\n\r\n"
                                     "--b\r\n\r\nham\r\n--b\r\nContent-Type: message/rfc822\r\n"
                                     "Content-MD5: abc\r\n\r\nSubject: x\r\n\r\ny\r\n--b--\r\n"),
                                 &octets);

    imap_format_body(&r, true, &out);
    CHECK_STR(buf_str(&out),
              STR("(" PLAIN "3 1 NIL NIL NIL NIL)"
                  "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 15 "
                  "(NIL \"x\" NIL NIL NIL NIL NIL NIL NIL NIL) " PLAIN "1 1 NIL NIL NIL NIL) 3 "
                  "\"abc\" NIL NIL NIL) \"mixed\" (\"boundary\" \"b\") (\"inline\" NIL) "
                  "\"fr\" \"here\")"),
              "multipart with a message");
    buf_deinit(&out);
    buf_deinit(&octets);
}

/* Parentheses outside strings and literals balance, and no bare line end is outside a literal. */
static void check_balanced(struct str s, const char *name, size_t at)
{
    long depth = 0;
    bool quoted = false;

    for (size_t i = 0; i < s.len; i++) {
        if (quoted) {
            if (s.at[i] == '\\')
                i++;
            else
                quoted = s.at[i] != '"';
        } else if (s.at[i] == '{') {
            uint64_t len = 0;

            CHECK(str_to_u64(str_take(str_skip(s, i + 1), str_find_char(str_skip(s, i + 1), '}')),
                             s.len, &len),
                  "%s, %zu", name, at);
            i += str_find_char(str_skip(s, i), '\n') + (size_t)len;
        } else {
            CHECK(s.at[i] != '\r' && s.at[i] != '\n' && s.at[i] != '\0', "%s, %zu", name, at);
            quoted = s.at[i] == '"';
            depth += s.at[i] == '(' ? 1 : s.at[i] == ')' ? -1 : 0;
        }
    }
    CHECK(depth == 0 && !quoted, "%s, %zu: depth %ld", name, at, depth);
}

TEST(every_truncation_of_a_message_gives_balanced_text)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t len = 0; len <= rows[i].message.len; len++) {
            struct buf octets = { 0 }, out = { 0 };
            struct record r = open_built(str_take(rows[i].message, len), &octets);

            imap_format_envelope(&r, &out);
            imap_format_body(&r, true, &out);
            check_balanced(buf_str(&out), rows[i].name, len);
            buf_deinit(&out);
            buf_deinit(&octets);
        }
}

TEST(a_damaged_record_gives_some_text_and_no_fault)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf octets = { 0 }, out = { 0 };
        struct record r = open_built(rows[i].message, &octets);

        for (size_t at = 0; at < octets.len; at++)
            for (unsigned mask = 1; mask < 256; mask = mask * 2 + 1) {
                octets.at[at] = (char)(octets.at[at] ^ (char)mask);
                if (record_open(buf_str(&octets), &r) == OK) {
                    buf_clear(&out);
                    imap_format_envelope(&r, &out);
                    imap_format_body(&r, true, &out);
                }
                octets.at[at] = (char)(octets.at[at] ^ (char)mask);
            }
        buf_deinit(&out);
        buf_deinit(&octets);
    }
}

static const struct {
    struct str in, want;
} strings[] = {
    { { NULL, 0 }, STR_INIT("NIL") },
    { STR_INIT(""), STR_INIT("\"\"") },
    { STR_INIT("ham"), STR_INIT("\"ham\"") },
    { STR_INIT("a\"b\\c"), STR_INIT("\"a\\\"b\\\\c\"") },
    { STR_INIT("a\r\nb"), STR_INIT("{4}\r\na\r\nb") },
    { STR_INIT("\303\252\"\0x"), STR_INIT("{4}\r\n\303\252\"x") },
    { STR_INIT("\0"), STR_INIT("\"\"") },
};

TEST(strings_are_quoted_or_literal)
{
    for (size_t i = 0; i < ARRAY_LEN(strings); i++) {
        struct buf out = { 0 };

        imap_format_nstring(strings[i].in, &out);
        CHECK_STR(buf_str(&out), strings[i].want, "row %zu", i);
        buf_deinit(&out);
    }
}
