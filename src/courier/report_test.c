/* courier/report_test.c - which reports are written, and what they say. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/world/world.h"

static const struct str small = STR_INIT("Subject: hi\r\n\r\nHello,\r\n.\r\nbye\r\n");

static const struct {
    const char *name, *from;
    uint8_t notify, ret;
    const char *end;  /* what the other server says */
    const char *want; /* in the report; null: there is none */
    const char *want_not;
} report_rows[] = {
    { "failure by default", "alice@crepes.fr", 0, RET_UNSAID, "554 5.7.1 spam", "Action: failed",
      "Hello," },
    { "whole", "alice@crepes.fr", 0, RET_FULL, "554 5.7.1 spam", "Hello,", NULL },
    { "header", "alice@crepes.fr", 0, RET_HDRS, "554 5.7.1 spam", "Subject: hi", "Hello," },
    { "ENVID", "alice@crepes.fr", 0, RET_HDRS, "554 5.7.1 spam", "Original-Envelope-Id: QQ+314",
      NULL },
    { "ORCPT", "alice@crepes.fr", 0, RET_HDRS, "554 5.7.1 spam",
      "Original-Recipient: rfc822; bob+lists@other.edu", NULL },
    { "what they said", "alice@crepes.fr", 0, RET_HDRS, "554 5.7.1 spam", "554 5.7.1 spam", NULL },
    { "never", "alice@crepes.fr", NOTIFY_NEVER, RET_FULL, "554 5.7.1 spam", NULL, NULL },
    { "success alone", "alice@crepes.fr", NOTIFY_SUCCESS, RET_FULL, "554 5.7.1 spam", NULL, NULL },
    { "null reverse-path", "", NOTIFY_FAILURE, RET_FULL, "554 5.7.1 spam", NULL, NULL },
    { "success", "alice@crepes.fr", NOTIFY_SUCCESS, RET_FULL, "250 ok", "Action: relayed",
      "Hello," },
    { "no success", "alice@crepes.fr", NOTIFY_FAILURE, RET_FULL, "250 ok", NULL, NULL },
    { "ends here", "alice@crepes.fr", 0, RET_HDRS, "554 no", "Return-Path: <>\r\n", NULL },
    { "goes on", "dave@hamburger.edu", 0, RET_HDRS, "554 no", "Action: failed", "Return-Path" },
};

TEST(reports_say_what_was_asked_for)
{
    for (size_t i = 0; i < ARRAY_LEN(report_rows); i++) {
        struct other other = { .address = STR_INIT("192.0.2.3") };
        struct world w;

        other.say[P_END] = report_rows[i].end;
        world_init(&w, &other, 1);
        struct entry *e = world_add(&w, report_rows[i].from, "bob@other.edu", small);
        e->q.ret = report_rows[i].ret;
        e->q.envid = STR("QQ+2B314");
        e->rcpts[0].r.notify = report_rows[i].notify;
        e->rcpts[0].r.orcpt = STR("rfc822;bob+2Blists@other.edu");
        world_run(&w, 5000);
        CHECK_EQ(w.report_count, report_rows[i].want != NULL, "%s", report_rows[i].name);
        if (report_rows[i].want != NULL)
            CHECK(str_find(buf_str(&w.reports), str_from_z(report_rows[i].want)) != STR_NOT_FOUND,
                  "%s: %.*s", report_rows[i].name, (int)w.reports.len, w.reports.at);
        if (report_rows[i].want_not != NULL)
            CHECK(str_find(buf_str(&w.reports), str_from_z(report_rows[i].want_not)) ==
                      STR_NOT_FOUND,
                  "%s", report_rows[i].name);
        world_free(&w);
    }
}

TEST(a_server_with_dsn_reports_success_itself)
{
    struct other other = { .address = STR_INIT("192.0.2.3"), .extensions = "250-DSN\r\n" };
    struct world w;

    world_init(&w, &other, 1);
    struct entry *e = world_add(&w, "alice@crepes.fr", "bob@other.edu", small);
    e->rcpts[0].r.notify = NOTIFY_SUCCESS | NOTIFY_FAILURE;
    e->q.envid = STR("QQ+2B314");
    world_run(&w, 5000);
    CHECK_EQ(e->rcpts[0].r.state, RCPT_RELAYED, "DSN");
    CHECK_EQ(w.report_count, 0, "theirs to write");
    CHECK(str_find(buf_str(&other.commands), STR(" ENVID=QQ+2B314")) != STR_NOT_FOUND, "ENVID");
    CHECK(str_find(buf_str(&other.commands), STR(" NOTIFY=SUCCESS,FAILURE")) != STR_NOT_FOUND,
          "NOTIFY");
    world_free(&w);
}
