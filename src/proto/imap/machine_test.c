/* proto/imap/machine_test.c - sessions as octets in, events out, in pieces of every size. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/machine.h"

#include "proto/imap/describe.h"
#include "testing.h"

static struct imap_limits small_limits(void)
{
    struct imap_limits limits = imap_limits_default;

    limits.command_bytes_before_max = 200;
    limits.command_bytes_max = 400;
    limits.literal_bytes_max = 100;
    limits.auth_line_bytes_max = 50;
    limits.append_bytes_max = 1000;
    limits.append_messages_max = 2;
    limits.append_parts_max = 3;
    limits.skip_bytes_max = 2000;
    limits.errors_max = 3;
    return limits;
}

/* Events as lines: ">" what is sent, "cmd" a command, "begin", "body", "end", ... The session says
 * yes to everything; messages to the mailbox "no" are refused. */
struct log {
    struct buf text;
    bool in_body;
};

static void note(struct log *l, const char *what, struct str text)
{
    if (l->in_body)
        BUF_ADD(&l->text, "\n");
    l->in_body = false;
    buf_add(&l->text, str_from_z(what));
    buf_add(&l->text, text);
    if (!str_ends(text, STR("\n")))
        BUF_ADD(&l->text, "\n");
}

static void on_command(struct imap *m, struct log *l, const struct imap_command *c)
{
    struct buf line = { 0 };

    imap_describe(&line, c);
    note(l, "cmd ", buf_str(&line));
    buf_deinit(&line);
    if (c->verb == IMAP_CMD_LOGIN)
        imap_set_facts(m, IMAP_AUTHED | IMAP_SELECTED, 0);
    if (c->verb == IMAP_CMD_IDLE)
        imap_idle(m);
    else if (c->verb == IMAP_CMD_AUTHENTICATE)
        imap_challenge(m, STR("Zm9v"));
    else
        imap_done(m);
}

static void on_append(struct imap *m, struct log *l, const struct imap_command *c)
{
    struct buf line = { 0 };

    imap_describe(&line, c);
    note(l, "begin ", buf_str(&line));
    buf_deinit(&line);
    if (str_eq(c->append.mailbox, STR("no")) || str_eq(c->append.url, STR("no")))
        imap_append_refuse(m);
    else
        imap_append_take(m);
}

/* False when the connection is to be closed. */
static bool pump(struct imap *m, struct log *l)
{
    struct imap_out out;

    for (;;)
        switch (imap_next(m, &out)) {
        case IMAP_WANT_BYTES:
            return true;
        case IMAP_WAIT:
            CHECK(false, "nobody is waited for here");
            return false;
        case IMAP_SEND:
            note(l, ">", out.text);
            break;
        case IMAP_COMMAND:
            on_command(m, l, out.command);
            break;
        case IMAP_APPEND_BEGIN:
            on_append(m, l, out.command);
            break;
        case IMAP_BODY:
            if (!l->in_body)
                BUF_ADD(&l->text, "body ");
            buf_add(&l->text, out.text);
            l->in_body = true;
            break;
        case IMAP_APPEND_END:
            note(l, out.accepted ? "end" : "end, bad", STR_EMPTY);
            break;
        case IMAP_AUTH_LINE:
            note(l, out.accepted ? "auth " : "auth bad ", out.accepted ? out.text : STR_EMPTY);
            imap_done(m);
            break;
        case IMAP_IDLE_DONE:
            CHECK(out.command->verb == IMAP_CMD_IDLE, "the command comes again");
            note(l, out.accepted ? "idle done " : "idle bad ", out.command->tag);
            imap_done(m);
            break;
        case IMAP_CLOSE:
            note(l, "close", STR_EMPTY);
            return false;
        }
}

static void run(struct log *l, struct str in, size_t piece, uint32_t facts)
{
    struct imap_limits limits = small_limits();
    struct imap *m = imap_new(&limits, facts);

    while (in.len > 0) {
        struct str part = str_take(in, piece);
        char *exact = malloc(part.len);

        CHECK(exact != NULL, "memory");
        memcpy(exact, part.at, part.len);
        size_t used = imap_feed(m, str_from(exact, part.len));
        free(exact);
        in = str_skip(in, used);
        if (!pump(m, l))
            break;
    }
    imap_free(m);
}

#define X100                                                                                       \
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
    "xxxxxxxx"

enum { IN = IMAP_AUTHED | IMAP_SELECTED };

static const struct {
    const char *name;
    struct str in, want;
    uint32_t facts;
} rows[] = {
    { "pipelined commands", STR_INIT("a NOOP\r\nb CAPABILITY\r\n"),
      STR_INIT("cmd a NOOP\ncmd b CAPABILITY\n"), 0 },
    { "literals of a log-in", STR_INIT("a LOGIN {5}\r\nalice {6}\r\nhungry\r\nb CHECK\r\n"),
      STR_INIT(">+ Ready for the literal\r\n>+ Ready for the literal\r\n"
               "cmd a LOGIN <alice><hungry>\ncmd b CHECK\n"),
      IMAP_LOGIN_OK },
    { "literals unasked", STR_INIT("a LOGIN {5+}\r\nalice {6+}\r\nhungry\r\n"),
      STR_INIT("cmd a LOGIN <alice><hungry>\n"), IMAP_LOGIN_OK },
    { "empty literal", STR_INIT("a LOGIN {0+}\r\n {0}\r\n\r\n"),
      STR_INIT(">+ Ready for the literal\r\ncmd a LOGIN <><>\n"), IMAP_LOGIN_OK },
    { "append", STR_INIT("a APPEND x (\\Seen) {5}\r\nHello\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <x> #0 5 bytes flags=1()\n>+ Ready for the message\r\nbody Hello\n"
               "end\ncmd a APPEND <x> #0 5 bytes flags=1()\ncmd b NOOP\n"),
      IN },
    { "append with a date",
      STR_INIT("a APPEND {1+}\r\nx \" 7-Feb-1994 21:52:25 -0800\" {2+}\r\nHi\r\n"),
      STR_INIT("begin a APPEND <x> #0 2 bytes flags=0() 760686745-480\nbody Hi\nend\n"
               "cmd a APPEND <x> #0 2 bytes flags=0() 760686745-480\n"),
      IN },
    { "append of two", STR_INIT("a APPEND x {2+}\r\nHi (\\Seen) {2+}\r\nHo\r\n"),
      STR_INIT("begin a APPEND <x> #0 2 bytes flags=0()\nbody Hi\nend\n"
               "begin a APPEND <x> #1 2 bytes flags=1()\nbody Ho\nend\n"
               "cmd a APPEND <x> #1 2 bytes flags=1()\n"),
      IN },
    { "append of three is one too many",
      STR_INIT("a APPEND x {1+}\r\n1 {1+}\r\n2 {1+}\r\n3\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <x> #0 1 bytes flags=0()\nbody 1\nend\n"
               "begin a APPEND <x> #1 1 bytes flags=0()\nbody 2\nend\n"
               ">a NO [LIMIT] Too many messages in one APPEND\r\ncmd b NOOP\n"),
      IN },
    { "append without a message", STR_INIT("a APPEND x\r\nb APPEND\r\nc APPEND {1+}\r\nx\r\n"),
      STR_INIT(">a BAD APPEND needs a message as a literal\r\n>b BAD Expected a space\r\n"
               ">c BAD APPEND needs a message as a literal\r\n"),
      IN },
    { "flags of each message, dates and all",
      STR_INIT("a APPEND x (\\Seen Work) \" 7-Feb-1994 21:52:25 -0800\" {1+}\r\n1 (More) ~{2}\r\n"
               "\0\0\r\n"),
      STR_INIT("begin a APPEND <x> #0 1 bytes flags=1(Work) 760686745-480\nbody 1\nend\n"
               "begin a APPEND <x> #1 2 bytes binary flags=0(More)\n>+ Ready for the message\r\n"
               "body \0\0\nend\ncmd a APPEND <x> #1 2 bytes binary flags=0(More)\n"),
      IN },
    { "the second message is wrong",
      STR_INIT("a APPEND x {1+}\r\n1 {2+}\r\nHo (x) NOOP\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <x> #0 1 bytes flags=0()\nbody 1\nend\n"
               "begin a APPEND <x> #1 2 bytes flags=0()\nbody Ho\nend\n"
               ">a BAD Expected the message as a literal\r\ncmd b NOOP\n"),
      IN },
    { "put together from parts",
      STR_INIT(
          "a APPEND x (\\Seen) CATENATE (URL \"/y/;UID=1\" TEXT {2}\r\nHi URL {3+}\r\nabc)\r\n"),
      STR_INIT("begin a APPEND <x> #0 part 0 </y/;UID=1> flags=1()\n"
               "begin a APPEND <x> #0 part 1 2 bytes flags=1()\n>+ Ready for the message\r\n"
               "body Hi\nbegin a APPEND <x> #0 part 2 <abc> flags=1()\nend\n"
               "cmd a APPEND <x> #0 part 2 <abc> flags=1()\n"),
      IN },
    { "parts without octets of their own, then a message",
      STR_INIT("a APPEND x CATENATE (URL u URL v) (\\Seen) {1+}\r\n1\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <x> #0 part 0 <u> flags=0()\n"
               "begin a APPEND <x> #0 part 1 <v> flags=0()\nend\n"
               "begin a APPEND <x> #1 1 bytes flags=1()\nbody 1\nend\n"
               "cmd a APPEND <x> #1 1 bytes flags=1()\ncmd b NOOP\n"),
      IN },
    { "a URL that is refused", STR_INIT("a APPEND x CATENATE (URL no URL v)\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <x> #0 part 0 <no> flags=0()\ncmd b NOOP\n"), IN },
    { "a URL that is refused before octets",
      STR_INIT(
          "a APPEND x CATENATE (URL no TEXT {5}\r\n"
          "b APPEND x CATENATE (URL no TEXT {6+}\r\na NO\r\n URL v TEXT {2+}\r\nab)\r\nc NOOP\r\n"),
      STR_INIT("begin a APPEND <x> #0 part 0 <no> flags=0()\n"
               "begin b APPEND <x> #0 part 0 <no> flags=0()\ncmd c NOOP\n"),
      IN },
    { "too many parts", STR_INIT("a APPEND x CATENATE (URL 1 URL 2 URL 3 URL 4)\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <x> #0 part 0 <1> flags=0()\n"
               "begin a APPEND <x> #0 part 1 <2> flags=0()\n"
               "begin a APPEND <x> #0 part 2 <3> flags=0()\n"
               ">a NO [LIMIT] Too many parts in one message\r\ncmd b NOOP\n"),
      IN },
    { "parts that are none",
      STR_INIT("a APPEND x CATENATE ()\r\nb APPEND x CATENATE (URL\r\n"
               "c APPEND x CATENATE (TEXT \"a\")\r\n"),
      STR_INIT(">a BAD Expected TEXT or URL\r\n>b BAD Expected a space\r\n"
               ">c BAD Expected the message as a literal\r\n"),
      IN },
    { "UTF8 as RFC 6855 has it", STR_INIT("a APPEND x UTF8 (~{2+}\r\nHi)\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <x> #0 2 bytes binary flags=0()\nbody Hi\nend\n"
               "cmd a APPEND <x> #0 2 bytes binary flags=0()\ncmd b NOOP\n"),
      IN | IMAP_UTF8 },
    { "UTF8 that was not enabled", STR_INIT("a APPEND x UTF8 (~{2+}\r\nHi)\r\nb NOOP\r\n"),
      STR_INIT(">a BAD UTF8 needs a literal8, and ENABLE UTF8=ACCEPT before it\r\ncmd b NOOP\n"),
      IN },
    { "replace", STR_INIT("a REPLACE 4 x (\\Draft) {2+}\r\nHi\r\nb NOOP\r\n"),
      STR_INIT("begin a REPLACE 4 <x> #0 2 bytes flags=10()\nbody Hi\nend\n"
               "cmd a REPLACE 4 <x> #0 2 bytes flags=10()\ncmd b NOOP\n"),
      IN },
    { "replace the last one by parts", STR_INIT("a UID REPLACE * {1+}\r\nx CATENATE (URL u)\r\n"),
      STR_INIT("begin a UID REPLACE 0 <x> #0 part 0 <u> flags=0()\nend\n"
               "cmd a UID REPLACE 0 <x> #0 part 0 <u> flags=0()\n"),
      IN },
    { "replace by two", STR_INIT("a REPLACE 1 x {1+}\r\n1 {1+}\r\n2\r\nb NOOP\r\n"),
      STR_INIT("begin a REPLACE 1 <x> #0 1 bytes flags=0()\nbody 1\nend\n"
               ">a BAD Unexpected characters after the message\r\ncmd b NOOP\n"),
      IN },
    { "replace nothing", STR_INIT("a REPLACE 0 x {1+}\r\n1\r\nb REPLACE x {1}\r\nc NOOP\r\n"),
      STR_INIT(">a BAD Zero is not allowed here\r\n>b BAD Expected a number\r\ncmd c NOOP\n"), IN },
    { "replace where nothing may be changed", STR_INIT("a REPLACE 1 x {1}\r\nb NOOP\r\n"),
      STR_INIT(">a NO [READ-ONLY] The mailbox is open read-only\r\ncmd b NOOP\n"),
      IN | IMAP_READ_ONLY },
    { "append refused before it is sent", STR_INIT("a APPEND no {5}\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <no> #0 5 bytes flags=0()\ncmd b NOOP\n"), IN },
    { "append refused but sent", STR_INIT("a APPEND no {5+}\r\nb NO\n\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <no> #0 5 bytes flags=0()\ncmd b NOOP\n"), IN },
    { "append too large", STR_INIT("a APPEND x {1001}\r\nb NOOP\r\n"),
      STR_INIT(">a NO [TOOBIG] Message too large\r\ncmd b NOOP\n"), IN },
    { "append without end", STR_INIT("a APPEND x {4294967295}\r\nb APPEND x {4294967295+}\r\n"),
      STR_INIT(">a NO [TOOBIG] Message too large\r\n>* BYE [TOOBIG] Literal too long\r\nclose\n"),
      IN },
    { "append with NUL", STR_INIT("a APPEND x {3+}\r\n\0ab\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <x> #0 3 bytes flags=0()\nend, bad\n>a BAD NUL in a message\r\n"
               "cmd b NOOP\n"),
      IN },
    { "append with rubbish behind", STR_INIT("a APPEND x {1+}\r\nzz\r\nb NOOP\r\n"),
      STR_INIT("begin a APPEND <x> #0 1 bytes flags=0()\nbody z\nend\n"
               ">a BAD Unexpected characters after the message\r\ncmd b NOOP\n"),
      IN },
    { "append before log-in", STR_INIT("a APPEND x {5+}\r\nb NO\n\r\nb NOOP\r\n"),
      STR_INIT(">a BAD Log in first\r\ncmd b NOOP\n"), 0 },
    { "literal too long", STR_INIT("a SELECT {101}\r\nb SELECT {101+}\r\n" X100 "x\r\nc NOOP\r\n"),
      STR_INIT(
          ">a BAD [TOOBIG] Literal too long\r\n>b BAD [TOOBIG] Literal too long\r\ncmd c NOOP\n"),
      IN },
    { "literals of an unknown command", STR_INIT("a FOO {3+}\r\nb N {3}\r\nc NOOP\r\n"),
      STR_INIT(">a BAD Unknown command\r\ncmd c NOOP\n"), IN },
    { "literal larger than numbers",
      STR_INIT("a SELECT {99999999999999999999}\r\n"
               "b SELECT {99999999999999999999+}\r\n"),
      STR_INIT(">a BAD [TOOBIG] Literal too long\r\n>* BYE [TOOBIG] Literal too long\r\nclose\n"),
      IN },
    { "line too long", STR_INIT("a LOGIN " X100 X100 X100 "\r\nb NOOP\r\n"),
      STR_INIT(">a BAD [TOOBIG] Command too long\r\ncmd b NOOP\n"), IMAP_LOGIN_OK },
    { "line too long with a literal",
      STR_INIT("a LOGIN " X100 X100 X100 " {8+}\r\nb NOOP\r\n\r\nc NOOP\r\n"),
      STR_INIT(">a BAD [TOOBIG] Command too long\r\ncmd c NOOP\n"), IMAP_LOGIN_OK },
    { "bare LF", STR_INIT("a NOOP\nb NOOP\r\n"),
      STR_INIT(">a BAD Lines end with CR LF, not LF alone\r\ncmd b NOOP\n"), 0 },
    { "bare LF and a literal", STR_INIT("a SELECT {6+}\nb NOOP\r\n"),
      STR_INIT(">* BYE Lines end with CR LF, not LF alone\r\nclose\n"), IN },
    { "bare CR", STR_INIT("a NO\rOP\r\nb NOOP\r\n"),
      STR_INIT(">a BAD CR without LF\r\ncmd b NOOP\n"), 0 },
    { "NUL", STR_INIT("a NOOP \0\r\nb NOOP\r\n"),
      STR_INIT(">a BAD NUL in a command\r\ncmd b NOOP\n"), 0 },
    { "no tag", STR_INIT("\r\n* NOOP\r\n"),
      STR_INIT(">* BAD Missing tag\r\n>* BAD Missing tag\r\n"), 0 },
    { "too many errors", STR_INIT("a\r\nb\r\nc\r\nd\r\ne NOOP\r\n"),
      STR_INIT(">* BAD Missing argument\r\n>* BAD Missing argument\r\n>* BAD Missing argument\r\n"
               ">* BAD Missing argument\r\n* BYE Too many errors\r\nclose\n"),
      0 },
    { "authenticate", STR_INIT("a AUTHENTICATE LOGIN\r\nYWxp\r\nb NOOP\r\n"),
      STR_INIT("cmd a AUTHENTICATE LOGIN\n>+ Zm9v\r\nauth YWxp\ncmd b NOOP\n"), IMAP_LOGIN_OK },
    { "authenticate, answer too long", STR_INIT("a AUTHENTICATE LOGIN\r\n" X100 "\r\nb NOOP\r\n"),
      STR_INIT("cmd a AUTHENTICATE LOGIN\n>+ Zm9v\r\nauth bad \ncmd b NOOP\n"), IMAP_LOGIN_OK },
    { "idle", STR_INIT("a IDLE\r\ndone\r\nb NOOP\r\n"),
      STR_INIT("cmd a IDLE\n>+ idling\r\nidle done a\ncmd b NOOP\n"), IN },
    { "idle twice, overlong line in between",
      STR_INIT("a1 IDLE\r\nDONE\r\na2 IDLE\r\n" X100 "\r\na3 IDLE\r\nDONE\r\nb NOOP\r\n"),
      STR_INIT("cmd a1 IDLE\n>+ idling\r\nidle done a1\ncmd a2 IDLE\n>+ idling\r\n"
               "idle bad a2\ncmd a3 IDLE\n>+ idling\r\nidle done a3\ncmd b NOOP\n"),
      IN },
    { "idle, something else", STR_INIT("a IDLE\r\nb NOOP\r\nc NOOP\r\n"),
      STR_INIT("cmd a IDLE\n>+ idling\r\nidle bad a\ncmd c NOOP\n"), IN },
    { "idle, line too long", STR_INIT("a IDLE\r\n" X100 "\r\nc NOOP\r\n"),
      STR_INIT("cmd a IDLE\n>+ idling\r\nidle bad a\ncmd c NOOP\n"), IN },
};

TEST(every_split_of_a_session_gives_the_same_events)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t piece = 1; piece <= rows[i].in.len; piece++) {
            struct log l = { 0 };

            run(&l, rows[i].in, piece, rows[i].facts);
            CHECK_STR(buf_str(&l.text), rows[i].want, "%s, pieces of %zu", rows[i].name, piece);
            buf_deinit(&l.text);
        }
}

TEST(a_session_cut_anywhere_gives_a_beginning_of_the_events)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t len = 0; len < rows[i].in.len; len++) {
            struct log l = { 0 };

            run(&l, str_take(rows[i].in, len), 7, rows[i].facts);
            CHECK(str_starts(rows[i].want, buf_str(&l.text)), "%s, cut at %zu", rows[i].name, len);
            buf_deinit(&l.text);
        }
}

TEST(endless_lines_end_the_connection_without_memory)
{
    struct imap_limits limits = small_limits();
    struct imap *m = imap_new(&limits, 0);
    struct imap_out out;
    size_t fed = 0;

    while (imap_next(m, &out) == IMAP_WANT_BYTES && fed < 100000)
        fed += imap_feed(m, STR(X100));
    CHECK(fed < 2500, "%zu octets", fed);
    CHECK_EQ(imap_next(m, &out), IMAP_CLOSE, "closed");
    imap_free(m);
}

/* Neither text nor arena grows with the number of messages: each gives back what it needed. */
TEST(many_messages_in_one_append_cost_no_more_than_one)
{
    struct imap_limits limits = small_limits();
    struct imap *m;
    unsigned begun = 0;

    limits.append_messages_max = 10000;
    m = imap_new(&limits, IN);
    for (unsigned i = 0; i < 5000; i++) {
        struct str line =
            i == 0 ? STR("a APPEND x {1+}\r\n1") : STR(" (\\Seen Some Words) {1+}\r\n2");

        while (line.len > 0) {
            struct imap_out out;
            enum imap_event event;

            line = str_skip(line, imap_feed(m, line));
            while ((event = imap_next(m, &out)) != IMAP_WANT_BYTES)
                if (event == IMAP_APPEND_BEGIN) {
                    begun++;
                    imap_append_take(m);
                } else {
                    CHECK(event == IMAP_BODY || event == IMAP_APPEND_END, "message %u", i);
                }
        }
    }
    CHECK_EQ(begun, 5000, "all of them, though each line counts against a limit of 400 octets");
    imap_free(m);
}
