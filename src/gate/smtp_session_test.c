/* gate/smtp_session_test.c - SMTP sessions over sockets, against a keeper with canned answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/smtp_session.h"

#include "gate/session_bench.h"
#include "gate/smtp_session_private.h"
#include "message/record/record.h"
#include "testing.h"

struct world {
    struct session_bench b;
    struct smtp_service service;
    enum smtp_door door;
    struct log *log;
    bool tls_at_once, stopped;
};

static void on_accept(struct session_bench *b, struct stream *s)
{
    struct world *w = CONTAINER_OF(b, struct world, b);

    smtp_service_accept(&w->service, s, w->door, w->tls_at_once);
}

static void on_lost(struct session_bench *b)
{
    smtp_service_lost(&CONTAINER_OF(b, struct world, b)->service);
}

static void world_open(struct world *w, enum smtp_door door, enum side side)
{
    struct smtp_settings settings = { .host = STR("hamburger.edu"),
                                      .limits = SMTP_LIMITS_DEFAULT,
                                      .received_max = 5,
                                      .sessions_max = 2,
                                      .sessions_per_address_max = 2,
                                      .login_delay_ms = 20,
                                      .plain_on_loopback = true,
                                      .offers = SASL_OFFER_PASSWORDS };

    *w = (struct world){ .door = door };
    session_bench_open(&w->b, on_accept, side);
    w->b.lost = on_lost;
    settings.limits.size_max = 4u << 20;
    w->log = log_new(w->b.bench.b, STR("gate"), -1, LOG_DEBUG);
    settings.log = w->log;
    smtp_service_init(&w->service, w->b.bench.b, w->b.keeper, w->b.tls, &settings);
}

static void world_close(struct world *w)
{
    smtp_service_deinit(&w->service);
    log_free(w->log);
    session_bench_close(&w->b);
}

#define BEGIN                                                                                      \
    "S: 220 hamburger.edu ESMTP Postern\nC: EHLO crepes.fr\nS* 250 \n"                             \
    "C: MAIL FROM:<alice@crepes.fr>\nS: 250 2.1.0\nC: RCPT TO:<bob@hamburger.edu>\nS: 250 2.1.5\n"

TEST_ON_BOTH_SIDES(a_message_arrives_with_its_trace_and_record)
{
    struct world w;
    struct str got;
    struct record record;

    world_open(&w, SMTP_DOOR_SERVERS, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: 220\nC: helo crepes.fr\nS: 250\n"
                                 "C: MAIL FROM: <alice@crepes.fr>\nS: 250\n"
                                 "C: RCPT TO: <bob@hamburger.edu>\nS: 250\nC: DATA\nS: 354\n"
                                 "C: Subject: ketchup\nC: \nC: Do you like ketchup?\n"
                                 "C: ..\nC: .\nS: 250 Taken as ab\nC: QUIT\nS: 221\nclosed\n"));
    got = buf_str(&w.b.fake.delivered);
    CHECK(str_starts(got, STR("Return-Path: <alice@crepes.fr>\r\nReceived: from crepes.fr ")),
          "%.*s", STR_ARG(got));
    CHECK(str_find(got, STR("by hamburger.edu")) != STR_NOT_FOUND, "by");
    CHECK(str_find(got, STR("<bob@hamburger.edu>")) != STR_NOT_FOUND, "for");
    CHECK(str_ends(got, STR("\r\nSubject: ketchup\r\n\r\nDo you like ketchup?\r\n.\r\n")), "end");
    CHECK_STR(buf_str(&w.b.fake.envelope),
              STR("from <alice@crepes.fr> to <bob@hamburger.edu>/0 ret 0 envid  session 0 body 0 "
                  "utf8 0"),
              "envelope");
    CHECK_OK(record_open(buf_str(&w.b.fake.record), &record), "record");
    CHECK_EQ(record.size_bytes, got.len, "record is of the message as stored");
    CHECK_EQ(w.b.fake.deliveries, 1, "once");
    bench_pass(&w.b.bench, 50);
    CHECK_EQ(w.service.count, 0, "session gone");
    world_close(&w);
}

/* Whatever came along is not to be taken for ours (RFC 5321 4.4). */
TEST_ON_BOTH_SIDES(a_delivered_message_has_one_return_path)
{
    for (int large = 0; large <= 1; large++) {
        struct world w;
        struct buf text = { 0 };
        struct str got;

        world_open(&w, SMTP_DOOR_SERVERS, side);
        session_bench_connect(&w.b);
        session_bench_talk(&w.b, STR(BEGIN "C: DATA\nS: 354\n"));
        BUF_ADD(&text, "Return-Path: <eve@crepes.fr>\r\nSubject: ketchup\r\n"
                       "return-path:\r\n <eve@crepes.fr>\r\nTo: bob@hamburger.edu\r\n\r\n"
                       "Return-Path: text\r\n");
        for (int i = 0; large != 0 && i < 10000; i++)
            BUF_ADD(&text, "a line that fills memory until there is a spool file\r\n");
        BUF_ADD(&text, ".\r\n");
        session_bench_send(&w.b, buf_str(&text));
        session_bench_talk(&w.b, STR("S: 250 2.0.0\n"));
        got = buf_str(&w.b.fake.delivered);
        CHECK_EQ(w.b.fake.asked[CALL_spool], (unsigned)large, "spool");
        CHECK(str_starts(got, STR("Return-Path: <alice@crepes.fr>\r\nReceived: ")), "ours");
        CHECK(str_find(got, STR("eve@")) == STR_NOT_FOUND, "theirs: %.*s",
              STR_ARG(str_take(got, 500)));
        CHECK(str_find(got, STR("\r\nSubject: ketchup\r\nTo: bob@hamburger.edu\r\n\r\n"
                                "Return-Path: text\r\n")) != STR_NOT_FOUND,
              "the rest is whole");
        buf_deinit(&text);
        world_close(&w);
    }
}

TEST_ON_BOTH_SIDES(strangers_relay_nothing)
{
    struct world w;

    world_open(&w, SMTP_DOOR_SERVERS, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b,
                       STR("S: 220\nC: EHLO crepes.fr\nS* 250 \nC: MAIL FROM:<>\nS: 250\n"
                           "C: RCPT TO:<alice@crepes.fr>\nS: 550 5.7.1 Relaying denied\n"
                           "C: RCPT TO:<alice%crepes.fr@hamburger.edu>\nS: 550 5.7.1\n"
                           "C: RCPT TO:<@hamburger.edu:alice@crepes.fr>\nS: 550 5.7.1\n"
                           "C: RCPT TO:<eve@hamburger.edu>\nS: 550 5.1.1\n"
                           "C: RCPT TO:<full@hamburger.edu>\nS: 452 4.2.2\n"
                           "C: RCPT TO:<off@hamburger.edu>\nS: 550 5.2.1\n"
                           "C: RCPT TO:<postmaster>\nS: 250\nC: DATA\nS: 354\nC: .\nS: 250\n"));
    CHECK(str_starts(buf_str(&w.b.fake.envelope), STR("from <> to <postmaster>/0")), "envelope");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(users_log_in_and_send_abroad_as_themselves)
{
    struct world w;
    struct str got;

    world_open(&w, SMTP_DOOR_USERS, side);
    w.tls_at_once = true;
    session_bench_connect(&w.b);
    session_bench_talk(
        &w.b, STR("tls\nS: 220\nC: EHLO crepes.fr\nS* 250-AUTH PLAIN LOGIN\nS* 250 \n"
                  "C: MAIL FROM:<bob@hamburger.edu>\nS: 530 5.7.0\n"
                  "C: AUTH PLAIN AGJvYgB0aGlyc3R5\nS: 535 5.7.8\n"
                  "C: AUTH PLAIN YWxpY2UAYm9iAGh1bmdyeQ==\nS: 535 5.7.8\n"
                  "C: AUTH PLAIN AGJvYgBodW5ncnk=\nS: 235 2.7.0\n"
                  "C: MAIL FROM:<alice@crepes.fr>\nS: 553 5.7.1\n"
                  "C: MAIL FROM:<bob@hamburger.edu> RET=HDRS ENVID=x1 BODY=8BITMIME\nS: 250\n"
                  "C: RCPT TO:<alice@crepes.fr> NOTIFY=NEVER ORCPT=rfc822;a@b\nS: 250\n"
                  "C: RCPT TO:<bob@hamburger.edu>\nS: 250\n"
                  "C: DATA\nS: 354\nC: Subject: hi\nC: \nC: hi\nC: .\nS: 250 2.0.0\n"));
    got = buf_str(&w.b.fake.delivered);
    struct str return_path = STR("Return-Path: <bob@hamburger.edu>\r\n");
    CHECK(str_starts(got, return_path), "Return-Path");
    CHECK_EQ(w.b.fake.return_path_bytes, return_path.len, "and what does not go on");
    CHECK(str_find(got, STR("with ESMTPSA")) != STR_NOT_FOUND, "with");
    CHECK(str_find(got, STR("\r\nDate: ")) != STR_NOT_FOUND, "Date");
    CHECK(str_find(got, STR("\r\nMessage-ID: <")) != STR_NOT_FOUND, "Message-ID");
    CHECK(str_find(got, STR("alice@crepes.fr")) == STR_NOT_FOUND, "blind copies stay blind");
    CHECK_STR(buf_str(&w.b.fake.envelope),
              STR("from <bob@hamburger.edu> to <alice@crepes.fr>/1rfc822;a@b "
                  "<bob@hamburger.edu>/0 ret 2 envid x1 session 77 body 1 utf8 0"),
              "envelope");
    world_close(&w);
}

/* Whatever the setting says. */
#define TWICE "S: 554 5.6.0\n"

static const struct {
    const char *name, *header, *answer;
} authors[] = {
    { "one's own", "C: From: bob@hamburger.edu\n", "S: 250 2.0.0\n" },
    { "with a name", "C: From: Bob <bob@hamburger.edu>\n", "S: 250 2.0.0\n" },
    { "nobody", "C: Subject: hi\n", "S: 250 2.0.0\n" },
    { "somebody else", "C: From: alice@crepes.fr\n", "S: 550 5.7.1\n" },
    { "both", "C: From: bob@hamburger.edu, alice@crepes.fr\n", "S: 550 5.7.1\n" },
    { "a name that lies", "C: From: \"bob@hamburger.edu\" <alice@crepes.fr>\n", "S: 550 5.7.1\n" },
    { "sent for somebody else", "C: From: bob@hamburger.edu\nC: Sender: alice@crepes.fr\n",
      "S: 550 5.7.1\n" },
    { "sent by oneself", "C: From: alice@crepes.fr\nC: Sender: bob@hamburger.edu\n",
      "S: 550 5.7.1\n" },
    { "oneself twice", "C: From: bob@hamburger.edu\nC: Sender: bob@hamburger.edu\n",
      "S: 250 2.0.0\n" },
    { "a group", "C: From: team: bob@hamburger.edu;\n", "S: 250 2.0.0\n" },
    { "two fields", "C: From: bob@hamburger.edu\nC: From: bob@hamburger.edu\n", TWICE },
    { "two fields, one of others",
      "C: From: bob@hamburger.edu\nC: To: x\nC: FROM : alice@crepes.fr\n", TWICE },
    { "two senders",
      "C: From: bob@hamburger.edu\nC: Sender: bob@hamburger.edu\nC: Sender: bob@hamburger.edu\n",
      TWICE },
    { "one that only looks so", "C: From: bob@hamburger.edu\nC: X-From: alice@crepes.fr\n",
      "S: 250 2.0.0\n" },
    { "a group with others", "C: From: team: bob@hamburger.edu, alice@crepes.fr;\n",
      "S: 550 5.7.1\n" },
};

/* RFC 6409 6.1: the names on a message are those of the account, where the setting wants it. */
TEST_ON_BOTH_SIDES(users_write_under_their_own_name)
{
    for (int checked = 0; checked < 2; checked++)
        for (size_t i = 0; i < ARRAY_LEN(authors); i++) {
            struct world w;
            char script[500];

            world_open(&w, SMTP_DOOR_USERS, side);
            w.tls_at_once = true;
            w.service.settings.authors_checked = checked != 0;
            session_bench_connect(&w.b);
            session_bench_talk(&w.b, STR("tls\nS: 220\nC: EHLO crepes.fr\nS* 250 \n"
                                         "C: AUTH PLAIN AGJvYgBodW5ncnk=\nS: 235 2.7.0\n"
                                         "C: MAIL FROM:<bob@hamburger.edu>\nS: 250\n"
                                         "C: RCPT TO:<bob@hamburger.edu>\nS: 250\n"
                                         "C: DATA\nS: 354\n"));
            (void)snprintf(
                script, sizeof script, "%sC: \nC: hi\nC: .\n%sC: NOOP\nS: 250\n", authors[i].header,
                checked != 0 || strcmp(authors[i].answer, TWICE) == 0 ? authors[i].answer
                                                                      : "S: 250 2.0.0\n");
            session_bench_talk(&w.b, str_from_z(script));
            world_close(&w);
        }
}

TEST_ON_BOTH_SIDES(a_keeper_that_fails_while_authors_are_looked_at_is_told)
{
    struct world w;

    world_open(&w, SMTP_DOOR_USERS, side);
    w.tls_at_once = true;
    w.service.settings.authors_checked = true;
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("tls\nS: 220\nC: EHLO crepes.fr\nS* 250 \n"
                                 "C: AUTH PLAIN AGJvYgBodW5ncnk=\nS: 235 2.7.0\n"
                                 "C: MAIL FROM:<bob@hamburger.edu>\nS: 250\n"
                                 "C: RCPT TO:<bob@hamburger.edu>\nS: 250\nC: DATA\nS: 354\n"));
    w.b.fake.error_of[CALL_may_send_as] = ERR_IO;
    session_bench_talk(&w.b, STR("C: From: bob@hamburger.edu\nC: \nC: hi\nC: .\nS: 451 4.3.0\n"));
    w.b.fake.error_of[CALL_may_send_as] = OK;
    CHECK_EQ(w.b.fake.deliveries, 0, "nothing was delivered");
    session_bench_talk(&w.b, STR("C: MAIL FROM:<bob@hamburger.edu>\nS: 250\n"));
    world_close(&w);
}

static void send_large(struct session_bench *b, size_t lines)
{
    struct buf text = { 0 };

    BUF_ADD(&text, "Subject: large\r\n\r\n");
    for (size_t i = 0; i < lines; i++)
        buf_printf(&text, "%060zu\r\n", i);
    BUF_ADD(&text, ".\r\n");
    session_bench_send(b, buf_str(&text));
    buf_deinit(&text);
}

enum { LARGE_LINES = 20000, LINE_OCTETS = 62 };

TEST_ON_BOTH_SIDES(a_large_message_goes_through_the_spool_file_whole)
{
    struct world w;
    struct record record;

    world_open(&w, SMTP_DOOR_SERVERS, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR(BEGIN "C: DATA\nS: 354\n"));
    send_large(&w.b, LARGE_LINES);
    session_bench_talk(&w.b, STR("S: 250 2.0.0\n"));
    CHECK_EQ(w.b.fake.asked[CALL_spool], 1, "one file");
    CHECK_EQ(w.b.fake.spools_dropped, 0, "used up");
    CHECK(str_ends(buf_str(&w.b.fake.delivered), STR("00019999\r\n")), "end");
    CHECK(w.b.fake.delivered.len > LARGE_LINES * LINE_OCTETS, "whole");
    CHECK_OK(record_open(buf_str(&w.b.fake.record), &record), "record");
    CHECK_EQ(record.size_bytes, w.b.fake.delivered.len, "record is of the message as stored");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(a_large_message_without_room_is_refused_and_the_session_lives)
{
    struct world w;

    world_open(&w, SMTP_DOOR_SERVERS, side);
    w.b.fake.error_of[CALL_spool] = ERR_NO_SPACE;
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR(BEGIN "C: DATA\nS: 354\n"));
    send_large(&w.b, LARGE_LINES);
    session_bench_talk(&w.b, STR("S: 452 4.3.1\nC: NOOP\nS: 250\n"));
    CHECK_EQ(w.b.fake.deliveries, 0, "nothing delivered");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(a_spool_file_is_given_back_when_the_sender_leaves)
{
    struct world w;

    world_open(&w, SMTP_DOOR_SERVERS, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR(BEGIN "C: BDAT 400000\n"));
    for (int i = 0; i < 40; i++) {
        static char piece[10000];

        memset(piece, 'x', sizeof(piece));
        session_bench_send(&w.b, str_from(piece, sizeof(piece)));
    }
    session_bench_talk(&w.b, STR("S: 250 2.0.0 400000 octets\n"));
    session_bench_hang_up(&w.b);
    bench_pass(&w.b.bench, 50);
    CHECK_EQ(w.b.fake.spools_dropped, 1, "dropped");
    CHECK_EQ(w.service.count, 0, "session gone");
    world_close(&w);
}

static const struct {
    const char *name;
    enum keep_call call;
    enum err e;
    struct str script;
} failures[] = {
    { "disk", CALL_deliver, ERR_IO, STR_INIT(BEGIN "C: DATA\nS: 354\nC: .\nS: 451 4.3.0\n") },
    { "full disk", CALL_deliver, ERR_NO_SPACE,
      STR_INIT(BEGIN "C: DATA\nS: 354\nC: .\nS: 452 4.3.1\n") },
    { "keeper away", CALL_deliver, ERR_UNAVAILABLE,
      STR_INIT(BEGIN "C: DATA\nS: 354\nC: .\nS: 451 4.3.2\n") },
    { "route unknown for now", CALL_route, ERR_UNAVAILABLE,
      STR_INIT("S: 220\nC: EHLO x\nS* 250 \nC: MAIL FROM:<>\nS: 250\n"
               "C: RCPT TO:<bob@hamburger.edu>\nS: 451 4.3.2\n") },
};

TEST_ON_BOTH_SIDES(what_keeper_could_not_do_is_never_answered_250)
{
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        struct world w;

        world_open(&w, SMTP_DOOR_SERVERS, side);
        w.b.fake.error_of[failures[i].call] = failures[i].e;
        session_bench_connect(&w.b);
        session_bench_talk(&w.b, failures[i].script);
        session_bench_talk(&w.b, STR("C: RSET\nS: 250\nC: QUIT\nS: 221\nclosed\n"));
        world_close(&w);
    }
}

TEST_ON_BOTH_SIDES(a_circle_is_broken)
{
    struct world w;

    world_open(&w, SMTP_DOOR_SERVERS, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR(BEGIN "C: DATA\nS: 354\nC: Received: a\nC: Received: b\n"
                                       "C: Received: c\nC: Received: d\nC: Received: e\n"
                                       "C: \nC: .\nS: 554 5.4.6\n"));
    CHECK_EQ(w.b.fake.deliveries, 0, "not delivered");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(starttls_begins_again_and_drops_what_was_injected)
{
    struct world w;

    world_open(&w, SMTP_DOOR_SERVERS, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: 220\nC: EHLO crepes.fr\nS* 250 \n"));
    session_bench_send(&w.b, STR("STARTTLS\r\nNOOP injected\r\n"));
    session_bench_talk(&w.b, STR("S: 220 2.0.0\ntls\nC: NOOP\nS: 250 OK\n"
                                 "C: EHLO crepes.fr\nS* 250 \nC: STARTTLS\nS: 503\n"));
    world_close(&w);
}

TEST_ON_BOTH_SIDES(two_messages_in_one_breath)
{
    struct world w;

    world_open(&w, SMTP_DOOR_SERVERS, side);
    session_bench_connect(&w.b);
    session_bench_send(&w.b, STR("EHLO crepes.fr\r\nMAIL FROM:<>\r\nRCPT TO:<bob@hamburger.edu>\r\n"
                                 "DATA\r\none\r\n.\r\nMAIL FROM:<>\r\n"
                                 "RCPT TO:<bob@hamburger.edu>\r\nDATA\r\ntwo\r\n.\r\nQUIT\r\n"));
    session_bench_talk(&w.b, STR("S* 250 HELP\nS: 250\nS: 250\nS: 354\nS: 250 2.0.0 Taken\n"
                                 "S: 250\nS: 250\nS: 354\nS: 250 2.0.0 Taken\nS: 221\nclosed\n"));
    CHECK_EQ(w.b.fake.deliveries, 2, "both");
    world_close(&w);
}

static void note_stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

TEST_ON_BOTH_SIDES(stopping_and_losing_keeper_end_sessions_with_a_word)
{
    struct world w;

    world_open(&w, SMTP_DOOR_USERS, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: 220\nC: EHLO crepes.fr\nS* 250 \n"
                                 "C: AUTH PLAIN AGJvYgBodW5ncnk=\nS: 235\n"));
    channel_free(w.b.fake.channel);
    w.b.fake.channel = NULL;
    session_bench_talk(&w.b, STR("S: 421 4.3.2\nclosed\n"));
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: 220\n"));
    smtp_service_stop(&w.service, note_stopped, &w);
    session_bench_talk(&w.b, STR("S: 421 \nclosed\n"));
    bench_pass(&w.b.bench, 50);
    CHECK(w.stopped, "stopped");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(silence_ends_a_session_also_in_the_middle_of_a_message)
{
    static const struct str scripts[] = {
        STR_INIT("S: 220\nS: 421\nclosed\n"),
        STR_INIT(BEGIN "C: DATA\nS: 354\nC: hi\nS: 421 4.4.2\nclosed\n"),
        STR_INIT(
            "S: 220\nC: EHLO crepes.fr\nS* 250 \nC: AUTH LOGIN\nS: 334\nS: 421 4.4.2\nclosed\n"),
    };

    for (size_t i = 0; i < ARRAY_LEN(scripts); i++) {
        struct world w;
        struct smtp_settings settings;

        world_open(&w, SMTP_DOOR_SERVERS, side);
        settings = w.service.settings;
        settings.limits.idle_ms_max = 150;
        smtp_service_reload(&w.service, w.b.tls, &settings);
        session_bench_connect(&w.b);
        session_bench_talk(&w.b, scripts[i]);
        bench_pass(&w.b.bench, 50);
        CHECK_EQ(w.service.count, 0, "row %zu", i);
        CHECK_EQ(w.b.fake.deliveries, 0, "row %zu", i);
        world_close(&w);
    }
}

TEST_ON_BOTH_SIDES(a_handshake_that_never_comes_ends_the_session)
{
    struct world w;
    struct smtp_settings settings;

    world_open(&w, SMTP_DOOR_USERS, side);
    settings = w.service.settings;
    settings.limits.idle_ms_max = 100;
    smtp_service_reload(&w.service, w.b.tls, &settings);
    w.tls_at_once = true;
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("closed\n"));
    CHECK_EQ(w.service.count, 0, "session gone");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(a_sender_who_runs_ahead_waits_for_his_answers)
{
    struct world w;
    struct buf text = { 0 };

    world_open(&w, SMTP_DOOR_SERVERS, side);
    session_bench_connect(&w.b);
    BUF_ADD(&text, "EHLO crepes.fr\r\n");
    for (int i = 0; i < 50; i++) {
        BUF_ADD(&text, "MAIL FROM:<>\r\nRCPT TO:<bob@hamburger.edu>\r\nDATA\r\n");
        for (int line = 0; line < 100; line++)
            BUF_ADD(&text, "a line of text that fills the buffers on its way\r\n");
        BUF_ADD(&text, ".\r\n");
    }
    BUF_ADD(&text, "QUIT\r\n");
    session_bench_send(&w.b, buf_str(&text));
    session_bench_talk(&w.b, STR("S* 221\nclosed\n"));
    CHECK_EQ(w.b.fake.deliveries, 50, "all of them");
    buf_deinit(&text);
    world_close(&w);
}

TEST_ON_BOTH_SIDES(an_idle_session_costs_little)
{
    struct world w;
    const struct smtp_session *s;

    world_open(&w, SMTP_DOOR_SERVERS, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: 220\nC: EHLO crepes.fr\nS* 250 \nC: NOOP\nS: 250\n"));
    s = LIST_ITEM(w.service.sessions.next, struct smtp_session, conn.link);
    CHECK(sizeof(*s) + arena_used(s->mem) <= 640, "%zu octets", sizeof(*s) + arena_used(s->mem));
    CHECK(s->message == NULL, "no message");
    world_close(&w);
}

/* As `nc -N` does: everything at once, then the end of sending. */
TEST_ON_BOTH_SIDES(a_peer_that_ended_its_side_is_still_served)
{
    struct world w;

    world_open(&w, SMTP_DOOR_SERVERS, side);
    session_bench_connect(&w.b);
    session_bench_send(&w.b, STR("EHLO crepes.fr\r\nMAIL FROM:<>\r\nRCPT TO:<bob@hamburger.edu>\r\n"
                                 "RCPT TO:<eve@hamburger.edu>\r\nDATA\r\none\r\n.\r\n"
                                 "MAIL FROM:<>\r\nRCPT TO:<bob@hamburger.edu>\r\n"));
    stream_finish(w.b.client, 2000);
    session_bench_talk(&w.b, STR("closed\n"));
    bench_pass(&w.b.bench, 50);
    CHECK_EQ(w.b.fake.deliveries, 1, "delivered");
    CHECK_EQ(w.service.count, 0, "session gone");
    world_close(&w);
}

/* Simulated: real clients on loopback are never counted. */
TEST(one_address_may_not_take_all_places)
{
    struct world w;
    struct stream *kept;
    struct smtp_settings settings;

    world_open(&w, SMTP_DOOR_SERVERS, SIDE_SIMULATED);
    settings = w.service.settings;
    settings.sessions_max = 10;
    settings.sessions_per_address_max = 1;
    smtp_service_reload(&w.service, w.b.tls, &settings);
    CHECK(address_parse(STR("192.0.2.1"), 0, &w.b.from), "address");
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: 220\n"));
    kept = w.b.client;
    w.b.client = NULL;
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: 421 4.7.0 Too many\nclosed\n"));
    CHECK(address_parse(STR("192.0.2.2"), 0, &w.b.from), "address");
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: 220\n"));
    stream_free(kept);
    bench_pass(&w.b.bench, 50);
    CHECK(address_parse(STR("192.0.2.1"), 0, &w.b.from), "address");
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: 220\n"));
    world_close(&w);
}

/* Parts whose fields make a structure record that no frame can carry. */
static void send_large_record(struct session_bench *b)
{
    enum { PARTS = 10, LANGUAGES = 100000 };
    struct buf text = { 0 };

    BUF_ADD(&text, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    for (int part = 0; part < PARTS; part++) {
        BUF_ADD(&text, "--b\r\nContent-Language: ");
        for (int i = 0; i < LANGUAGES; i++)
            BUF_ADD(&text, "a,");
        BUF_ADD(&text, "\r\n\r\n");
    }
    BUF_ADD(&text, ".\r\n");
    session_bench_send(b, buf_str(&text));
    buf_deinit(&text);
}

TEST_ON_BOTH_SIDES(a_spool_file_is_given_back_however_its_message_fails)
{
    static const struct {
        const char *name;
        enum err deliver;
        bool large_record, lose_files;
        struct str want;
    } rows[] = {
        { "disk", ERR_IO, false, false, STR_INIT("S: 451 4.3.0\n") },
        { "a record that is too large", OK, true, false, STR_INIT("S: 552 5.3.4\n") },
        { "no descriptor for the file", OK, false, true, STR_INIT("S: 451 4.3.2\n") },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w;

        world_open(&w, SMTP_DOOR_SERVERS, side);
        w.b.fake.error_of[CALL_deliver] = rows[i].deliver;
        w.b.fake.lose_files = rows[i].lose_files;
        session_bench_connect(&w.b);
        session_bench_talk(&w.b, STR(BEGIN "C: DATA\nS: 354\n"));
        if (rows[i].large_record)
            send_large_record(&w.b);
        else
            send_large(&w.b, LARGE_LINES);
        session_bench_talk(&w.b, rows[i].want);
        bench_pass(&w.b.bench, 50);
        CHECK_EQ(w.b.fake.deliveries, 0, "%s", rows[i].name);
        CHECK_EQ(w.b.fake.spools_dropped, 1, "%s", rows[i].name);
        world_close(&w);
    }
}
