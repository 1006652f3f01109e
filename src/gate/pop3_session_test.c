/* gate/pop3_session_test.c - POP3 sessions over sockets, against a keeper with canned answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/pop3_session.h"

#include "gate/pop3_ahead.h"
#include "gate/session_bench.h"
#include "testing.h"

struct world {
    struct session_bench b;
    struct pop3_service service;
    bool tls_at_once, stopped;
};

static void on_accept(struct session_bench *b, struct stream *s)
{
    struct world *w = CONTAINER_OF(b, struct world, b);

    pop3_service_accept(&w->service, s, w->tls_at_once);
}

static void on_lost(struct session_bench *b)
{
    pop3_service_lost(&CONTAINER_OF(b, struct world, b)->service);
}

static void world_open(struct world *w, enum side side)
{
    struct pop3_settings settings = { .host = STR("hamburger.edu"),
                                      .limits = POP3_LIMITS_DEFAULT,
                                      .sessions_max = 2,
                                      .sessions_per_address_max = 2,
                                      .login_delay_ms = 20,
                                      .plain_on_loopback = true,
                                      .offers = SASL_OFFER_PASSWORDS };

    *w = (struct world){ 0 };
    session_bench_open(&w->b, on_accept, side);
    w->b.lost = on_lost;
    w->b.fake.inbox[0] = (struct fake_message){ .uid = 3, .octets = STR("A: b\r\n\r\n.hi\r\n") };
    w->b.fake.inbox[1] = (struct fake_message){ .uid = 8, .octets = STR("A: c\r\n\r\nno end") };
    w->b.fake.inbox_count = 2;
    pop3_service_init(&w->service, w->b.bench.b, w->b.keeper, w->b.tls, &settings);
}

static void world_close(struct world *w)
{
    pop3_service_deinit(&w->service);
    session_bench_close(&w->b);
}

TEST_ON_BOTH_SIDES(the_textbook_session_reads_and_removes)
{
    struct world w;

    world_open(&w, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: +OK hamburger.edu POP3 Postern\n"
                                 "C: user bob\nS: +OK\nC: pass hungry\nS: +OK Welcome\n"
                                 "C: list\nS: +OK 2 messages (27 octets)\nS: 1 13\nS: 2 14\nS: .\n"
                                 "C: uidl 2\nS: +OK 2 9.8\n"
                                 "C: retr 1\nS: +OK\nS: A: b\nS: \nS: ..hi\nS: .\n"
                                 "C: dele 1\nS: +OK\n"
                                 "C: top 2 1\nS: +OK\nS: A: c\nS: \nS: no end\nS: .\n"
                                 "C: quit\nS: +OK Goodbye\nclosed\n"));
    CHECK(w.b.fake.inbox[0].gone && !w.b.fake.inbox[1].gone, "removed");
    CHECK(w.b.fake.inbox[0].seen && !w.b.fake.inbox[1].seen, "RETR reads, TOP does not");
    bench_pass(&w.b.bench, 50);
    CHECK_EQ(w.b.fake.asked[CALL_logout], 1, "logged out");
    CHECK_EQ(w.service.count, 0, "session gone");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(sizes_come_in_pages_and_commands_may_be_pipelined)
{
    struct world w;

    world_open(&w, side);
    w.b.fake.rows_at_once = 1;
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("C: USER bob\nC: PASS hungry\nC: STAT\nC: RETR 2\nC: NOOP\n"
                                 "S: +OK\nS: +OK\nS: +OK Welcome\nS: +OK 2 27\n"
                                 "S: +OK\nS: A: c\nS: \nS: no end\nS: .\nS: +OK Here\n"));
    CHECK_EQ(w.b.fake.asked[CALL_fetch], 3, "two pages of sizes, one of octets");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(a_broken_connection_removes_nothing)
{
    struct world w;

    world_open(&w, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("C: USER bob\nC: PASS hungry\nC: DELE 1\n"
                                 "S: +OK\nS: +OK\nS: +OK\nS: +OK Marked\n"));
    session_bench_hang_up(&w.b);
    bench_pass(&w.b.bench, 50);
    CHECK_EQ(w.service.count, 0, "session gone");
    CHECK_EQ(w.b.fake.asked[CALL_expunge], 0, "nothing removed");
    CHECK_EQ(w.b.fake.asked[CALL_logout], 1, "the lock is given back");
    world_close(&w);
}

static const struct {
    const char *name;
    enum keep_call call;
    enum err e;
    struct str script;
} failures[] = {
    { "in use", CALL_select, ERR_IN_USE,
      STR_INIT("C: USER bob\nC: PASS hungry\nS: +OK\nS: +OK\nS: -ERR [IN-USE]\n") },
    { "keeper away", CALL_login, ERR_UNAVAILABLE,
      STR_INIT("C: USER bob\nC: PASS hungry\nS: +OK\nS: +OK\nS: -ERR [SYS/TEMP]\n") },
    { "sizes fail", CALL_fetch, ERR_IO,
      STR_INIT("C: USER bob\nC: PASS hungry\nS: +OK\nS: +OK\nS: -ERR [SYS/TEMP]\n"
               "C: STAT\nS: -ERR Log in\n") },
    { "update fails", CALL_expunge, ERR_IO,
      STR_INIT("C: USER bob\nC: PASS hungry\nC: DELE 1\nC: QUIT\nS: +OK\nS: +OK\nS: +OK\n"
               "S: +OK\nS: -ERR [SYS/TEMP]\nclosed\n") },
    { "wrong password", CALL_COUNT, OK,
      STR_INIT("C: USER bob\nC: PASS thirsty\nS: +OK\nS: +OK\nS: -ERR [AUTH]\n"
               "C: USER bob\nC: PASS hungry\nS: +OK\nS: +OK Welcome\n") },
    { "on behalf of alice", CALL_COUNT, OK,
      STR_INIT("C: AUTH PLAIN YWxpY2UAYm9iAGh1bmdyeQ==\nS: +OK\nS: -ERR [AUTH]\n") },
};

TEST_ON_BOTH_SIDES(failures_are_told_and_leave_no_lock)
{
    for (size_t i = 0; i < ARRAY_LEN(failures); i++) {
        struct world w;

        world_open(&w, side);
        if (failures[i].call != CALL_COUNT)
            w.b.fake.error_of[failures[i].call] = failures[i].e;
        session_bench_connect(&w.b);
        session_bench_talk(&w.b, failures[i].script);
        CHECK(w.b.fake.inbox_count == 2 && !w.b.fake.inbox[0].gone, "%s", failures[i].name);
        session_bench_hang_up(&w.b);
        bench_pass(&w.b.bench, 50);
        CHECK_EQ(w.service.count, 0, "%s", failures[i].name);
        world_close(&w);
    }
}

TEST_ON_BOTH_SIDES(a_message_that_vanished_is_an_honest_error)
{
    struct world w;

    world_open(&w, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("C: USER bob\nC: PASS hungry\nS: +OK\nS: +OK\nS: +OK\n"));
    w.b.fake.inbox[1].gone = true;
    session_bench_talk(&w.b, STR("C: RETR 2\nS: -ERR No such message\nC: NOOP\nS: +OK\n"));
    world_close(&w);
}

TEST_ON_BOTH_SIDES(tls_works_both_ways)
{
    struct world w;

    world_open(&w, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: +OK\nC: STLS\nS: +OK Begin TLS\ntls\nC: USER bob\nS: +OK\n"
                                 "C: PASS hungry\nS: +OK Welcome\nC: QUIT\nS: +OK\nclosed\n"));
    w.tls_at_once = true;
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("tls\nS: +OK hamburger.edu\nC: STLS\nS: -ERR Too late\n"));
    world_close(&w);
}

TEST_ON_BOTH_SIDES(one_too_many_is_told_so)
{
    struct world w;
    struct session_bench *b = &w.b;
    struct stream *kept[2];

    world_open(&w, side);
    for (int i = 0; i < 2; i++) {
        session_bench_connect(b);
        session_bench_talk(b, STR("S: +OK\n"));
        kept[i] = b->client;
        b->client = NULL;
    }
    session_bench_connect(b);
    session_bench_talk(b, STR("S: -ERR [SYS/TEMP] Too many\nclosed\n"));
    stream_free(kept[0]);
    stream_free(kept[1]);
    world_close(&w);
}

static void note_stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

TEST_ON_BOTH_SIDES(stopping_ends_every_session_with_a_word)
{
    struct world w;

    world_open(&w, side);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: +OK\n"));
    pop3_service_stop(&w.service, note_stopped, &w);
    session_bench_talk(&w.b, STR("S: -ERR [SYS/TEMP] Closing\nclosed\n"));
    bench_pass(&w.b.bench, 50);
    CHECK(w.stopped, "stopped");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(silence_ends_a_session_and_removes_nothing)
{
    struct world w;
    struct pop3_settings settings;

    world_open(&w, side);
    settings = w.service.settings;
    settings.limits.idle_ms_max = 150;
    pop3_service_reload(&w.service, w.b.tls, &settings);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: +OK\nC: USER bob\nS: +OK\nC: PASS hungry\nS: +OK\n"
                                 "C: DELE 1\nS: +OK\nS: -ERR Waited\nclosed\n"));
    bench_pass(&w.b.bench, 50);
    CHECK_EQ(w.service.count, 0, "session gone");
    CHECK(!w.b.fake.inbox[0].gone, "nothing removed");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(a_large_message_leaves_in_pages_as_the_peer_takes_them)
{
    struct world w;
    struct buf text = { 0 };
    enum { LINES = 20000 };

    world_open(&w, side);
    for (int i = 0; i < LINES; i++)
        BUF_ADD(&text, ".a line of a large message\r\n");
    w.b.fake.inbox[0].octets = buf_str(&text);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("C: USER bob\nC: PASS hungry\nC: RETR 1\nS* .\n"));
    session_bench_hang_up(&w.b);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("C: USER bob\nC: PASS hungry\nC: RETR 1\nC: QUIT\n"
                                 "S* +OK It follows\nS: ..a line\nS* +OK Goodbye\nclosed\n"));
    CHECK(w.b.got.len > text.len + LINES, "stuffed and whole");
    buf_deinit(&text);
    world_close(&w);
}

/* What RETR sends is what LIST and STAT have told (RFC 1939 11), however the pages are cut. */
TEST_ON_BOTH_SIDES(sizes_are_exact_for_mail_with_other_line_ends)
{
    for (unsigned cut = 0; cut < 4; cut++)
        for (unsigned rows = 0; rows < 2; rows++) {
            struct world w;

            world_open(&w, side);
            w.b.fake.inbox[0].octets = STR("A: b\n\nhi\r\n.\nno end");
            w.b.fake.inbox[2] = (struct fake_message){ .uid = 9, .octets = STR("") };
            w.b.fake.inbox[3] = (struct fake_message){ .uid = 12, .octets = STR("A: b\n\n") };
            w.b.fake.inbox_count = 4;
            w.b.fake.octets_at_once = cut;
            w.b.fake.rows_at_once = cut > 0 ? 1 : rows;
            session_bench_connect(&w.b);
            session_bench_talk(&w.b, STR("S: +OK\nC: user bob\nS: +OK\nC: pass hungry\n"
                                         "S: +OK Welcome\nC: stat\nS: +OK 4 45\nC: list\n"
                                         "S: +OK 4 messages (45 octets)\nS: 1 23\nS: 2 14\n"
                                         "S: 3 0\nS: 4 8\nS: .\nC: list 4\nS: +OK 4 8\n"));
            world_close(&w);
        }
}

TEST_ON_BOTH_SIDES(who_is_back_too_soon_is_told_so)
{
    struct world w;

    world_open(&w, side);
    w.service.options.login_delay_s = 60;
    w.b.fake.error_of[CALL_login] = ERR_REFUSED;
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: +OK\nC: CAPA\nS* LOGIN-DELAY 60\nS: IMPLEMENTATION\nS: .\n"
                                 "C: user bob\nS: +OK\nC: pass hungry\n"
                                 "S: -ERR [LOGIN-DELAY] You\nC: stat\nS: -ERR Log in first\n"));
    world_close(&w);
}

/* A mailbox with one message that no socket buffer can hold. */
static void make_large(struct world *w, struct buf *text)
{
    enum { OCTETS = 12 << 20 };
    char *at = buf_reserve(text, OCTETS);

    memset(at, 'x', OCTETS);
    text->len = OCTETS;
    w->b.fake.inbox[0].octets = buf_str(text);
}

TEST_ON_BOTH_SIDES(a_peer_that_does_not_read_is_not_read_for)
{
    struct world w;
    struct buf text = { 0 };
    unsigned pages;

    world_open(&w, side);
    make_large(&w, &text);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("C: USER bob\nC: PASS hungry\nS: +OK\nS: +OK\nS: +OK\n"));
    stream_pause(w.b.client);
    session_bench_talk(&w.b, STR("C: RETR 1\n"));
    bench_pass(&w.b.bench, 200);
    pages = w.b.fake.asked[CALL_fetch];
    CHECK((size_t)pages * 64 * 1024 < text.len, "%u pages were fetched for nobody", pages);
    stream_resume(w.b.client);
    session_bench_talk(&w.b, STR("C: NOOP\nS: +OK It follows\nS: xxx\nS: .\nS: +OK Here\n"));
    CHECK(w.b.got.len > text.len, "whole");
    buf_deinit(&text);
    world_close(&w);
}

TEST_ON_BOTH_SIDES(a_peer_that_never_reads_is_let_go)
{
    struct world w;
    struct buf text = { 0 };
    struct pop3_settings settings;

    world_open(&w, side);
    make_large(&w, &text);
    settings = w.service.settings;
    settings.limits.idle_ms_max = 300;
    pop3_service_reload(&w.service, w.b.tls, &settings);
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("C: USER bob\nC: PASS hungry\nS: +OK\nS: +OK\nS: +OK\n"));
    stream_pause(w.b.client);
    session_bench_talk(&w.b, STR("C: RETR 1\n"));
    bench_pass(&w.b.bench, 1500);
    CHECK_EQ(w.service.count, 0, "session gone");
    bench_pass(&w.b.bench, 50);
    CHECK_EQ(w.b.fake.asked[CALL_logout], 1, "the lock is given back");
    buf_deinit(&text);
    world_close(&w);
}

TEST_ON_BOTH_SIDES(a_peer_that_ended_its_side_is_still_served)
{
    struct world w;

    world_open(&w, side);
    session_bench_connect(&w.b);
    session_bench_send(&w.b, STR("USER bob\nPASS hungry\nRETR 1\nDELE 1\nQUIT\n"));
    stream_finish(w.b.client, 2000);
    session_bench_talk(&w.b, STR("closed\n"));
    bench_pass(&w.b.bench, 50);
    CHECK(w.b.fake.inbox[0].gone, "removed");
    CHECK_EQ(w.service.count, 0, "session gone");
    world_close(&w);
}

/* ---- messages read ahead ---- */

enum { WALKED = 6 };

static void open_walk(struct world *w, enum side side)
{
    static const struct str octets[WALKED] = {
        STR_INIT("A: 1\r\n\r\none\r\n"), STR_INIT("A: 2\r\n\r\n.two\r\n"), STR_INIT(""),
        STR_INIT("A: 4\r\n\r\nfour"),    STR_INIT("A: 5\r\n\r\nfive\r\n"), STR_INIT("A: 6\r\n\r\n"),
    };

    world_open(w, side);
    w->b.fake.inbox_count = WALKED;
    for (uint32_t i = 0; i < WALKED; i++)
        w->b.fake.inbox[i] = (struct fake_message){ .uid = 10 + 2 * i, .octets = octets[i] };
    session_bench_connect(&w->b);
    session_bench_talk(&w->b, STR("C: USER bob\nC: PASS hungry\nS: +OK\nS: +OK\nS: +OK Welcome\n"));
    CHECK_EQ(w->b.fake.asked[CALL_fetch], 1, "sizes");
}

static unsigned seen_mask(const struct world *w)
{
    unsigned mask = 0;

    for (uint32_t i = 0; i < WALKED; i++)
        mask |= (unsigned)w->b.fake.inbox[i].seen << i;
    return mask;
}

TEST_ON_BOTH_SIDES(who_takes_one_message_after_the_other_is_read_for_ahead)
{
    struct world w;

    open_walk(&w, side);
    session_bench_talk(&w.b, STR("C: RETR 1\nS: +OK\nS: A: 1\nS: \nS: one\nS: .\n"
                                 "C: DELE 1\nS: +OK\n"
                                 "C: RETR 2\nS: +OK\nS: A: 2\nS: \nS: ..two\nS: .\n"
                                 "C: DELE 2\nS: +OK\n"
                                 "C: RETR 3\nS: +OK\nS: .\n"
                                 "C: TOP 4 0\nS: +OK\nS: A: 4\nS: \nS: .\n"
                                 "C: RETR 4\nS: +OK\nS: A: 4\nS: \nS: four\nS: .\n"));
    CHECK_EQ(w.b.fake.asked[CALL_fetch], 4, "sizes, the first, TOP, and all others at once");
    CHECK_EQ(seen_mask(&w), 1U, "what is read ahead is not read yet");
    session_bench_talk(&w.b, STR("C: RSET\nS: +OK\nC: DELE 4\nS: +OK\n"
                                 "C: RETR 5\nS: +OK\nS: A: 5\nS: \nS: five\nS: .\n"
                                 "C: RETR 4\nS: -ERR That message is marked\n"
                                 "C: QUIT\nS: +OK Goodbye\nclosed\n"));
    CHECK_EQ(seen_mask(&w), 0x1fU, "and all that were handed out are");
    CHECK(w.b.fake.inbox[3].gone && !w.b.fake.inbox[0].gone, "DELE, RSET and QUIT as ever");
    CHECK_EQ(w.b.fake.asked[CALL_fetch], 4, "nothing more was asked");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(pipelined_messages_are_answered_in_order)
{
    struct world w;

    open_walk(&w, side);
    session_bench_send(&w.b, STR("RETR 1\nRETR 2\nRETR 3\nRETR 4\nRETR 5\nRETR 6\nRETR 7\nNOOP\n"));
    session_bench_talk(&w.b, STR("S: +OK\nS: A: 1\nS: \nS: one\nS: .\n"
                                 "S: +OK\nS: A: 2\nS: \nS: ..two\nS: .\nS: +OK\nS: .\n"
                                 "S: +OK\nS: A: 4\nS: \nS: four\nS: .\n"
                                 "S: +OK\nS: A: 5\nS: \nS: five\nS: .\n"
                                 "S: +OK\nS: A: 6\nS: \nS: .\nS: -ERR No such\nS: +OK Here\n"));
    CHECK_EQ(w.b.fake.asked[CALL_fetch], 3, "questions");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(a_connection_that_breaks_has_read_what_it_was_given)
{
    struct world w;

    open_walk(&w, side);
    session_bench_talk(&w.b, STR("C: RETR 1\nS* .\nC: RETR 2\nS* .\nS: .\nC: RETR 3\nS* .\n"));
    session_bench_hang_up(&w.b);
    bench_pass(&w.b.bench, 100);
    CHECK_EQ(seen_mask(&w), 7U, "read");
    CHECK_EQ(w.service.count, 0, "session gone");
    CHECK_EQ(w.b.fake.asked[CALL_logout], 1, "the lock is given back");
    CHECK(list_empty(&w.service.leaving), "nothing is left");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(a_peer_that_rests_is_marked_and_costs_nothing)
{
    struct world w;

    open_walk(&w, side);
    session_bench_talk(&w.b, STR("C: RETR 1\nS* .\nC: RETR 2\nS* .\nS: .\nC: RETR 3\nS* .\n"));
    bench_pass(&w.b.bench, POP3_AHEAD_KEPT_MS + 200);
    CHECK_EQ(seen_mask(&w), 7U, "marked");
    CHECK_EQ(w.b.fake.asked[CALL_fetch], 3, "questions so far");
    session_bench_talk(&w.b, STR("C: RETR 4\nS* .\n"));
    CHECK_EQ(w.b.fake.asked[CALL_fetch], 4, "what was read ahead is gone, and read again");
    world_close(&w);
}

/* Keeper fails, or a message goes, while messages are read ahead: then each is asked for alone. */
TEST_ON_BOTH_SIDES(trouble_while_reading_ahead_is_told_of_the_message_that_has_it)
{
    struct world w;

    open_walk(&w, side);
    session_bench_talk(&w.b, STR("C: RETR 1\nS* .\n"));
    w.b.fake.error_of[CALL_fetch] = ERR_IO;
    session_bench_talk(&w.b, STR("C: RETR 2\nS: -ERR [SYS/TEMP]\nC: NOOP\nS: +OK\n"));
    w.b.fake.error_of[CALL_fetch] = OK;
    w.b.fake.inbox[3].gone = true;
    session_bench_talk(&w.b, STR("C: RETR 3\nS: +OK\nS: .\nC: RETR 4\nS: -ERR No such message\n"
                                 "C: RETR 5\nS: +OK\nS: A: 5\nS: \nS: five\nS: .\n"));
    world_close(&w);
}

/* Longer than what is read ahead at first, longer than it ever is, and short again. */
TEST_ON_BOTH_SIDES(long_and_short_messages_follow_each_other)
{
    struct world w;
    struct buf large = { 0 }, huge = { 0 };

    for (int i = 0; i < 3000; i++)
        BUF_ADD(&large, "a line of a large message\r\n");
    for (int i = 0; i < 20000; i++)
        BUF_ADD(&huge, ".a line of a huge message\r\n");
    open_walk(&w, side);
    session_bench_hang_up(&w.b);
    bench_pass(&w.b.bench, 50);
    w.b.fake.inbox[2].octets = buf_str(&large);
    w.b.fake.inbox[4].octets = buf_str(&huge);
    session_bench_connect(&w.b);
    session_bench_send(&w.b, STR("USER bob\nPASS hungry\nRETR 1\nRETR 2\nRETR 3\nRETR 4\nRETR 5\n"
                                 "RETR 6\nQUIT\n"));
    session_bench_talk(&w.b,
                       STR("S* .\nS: +OK\nS: A: 2\nS* .\nS: .\nS: +OK\nS: a line of a large\nS* .\n"
                           "S: +OK\nS: A: 4\nS* .\nS: +OK\nS: ..a line of a huge\nS* +OK\n"
                           "S: A: 6\nS: \nS: .\nS: +OK Goodbye\nclosed\n"));
    CHECK_EQ(seen_mask(&w), 0x3fU, "all were read");
    buf_deinit(&large);
    buf_deinit(&huge);
    world_close(&w);
}

/* Simulated: real clients on loopback are never counted. */
TEST(one_address_may_not_take_all_places)
{
    struct world w;
    struct stream *kept;
    struct pop3_settings settings;

    world_open(&w, SIDE_SIMULATED);
    settings = w.service.settings;
    settings.sessions_max = 10;
    settings.sessions_per_address_max = 1;
    pop3_service_reload(&w.service, w.b.tls, &settings);
    CHECK(address_parse(STR("192.0.2.1"), 0, &w.b.from), "address");
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: +OK\n"));
    kept = w.b.client;
    w.b.client = NULL;
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: -ERR [SYS/TEMP] Too many\nclosed\n"));
    CHECK(address_parse(STR("192.0.2.2"), 0, &w.b.from), "address");
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: +OK\n"));
    stream_free(kept);
    bench_pass(&w.b.bench, 50);
    CHECK(address_parse(STR("192.0.2.1"), 0, &w.b.from), "address");
    session_bench_connect(&w.b);
    session_bench_talk(&w.b, STR("S: +OK\n"));
    world_close(&w);
}
