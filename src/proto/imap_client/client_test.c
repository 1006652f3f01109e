/* proto/imap_client/client_test.c - whole conversations, in every split and cut. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap_client/client.h"
#include "testing.h"

static void ask(struct imap_client *c, char command)
{
    switch (command) {
    case 'l':
        imap_client_list(c);
        break;
    case 'e':
        imap_client_examine(c, STR("A \"b\""));
        break;
    case 'u':
        imap_client_fetch_uids(c);
        break;
    case 'f':
        imap_client_fetch(c, STR("7,9"));
        break;
    default:
        imap_client_logout(c);
    }
}

/* What is told to the owner, as text; the octets of a body between braces. */
static void add_event(struct buf *out, enum imap_client_event event,
                      const struct imap_client_out *o, bool *in_body)
{
    if (*in_body && event != IMAP_CLIENT_BODY) {
        BUF_ADD(out, "}\n");
        *in_body = false;
    }
    if (event == IMAP_CLIENT_SEND) {
        buf_printf(out, "C: %.*s", STR_ARG(o->text));
    } else if (event == IMAP_CLIENT_START_TLS) {
        BUF_ADD(out, "tls\n");
    } else if (event == IMAP_CLIENT_REFUSED) {
        buf_printf(out, "refused %.*s\n", STR_ARG(o->text));
    } else if (event == IMAP_CLIENT_CLOSE) {
        buf_printf(out, "close '%.*s'\n", STR_ARG(o->text));
    } else if (event == IMAP_CLIENT_MAILBOX) {
        buf_printf(out, "mailbox %.*s %c %d %.*s\n", STR_ARG(o->mailbox.name),
                   o->mailbox.delimiter == '\0' ? '-' : o->mailbox.delimiter, o->mailbox.selectable,
                   STR_ARG(o->mailbox.use));
    } else if (event == IMAP_CLIENT_BODY) {
        buf_add(out, *in_body ? STR("") : STR("{"));
        buf_add(out, o->text);
        *in_body = true;
    } else if (event == IMAP_CLIENT_MESSAGE) {
        buf_printf(out, "message %u %d '%.*s'", o->message.uid, o->message.has_body,
                   STR_ARG(o->message.date));
        for (size_t i = 0; i < o->message.flag_count; i++)
            buf_printf(out, " %.*s", STR_ARG(o->message.flags[i]));
        if (o->message.quoted.len > 0)
            buf_printf(out, " [%.*s]", STR_ARG(o->message.quoted));
        BUF_ADD(out, "\n");
    }
}

/* `commands`: what is asked for at each READY. */
static void talk(struct buf *out, const struct imap_client_options *options, struct str server,
                 size_t step, const char *commands)
{
    struct arena *mem = arena_new(0);
    struct imap_client *c = imap_client_new(mem, options);
    struct imap_client_out o;
    bool in_body = false, over = false;

    while (!over) {
        enum imap_client_event event = imap_client_next(c, &o);

        if (event == IMAP_CLIENT_WANT_BYTES) {
            over = server.len == 0;
            (void)imap_client_feed(c, str_take(server, step));
            server = str_skip(server, step);
            continue;
        }
        add_event(out, event, &o, &in_body);
        over = event == IMAP_CLIENT_CLOSE;
        if (event == IMAP_CLIENT_START_TLS)
            imap_client_tls_started(c);
        if (event != IMAP_CLIENT_READY && event != IMAP_CLIENT_REFUSED)
            continue;
        over = *commands == '\0';
        if (!over)
            ask(c, *commands++);
    }
    imap_client_deinit(c);
    arena_free(mem);
}

static const struct imap_client_options plain = { .plain_is_fine = true,
                                                  .user = STR_INIT("al\"ice"),
                                                  .password = STR_INIT("hungry\\") };
static const struct imap_client_options starttls = { .starttls = true,
                                                     .user = STR_INIT("alice*master"),
                                                     .password = STR_INIT("hungry") };

static const struct {
    const char *name;
    const struct imap_client_options *options;
    const char *commands;
    struct str server, want;
} rows[] = {
    { "the whole way", &plain, "leufq",
      STR_INIT("* OK [CAPABILITY IMAP4rev1] hello\r\n"
               "* CAPABILITY IMAP4rev1\r\np1 OK done\r\np2 OK in\r\n"
               "* LIST (\\HasNoChildren \\Sent) \"/\" \"Sent \\\"x\\\"\"\r\n"
               "* LIST (\\Noselect) NIL Top\r\n"
               "* list () \".\" {5}\r\na\r\nbc\r\np3 OK done\r\n"
               "* FLAGS (\\Seen)\r\n* 2 EXISTS\r\n* OK [UIDVALIDITY 42] yes\r\n"
               "* OK [UIDNEXT 10] next\r\np4 OK [READ-ONLY] done\r\n"
               "* 1 FETCH (UID 7)\r\n* 2 FETCH (UID 9)\r\np5 OK done\r\n"
               "* 1 FETCH (UID 7 FLAGS (\\Seen work) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" "
               "BODY[] {10}\r\nab\r\n* {3}\r)\r\n"
               "* 1 FETCH (FLAGS (\\Seen))\r\n"
               "* 2 FETCH (BODY[] {0}\r\n UID 9 FLAGS ())\r\n"
               "* 3 FETCH (BODY[] \"a\\\"b\" UID 11)\r\n* 4 FETCH (BODY[] NIL UID 12)\r\n"
               "p6 OK done\r\n"
               "* BYE gone\r\np7 OK bye\r\n"),
      STR_INIT(
          "C: p1 CAPABILITY\r\nC: p2 LOGIN \"al\\\"ice\" \"hungry\\\\\"\r\n"
          "C: p3 LIST \"\" \"*\"\r\n"
          "mailbox Sent \"x\" / 1 \\Sent\nmailbox Top - 0 \nmailbox a\r\nbc . 1 \n"
          "C: p4 EXAMINE \"A \\\"b\\\"\"\r\n"
          "C: p5 UID FETCH 1:* (UID)\r\nmessage 7 0 ''\nmessage 9 0 ''\n"
          "C: p6 UID FETCH 7,9 (UID FLAGS INTERNALDATE BODY.PEEK[])\r\n"
          "{ab\r\n* {3}\r}\nmessage 7 1 '17-Jul-1996 02:44:25 -0700' \\Seen work\n"
          "message 9 1 ''\nmessage 11 1 '' [a\"b]\nmessage 12 0 ''\nC: p7 LOGOUT\r\nclose ''\n") },
    { "TLS first, then PLAIN", &starttls, "e",
      STR_INIT("* OK hello\r\n* CAPABILITY IMAP4rev1 STARTTLS LOGINDISABLED\r\np1 OK x\r\n"
               "p2 OK go\r\n"),
      STR_INIT("C: p1 CAPABILITY\r\nC: p2 STARTTLS\r\ntls\nC: p3 CAPABILITY\r\n") },
    { "no STARTTLS", &starttls, "", STR_INIT("* OK hello\r\n* CAPABILITY IMAP4rev1\r\np1 OK x\r\n"),
      STR_INIT("C: p1 CAPABILITY\r\nclose 'the server offers no STARTTLS'\n") },
    { "wrong password", &plain, "",
      STR_INIT("* OK hello\r\n* CAPABILITY AUTH=PLAIN\r\np1 OK x\r\n+ \r\np2 NO wrong\r\n"),
      STR_INIT("C: p1 CAPABILITY\r\nC: p2 AUTHENTICATE PLAIN\r\n"
               "C: AGFsImljZQBodW5ncnlc\r\nclose 'wrong'\n") },
    { "a refusal leaves it ready", &plain, "el",
      STR_INIT("* PREAUTH in\r\np1 NO [NONEXISTENT] no such\r\np2 OK none\r\n"),
      STR_INIT("C: p1 EXAMINE \"A \\\"b\\\"\"\r\nrefused [NONEXISTENT] no such\n"
               "C: p2 LIST \"\" \"*\"\r\n") },
    { "the server says goodbye", &plain, "l", STR_INIT("* PREAUTH in\r\n* BYE too late\r\n"),
      STR_INIT("C: p1 LIST \"\" \"*\"\r\nclose 'too late'\n") },
    { "another protocol", &plain, "", STR_INIT("220 mx.crepes.fr ESMTP\r\n"),
      STR_INIT("close 'the server does not speak IMAP'\n") },
};

TEST(conversations_are_the_same_in_every_split)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t step = 1; step <= rows[i].server.len; step++) {
            struct buf out = { 0 };

            talk(&out, rows[i].options, rows[i].server, step, rows[i].commands);
            CHECK_STR(buf_str(&out), rows[i].want, "%s, step %zu", rows[i].name, step);
            buf_deinit(&out);
        }
}

TEST(what_is_cut_off_does_no_harm)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut < rows[i].server.len; cut++) {
            struct buf out = { 0 };

            talk(&out, rows[i].options, str_take(rows[i].server, cut), 100, rows[i].commands);
            CHECK(rows[i].want.len >= out.len || out.len > 0, "%s, %zu", rows[i].name, cut);
            buf_deinit(&out);
        }
}

TEST(a_password_does_not_leave_without_tls)
{
    static const struct imap_client_options careful = { .user = STR_INIT("alice"),
                                                        .password = STR_INIT("hungry") };
    struct buf out = { 0 };

    talk(&out, &careful, STR("* OK hello\r\n* CAPABILITY AUTH=PLAIN\r\np1 OK x\r\n"), 100, "");
    CHECK_STR(buf_str(&out),
              STR("C: p1 CAPABILITY\r\nclose 'the password would go out without TLS'\n"), "plain");
    buf_deinit(&out);
}

TEST(a_response_without_end_is_not_collected)
{
    struct buf out = { 0 }, server = { 0 };

    BUF_ADD(&server, "* PREAUTH in\r\n* LIST (");
    for (size_t i = 0; i < 2 * IMAP_CLIENT_RESPONSE_BYTES_MAX; i++)
        buf_add_char(&server, 'x');
    talk(&out, &plain, buf_str(&server), 4096, "l");
    CHECK(str_ends(buf_str(&out), STR("close 'a response of the server is too long'\n")), "%.*s",
          STR_ARG(str_take(buf_str(&out), 200)));
    buf_deinit(&out);
    buf_clear(&server);
    BUF_ADD(&server, "* PREAUTH in\r\n* LIST () \"/\" {4000000000}\r\n");
    for (size_t i = 0; i < 2 * IMAP_CLIENT_RESPONSE_BYTES_MAX; i++)
        buf_add_char(&server, 'x');
    talk(&out, &plain, buf_str(&server), 4096, "l");
    CHECK(str_ends(buf_str(&out), STR("close 'a response of the server is too long'\n")), "%.*s",
          STR_ARG(str_take(buf_str(&out), 200)));
    buf_deinit(&out);
    buf_deinit(&server);
}
