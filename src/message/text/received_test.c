/* message/text/received_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/received.h"
#include "testing.h"

static const struct {
    struct received in;
    struct str want;
} rows[] = {
    { { .helo = STR_INIT("hamburger.edu"),
        .client_name = STR_INIT("mail.hamburger.edu"),
        .client_ip = STR_INIT("192.0.2.1"),
        .by = STR_INIT("mx.crepes.fr"),
        .with = STR_INIT("ESMTPS"),
        .tls = STR_INIT("TLSv1.3"),
        .id = STR_INIT("7f"),
        .recipient = STR_INIT("alice@crepes.fr"),
        .epoch_s = 837596665 },
      STR_INIT("Received: from hamburger.edu (mail.hamburger.edu [192.0.2.1])\r\n"
               " by mx.crepes.fr with ESMTPS\r\n (TLSv1.3)\r\n id 7f\r\n"
               " for <alice@crepes.fr>;\r\n Wed, 17 Jul 1996 09:44:25 +0000\r\n") },
    { { .helo = STR_INIT("a (b)\r\nX: y"),
        .client_ip = STR_INIT("2001:db8::1"),
        .by = STR_INIT("crepes.fr"),
        .epoch_s = 0 },
      STR_INIT("Received: from a??b???X:?y (unknown [IPv6:2001:db8::1])\r\n"
               " by crepes.fr;\r\n Thu, 1 Jan 1970 00:00:00 +0000\r\n") },
    { { .by = STR_INIT("crepes.fr"), .with = STR_INIT("local"), .id = STR_INIT("9") },
      STR_INIT("Received: by crepes.fr with local\r\n id 9;\r\n"
               " Thu, 1 Jan 1970 00:00:00 +0000\r\n") },
    { { .helo = STR_INIT("pc"),
        .client_ip = STR_INIT("192.0.2.7"),
        .account = STR_INIT("bob"),
        .by = STR_INIT("hamburger.edu"),
        .with = STR_INIT("ESMTPSA") },
      STR_INIT("Received: from pc (unknown [192.0.2.7])\r\n (authenticated as bob)\r\n"
               " by hamburger.edu with ESMTPSA;\r\n Thu, 1 Jan 1970 00:00:00 +0000\r\n") },
};

TEST(trace_lines_cannot_be_forged)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { .at = NULL };

        received_format(&out, &rows[i].in);
        CHECK_STR(buf_str(&out), rows[i].want, "row %zu", i);
        CHECK_EQ(received_count(buf_str(&out)), 1, "row %zu", i);
        buf_deinit(&out);
    }
}

TEST(protocol_names_and_counting)
{
    CHECK_STR(received_protocol(false, true, false, false), STR("SMTP"), "helo");
    CHECK_STR(received_protocol(true, false, false, false), STR("ESMTP"), "ehlo");
    CHECK_STR(received_protocol(true, true, true, false), STR("ESMTPSA"), "both");
    CHECK_STR(received_protocol(true, false, true, true), STR("UTF8SMTPA"), "utf8");
    CHECK_EQ(received_count(STR("Received: a\nX: b\nreceived: c\n\nReceived: d\n")), 2, "body");
}
