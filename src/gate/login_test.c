/* gate/login_test.c - log-ins of several messages, by way of POP3. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/login.h"

#include "gate/pop3_session.h"
#include "gate/session_bench.h"
#include "testing.h"

struct world {
    struct session_bench b;
    struct pop3_service service;
};

static void on_accept(struct session_bench *b, struct stream *s)
{
    pop3_service_accept(&CONTAINER_OF(b, struct world, b)->service, s, false);
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
                                      .offers = SASL_OFFER_PASSWORDS | SASL_OFFER_SCRAM |
                                                SASL_OFFER_PLUS | SASL_OFFER_TOKENS };

    *w = (struct world){ 0 };
    session_bench_open(&w->b, on_accept, side);
    w->b.lost = on_lost;
    pop3_service_init(&w->service, w->b.bench.b, w->b.keeper, w->b.tls, &settings);
    session_bench_connect(&w->b);
}

static void world_close(struct world *w)
{
    pop3_service_deinit(&w->service);
    session_bench_close(&w->b);
}

/* The words of the canned keeper: hello, who, bob, welcome. */
#define HELLO "aGVsbG8="
#define WHO "d2hv"
#define BOB "Ym9i"
#define WELCOME "d2VsY29tZQ=="

TEST_ON_BOTH_SIDES(words_go_to_and_fro_until_the_last_is_acknowledged)
{
    struct world w;

    world_open(&w, side);
    session_bench_talk(&w.b, STR("S: +OK\nC: AUTH SCRAM-SHA-256\nS: +\nC: " HELLO "\nS: + " WHO
                                 "\nC: " BOB "\nS: + " WELCOME "\n"));
    CHECK_EQ(w.b.fake.asked[CALL_select], 0, "not in before that");
    session_bench_talk(&w.b, STR("C: \nS: +OK Welcome\nC: STAT\nS: +OK 0 0\nC: QUIT\n"
                                 "S: +OK Goodbye\nclosed\n"));
    bench_pass(&w.b.bench, 50);
    CHECK_EQ(w.b.fake.asked[CALL_logout], 1, "logged out once");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(all_of_it_may_be_pipelined)
{
    struct world w;

    world_open(&w, side);
    session_bench_talk(&w.b,
                       STR("C: AUTH SCRAM-SHA-1 " HELLO "\nC: " BOB "\nC: \nC: STAT\n"
                           "S: +OK\nS: + " WHO "\nS: + " WELCOME "\nS: +OK Welcome\nS: +OK 0 0\n"));
    world_close(&w);
}

TEST_ON_BOTH_SIDES(who_does_not_acknowledge_is_not_in)
{
    struct world w;

    world_open(&w, side);
    session_bench_talk(&w.b, STR("S: +OK\nC: AUTH SCRAM-SHA-1 " HELLO "\nS: + " WHO "\nC: " BOB
                                 "\nS: + " WELCOME "\nC: *\nS: -ERR Cancelled\nC: STAT\n"
                                 "S: -ERR Log in first\n"
                                 "C: AUTH PLAIN AGJvYgBodW5ncnk=\nS: +OK Welcome\n"));
    CHECK_EQ(w.b.fake.asked[CALL_logout], 1, "the session that was not taken was given back");
    world_close(&w);
}

TEST_ON_BOTH_SIDES(an_exchange_that_fails_is_refused)
{
    struct world w;

    world_open(&w, side);
    session_bench_talk(
        &w.b, STR("S: +OK\nC: AUTH SCRAM-SHA-1 d2hhdD8=\nS: -ERR That makes\n"
                  "C: AUTH SCRAM-SHA-1 " HELLO "\nS: + " WHO "\nC: Y2Fyb2w=\nS: -ERR [AUTH]\n"
                  "C: AUTH SCRAM-SHA-1 " HELLO "\nS: + " WHO "\nC: *\nS: -ERR Cancelled\n"
                  "C: AUTH SCRAM-SHA-256-PLUS " HELLO "\nS: -ERR That way\n"
                  "C: NOOP\nS: -ERR Log in first\n"));
    world_close(&w);
}

TEST_ON_BOTH_SIDES(under_tls_a_log_in_can_be_bound)
{
    struct world w;

    world_open(&w, side);
    session_bench_talk(&w.b,
                       STR("S: +OK\nC: STLS\nS: +OK\ntls\nC: AUTH SCRAM-SHA-256-PLUS " HELLO
                           "\nS: + " WHO "\nC: " BOB "\nS: + " WELCOME "\nC: \nS: +OK Welcome\n"));
    world_close(&w);
}

/* {"status":"invalid_token","scope":"mail"}; the peer says ^A to it. */
TEST_ON_BOTH_SIDES(a_token_that_is_refused_is_told_why_first)
{
    struct world w;

    world_open(&w, side);
    session_bench_talk(
        &w.b, STR("S: +OK\nC: AUTH OAUTHBEARER bixhPWJvYiwBYXV0aD1CZWFyZXIgeAEB\n"
                  "S: + eyJzdGF0dXMiOiJpbnZhbGlkX3Rva2VuIiwic2NvcGUiOiJtYWlsIn0=\nC: AQ==\n"
                  "S: -ERR [AUTH]\n"
                  "C: AUTH XOAUTH2 dXNlcj1ib2IBYXV0aD1CZWFyZXIgdG9rZW4BAQ==\nS: +OK Welcome\n"));
    world_close(&w);
}

TEST_ON_BOTH_SIDES(a_keeper_that_is_lost_in_the_middle_lets_nobody_in)
{
    struct world w;

    world_open(&w, side);
    session_bench_talk(&w.b, STR("S: +OK\nC: AUTH SCRAM-SHA-1 " HELLO "\nS: + " WHO "\n"));
    w.b.fake.error_of[CALL_sasl] = ERR_UNAVAILABLE;
    session_bench_talk(&w.b, STR("C: " BOB "\nS: -ERR [SYS/TEMP]\nC: STAT\nS: -ERR Log in\n"));
    world_close(&w);
}
