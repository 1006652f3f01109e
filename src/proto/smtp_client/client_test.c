/* proto/smtp_client/client_test.c - scripts of what the other server says, and what follows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp_client/client.h"
#include "testing.h"

static const struct smtp_client_rcpt two[] = {
    { .address = STR_INIT("bob@hamburger.edu"), .notify = 6 },
    { .address = STR_INIT("carol@hamburger.edu"), .orcpt = STR_INIT("rfc822;c@x") },
};

/* Runs a session against replies that are ready in the stream. `log` gets everything that was said
 * and decided: "> " octets sent, "= " results. */
static void run(const char *replies, const struct smtp_client_message *m, size_t step,
                const struct smtp_client_options *options, struct buf *log)
{
    struct arena *mem = arena_new(0);
    struct smtp_client *c = smtp_client_new(mem, options, 0);
    struct str rest = str_from_z(replies), text;
    struct smtp_client_result r;
    bool sent = false;

    for (int turns = 0; turns < 10000; turns++) {
        switch (smtp_client_next(c, &text, &r)) {
        case SMTP_CLIENT_SEND:
            buf_printf(log, "> %.*s", STR_ARG(text));
            continue;
        case SMTP_CLIENT_START_TLS:
            BUF_ADD(log, "TLS\n");
            smtp_client_tls(c, true, STR_EMPTY);
            continue;
        case SMTP_CLIENT_READY:
            if (sent || m == NULL)
                smtp_client_quit(c);
            else
                smtp_client_send(c, m);
            sent = true;
            continue;
        case SMTP_CLIENT_WANT_BODY:
            smtp_client_body(c, STR("Hi\r\n.dot\r\n"), true);
            continue;
        case SMTP_CLIENT_RESULT:
            buf_printf(log, "= %u %c %d %.*s %.*s\n", r.index, "DTF"[r.verdict], r.code,
                       STR_ARG(r.status), STR_ARG(r.text));
            continue;
        case SMTP_CLIENT_CLOSE:
            buf_printf(log, "close %c %d\n", "DTF"[r.verdict], r.code);
            goto out;
        case SMTP_CLIENT_WANT_BYTES:
            break;
        }
        if (rest.len == 0) {
            smtp_client_lost(c, STR("gone"));
            continue;
        }
        /* A server does not answer what it has not heard: never past the end of a line. */
        size_t line = str_find_char(rest, '\n');
        rest = str_skip(rest,
                        smtp_client_feed(
                            c, str_take(rest, line == STR_NOT_FOUND ? step : MIN(step, line + 1))));
    }
    CHECK(false, "session does not end: %s", replies);
out:
    smtp_client_deinit(c);
    arena_free(mem);
}

static const struct smtp_client_message plain = {
    .reverse_path = STR_INIT("alice@crepes.fr"), .size = 10, .rcpts = two, .rcpt_count = 2
};
static const struct smtp_client_message eight = { .reverse_path = STR_INIT("alice@crepes.fr"),
                                                  .body = SMTP_CLIENT_8BIT,
                                                  .size = 10,
                                                  .ret = 2,
                                                  .envid = STR_INIT("e+2B1"),
                                                  .rcpts = two,
                                                  .rcpt_count = 2 };
static const struct smtp_client_message utf8 = {
    .smtputf8 = true, .size = 10, .rcpts = two, .rcpt_count = 1
};
static const struct smtp_client_message binary = {
    .body = SMTP_CLIENT_BINARY, .size = 10, .rcpts = two, .rcpt_count = 1
};

#define PLAIN_EHLO "220 hi\r\n250 hamburger.edu\r\n"
#define RICH_EHLO                                                                                  \
    "220 hi\r\n250-hamburger.edu\r\n250-PIPELINING\r\n250-SIZE 100\r\n250-DSN\r\n"                 \
    "250-CHUNKING\r\n250-BINARYMIME\r\n250 8BITMIME\r\n"
#define ENVELOPE_PLAIN                                                                             \
    "> EHLO crepes.fr\r\n> MAIL FROM:<alice@crepes.fr>\r\n> RCPT TO:<bob@hamburger.edu>\r\n"       \
    "> RCPT TO:<carol@hamburger.edu>\r\n"

static const struct {
    const char *name, *replies;
    const struct smtp_client_message *m;
    const char *want;
} rows[] = {
    { "all well, one command at a time",
      PLAIN_EHLO "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 2.6.0 kept\r\n221 bye\r\n", &plain,
      ENVELOPE_PLAIN "> DATA\r\n> Hi\r\n..dot\r\n.\r\n= 0 D 250 2.6.0 kept\n= 1 D 250 2.6.0 kept\n"
                     "> QUIT\r\nclose D 0\n" },
    { "pipelined, with DSN and SIZE",
      RICH_EHLO "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n221 bye\r\n", &eight,
      "> EHLO crepes.fr\r\n> MAIL FROM:<alice@crepes.fr> SIZE=10 BODY=8BITMIME RET=HDRS "
      "ENVID=e+2B1\r\nRCPT TO:<bob@hamburger.edu> NOTIFY=SUCCESS,FAILURE\r\n"
      "RCPT TO:<carol@hamburger.edu> ORCPT=rfc822;c@x\r\nDATA\r\n"
      "> Hi\r\n..dot\r\n.\r\n= 0 D 250 2.0.0 ok\n= 1 D 250 2.0.0 ok\n> QUIT\r\nclose D 0\n" },
    { "HELO after a refused EHLO",
      "220 hi\r\n502 what?\r\n250 ok\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n250 ok\r\n221 "
      ".\r\n",
      &plain,
      "> EHLO crepes.fr\r\n> HELO crepes.fr\r\n> MAIL FROM:<alice@crepes.fr>\r\n"
      "> RCPT TO:<bob@hamburger.edu>\r\n> RCPT TO:<carol@hamburger.edu>\r\n> DATA\r\n"
      "> Hi\r\n..dot\r\n.\r\n= 0 D 250 2.0.0 ok\n= 1 D 250 2.0.0 ok\n> QUIT\r\nclose D 0\n" },
    { "one recipient refused for good, one for now",
      PLAIN_EHLO
      "250 ok\r\n550-5.1.1 no\r\n550 5.1.1 such user\r\n451 later\r\n250 reset\r\n221 .\r\n",
      &plain,
      ENVELOPE_PLAIN "= 0 F 550 5.1.1 no such user\n> RSET\r\n= 1 T 451 4.0.0 later\n"
                     "> QUIT\r\nclose D 0\n" },
    { "everyone refused, yet 354, pipelined",
      RICH_EHLO "250 ok\r\n550 no\r\n550 no\r\n354 go\r\n554 nobody\r\n250 ok\r\n221 .\r\n", &plain,
      "> EHLO crepes.fr\r\n> MAIL FROM:<alice@crepes.fr> SIZE=10\r\n"
      "RCPT TO:<bob@hamburger.edu> NOTIFY=SUCCESS,FAILURE\r\n"
      "RCPT TO:<carol@hamburger.edu> ORCPT=rfc822;c@x\r\nDATA\r\n"
      "= 0 F 550 5.0.0 no\n= 1 F 550 5.0.0 no\n> .\r\n> RSET\r\n> QUIT\r\nclose D 0\n" },
    { "sender refused", PLAIN_EHLO "553 5.1.8 who\r\n250 ok\r\n221 .\r\n", &plain,
      "> EHLO crepes.fr\r\n> MAIL FROM:<alice@crepes.fr>\r\n> RSET\r\n= 0 F 553 5.1.8 who\n"
      "= 1 F 553 5.1.8 who\n> QUIT\r\nclose D 0\n" },
    { "552 to one recipient too many is temporary",
      PLAIN_EHLO "250 ok\r\n250 ok\r\n552 too many\r\n354 go\r\n250 ok\r\n221 .\r\n", &plain,
      ENVELOPE_PLAIN
      "> DATA\r\n= 1 T 552 4.5.3 too many\n> Hi\r\n..dot\r\n.\r\n= 0 D 250 2.0.0 ok\n"
      "> QUIT\r\nclose D 0\n" },
    { "DATA refused", PLAIN_EHLO "250 ok\r\n250 ok\r\n250 ok\r\n451 busy\r\n250 ok\r\n221 .\r\n",
      &plain,
      ENVELOPE_PLAIN "> DATA\r\n> RSET\r\n= 0 T 451 4.0.0 busy\n= 1 T 451 4.0.0 busy\n"
                     "> QUIT\r\nclose D 0\n" },
    { "message refused",
      PLAIN_EHLO "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n554 5.7.1 spam\r\n221 .\r\n", &plain,
      ENVELOPE_PLAIN "> DATA\r\n> Hi\r\n..dot\r\n.\r\n= 0 F 554 5.7.1 spam\n= 1 F 554 5.7.1 spam\n"
                     "> QUIT\r\nclose D 0\n" },
    { "gone after the dot", PLAIN_EHLO "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n", &plain,
      ENVELOPE_PLAIN "> DATA\r\n> Hi\r\n..dot\r\n.\r\n= 0 T 0 4.4.2 gone\n= 1 T 0 4.4.2 gone\n"
                     "close T 0\n" },
    { "421 in the envelope", PLAIN_EHLO "250 ok\r\n550 no\r\n421 4.3.2 leaving\r\n", &plain,
      ENVELOPE_PLAIN "= 0 F 550 5.0.0 no\n= 1 T 421 4.3.2 leaving\nclose T 421\n" },
    { "greeted with 554", "554 5.7.1 go away\r\n", &plain, "close F 554\n" },
    { "nonsense for a greeting", "SSH-2.0-x\r\n", &plain, "close T 0\n" },
    { "codes that change inside a reply", "220-a\r\n250 b\r\n", &plain, "close T 0\n" },
    { "3xx to the message", PLAIN_EHLO "250 ok\r\n250 ok\r\n250 ok\r\n354 go\r\n354 more?\r\n",
      &plain,
      ENVELOPE_PLAIN "> DATA\r\n> Hi\r\n..dot\r\n.\r\n"
                     "= 0 T 0 4.5.0 the other server answered the message with nonsense\n"
                     "= 1 T 0 4.5.0 the other server answered the message with nonsense\n"
                     "close T 0\n" },
    { "no SMTPUTF8 there", PLAIN_EHLO "221 .\r\n", &utf8,
      "> EHLO crepes.fr\r\n= 0 F 0 5.6.7 the other server does not take internationalised "
      "addresses "
      "(SMTPUTF8)\n> QUIT\r\nclose D 0\n" },
    { "no 8BITMIME there", PLAIN_EHLO "221 .\r\n", &eight,
      "> EHLO crepes.fr\r\n= 0 F 0 5.6.3 the other server does not take 8-bit messages (8BITMIME)\n"
      "= 1 F 0 5.6.3 the other server does not take 8-bit messages (8BITMIME)\n"
      "> QUIT\r\nclose D 0\n" },
    { "binary goes by BDAT", RICH_EHLO "250 ok\r\n250 ok\r\n250 kept\r\n221 .\r\n", &binary,
      "> EHLO crepes.fr\r\n> MAIL FROM:<> SIZE=10 BODY=BINARYMIME\r\n"
      "RCPT TO:<bob@hamburger.edu> NOTIFY=SUCCESS,FAILURE\r\n> BDAT 10 LAST\r\nHi\r\n.dot\r\n"
      "= 0 D 250 2.0.0 kept\n> QUIT\r\nclose D 0\n" },
    { "TLS, then EHLO again",
      "220 hi\r\n250-x\r\n250 STARTTLS\r\n220 go\r\n250 x\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 "
      ".\r\n"
      "250 ok\r\n221 .\r\n",
      &plain,
      "> EHLO crepes.fr\r\n> STARTTLS\r\nTLS\n" ENVELOPE_PLAIN
      "> DATA\r\n> Hi\r\n..dot\r\n.\r\n= 0 D 250 2.0.0 ok\n= 1 D 250 2.0.0 ok\n> QUIT\r\nclose D "
      "0\n" },
    { "TLS refused, plain goes on",
      "220 hi\r\n250-x\r\n250 STARTTLS\r\n454 no\r\n250 ok\r\n250 ok\r\n250 ok\r\n354 .\r\n250 "
      "ok\r\n"
      "221 .\r\n",
      &plain,
      "> EHLO crepes.fr\r\n> STARTTLS\r\n> MAIL FROM:<alice@crepes.fr>\r\n"
      "> RCPT TO:<bob@hamburger.edu>\r\n> RCPT TO:<carol@hamburger.edu>\r\n> DATA\r\n"
      "> Hi\r\n..dot\r\n.\r\n= 0 D 250 2.0.0 ok\n= 1 D 250 2.0.0 ok\n> QUIT\r\nclose D 0\n" },
};

TEST(sessions_end_as_the_rfcs_say_however_replies_are_split)
{
    struct smtp_client_options options = smtp_client_defaults(STR("crepes.fr"));

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        for (size_t step = 1; step < 200; step = step < 8 ? step + 1 : step * 5) {
            struct buf log = { 0 };
            run(rows[i].replies, rows[i].m, step, &options, &log);
            CHECK_STR(buf_str(&log), str_from_z(rows[i].want), "%s, step %zu", rows[i].name, step);
            buf_deinit(&log);
        }
    }
}

TEST(a_session_cut_anywhere_decides_every_recipient_once)
{
    struct smtp_client_options options = smtp_client_defaults(STR("crepes.fr"));

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut < strlen(rows[i].replies); cut++) {
            char part[1024];
            struct buf log = { 0 };
            size_t results = 0;

            memcpy(part, rows[i].replies, cut);
            part[cut] = '\0';
            run(part, rows[i].m, 1, &options, &log);
            for (struct str rest = buf_str(&log); rest.len > 0;)
                results += str_starts(str_split(&rest, '\n'), STR("= "));
            bool given = str_find(buf_str(&log), STR("MAIL")) != STR_NOT_FOUND;
            CHECK(results == rows[i].m->rcpt_count || (results == 0 && !given), "%s, cut at %zu",
                  rows[i].name, cut);
            if (cut + 30 < strlen(rows[i].replies))
                CHECK(str_find(buf_str(&log), STR(" D 250 ")) == STR_NOT_FOUND,
                      "%s delivered when cut at %zu", rows[i].name, cut);
            buf_deinit(&log);
        }
}

TEST(tls_that_must_be_is_never_skipped)
{
    struct smtp_client_options options = smtp_client_defaults(STR("crepes.fr"));
    struct buf log = { 0 };

    options.tls = SMTP_CLIENT_TLS_MUST;
    run(PLAIN_EHLO, &plain, 99, &options, &log);
    CHECK_STR(buf_str(&log), STR("> EHLO crepes.fr\r\nclose T 0\n"), "not offered");
    buf_clear(&log);
    run("220 a\r\n250-x\r\n250 STARTTLS\r\n454 no\r\n", &plain, 99, &options, &log);
    CHECK_STR(buf_str(&log), STR("> EHLO crepes.fr\r\n> STARTTLS\r\nclose T 454\n"), "refused");
    buf_deinit(&log);
}

TEST(log_in_happens_under_tls_only)
{
    struct smtp_client_options options = smtp_client_defaults(STR("crepes.fr"));
    struct buf log = { 0 };

    options.user = STR("alice");
    options.password = STR("hungry");
    run("220 a\r\n250-x\r\n250 AUTH LOGIN PLAIN\r\n", NULL, 99, &options, &log);
    CHECK_STR(buf_str(&log), STR("> EHLO crepes.fr\r\nclose T 0\n"), "not in the clear");
    buf_clear(&log);
    options.secure = true;
    run("220 a\r\n250-x\r\n250 AUTH LOGIN PLAIN\r\n235 ok\r\n221 .\r\n", NULL, 99, &options, &log);
    CHECK_STR(buf_str(&log),
              STR("> EHLO crepes.fr\r\n> AUTH PLAIN AGFsaWNlAGh1bmdyeQ==\r\n> QUIT\r\nclose D 0\n"),
              "RFC 4616");
    buf_deinit(&log);
}

TEST(a_silent_server_is_given_up_after_the_time_of_its_phase)
{
    struct smtp_client_options options = smtp_client_defaults(STR("crepes.fr"));
    struct arena *mem = arena_new(0);
    struct smtp_client *c = smtp_client_new(mem, &options, 1000);
    struct smtp_client_result r;
    struct str text;

    CHECK_EQ(smtp_client_deadline_ms(c), 301000, "greeting: five minutes");
    smtp_client_tick(c, 300999);
    CHECK_EQ(smtp_client_next(c, &text, &r), SMTP_CLIENT_WANT_BYTES, "not yet");
    smtp_client_tick(c, 301000);
    CHECK_EQ(smtp_client_next(c, &text, &r), SMTP_CLIENT_CLOSE, "now");
    CHECK_STR(r.status, STR("4.4.1"), "no answer from host");
    smtp_client_deinit(c);
    arena_free(mem);
}

TEST(endless_replies_end_the_session)
{
    struct smtp_client_options options = smtp_client_defaults(STR("crepes.fr"));
    struct buf flood = { 0 }, log = { 0 };

    for (int i = 0; i < 200; i++)
        BUF_ADD(&flood, "220-still here\r\n");
    buf_add_char(&flood, '\0');
    run(flood.at, &plain, 999, &options, &log);
    CHECK_STR(buf_str(&log), STR("close T 0\n"), "lines");
    buf_clear(&flood);
    buf_clear(&log);
    for (int i = 0; i < 200000; i++)
        buf_add_char(&flood, '2');
    buf_add_char(&flood, '\0');
    run(flood.at, &plain, 9999, &options, &log);
    CHECK_STR(buf_str(&log), STR("close T 0\n"), "octets");
    buf_deinit(&flood);
    buf_deinit(&log);
}
