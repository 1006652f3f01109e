/* proto/imap/reply_test.c - responses, capabilities, dates. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/reply.h"
#include "proto/imap/reply_search.h"

#include "proto/imap/caps.h"
#include "proto/imap/command.h"
#include "proto/imap/parse/imap_date.h"
#include "proto/sasl.h"
#include "testing.h"

/* Compares and empties. */
static void check_out(struct buf *out, struct str want)
{
    CHECK_STR(buf_str(out), want, "%s", want.at);
    buf_clear(out);
}

TEST(strings_are_quoted_or_literal)
{
    struct buf out = { 0 };

    reply_string(&out, STR("a \"b\" \\"), false);
    check_out(&out, STR("\"a \\\"b\\\" \\\\\""));
    reply_string(&out, STR("a\r\nb"), false);
    check_out(&out, STR("{4}\r\na\r\nb"));
    reply_string(&out, STR("\xc3\xbc"), false);
    check_out(&out, STR("{2}\r\n\xc3\xbc"));
    reply_string(&out, STR("\xc3\xbc"), true);
    check_out(&out, STR("\"\xc3\xbc\""));
    reply_astring(&out, STR("a]b"), false);
    check_out(&out, STR("a]b"));
    reply_astring(&out, STR(""), false);
    check_out(&out, STR("\"\""));
    reply_astring(&out, STR("nil"), false);
    check_out(&out, STR("\"nil\""));
    reply_mailbox(&out, STR("Entw\xc3\xbcrfe"), false);
    check_out(&out, STR("Entw&APw-rfe"));
    reply_mailbox(&out, STR("Entw\xc3\xbcrfe"), true);
    check_out(&out, STR("\"Entw\xc3\xbcrfe\""));
    buf_deinit(&out);
}

TEST(lines_have_the_forms_of_the_rfc)
{
    struct buf out = { 0 };
    struct uidset set = { 0 }, other = { 0 };

    CHECK_OK(uidset_parse(STR("2,84,882"), 0, 9, &set), "set");
    CHECK_OK(uidset_parse(STR("3956:3958"), 0, 9, &other), "set");
    reply_tagged_line(&out, STR("a1"), STR("OK done"));
    check_out(&out, STR("a1 OK done\r\n"));
    reply_number_line(&out, 23, STR("EXISTS"));
    check_out(&out, STR("* 23 EXISTS\r\n"));
    reply_list_begin(&out, STR("LIST"), STR("\\Noselect"), STR("a b"), false);
    check_out(&out, STR("* LIST (\\Noselect) \"/\" \"a b\""));
    reply_search_line(&out, &set, 0);
    check_out(&out, STR("* SEARCH 2 84 882\r\n"));
    reply_search_line(&out, &set, 917162500);
    check_out(&out, STR("* SEARCH 2 84 882 (MODSEQ 917162500)\r\n"));
    reply_esearch_line(&out,
                       &(struct esearch_line){ STR("A282"), true,
                                               RETURN_MIN | RETURN_MAX | RETURN_ALL | RETURN_COUNT,
                                               0 },
                       &set, NULL);
    check_out(&out, STR("* ESEARCH (TAG \"A282\") UID MIN 2 MAX 882 ALL 2,84,882 COUNT 3\r\n"));
    reply_copyuid(&out, 38505, &set, &other);
    check_out(&out, STR("[COPYUID 38505 2,84,882 3956:3958]"));
    reply_flags_line(&out, (struct fetch_number){ 7, false }, STR("(\\Seen)"), 0, 0);
    check_out(&out, STR("* 7 FETCH (FLAGS (\\Seen))\r\n"));
    reply_flags_line(&out, (struct fetch_number){ UINT32_MAX, true }, STR("()"), UINT32_MAX,
                     UINT64_MAX);
    check_out(&out, STR("* 4294967295 UIDFETCH (FLAGS () UID 4294967295 MODSEQ "
                        "(18446744073709551615))\r\n"));
    uidset_clear(&set);
    reply_search_line(&out, &set, 5);
    check_out(&out, STR("* SEARCH\r\n"));
    reply_esearch_line(
        &out, &(struct esearch_line){ STR("a"), false, RETURN_ALL | RETURN_COUNT, 5 }, &set, NULL);
    check_out(&out, STR("* ESEARCH (TAG \"a\") COUNT 0\r\n"));
    uidset_deinit(&set);
    uidset_deinit(&other);
    buf_deinit(&out);
}

TEST(capabilities_follow_the_facts)
{
    struct buf out = { 0 };

    caps_format(&out, IMAP_TLS_READY, 0);
    check_out(&out,
              STR("IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR STARTTLS LOGINDISABLED ID ENABLE IDLE"));
    caps_format(
        &out, IMAP_SECURE | IMAP_LOGIN_OK | (uint32_t)SASL_OFFER_PASSWORDS << IMAP_OFFERS_SHIFT, 0);
    check_out(&out,
              STR("IMAP4rev1 IMAP4rev2 LITERAL+ SASL-IR AUTH=PLAIN AUTH=LOGIN ID ENABLE IDLE"));
    caps_format(&out, IMAP_AUTHED | IMAP_SECURE | IMAP_LOGIN_OK | IMAP_TLS_READY, 100);
    CHECK(str_find(buf_str(&out), STR("AUTH=")) == STR_NOT_FOUND, "no log-in after log-in");
    CHECK(str_find(buf_str(&out), STR("STARTTLS")) == STR_NOT_FOUND, "no TLS in TLS");
    CHECK(str_find(buf_str(&out), STR(" MOVE ")) != STR_NOT_FOUND, "MOVE");
    CHECK(str_ends(buf_str(&out), STR(" APPENDLIMIT=100")), "limit");
    CHECK_EQ(caps_enable_fact(STR("condstore")), IMAP_CONDSTORE, "CONDSTORE");
    CHECK_EQ(caps_enable_fact(STR("IDLE")), 0, "nothing to enable");
    buf_deinit(&out);
}

TEST(dates_have_fixed_width)
{
    struct buf out = { 0 };

    imap_date_format(&out, 837596665, -420);
    check_out(&out, STR("\"17-Jul-1996 02:44:25 -0700\""));
    imap_date_format(&out, 0, 0);
    check_out(&out, STR("\" 1-Jan-1970 00:00:00 +0000\""));
    imap_date_format(&out, -1, 330);
    check_out(&out, STR("\" 1-Jan-1970 05:29:59 +0530\""));
    buf_deinit(&out);
}

static const struct {
    struct imap_partial p;
    uint32_t count, from, part;
} ranges[] = {
    { { 1, 500, false }, 700, 0, 500 },
    { { 500, 1, false }, 700, 0, 500 },
    { { 501, 1000, false }, 700, 500, 200 },
    { { 701, 800, false }, 700, 0, 0 },
    { { 1, 100, true }, 700, 600, 100 },
    { { 100, 1, true }, 50, 0, 50 },
    { { 601, 800, true }, 700, 0, 100 },
    { { 701, 800, true }, 700, 0, 0 },
    { { 1, 1, false }, 0, 0, 0 },
    { { 1, 4294967295, true }, 3, 0, 3 },
};

TEST(a_partial_range_means_these_results)
{
    for (size_t i = 0; i < ARRAY_LEN(ranges); i++) {
        uint32_t part, from = reply_partial_range(&ranges[i].p, ranges[i].count, &part);

        CHECK_EQ(part, ranges[i].part, "row %zu", i);
        CHECK_EQ(from, ranges[i].from, "row %zu", i);
    }
}

TEST(sorted_results_keep_their_order)
{
    static const uint32_t numbers[] = { 7, 3, 4, 5, 2, 1, 9 };
    struct buf out = { 0 };
    struct esearch_line line = { .tag = STR("a"),
                                 .returns = RETURN_MIN | RETURN_MAX | RETURN_ALL | RETURN_COUNT,
                                 .modseq = 12 };

    reply_esort_line(&out, &line, numbers, 7);
    check_out(&out, STR("* ESEARCH (TAG \"a\") MIN 7 MAX 9 ALL 7,3:5,2,1,9 COUNT 7 MODSEQ 12\r\n"));
    reply_esort_line(&out, &line, numbers, 0);
    check_out(&out, STR("* ESEARCH (TAG \"a\") COUNT 0\r\n"));
    line = (struct esearch_line){ .tag = STR("a"),
                                  .uid = true,
                                  .returns = RETURN_PARTIAL,
                                  .partial = { 1, 3, true },
                                  .mailbox = STR("b c"),
                                  .uidvalidity = 4 };
    reply_esort_line(&out, &line, numbers, 7);
    check_out(&out, STR("* ESEARCH (TAG \"a\" MAILBOX \"b c\" UIDVALIDITY 4) UID "
                        "PARTIAL (-1:-3 2,1,9)\r\n"));
    reply_esort_line(&out, &line, numbers, 0);
    check_out(&out, STR("* ESEARCH (TAG \"a\" MAILBOX \"b c\" UIDVALIDITY 4) UID "
                        "PARTIAL (-1:-3 NIL)\r\n"));
    buf_deinit(&out);
}
