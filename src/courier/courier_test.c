/* courier/courier_test.c - what becomes of recipients, whatever other servers and keeper do. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/world/world.h"

enum { LARGE_BYTES = 600 * 1024 };

#define RETURN_PATH STR("Return-Path: <dave@hamburger.edu>\r\n") /* it is delivered here */

static const struct str small = STR_INIT("Subject: hi\r\n\r\nHello,\r\n.\r\nbye\r\n");

static struct str large(struct arena *mem)
{
    char *at = arena_alloc(mem, LARGE_BYTES);

    for (size_t i = 0; i < LARGE_BYTES; i++)
        at[i] = i % 64 == 62 ? '\r' : i % 64 == 63 ? '\n' : 'x';
    memcpy(at, "Subject: big\r\n\r\n", 16);
    return str_from(at, LARGE_BYTES);
}

/* ---- every phase, every answer ---- */

static const struct {
    const char *name;
    enum phase phase;
    const char *say;
    enum keep_rcpt_state state;
} rows[] = {
    { "all well", P_BANNER, "220 hi", RCPT_RELAYED },
    { "banner of many lines", P_BANNER, "220-a\r\n220 b", RCPT_RELAYED },
    { "banner 4xx", P_BANNER, "450 later", RCPT_WAITING },
    { "banner 5xx says nothing of the address", P_BANNER, "554 no", RCPT_WAITING },
    { "banner 521", P_BANNER, "521 takes no mail", RCPT_FAILED },
    { "banner 421", P_BANNER, "421 busy", RCPT_WAITING },
    { "banner nonsense", P_BANNER, "hello there", RCPT_WAITING },
    { "banner close", P_BANNER, SAY_CLOSE, RCPT_WAITING },
    { "banner hang", P_BANNER, SAY_HANG, RCPT_WAITING },
    { "no EHLO: HELO", P_EHLO, "502 what", RCPT_RELAYED },
    { "EHLO 4xx", P_EHLO, "450 later", RCPT_WAITING },
    { "EHLO 421", P_EHLO, "421 busy", RCPT_WAITING },
    { "EHLO nonsense", P_EHLO, "250", RCPT_RELAYED },
    { "EHLO mixed codes", P_EHLO, "250-a\r\n550 b", RCPT_WAITING },
    { "EHLO close", P_EHLO, SAY_CLOSE, RCPT_WAITING },
    { "EHLO hang", P_EHLO, SAY_HANG, RCPT_WAITING },
    { "STARTTLS 4xx", P_STARTTLS, "454 not now", RCPT_RELAYED },
    { "STARTTLS 5xx", P_STARTTLS, "502 no", RCPT_RELAYED },
    { "STARTTLS close", P_STARTTLS, SAY_CLOSE, RCPT_WAITING },
    { "STARTTLS hang", P_STARTTLS, SAY_HANG, RCPT_WAITING },
    { "handshake nonsense: in the clear", P_SHAKE, "what is this?", RCPT_RELAYED },
    { "handshake close: in the clear", P_SHAKE, SAY_CLOSE, RCPT_RELAYED },
    { "handshake hang: in the clear", P_SHAKE, SAY_HANG, RCPT_RELAYED },
    { "MAIL 4xx", P_MAIL, "451 4.7.1 later", RCPT_WAITING },
    { "MAIL 5xx", P_MAIL, "553 5.1.8 who", RCPT_FAILED },
    { "MAIL 421", P_MAIL, "421 bye", RCPT_WAITING },
    { "MAIL 354", P_MAIL, "354 what", RCPT_WAITING },
    { "MAIL nonsense", P_MAIL, "ok", RCPT_WAITING },
    { "MAIL close", P_MAIL, SAY_CLOSE, RCPT_WAITING },
    { "MAIL hang", P_MAIL, SAY_HANG, RCPT_WAITING },
    { "RCPT 4xx", P_RCPT, "450 4.2.0 greylisted", RCPT_WAITING },
    { "RCPT 5xx", P_RCPT, "550 5.1.1 nobody", RCPT_FAILED },
    { "RCPT 421", P_RCPT, "421 bye", RCPT_WAITING },
    { "RCPT nonsense", P_RCPT, "\x01\x02", RCPT_WAITING },
    { "RCPT close", P_RCPT, SAY_CLOSE, RCPT_WAITING },
    { "RCPT hang", P_RCPT, SAY_HANG, RCPT_WAITING },
    { "DATA 4xx", P_DATA, "451 later", RCPT_WAITING },
    { "DATA 5xx", P_DATA, "554 no", RCPT_FAILED },
    { "DATA 250", P_DATA, "250 ok?", RCPT_WAITING },
    { "DATA 421", P_DATA, "421 bye", RCPT_WAITING },
    { "DATA close", P_DATA, SAY_CLOSE, RCPT_WAITING },
    { "DATA hang", P_DATA, SAY_HANG, RCPT_WAITING },
    { "end 4xx", P_END, "452 4.3.1 full", RCPT_WAITING },
    { "end 5xx", P_END, "554 5.7.1 spam", RCPT_FAILED },
    { "end 354", P_END, "354 more?", RCPT_WAITING },
    { "end 421", P_END, "421 bye", RCPT_WAITING },
    { "end nonsense", P_END, "fine", RCPT_WAITING },
    { "end close", P_END, SAY_CLOSE, RCPT_WAITING },
    { "end hang", P_END, SAY_HANG, RCPT_WAITING },
    { "RSET and QUIT do not matter", P_QUIT, "550 stay", RCPT_RELAYED },
    { "QUIT close", P_QUIT, SAY_CLOSE, RCPT_RELAYED },
    { "QUIT hang", P_QUIT, SAY_HANG, RCPT_RELAYED },
};

static void check_end(const struct world *w, const struct entry *e, enum keep_rcpt_state want,
                      const char *name)
{
    CHECK_EQ(e->rcpts[0].r.state, want, "%s", name);
    CHECK_EQ(e->lease, 0, "%s", name);
    CHECK_EQ(w->report_count, want == RCPT_FAILED ? 1 : 0, "%s", name);
    CHECK_EQ(e->rcpts[0].r.attempts, 1, "%s", name);
    CHECK_EQ(w->conflicts, 0, "%s", name);
    if (want == RCPT_WAITING)
        CHECK(e->rcpts[0].r.next_try > loop_wall_s(w->loop), "%s", name);
}

static const char *const extensions[] = { "250-STARTTLS\r\n250-DSN\r\n",
                                          "250-PIPELINING\r\n250-STARTTLS\r\n250-8BITMIME\r\n" };

TEST(every_answer_at_every_phase_has_its_outcome)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t x = 0; x < ARRAY_LEN(extensions) * 2; x++) {
            struct other other = { .address = STR_INIT("192.0.2.3"),
                                   .extensions = extensions[x / 2] };
            struct world w;

            other.say[rows[i].phase] = rows[i].say;
            world_init(&w, &other, 1);
            struct entry *e = world_add(&w, "alice@crepes.fr", "bob@other.edu",
                                        x % 2 == 0 ? small : large(w.mem));
            world_run(&w, 20000);
            check_end(&w, e, rows[i].state, rows[i].name);
            if (rows[i].state == RCPT_RELAYED)
                CHECK_STR(buf_str(&other.last_message),
                          x % 2 == 0 ? STR("Subject: hi\r\n\r\nHello,\r\n..\r\nbye\r\n")
                                     : e->message,
                          "%s", rows[i].name);
            world_free(&w);
        }
}

static const struct {
    const char *name, *say;
    enum keep_rcpt_state state;
} mid_rows[] = {
    { "5xx", "554 5.7.1 enough", RCPT_FAILED },
    { "4xx", "451 enough", RCPT_WAITING },
    { "421", "421 bye", RCPT_WAITING },
    { "close", SAY_CLOSE, RCPT_WAITING },
    { "hang", SAY_HANG, RCPT_WAITING },
    { "2xx before the end", "250 got it", RCPT_WAITING },
    { "nonsense", "stop it", RCPT_WAITING },
};

TEST(an_answer_in_the_middle_of_the_message_never_counts_as_delivered)
{
    for (size_t i = 0; i < ARRAY_LEN(mid_rows); i++) {
        struct other other = { .address = STR_INIT("192.0.2.3") };
        struct world w;

        other.say[P_MID] = mid_rows[i].say;
        world_init(&w, &other, 1);
        struct entry *e = world_add(&w, "alice@crepes.fr", "bob@other.edu", large(w.mem));
        world_run(&w, 20000);
        check_end(&w, e, mid_rows[i].state, mid_rows[i].name);
        world_free(&w);
    }
}

/* ---- many recipients, many destinations ---- */

TEST(an_entry_for_several_domains_ends_in_one_lease_and_one_report)
{
    struct other others[] = { { .address = STR_INIT("192.0.2.1") },
                              { .address = STR_INIT("192.0.2.3") } };
    struct world w;

    world_init(&w, others, 2);
    struct entry *e = world_add(&w, "alice@crepes.fr",
                                "bob@hamburger.edu carol@other.edu dave@null.edu bob@later.edu "
                                "bob@nowhere.edu carol@HAMBURGER.edu",
                                small);
    world_run(&w, 20000);
    CHECK_EQ(entry_state(e, "bob@hamburger.edu"), RCPT_RELAYED, "first");
    CHECK_EQ(entry_state(e, "carol@HAMBURGER.edu"), RCPT_RELAYED, "case");
    CHECK_EQ(entry_state(e, "carol@other.edu"), RCPT_RELAYED, "second");
    CHECK_EQ(entry_state(e, "dave@null.edu"), RCPT_FAILED, "null MX");
    CHECK_EQ(entry_state(e, "bob@later.edu"), RCPT_WAITING, "DNS");
    CHECK_EQ(entry_state(e, "bob@nowhere.edu"), RCPT_FAILED, "no domain");
    CHECK_EQ(others[0].messages, 1, "one transaction for two recipients");
    CHECK_EQ(w.report_count, 1, "one report");
    CHECK(str_find(buf_str(&w.reports), STR("5.1.10")) != STR_NOT_FOUND, "null MX in the report");
    CHECK(str_find(buf_str(&w.reports), STR("bob@later.edu")) == STR_NOT_FOUND, "no word of delay");
    CHECK_EQ(e->ends, 1, "one lease");
    world_free(&w);
}

TEST(more_than_100_recipients_go_in_several_transactions)
{
    struct other other = { .address = STR_INIT("192.0.2.3"), .extensions = extensions[1] };
    struct world w;
    struct buf rcpts = { 0 };

    for (int i = 0; i < 230; i++)
        buf_printf(&rcpts, "u%d@other.edu ", i);
    buf_add_char(&rcpts, '\0');
    for (uint32_t most = 0; most <= 60; most += 60) {
        uint32_t done = 0;

        other.rcpts_max = most;
        other.rcpts = other.messages = 0;
        world_init(&w, &other, 1);
        struct entry *e = world_add(&w, "alice@crepes.fr", rcpts.at, small);
        world_run(&w, 20000);
        for (size_t i = 0; i < e->rcpt_count; i++)
            done += e->rcpts[i].r.state == RCPT_RELAYED;
        CHECK_EQ(done, most == 0 ? 230 : 150, "%u at most", most);
        CHECK_EQ(other.rcpts, done, "%u at most", most);
        CHECK_EQ(other.messages, 3, "%u at most", most);
        world_run(&w, 900000);
        CHECK_EQ(other.rcpts, 230, "the others come later, each once");
        world_free(&w);
    }
    buf_deinit(&rcpts);
}

TEST(a_transaction_has_as_many_recipients_as_it_may)
{
    for (uint32_t most = 1; most <= 5; most++) {
        struct other other = { .address = STR_INIT("192.0.2.3") };
        struct world w;

        world_init(&w, &other, 1);
        w.settings.rcpts_max = most;
        (void)world_add(&w, "alice@crepes.fr",
                        "a@other.edu b@other.edu c@other.edu d@other.edu e@other.edu", small);
        world_run(&w, 20000);
        CHECK_EQ(other.rcpts, 5, "%u at most", most);
        CHECK_EQ(other.messages, (5 + most - 1) / most, "%u at most", most);
        world_free(&w);
    }
}

static void add_many(struct world *w, const char *rcpt, int count)
{
    for (int i = 0; i < count; i++)
        (void)world_add(w, "alice@crepes.fr", rcpt, small);
}

static void check_all(const struct world *w, enum keep_rcpt_state want, const char *what)
{
    for (size_t i = 0; i < w->entry_count; i++) {
        CHECK_EQ(w->entries[i].rcpts[0].r.state, want, "%s, entry %zu", what, i);
        CHECK_EQ(w->entries[i].lease, 0, "%s, entry %zu", what, i);
    }
}

TEST(a_connection_carries_as_many_messages_as_it_may)
{
    for (uint32_t most = 1; most <= 5; most++) {
        struct other other = { .address = STR_INIT("192.0.2.3") };
        struct world w;

        world_init(&w, &other, 1);
        w.settings.road.connections_max = 1;
        w.settings.road.messages_max = most;
        add_many(&w, "bob@other.edu", 5);
        world_run(&w, 20000);
        check_all(&w, RCPT_RELAYED, "reuse");
        CHECK_EQ(other.connections, (5 + most - 1) / most, "%u each", most);
        CHECK_EQ(other.open, 0, "an idle connection is ended");
        world_free(&w);
    }
}

TEST(an_idle_connection_is_used_again_and_all_of_them_at_once)
{
    struct other other = { .address = STR_INIT("192.0.2.3") };
    struct world w;

    world_init(&w, &other, 1);
    w.settings.road.idle_ms = 60000;
    add_many(&w, "bob@other.edu", 3);
    world_run(&w, 10000);
    CHECK_EQ(other.connections, 3, "three at first");
    add_many(&w, "carol@other.edu", 3);
    world_due(&w);
    world_run(&w, 10000);
    check_all(&w, RCPT_RELAYED, "idle");
    CHECK_EQ(other.connections, 3, "and no more later");
    world_free(&w);
}

TEST(concurrency_grows_with_success_and_halves_with_trouble)
{
    struct other other = { .address = STR_INIT("192.0.2.3") };
    struct world w;

    world_init(&w, &other, 1);
    w.settings.road.messages_max = 3;
    add_many(&w, "bob@other.edu", 40);
    world_run(&w, 20000);
    check_all(&w, RCPT_RELAYED, "growing");
    CHECK(other.open_most > 5, "grew to %u", other.open_most);
    CHECK(other.open_most <= 10, "grew to %u", other.open_most);

    other.say[P_BANNER] = "421 too many of you";
    add_many(&w, "bob@other.edu", 10);
    world_due(&w);
    world_run(&w, 20000);
    other.say[P_BANNER] = NULL;
    other.open_most = 0;
    world_run(&w, 120000);
    check_all(&w, RCPT_RELAYED, "shrunk");
    CHECK(other.open_most < 5, "shrank to %u", other.open_most);
    world_free(&w);
}

TEST(destinations_share_few_connections_and_none_starves)
{
    for (uint32_t most = 1; most <= 3; most++) {
        struct other others[] = { { .address = STR_INIT("192.0.2.1") },
                                  { .address = STR_INIT("192.0.2.3") },
                                  { .address = STR_INIT("192.0.2.4") } };
        struct world w;

        world_init(&w, others, 3);
        w.settings.road.all_connections_max = most;
        w.settings.road.idle_ms = 300000; /* an idle connection must not keep others waiting */
        add_many(&w, "bob@hamburger.edu", 6);
        add_many(&w, "bob@other.edu", 6);
        add_many(&w, "bob@third.edu", 6);
        world_run(&w, 20000);
        check_all(&w, RCPT_RELAYED, "shared");
        CHECK(others[0].open_most + others[1].open_most + others[2].open_most <= 3 * most, "cap");
        world_free(&w);
    }
}

/* ---- hosts that are not there ---- */

TEST(a_dead_destination_gives_back_its_leases_and_comes_back)
{
    struct other other = { .address = STR_INIT("192.0.2.3") };
    struct world w;

    world_init(&w, &other, 1);
    other_stop_listening(&other);
    add_many(&w, "bob@other.edu", 10);
    world_run(&w, 5000);
    check_all(&w, RCPT_WAITING, "dead");
    CHECK_EQ(w.entries[0].ends, 1, "tried");
    add_many(&w, "carol@other.edu", 1);
    world_due(&w);
    world_run(&w, 500);
    CHECK_EQ(w.entries[10].ends, 1, "deferred without a try");
    CHECK_EQ(other.connections, 0, "nobody came");
    other_start(&other, &w);
    world_run(&w, 200000);
    check_all(&w, RCPT_RELAYED, "alive");
    world_free(&w);
}

TEST(the_administrator_may_have_a_dead_destination_tried_at_once)
{
    struct other other = { .address = STR_INIT("192.0.2.3") };
    struct world w;

    world_init(&w, &other, 1);
    other_stop_listening(&other);
    add_many(&w, "bob@other.edu", 1);
    world_run(&w, 5000);
    other_start(&other, &w);
    add_many(&w, "carol@other.edu", 1);
    world_retry(&w);
    world_run(&w, 2000);
    CHECK_EQ(entry_state(&w.entries[1], "carol@other.edu"), RCPT_RELAYED, "at once");
    world_free(&w);
}

TEST(the_next_host_is_tried_and_the_bad_one_left_alone_for_a_while)
{
    static const char *const bad[] = { "554 no", "421 no", SAY_CLOSE, SAY_HANG, "what" };

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct other others[] = { { .address = STR_INIT("192.0.2.1") },
                                  { .address = STR_INIT("192.0.2.2") } };
        struct world w;

        others[0].say[P_BANNER] = bad[i];
        world_init(&w, others, 2);
        add_many(&w, "bob@hamburger.edu", 1);
        world_run(&w, 10000);
        add_many(&w, "bob@hamburger.edu", 1);
        world_due(&w);
        world_run(&w, 10000);
        check_all(&w, RCPT_RELAYED, bad[i]);
        CHECK_EQ(others[0].connections, 1, "%s", bad[i]);
        CHECK_EQ(others[1].messages, 2, "%s", bad[i]);
        world_free(&w);
    }
}

/* ---- keeper in trouble ---- */

TEST(keeper_may_die_at_any_moment_and_no_message_is_sent_twice)
{
    for (uint64_t when = 0; when < 160; when += 4) {
        struct other other = { .address = STR_INIT("192.0.2.3") };
        struct world w;

        world_init(&w, &other, 1);
        add_many(&w, "bob@other.edu", 3);
        w.entries[0].message = large(w.mem);
        w.entries[0].q.size = w.entries[0].message.len;
        world_run(&w, when);
        world_restart_keeper(&w);
        world_run(&w, 200000);
        check_all(&w, RCPT_RELAYED, "keeper died");
        CHECK_EQ(other.messages, 3, "died at %d", (int)when);
        world_free(&w);
    }
}

TEST(outcomes_that_keeper_may_not_have_heard_are_told_again)
{
    for (int heard = 0; heard < 2; heard++)
        for (int answer = 0; answer < 2; answer++) {
            struct other other = { .address = STR_INIT("192.0.2.3") };
            struct world w;

            other.say[P_END] = answer == 0 ? NULL : "554 5.7.1 no";
            world_init(&w, &other, 1);
            w.lose_lease_end = true;
            w.carry_out_first = heard == 1;
            add_many(&w, "bob@other.edu", 1);
            world_run(&w, 100000);
            check_all(&w, answer == 0 ? RCPT_RELAYED : RCPT_FAILED, "lost");
            CHECK_EQ(other.connections, 1, "heard %d", heard);
            CHECK_EQ(w.report_count, answer, "heard %d", heard);
            CHECK_EQ(w.entries[0].ends, 1, "heard %d", heard);
            world_free(&w);
        }
}

TEST(a_lease_that_ran_out_is_taken_up_again)
{
    struct other other = { .address = STR_INIT("192.0.2.3") };
    struct world w;

    other.say[P_END] = SAY_HANG;
    world_init(&w, &other, 1);
    add_many(&w, "bob@other.edu", 1);
    world_run(&w, 1000);
    CHECK(w.entries[0].lease != 0, "leased");
    w.entries[0].lease = 0;
    world_due(&w);
    world_run(&w, 10000);
    CHECK_EQ(w.entries[0].lease, 0, "the new lease was ended");
    CHECK_EQ(w.entries[0].ends, 1, "once");
    CHECK_EQ(other.connections, 1, "no second delivery");

    w.entries[0].rcpts[0].r.next_try = 0; /* and now it is gone for good */
    other.say[P_END] = "250 fine";
    world_free(&w);
}

TEST(long_jobs_renew_their_lease)
{
    struct other other = { .address = STR_INIT("192.0.2.3") };
    struct world w;

    other.say[P_END] = SAY_HANG;
    world_init(&w, &other, 1);
    w.settings.road.data_ms = 3000 * 1000;
    add_many(&w, "bob@other.edu", 1);
    world_run(&w, 2000 * 1000);
    CHECK(w.renewals >= 4, "%u times", w.renewals);
    world_free(&w);
}

TEST(a_message_that_can_not_be_read_waits)
{
    struct other other = { .address = STR_INIT("192.0.2.3") };
    struct world w;

    world_init(&w, &other, 1);
    w.read_fails = true;
    add_many(&w, "bob@other.edu", 2);
    world_run(&w, 10000);
    check_all(&w, RCPT_WAITING, "unreadable");
    CHECK_EQ(other.messages, 0, "nothing was sent");
    world_free(&w);
}

/* ---- recipients of ours ---- */

TEST(recipients_of_ours_are_asked_for_again)
{
    struct world w;

    world_init(&w, NULL, 0);
    struct entry *e =
        world_add(&w, "dave@hamburger.edu",
                  "alice@crepes.fr nobody@crepes.fr full@crepes.fr off@crepes.fr", small);
    world_run(&w, 5000);
    CHECK_EQ(entry_state(e, "alice@crepes.fr"), RCPT_DELIVERED, "there now");
    CHECK_EQ(entry_state(e, "nobody@crepes.fr"), RCPT_FAILED, "unknown");
    CHECK_EQ(entry_state(e, "full@crepes.fr"), RCPT_WAITING, "full");
    CHECK_EQ(entry_state(e, "off@crepes.fr"), RCPT_FAILED, "switched off");
    CHECK_STR(buf_str(&w.delivered), arena_join(w.mem, RETURN_PATH, small), "the message");
    CHECK_EQ(w.report_count, 1, "one report");
    world_run(&w, 7300 * 1000);
    CHECK_EQ(entry_state(e, "full@crepes.fr"), RCPT_EXPIRED, "full for too long");
    CHECK_EQ(w.report_count, 3, "a delay, and the end");
    world_free(&w);
}

TEST(a_large_message_for_us_goes_by_spool_file)
{
    for (int trouble = 0; trouble < 4; trouble++) {
        struct world w;

        world_init(&w, NULL, 0);
        w.read_fails = trouble == 1;
        w.spool_fails = trouble == 2;
        w.deliver_fails = trouble == 3;
        struct entry *e = world_add(&w, "dave@hamburger.edu", "alice@crepes.fr", large(w.mem));
        world_run(&w, 5000);
        CHECK_EQ(e->rcpts[0].r.state, trouble == 0 ? RCPT_DELIVERED : RCPT_WAITING, "%d", trouble);
        CHECK_EQ(w.deliveries, trouble == 0, "%d", trouble);
        CHECK_EQ(w.spools_open, 0, "trouble %d: none is left behind", trouble);
        if (trouble == 0)
            CHECK_STR(buf_str(&w.delivered), arena_join(w.mem, RETURN_PATH, e->message),
                      "the message");
        world_free(&w);
    }
}

TEST(what_keeper_has_settled_is_only_reported)
{
    struct other other = { .address = STR_INIT("192.0.2.3") };
    struct world w;

    world_init(&w, &other, 1);
    struct entry *e = world_add(&w, "dave@hamburger.edu", "alice@crepes.fr", small);
    e->rcpts[0].r.state = RCPT_DELIVERED;
    e->rcpts[0].r.notify = NOTIFY_SUCCESS;
    e = world_add(&w, "alice@crepes.fr", "bob@other.edu", small);
    e->rcpts[0].r.state = RCPT_FAILED;
    e->rcpts[0].r.last_reply = STR("given up by the administrator");
    world_run(&w, 5000);
    CHECK_EQ(w.deliveries + other.connections, 0, "no delivery");
    CHECK_EQ(w.report_count, 2, "two reports");
    CHECK(w.entries[0].rcpts[0].gone && w.entries[1].rcpts[0].gone, "over");
    CHECK(str_find(buf_str(&w.reports), STR("Action: delivered")) != STR_NOT_FOUND, "delivered");
    CHECK(str_find(buf_str(&w.reports), STR("by the administrator")) != STR_NOT_FOUND, "failed");
    world_free(&w);
}

TEST(a_delay_is_reported_once_and_the_end_once)
{
    struct other other = { .address = STR_INIT("192.0.2.3") };
    struct world w;

    other.say[P_RCPT] = "450 4.2.0 not yet";
    world_init(&w, &other, 1);
    add_many(&w, "bob@other.edu", 1);
    world_run(&w, 500 * 1000);
    CHECK_EQ(w.report_count, 0, "too early");
    world_run(&w, 3000 * 1000);
    CHECK_EQ(w.report_count, 1, "delay");
    CHECK(str_find(buf_str(&w.reports), STR("Action: delayed")) != STR_NOT_FOUND, "delay");
    world_run(&w, 8000 * 1000);
    CHECK_EQ(w.report_count, 2, "the end");
    CHECK_EQ(w.entries[0].rcpts[0].r.state, RCPT_EXPIRED, "the end");
    world_free(&w);
}

/* ---- 8 bits ---- */

#define MIME_8BIT "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"

static const struct {
    const char *name, *extensions;
    uint8_t body;
    struct str message, want; /* want empty: refused */
} narrow_rows[] = {
    { "8BITMIME there", "250-8BITMIME\r\n", BODY_8BITMIME,
      STR_INIT(MIME_8BIT "\r\ncr\xc3\xaapes\r\n"), STR_INIT(MIME_8BIT "\r\ncr\xc3\xaapes\r\n") },
    { "made 7-bit", NULL, BODY_8BITMIME, STR_INIT(MIME_8BIT "\r\n.cr\xc3\xaapes\r\n"),
      STR_INIT(MIME_8BIT "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                         "=2Ecr=C3=AApes\r\n") },
    { "7-bit after all", NULL, BODY_8BITMIME, STR_INIT("\r\nhi\r\n"), STR_INIT("\r\nhi\r\n") },
    { "binary", "250-8BITMIME\r\n", BODY_BINARYMIME,
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
               "Content-Transfer-Encoding: binary\r\n\r\n\x89PNG\r\n\x1a\n"),
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
               "Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n") },
    { "signed", NULL, BODY_8BITMIME,
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n"
               "\xc3\xa9\r\n--b--\r\n"),
      STR_INIT("") },
};

TEST(a_server_of_7_bits_gets_7_bits)
{
    for (size_t i = 0; i < ARRAY_LEN(narrow_rows); i++) {
        bool refused = narrow_rows[i].want.len == 0;
        struct other other = { .address = STR_INIT("192.0.2.3"),
                               .extensions = narrow_rows[i].extensions };
        struct world w;

        world_init(&w, &other, 1);
        struct entry *e = world_add(&w, "alice@crepes.fr", "bob@other.edu", narrow_rows[i].message);
        e->q.body = narrow_rows[i].body;
        (void)world_add(&w, "alice@crepes.fr", "bob@nowhere.edu", small);
        world_run(&w, 5000);
        CHECK_EQ(e->rcpts[0].r.state, refused ? RCPT_FAILED : RCPT_RELAYED, "%s",
                 narrow_rows[i].name);
        CHECK_STR(buf_str(&other.last_message), narrow_rows[i].want, "%s", narrow_rows[i].name);
        CHECK_EQ(e->lease, 0, "%s", narrow_rows[i].name);
        if (refused)
            CHECK(str_find(buf_str(&w.reports), STR("5.6.3")) != STR_NOT_FOUND, "%s",
                  narrow_rows[i].name);
        world_free(&w);
    }
}

TEST(a_large_message_is_made_7_bit_and_trouble_meanwhile_only_delays_it)
{
    for (uint64_t when = 0; when < 80; when += 2) {
        struct other other = { .address = STR_INIT("192.0.2.3") };
        struct world w;

        world_init(&w, &other, 1);
        struct str message = large(w.mem);
        ((char *)(uintptr_t)message.at)[100] = '\xe9';
        struct entry *e = world_add(&w, "alice@crepes.fr", "bob@other.edu", message);
        e->q.body = BODY_8BITMIME;
        world_run(&w, when);
        if (when % 4 == 0)
            world_restart_keeper(&w);
        else
            other_drop_guests(&other);
        world_run(&w, 200000);
        check_all(&w, RCPT_RELAYED, "trouble");
        CHECK_EQ(other.messages, 1, "trouble at %d", (int)when);
        CHECK(str_find(buf_str(&other.last_message), STR("=E9")) != STR_NOT_FOUND, "7-bit");
        world_free(&w);
    }
}

/* ---- stopping, reloading, the smarthost ---- */

static void stopped(void *ctx)
{
    ((struct world *)ctx)->stopped = true;
}

TEST(stopping_finishes_what_is_on_its_way_and_gives_back_the_rest)
{
    struct other other = { .address = STR_INIT("192.0.2.3") };
    struct world w;

    other.say[P_END] = SAY_HANG;
    world_init(&w, &other, 1);
    w.settings.road.connections_max = 1;
    add_many(&w, "bob@other.edu", 5);
    world_run(&w, 1000);
    agent_stop(w.agent, stopped, &w);
    world_run(&w, 500);
    CHECK_EQ(w.entries[4].lease, 0, "given back");
    CHECK_EQ(w.entries[4].rcpts[0].r.attempts, 0, "untried");
    CHECK(!w.stopped && w.entries[0].lease != 0, "one is on its way");
    world_run(&w, 10000);
    CHECK(w.stopped, "stopped");
    CHECK_EQ(w.entries[0].rcpts[0].r.attempts, 1, "tried");
    CHECK_EQ(w.entries[4].rcpts[0].r.attempts, 0, "not taken again");
    world_free(&w);
}

TEST(freeing_everything_in_the_middle_leaves_nothing)
{
    for (uint64_t when = 0; when < 120; when += 3) {
        struct other others[] = { { .address = STR_INIT("192.0.2.1") },
                                  { .address = STR_INIT("192.0.2.3") } };
        struct world w;

        world_init(&w, others, 2);
        add_many(&w, "bob@hamburger.edu", 3);
        (void)world_add(&w, "alice@crepes.fr", "alice@crepes.fr bob@other.edu dave@nowhere.edu",
                        large(w.mem));
        world_run(&w, when);
        if (when % 2 == 0)
            agent_stop(w.agent, stopped, &w);
        world_free(&w);
    }
}

TEST(settings_may_change_under_open_connections)
{
    struct other others[] = { { .address = STR_INIT("192.0.2.3") },
                              { .address = STR_INIT("192.0.2.9"), .port = 587 } };
    struct world w;
    char *name = strdup("mx.crepes.fr"), *relay = strdup("relay.crepes.fr");

    world_init(&w, others, 2);
    w.settings.road.host = str_from_z(name);
    w.settings.road.smarthost = str_from_z(relay);
    w.settings.road.smarthost_port = 587;
    w.settings.road.idle_ms = 60000;
    add_many(&w, "bob@other.edu", 2);
    world_run(&w, 12);
    struct agent_settings other_way = w.settings;
    other_way.road.host = STR("mx2.crepes.fr");
    other_way.road.smarthost = STR_EMPTY;
    agent_set(w.agent, &other_way);
    memset(name, '?', strlen(name));
    memset(relay, '?', strlen(relay));
    free(name);
    free(relay);
    add_many(&w, "carol@other.edu", 2);
    world_due(&w);
    world_run(&w, 10000);
    check_all(&w, RCPT_RELAYED, "reloaded");
    CHECK_EQ(others[1].messages, 2, "the first by the smarthost");
    CHECK_EQ(others[0].messages, 2, "the others direct");
    world_free(&w);
}

static const struct {
    const char *name;
    uint16_t port;
    bool at_once;
    const char *extensions, *user, *auth, *want; /* want: in the commands */
    enum keep_rcpt_state state;
} smart_rows[] = {
    { "no login", 587, false, "250-STARTTLS\r\n", "", NULL, "MAIL", RCPT_RELAYED },
    { "login", 587, false, "250-STARTTLS\r\n250-AUTH LOGIN PLAIN\r\n", "alice", NULL,
      "AUTH PLAIN AGFsaWNlAHNlY3JldA==", RCPT_RELAYED },
    { "never in the clear", 587, false, "250-AUTH PLAIN\r\n", "alice", NULL, "EHLO", RCPT_WAITING },
    { "wrong password", 587, false, "250-STARTTLS\r\n250-AUTH PLAIN\r\n", "alice", "535 5.7.8 no",
      "AUTH", RCPT_WAITING },
    { "no AUTH there", 587, false, "250-STARTTLS\r\n", "alice", NULL, "EHLO", RCPT_WAITING },
    { "TLS at once", 465, true, "250-AUTH PLAIN\r\n", "alice", NULL, "AUTH PLAIN", RCPT_RELAYED },
    { "TLS at once without login", 465, true, "", "", NULL, "MAIL", RCPT_RELAYED },
};

TEST(the_smarthost_gets_the_mail_and_the_password_over_tls_alone)
{
    for (size_t i = 0; i < ARRAY_LEN(smart_rows); i++) {
        struct other other = { .address = STR_INIT("192.0.2.9"),
                               .port = smart_rows[i].port,
                               .extensions = smart_rows[i].extensions,
                               .tls_at_once = smart_rows[i].at_once };
        struct world w;

        other.say[P_AUTH] = smart_rows[i].auth;
        world_init(&w, &other, 1);
        w.settings.road.smarthost = STR("relay.crepes.fr");
        w.settings.road.smarthost_port = smart_rows[i].port;
        w.settings.road.smarthost_user = str_from_z(smart_rows[i].user);
        w.settings.road.smarthost_password = STR("secret");
        add_many(&w, "bob@nowhere.edu", 1);
        world_run(&w, 10000);
        check_all(&w, smart_rows[i].state, smart_rows[i].name);
        CHECK(str_find(buf_str(&other.commands), str_from_z(smart_rows[i].want)) != STR_NOT_FOUND,
              "%s: %.*s", smart_rows[i].name, (int)other.commands.len, other.commands.at);
        CHECK_EQ(other.messages, other.secure_messages, "%s", smart_rows[i].name);
        world_free(&w);
    }
}

TEST(tls_is_required_where_the_settings_say_so)
{
    static const char *const offers[] = { "250-STARTTLS\r\n", NULL };

    for (size_t i = 0; i < ARRAY_LEN(offers); i++) {
        struct other other = { .address = STR_INIT("192.0.2.3"), .extensions = offers[i] };
        struct world w;

        world_init(&w, &other, 1);
        w.settings.road.tls_must = true;
        add_many(&w, "bob@other.edu", 1);
        world_run(&w, 10000);
        check_all(&w, i == 0 ? RCPT_RELAYED : RCPT_WAITING, "required");
        CHECK_EQ(other.secure_messages, i == 0, "offer %zu", i);
        world_free(&w);
    }
}
