/* proto/smtp/smtp_test.c - the server machine: transcripts with canned answers, and the rows that
 * are too dull for a dialogue. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/commands.h"
#include "proto/smtp/machine.h"

#include "testing.h"
#include "transcript.h"

struct driver {
    struct arena *mem;
    struct smtp_options options;
    struct smtp *smtp;
    struct buf *sent, *notes, body;
    unsigned begin;
    bool greeted, closed, spool_full;
    int commit_code;
};

static void *driver_open(struct buf *sent, struct buf *notes)
{
    struct driver *d = calloc(1, sizeof(*d));

    BUG_ON(d == NULL);
    *d = (struct driver){ .mem = arena_new(0), .sent = sent, .notes = notes, .commit_code = 250 };
    d->options = (struct smtp_options){ .host = STR("hamburger.edu"),
                                        .limits = SMTP_LIMITS_DEFAULT,
                                        .tls_offered = true };
    d->options.limits.size_max = 100000;
    d->options.limits.rcpt_max = 3;
    return d;
}

static void answer_auth(struct driver *d, const struct sasl_login *login)
{
    bool right = str_eq(login->authcid, STR("bob")) && str_eq(login->password, STR("hungry"));

    buf_printf(d->notes, "log-in %.*s as \"%.*s\"\n", STR_ARG(login->authcid),
               STR_ARG(login->authzid));
    if (str_eq(login->authcid, STR("slow")))
        smtp_answer(d->smtp, 454, STR("4.7.0 Try again"));
    else
        smtp_answer(d->smtp, right ? 235 : 535,
                    right ? STR("2.7.0 Welcome") : STR("5.7.8 Wrong name or password"));
}

static void answer_mail(struct driver *d, const struct smtp_mail *mail)
{
    struct buf sender = { 0 };

    mailbox_format(&sender, &mail->sender);
    if (str_eq(buf_str(&sender), STR("dave@crepes.fr")))
        smtp_answer(d->smtp, 550, STR("5.7.1 Not from you"));
    else
        smtp_answer(d->smtp, 250, STR("2.1.0 Sender ok"));
    buf_deinit(&sender);
}

static void answer_rcpt(struct driver *d, const struct smtp_rcpt *rcpt)
{
    if (str_eq_nocase(rcpt->address.local, STR("postmaster")) && rcpt->address.domain.len == 0)
        smtp_answer(d->smtp, 250, STR("2.1.5 Postmaster ok"));
    else if (!str_eq(rcpt->address.domain, STR("hamburger.edu")))
        smtp_answer(d->smtp, 550, STR("5.7.1 No relaying"));
    else if (str_eq(rcpt->address.local, STR("dave")))
        smtp_answer(d->smtp, 450, STR("4.2.1 Later"));
    else if (str_eq(rcpt->address.local, STR("nobody")))
        smtp_answer(d->smtp, 550, STR("5.1.1 No such mailbox"));
    else
        smtp_answer(d->smtp, 250, STR("2.1.5 Recipient ok"));
}

/* Octets as a transcript writes them. */
static void add_escaped(struct buf *out, struct str line)
{
    for (size_t i = 0; i < line.len; i++) {
        unsigned char c = (unsigned char)line.at[i];

        if (c == '\r')
            BUF_ADD(out, "\\r");
        else if (c < ' ' || c > '~')
            buf_printf(out, "\\x%02x", c);
        else
            buf_add_char(out, (char)c);
    }
}

static void note_message(struct driver *d, const struct smtp_mail *mail)
{
    static const char *const bodies[] = { "7bit", "8bit", "binary" };
    struct str rest = buf_str(&d->body);

    BUF_ADD(d->notes, "from <");
    mailbox_format(d->notes, &mail->sender);
    buf_printf(d->notes, "> %s%s%s%.*s\n", bodies[mail->body], mail->utf8 ? " utf8" : "",
               mail->envid.len > 0 ? " envid " : "", STR_ARG(mail->envid));
    for (const struct smtp_rcpt *r = mail->rcpts; r != NULL; r = r->next) {
        BUF_ADD(d->notes, "to <");
        mailbox_format(d->notes, &r->address);
        buf_printf(d->notes, "> notify %u%s%.*s\n", r->notify, r->orcpt.len > 0 ? " orcpt " : "",
                   STR_ARG(r->orcpt));
    }
    buf_printf(d->notes, "%.*s %zu octets\n", STR_ARG(smtp_with(d->smtp)), d->body.len);
    if (d->body.len > 200)
        return;
    while (rest.len > 0) {
        struct str line = str_split(&rest, '\n');

        BUF_ADD(d->notes, "| ");
        add_escaped(d->notes, str_trim_crlf(line));
        BUF_ADD(d->notes, "\n");
    }
}

static void answer_commit(struct driver *d, const struct smtp_mail *mail)
{
    note_message(d, mail);
    buf_clear(&d->body);
    smtp_answer(d->smtp, d->commit_code,
                d->commit_code == 250 ? STR("2.0.0 Delivered")
                                      : STR("4.3.0 Could not be stored; try again"));
}

static void add_body(struct driver *d, struct str text)
{
    if (d->spool_full)
        smtp_refuse_body(d->smtp, 452, STR("4.3.1 No room"));
    else
        buf_add(&d->body, text);
}

static void pump(struct driver *d)
{
    struct smtp_out out;

    for (;;)
        switch (smtp_next(d->smtp, &out)) {
        case SMTP_WANT_BYTES:
            return;
        case SMTP_SEND:
            buf_add(d->sent, out.text);
            break;
        case SMTP_CHECK_AUTH:
            answer_auth(d, out.login);
            break;
        case SMTP_CHECK_MAIL:
            answer_mail(d, out.mail);
            break;
        case SMTP_CHECK_RCPT:
            answer_rcpt(d, out.rcpt);
            break;
        case SMTP_BODY:
            add_body(d, out.text);
            break;
        case SMTP_COMMIT:
            answer_commit(d, out.mail);
            break;
        case SMTP_ABANDON:
            BUF_ADD(d->notes, "abandoned\n");
            buf_clear(&d->body);
            break;
        case SMTP_START_TLS:
            BUF_ADD(d->notes, "start tls\n");
            return;
        case SMTP_CLOSE:
            d->closed = true;
            return;
        }
}

/* The options are settled by the time the first octet or the first tick comes. */
static void begin(struct driver *d)
{
    if (d->smtp != NULL)
        return;
    d->smtp = smtp_new(d->mem, &d->options, d->begin, 0);
}

static void greet(struct driver *d)
{
    begin(d);
    if (!d->greeted) {
        d->greeted = true;
        smtp_greet(d->smtp, 220, STR_EMPTY);
        pump(d);
    }
}

static void driver_feed(void *session, struct str bytes)
{
    struct driver *d = session;

    greet(d);
    while (bytes.len > 0 && !d->closed) {
        size_t taken = smtp_feed(d->smtp, bytes);

        BUG_ON(taken == 0);
        bytes = str_skip(bytes, taken);
        pump(d);
    }
}

static void driver_tick(void *session, uint64_t now_ms)
{
    struct driver *d = session;

    greet(d);
    smtp_tick(d->smtp, now_ms);
    pump(d);
}

static bool driver_instruct(void *session, struct str word, struct str arg)
{
    struct driver *d = session;
    uint64_t number = 0;

    if (str_eq(word, STR("submission")))
        d->options.auth_offered = d->options.auth_required = true;
    else if (str_eq(word, STR("auth")))
        d->options.auth_offered = true;
    else if (str_eq(word, STR("from-tls")))
        d->begin |= SMTP_FROM_TLS;
    else if (str_eq(word, STR("plain-auth")))
        d->begin |= SMTP_PLAIN_AUTH;
    else if (str_eq(word, STR("tls")))
        smtp_tls_started(d->smtp);
    else if (str_eq(word, STR("commit")) && str_to_u64(arg, 999, &number))
        d->commit_code = (int)number;
    else if (str_eq(word, STR("spool-full")))
        d->spool_full = true;
    else if (str_eq(word, STR("errors-max")) && str_to_u64(arg, 999, &number))
        d->options.limits.errors_max = (uint32_t)number;
    else if (str_eq(word, STR("empty-max")) && str_to_u64(arg, 999, &number))
        d->options.limits.empty_max = (uint32_t)number;
    else if (str_eq(word, STR("mails-max")) && str_to_u64(arg, 999, &number))
        d->options.limits.mails_max = (uint32_t)number;
    else if (str_eq(word, STR("stop")))
        smtp_stop(d->smtp, STR("4.3.2 Going down"));
    else
        return false;
    if (d->smtp != NULL)
        pump(d);
    return true;
}

static bool driver_is_closed(void *session)
{
    return ((struct driver *)session)->closed;
}

static void driver_close(void *session)
{
    struct driver *d = session;

    begin(d);
    smtp_deinit(d->smtp);
    buf_deinit(&d->body);
    arena_free(d->mem);
    free(d);
}

static const struct transcript_driver driver = {
    "smtp", driver_open, driver_feed, driver_tick, driver_instruct, driver_is_closed, driver_close,
};

TEST(transcripts_run_the_same_in_every_split)
{
    transcript_run_all(&driver);
}

/* Runs `in` in one buffer and returns what was sent; the caller ends both. */
static struct buf converse(struct str in, struct driver **ret)
{
    static struct buf notes;
    static struct buf sent;
    struct driver *d = driver_open(&sent, &notes);

    buf_deinit(&sent);
    buf_deinit(&notes);
    driver_feed(d, in);
    *ret = d;

    struct buf result = sent;
    sent = (struct buf){ 0 };
    buf_deinit(&notes);
    return result;
}

TEST(a_cut_session_never_commits)
{
    struct str in = STR("EHLO crepes.fr\r\nMAIL FROM:<alice@crepes.fr>\r\n"
                        "RCPT TO:<bob@hamburger.edu>\r\nDATA\r\nhi\r\n.\r\n");

    for (size_t len = 0; len < in.len; len++) {
        struct driver *d;
        struct buf sent = converse(str_take(in, len), &d);

        CHECK(str_find(buf_str(&sent), STR("Delivered")) == STR_NOT_FOUND, "cut at %zu", len);
        driver_close(d);
        buf_deinit(&sent);
    }
}

TEST(an_idle_session_costs_little)
{
    struct driver *d;
    struct buf sent =
        converse(STR("EHLO crepes.fr\r\nMAIL FROM:<alice@crepes.fr>\r\nRSET\r\n"), &d);

    CHECK(sizeof(struct smtp) <= 320, "struct smtp has %zu octets", sizeof(struct smtp));
    CHECK(d->smtp->in.in.at == NULL && d->smtp->out.at == NULL && d->smtp->mail == NULL,
          "buffers are given back");
    driver_close(d);
    buf_deinit(&sent);
}

TEST(early_talkers_are_refused_where_that_is_asked)
{
    for (int refused = 0; refused <= 1; refused++) {
        struct arena *mem = arena_new(0);
        struct smtp_options options = { .host = STR("hamburger.edu"),
                                        .limits = SMTP_LIMITS_DEFAULT,
                                        .early_talker_refused = refused != 0 };
        struct smtp *s = smtp_new(mem, &options, 0, 0);
        struct smtp_out out;

        CHECK_EQ(smtp_feed(s, STR("NOOP\r\n")), 6, "taken");
        CHECK_EQ(smtp_next(s, &out), SMTP_WANT_BYTES, "nothing before the greeting");
        smtp_greet(s, 220, STR_EMPTY);
        CHECK_EQ(smtp_next(s, &out), SMTP_SEND, "greeting");
        CHECK(str_starts(out.text, refused ? STR("554 ") : STR("220 hamburger.edu ESMTP")),
              "early");
        smtp_deinit(s);
        arena_free(mem);
    }
}

TEST(a_greeting_may_refuse)
{
    struct arena *mem = arena_new(0);
    struct smtp_options options = { .host = STR("hamburger.edu"), .limits = SMTP_LIMITS_DEFAULT };
    struct smtp *s = smtp_new(mem, &options, 0, 0);
    struct smtp_out out;

    smtp_greet(s, 421, STR("4.7.0 Too many connections"));
    CHECK_EQ(smtp_next(s, &out), SMTP_SEND, "refusal");
    CHECK_STR(out.text, STR("421 Too many connections\r\n"), "refusal");
    CHECK_EQ(smtp_next(s, &out), SMTP_CLOSE, "refusal");
    smtp_deinit(s);
    arena_free(mem);
}

TEST(every_command_has_its_row_once_and_a_refusal_where_one_can_happen)
{
    size_t count;
    const struct smtp_command_row *rows = smtp_command_rows(&count);

    for (size_t i = 0; i < count; i++) {
        CHECK(dictionary_has("smtp", rows[i].verb), "fuzz/dict/smtp.dict lacks %s", rows[i].verb);
        CHECK((rows[i].need | rows[i].forbid) == 0 || rows[i].refusal[0] != '\0', "%s",
              rows[i].verb);
        for (size_t k = i + 1; k < count; k++)
            CHECK(strcmp(rows[i].verb, rows[k].verb) != 0, "%s", rows[i].verb);
    }
}

TEST(state_and_facts_can_be_printed)
{
    struct driver *d;
    struct buf sent = converse(STR("EHLO crepes.fr\r\nMAIL FROM:<>\r\n"), &d), words = { 0 };

    smtp_print(d->smtp, &words);
    CHECK_STR(buf_str(&words), STR("command greeted extended in-mail"), "print");
    buf_deinit(&words);
    driver_close(d);
    buf_deinit(&sent);
}

/* Answers everything with 250 until there is nothing more to do; false when it was closed. */
static bool say_yes(struct smtp *s)
{
    struct smtp_out out;

    for (;;)
        switch (smtp_next(s, &out)) {
        case SMTP_WANT_BYTES:
            return true;
        case SMTP_CLOSE:
            return false;
        case SMTP_CHECK_MAIL:
        case SMTP_CHECK_RCPT:
            smtp_answer(s, 250, STR("2.0.0 Yes"));
            break;
        default:
            break;
        }
}

struct lone {
    struct arena *mem;
    struct smtp_options options;
    struct smtp *smtp;
};

static void lone_open(struct lone *l, struct str said)
{
    *l = (struct lone){ .mem = arena_new(0) };
    l->options =
        (struct smtp_options){ .host = STR("hamburger.edu"), .limits = SMTP_LIMITS_DEFAULT };
    l->smtp = smtp_new(l->mem, &l->options, 0, 0);
    smtp_greet(l->smtp, 220, STR_EMPTY);
    CHECK_EQ(smtp_feed(l->smtp, said), said.len, "taken");
    CHECK(say_yes(l->smtp), "open");
}

static void lone_close(struct lone *l)
{
    smtp_deinit(l->smtp);
    arena_free(l->mem);
}

#define IN_MAIL "EHLO crepes.fr\r\nMAIL FROM:<>\r\nRCPT TO:<bob@hamburger.edu>\r\n"

/* The session may be behind with sending when a piece of the message is ready; what is fed then
 * must not move the piece from under it. */
TEST(a_piece_of_a_message_waits_unharmed_while_replies_are_sent)
{
    struct lone l;
    struct smtp_out out;
    struct str more = STR("more of the message, a good deal longer than what came before it\r\n");

    lone_open(&l, STR(IN_MAIL));
    CHECK_EQ(smtp_feed(l.smtp, STR("DATA\r\nfirst\r\n")), 13, "taken");
    CHECK_EQ(smtp_next(l.smtp, &out), SMTP_SEND, "354");
    for (int i = 0; i < 100; i++)
        CHECK_EQ(smtp_feed(l.smtp, more), 0, "later, please");
    CHECK_EQ(smtp_next(l.smtp, &out), SMTP_BODY, "body");
    CHECK_STR(out.text, STR("first\r\n"), "body");
    CHECK_EQ(smtp_feed(l.smtp, more), more.len, "taken");
    CHECK_EQ(smtp_next(l.smtp, &out), SMTP_BODY, "body");
    CHECK_STR(out.text, more, "body");
    lone_close(&l);
}

/* Who sends a little now and then can hold a session, but not for ever. */
TEST(chunks_end_in_time)
{
    static const struct {
        const char *name;
        struct str begin, on;
    } rows[] = {
        { "in DATA", STR_INIT(IN_MAIL "DATA\r\n"), STR_INIT("x") },
        { "in a chunk", STR_INIT(IN_MAIL "BDAT 10000\r\n"), STR_INIT("x") },
        { "between chunks", STR_INIT(IN_MAIL), STR_INIT("BDAT 0\r\n") },
        { "in a chunk that nobody wants",
          STR_INIT("EHLO crepes.fr\r\nBDAT 18446744073709551615\r\n"), STR_INIT("x") },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct lone l;
        uint64_t now = 0, step = 200000, longest;
        bool open = true;

        lone_open(&l, rows[i].begin);
        longest = l.options.limits.body_ms_max + l.options.limits.idle_ms_max;
        for (; open && now <= longest; now += step) {
            smtp_tick(l.smtp, now);
            (void)smtp_feed(l.smtp, rows[i].on);
            open = say_yes(l.smtp);
        }
        CHECK(!open, "%s", rows[i].name);
        lone_close(&l);
    }
}
