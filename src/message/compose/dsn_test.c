/* message/compose/dsn_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "message/compose/dsn.h"
#include "message/text/header.h"
#include "message/text/param.h"
#include "testing.h"

#define BOB                                                                                        \
    {                                                                                              \
        STR_INIT("bob"), STR_INIT("hamburger.edu"), false                                          \
    }
#define ALICE                                                                                      \
    {                                                                                              \
        STR_INIT("alice"), STR_INIT("crepes.fr"), false                                            \
    }

static struct dsn notice(const struct dsn_recipient *recipients, size_t count)
{
    return (struct dsn){
        .reporting_mta = STR("mx.crepes.fr"),
        .from = { STR("MAILER-DAEMON"), STR("mx.crepes.fr"), false },
        .to = ALICE,
        .envid = STR("QQ314159"),
        .message_id = STR("dsn1@mx.crepes.fr"),
        .boundary = STR("b1"),
        .now_s = 837596665,
        .arrival_s = 837596000,
        .recipients = recipients,
        .recipient_count = count,
        .original = STR("From: alice@crepes.fr\r\nMessage-ID: <m1@crepes.fr>\r\n\r\nbody\r\n"),
        .return_full = true,
    };
}

TEST(a_failure_returns_the_message)
{
    static const struct dsn_recipient one = {
        .action = DSN_FAILED,
        .address = BOB,
        .original = STR_INIT("rfc822;Bob@Hamburger.edu"),
        .status = STR_INIT("5.1.1"),
        .diagnostic = STR_INIT("550 5.1.1 No such\r\nuser"),
        .remote_mta = STR_INIT("mx.hamburger.edu"),
        .last_attempt_s = 837596600,
    };
    struct dsn d = notice(&one, 1);
    struct buf out = { .at = NULL };

    dsn_format(&out, &d);
    CHECK_STR(buf_str(&out),
              STR("Date: Wed, 17 Jul 1996 09:44:25 +0000\r\n"
                  "From: Mail Delivery System <MAILER-DAEMON@mx.crepes.fr>\r\n"
                  "To: alice@crepes.fr\r\n"
                  "Subject: Not delivered (delivery status notification)\r\n"
                  "Message-ID: <dsn1@mx.crepes.fr>\r\n"
                  "In-Reply-To: <m1@crepes.fr>\r\n"
                  "References: <m1@crepes.fr>\r\n"
                  "Auto-Submitted: auto-replied\r\n"
                  "MIME-Version: 1.0\r\n"
                  "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                  " boundary=\"=_b1\"\r\n"
                  "\r\n--=_b1\r\n"
                  "Content-Type: text/plain; charset=us-ascii\r\n"
                  "\r\n"
                  "This is the mail system at mx.crepes.fr.\r\n"
                  "\r\n"
                  "Your message could not be delivered, and will not be tried again, to:\r\n"
                  "\r\n"
                  "  <bob@hamburger.edu>\r\n"
                  "    The server mx.hamburger.edu said: 550 5.1.1 No such user\r\n"
                  "\r\n--=_b1\r\n"
                  "Content-Type: message/delivery-status\r\n"
                  "\r\n"
                  "Original-Envelope-Id: QQ314159\r\n"
                  "Reporting-MTA: dns; mx.crepes.fr\r\n"
                  "Arrival-Date: Wed, 17 Jul 1996 09:33:20 +0000\r\n"
                  "\r\n"
                  "Original-Recipient: rfc822; Bob@Hamburger.edu\r\n"
                  "Final-Recipient: rfc822; bob@hamburger.edu\r\n"
                  "Action: failed\r\n"
                  "Status: 5.1.1\r\n"
                  "Remote-MTA: dns; mx.hamburger.edu\r\n"
                  "Diagnostic-Code: smtp; 550 5.1.1 No such  user\r\n"
                  "Last-Attempt-Date: Wed, 17 Jul 1996 09:43:20 +0000\r\n"
                  "\r\n--=_b1\r\n"
                  "Content-Type: message/rfc822\r\n"
                  "\r\n"
                  "From: alice@crepes.fr\r\nMessage-ID: <m1@crepes.fr>\r\n\r\nbody\r\n"
                  "\r\n--=_b1--\r\n"),
              "failure");
    buf_deinit(&out);
}

static const struct {
    enum dsn_action action;
    bool full, has_body;
    struct str field, subject;
} rows[] = {
    { DSN_FAILED, true, true, STR_INIT("Action: failed\r\n"), STR_INIT("Not delivered") },
    { DSN_FAILED, false, false, STR_INIT("Action: failed\r\n"), STR_INIT("Not delivered") },
    { DSN_DELAYED, true, false, STR_INIT("Will-Retry-Until: "), STR_INIT("Delayed") },
    { DSN_DELIVERED, true, false, STR_INIT("Action: delivered\r\n"), STR_INIT("Delivered") },
    { DSN_RELAYED, true, false, STR_INIT("Action: relayed\r\n"), STR_INIT("Relayed") },
    { DSN_EXPANDED, true, false, STR_INIT("Action: expanded\r\n"),
      STR_INIT("Delivered to a list") },
};

TEST(each_action_is_told_and_only_failures_return_the_body)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct dsn_recipient r = {
            .action = rows[i].action, .address = BOB, .status = STR("4.0.0"), .retry_until_s = 9
        };
        struct dsn d = notice(&r, 1);
        struct buf out = { .at = NULL };
        struct header_field f;

        d.return_full = rows[i].full;
        dsn_format(&out, &d);
        CHECK(str_find(buf_str(&out), rows[i].field) != STR_NOT_FOUND, "row %zu", i);
        CHECK(header_find(buf_str(&out), STR("Subject"), &f), "row %zu", i);
        CHECK(str_starts(f.value, rows[i].subject), "row %zu", i);
        CHECK_EQ(str_find(buf_str(&out), STR("\r\nbody\r\n")) != STR_NOT_FOUND, rows[i].has_body,
                 "row %zu", i);
        CHECK(utf8_is_ascii(buf_str(&out)) && !dsn_needs_8bit(&d), "row %zu", i);
        buf_deinit(&out);
    }
}

TEST(addresses_beyond_ascii_are_told_either_way)
{
    static const struct dsn_recipient r = {
        .action = DSN_FAILED,
        .address = { STR_INIT("bob+\xC3\xA9"), STR_INIT("hamburger.edu"), true },
        .original = STR_INIT("utf-8;bob\xC3\xA9@hamburger.edu"),
        .status = STR_INIT("5.6.7"),
        .diagnostic = STR_INIT("550 non \xC3\xA9"),
    };
    struct dsn d = notice(&r, 1);
    struct buf out = { .at = NULL };

    dsn_format(&out, &d);
    CHECK(utf8_is_ascii(buf_str(&out)), "ascii");
    CHECK(str_find(buf_str(&out), STR("Final-Recipient: utf-8; bob\\x{2B}\\x{E9}@hamburger.edu")) !=
              STR_NOT_FOUND,
          "%.*s", STR_ARG(buf_str(&out)));
    CHECK(str_find(buf_str(&out), STR("Original-Recipient: utf-8; bob\\x{E9}@")) != STR_NOT_FOUND,
          "%.*s", STR_ARG(buf_str(&out)));
    buf_clear(&out);
    d.utf8 = true;
    dsn_format(&out, &d);
    CHECK(str_find(buf_str(&out), STR("Final-Recipient: utf-8; bob+\xC3\xA9@hamburger.edu")) !=
              STR_NOT_FOUND,
          "%.*s", STR_ARG(buf_str(&out)));
    CHECK(str_find(buf_str(&out), STR("message/global-delivery-status")) != STR_NOT_FOUND, "type");
    CHECK(str_find(buf_str(&out), STR("message/global\r\n")) != STR_NOT_FOUND, "type");
    CHECK(dsn_needs_8bit(&d), "8bit");
    struct dsn_recipient encoded = r;
    encoded.original = STR("utf-8;bob\\x{E9}\\x{2B}\\x{D800}\\x{}@hamburger.edu");
    d.recipients = &encoded;
    buf_clear(&out);
    dsn_format(&out, &d);
    CHECK(str_find(buf_str(&out), STR("Original-Recipient: utf-8; bob\xC3\xA9+\\x{D800}\\x{}@")) !=
              STR_NOT_FOUND,
          "%.*s", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

TEST(what_the_other_side_said_cannot_forge_fields)
{
    static const struct dsn_recipient r[] = {
        { .action = DSN_FAILED,
          .address = BOB,
          .status = STR_INIT("5.0.0"),
          .diagnostic = STR_INIT("550 x\r\nAction: delivered\r\n\r\n--=_b1--\r\n\xFF\0"),
          .remote_mta = STR_INIT("evil\r\nStatus: 2.0.0") },
        { .action = DSN_DELIVERED, .address = ALICE, .status = STR_INIT("2.0.0") },
    };
    struct dsn d = notice(r, 2);
    struct buf out = { .at = NULL };

    dsn_format(&out, &d);
    CHECK(str_find(buf_str(&out), STR("\nAction: delivered\r\nStatus: 2.0.0")) != STR_NOT_FOUND,
          "the second recipient");
    CHECK_EQ(str_find(buf_str(&out), STR("\n--=_b1--")), out.len - 11, "one end");
    CHECK(str_find(buf_str(&out), STR("\nStatus: 2.0.0\r\nDiag")) == STR_NOT_FOUND, "no forgery");
    buf_deinit(&out);
}
