/* proto/smtp_client/client.c - the client side of SMTP.
 *
 *   GREETING -> EHLO -> (STARTTLS -> TLS -> EHLO) -> (AUTH) -> IDLE <-> ENVELOPE -> BODY -> END
 *                 \-> HELO ------------------------------------^            \-> RSET -^
 *   any -> QUIT -> CLOSED;  any -> CLOSED when the peer hangs, leaves or speaks nonsense
 *
 * The envelope is a list of commands: 0 is MAIL, 1..n are RCPT, n + 1 is DATA (or the first BDAT).
 * `sent` and `answered` count along that list; a server with PIPELINING gets all of it at once, any
 * other one command at a time, and the replies are matched by position. What the replies mean for
 * each recipient is kept in `fates`, one octet a recipient, and given out as RESULT events in
 * order, so an owner never sees a recipient twice. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp_client/client.h"

#include "base/base64.h"
#include "proto/dot.h"
#include "proto/line.h"
#include "proto/smtp_client/reply.h"

enum state {
    GREETING,
    EHLO,
    HELO,
    STARTTLS,
    TLS,
    AUTH,
    IDLE,
    ENVELOPE,
    BODY,
    END,
    RSET,
    QUIT,
    CLOSED
};

/* What is known of one recipient of the message in hand. */
enum fate { OPEN, ACCEPTED, TO_DELIVER, TO_DEFER, TO_FAIL, TOLD };

enum { TEXT_BYTES_MAX = 1000 };

struct verdict_text { /* a reply kept for later: of MAIL, of the end of data, of the session */
    int code;
    struct str status, text;
};

struct smtp_client {
    struct smtp_client_options options;
    struct arena *mem;     /* of the connection */
    struct arena *message; /* texts of the message in hand; reset for each */
    enum state state;
    unsigned has;
    uint64_t size_limit; /* of the server's SIZE; 0: none said */
    bool secure, start_tls, ready_told, closed_told, body_wanted, chunking;
    uint64_t now_ms, deadline_ms;

    struct line_reader in;
    struct smtp_reply reply;
    struct buf out;
    bool out_shown; /* `out` was given to the owner and may be cleared */

    const struct smtp_client_message *m;
    uint8_t *fates;
    struct verdict_text *texts;        /* one a recipient */
    uint32_t rcpt_count;               /* of m, which goes with the last result */
    uint32_t sent, answered, accepted; /* of the envelope's commands */
    uint32_t told, first_open;         /* results given; no open recipient before it */
    bool mail_refused, data_refused;
    struct dot_writer dots;

    struct smtp_client_result end; /* why the connection ends */
};

struct smtp_client_options smtp_client_defaults(struct str host)
{
    return (struct smtp_client_options){
        .host = host,
        .tls = SMTP_CLIENT_TLS_MAY,
        .reply_line_max = 4096,
        .reply_lines_max = 100,
        .greeting_ms = 5 * 60 * 1000,
        .reply_ms = 5 * 60 * 1000,
        .data_ms = 2 * 60 * 1000,
        .end_ms = 10 * 60 * 1000,
    };
}

static void expect(struct smtp_client *c, enum state state, uint32_t within_ms)
{
    c->state = state;
    c->deadline_ms = c->now_ms + within_ms;
    smtp_reply_start(&c->reply, c->options.reply_lines_max, TEXT_BYTES_MAX);
}

struct smtp_client *smtp_client_new(struct arena *mem, const struct smtp_client_options *options,
                                    uint64_t now_ms)
{
    struct smtp_client *c = ARENA_NEW(mem, struct smtp_client);

    c->options = *options;
    c->mem = mem;
    c->message = arena_new(1024);
    c->secure = options->secure;
    c->now_ms = now_ms;
    c->in.lf_ends_line = true; /* replies carry no danger; be liberal with old servers */
    expect(c, GREETING, options->greeting_ms);
    return c;
}

void smtp_client_deinit(struct smtp_client *c)
{
    line_deinit(&c->in);
    smtp_reply_deinit(&c->reply);
    buf_deinit(&c->out);
    arena_free(c->message);
    c->message = NULL;
}

unsigned smtp_client_has(const struct smtp_client *c)
{
    return c->has;
}

uint64_t smtp_client_deadline_ms(const struct smtp_client *c)
{
    return c->deadline_ms;
}

static bool pipelines(const struct smtp_client *c)
{
    return (c->has & SMTP_CLIENT_HAS_PIPELINING) != 0;
}

/* ---- verdicts ---- */

static enum smtp_client_verdict verdict_of(int code)
{
    if (code >= 500)
        return SMTP_CLIENT_FAILED;
    return code >= 200 && code < 300 ? SMTP_CLIENT_DELIVERED : SMTP_CLIENT_DEFERRED;
}

/* RFC 3463 3.1: the class alone, for servers that give no enhanced code. */
static const char *status_of(int code)
{
    return code >= 500 ? "5.0.0" : code >= 400 ? "4.0.0" : "2.0.0";
}

/* The reply just read, copied. */
static struct verdict_text keep_reply(struct smtp_client *c, struct arena *mem)
{
    struct str status = smtp_reply_enhanced(&c->reply);
    const char *fallback = status_of(c->reply.code);

    return (struct verdict_text){
        .code = c->reply.code,
        .status = status.len > 0 ? arena_copy(mem, status) : str_from_z(fallback),
        .text = arena_copy(mem, buf_str(&c->reply.text)),
    };
}

static void decide(struct smtp_client *c, uint32_t index, enum fate fate, struct verdict_text why)
{
    c->fates[index] = (uint8_t)fate;
    c->texts[index] = why;
}

/* Decides every recipient that is not decided yet. */
static void decide_rest(struct smtp_client *c, enum fate fate, struct verdict_text why)
{
    if (c->m == NULL)
        return;
    for (uint32_t i = 0; i < c->rcpt_count; i++)
        if (c->fates[i] == OPEN || c->fates[i] == ACCEPTED)
            decide(c, i, fate, why);
}

static enum fate fate_of(int code)
{
    switch (verdict_of(code)) {
    case SMTP_CLIENT_DELIVERED:
        return TO_DELIVER;
    case SMTP_CLIENT_FAILED:
        return TO_FAIL;
    case SMTP_CLIENT_DEFERRED:
        break;
    }
    return TO_DEFER;
}

/* The same where a 2xx would be out of place. */
static enum fate refusal_of(int code)
{
    return verdict_of(code) == SMTP_CLIENT_FAILED ? TO_FAIL : TO_DEFER;
}

/* The connection ends now. Recipients still open are deferred, whatever the reason: a session that
 * breaks says nothing about an address. */
static void end_session(struct smtp_client *c, enum smtp_client_verdict verdict,
                        struct verdict_text why)
{
    if (c->state == CLOSED)
        return;
    decide_rest(c, TO_DEFER, why);
    c->end = (struct smtp_client_result){
        .verdict = verdict, .code = why.code, .status = why.status, .text = why.text
    };
    c->state = CLOSED;
}

static void end_with_words(struct smtp_client *c, const char *status, struct str words)
{
    struct verdict_text why = { 0, str_from_z(status), arena_copy(c->mem, words) };

    end_session(c, SMTP_CLIENT_DEFERRED, why);
}

static void end_with_reply(struct smtp_client *c)
{
    struct verdict_text why = keep_reply(c, c->mem);
    enum smtp_client_verdict verdict = verdict_of(why.code);

    end_session(c, verdict == SMTP_CLIENT_DELIVERED ? SMTP_CLIENT_DEFERRED : verdict, why);
}

void smtp_client_lost(struct smtp_client *c, struct str why)
{
    end_with_words(c, "4.4.2", why);
}

void smtp_client_body_failed(struct smtp_client *c)
{
    end_with_words(c, "4.3.0", STR("message could not be read"));
}

void smtp_client_tick(struct smtp_client *c, uint64_t now_ms)
{
    c->now_ms = now_ms;
    if (c->state == CLOSED || c->state == IDLE || now_ms < c->deadline_ms)
        return;
    if (c->state == QUIT) /* all was said; no need to hear the farewell */
        end_session(c, SMTP_CLIENT_DELIVERED, (struct verdict_text){ 0 });
    else
        end_with_words(c, c->state == GREETING ? "4.4.1" : "4.4.2",
                       STR("no reply in time from the other server"));
}

/* ---- greeting, capabilities, TLS, authentication ---- */

static const struct {
    struct str keyword;
    unsigned bit;
} extensions[] = {
    { STR_INIT("PIPELINING"), SMTP_CLIENT_HAS_PIPELINING },
    { STR_INIT("SIZE"), SMTP_CLIENT_HAS_SIZE },
    { STR_INIT("8BITMIME"), SMTP_CLIENT_HAS_8BITMIME },
    { STR_INIT("SMTPUTF8"), SMTP_CLIENT_HAS_SMTPUTF8 },
    { STR_INIT("STARTTLS"), SMTP_CLIENT_HAS_STARTTLS },
    { STR_INIT("CHUNKING"), SMTP_CLIENT_HAS_CHUNKING },
    { STR_INIT("BINARYMIME"), SMTP_CLIENT_HAS_BINARYMIME },
    { STR_INIT("DSN"), SMTP_CLIENT_HAS_DSN },
    { STR_INIT("REQUIRETLS"), SMTP_CLIENT_HAS_REQUIRETLS },
};

/* RFC 5321 4.1.1.1: ehlo-line = ehlo-keyword *( SP ehlo-param ). */
static void read_ehlo_line(struct smtp_client *c, struct str line)
{
    struct str rest = line;
    struct str keyword = str_split(&rest, ' ');

    for (size_t i = 0; i < ARRAY_LEN(extensions); i++)
        if (str_eq_nocase(keyword, extensions[i].keyword))
            c->has |= extensions[i].bit;
    if (str_eq_nocase(keyword, STR("SIZE")) &&
        !str_to_u64(str_trim(rest), UINT64_MAX, &c->size_limit))
        c->size_limit = 0;
    /* "AUTH=PLAIN" is how some servers of the last century say it. */
    if (str_eq_nocase(keyword, STR("AUTH")) || str_starts_nocase(keyword, STR("AUTH="))) {
        struct str words = str_starts_nocase(line, STR("AUTH=")) ? str_skip(line, 5) : rest;

        while (words.len > 0)
            if (str_eq_nocase(str_split(&words, ' '), STR("PLAIN")))
                c->has |= SMTP_CLIENT_HAS_AUTH_PLAIN;
    }
}

static void say_ehlo(struct smtp_client *c)
{
    c->has = 0;
    c->size_limit = 0;
    buf_printf(&c->out, "EHLO %.*s\r\n", STR_ARG(c->options.host));
    expect(c, EHLO, c->options.reply_ms);
}

static void say_quit(struct smtp_client *c)
{
    BUF_ADD(&c->out, "QUIT\r\n");
    expect(c, QUIT, c->options.reply_ms / 10);
}

void smtp_client_quit(struct smtp_client *c)
{
    if (c->state == IDLE)
        say_quit(c);
}

/* RFC 4954 4, RFC 4616 2: authzid NUL authcid NUL passwd. */
static void say_auth(struct smtp_client *c)
{
    SCRATCH(tmp, c->mem);
    size_t user = c->options.user.len, password = c->options.password.len;
    char *plain = arena_alloc(tmp, user + password + 2);

    memcpy(plain + 1, c->options.user.at, user);
    memcpy(plain + 2 + user, c->options.password.at, password);
    buf_printf(&c->out, "AUTH PLAIN %.*s\r\n",
               STR_ARG(base64_encode(tmp, str_from(plain, user + password + 2))));
    expect(c, AUTH, c->options.reply_ms);
}

/* EHLO or HELO went well: what comes before the first message? */
static void after_greeting(struct smtp_client *c)
{
    bool offered = (c->has & SMTP_CLIENT_HAS_STARTTLS) != 0;

    if (!c->secure && c->options.tls != SMTP_CLIENT_TLS_NEVER && offered) {
        BUF_ADD(&c->out, "STARTTLS\r\n");
        expect(c, STARTTLS, c->options.reply_ms);
    } else if (!c->secure && c->options.tls == SMTP_CLIENT_TLS_MUST) {
        end_with_words(c, "4.7.5", STR("the other server does not offer TLS"));
    } else if (c->options.user.len > 0 && c->secure && (c->has & SMTP_CLIENT_HAS_AUTH_PLAIN)) {
        say_auth(c);
    } else if (c->options.user.len > 0) {
        end_with_words(c, "4.7.0", STR("the other server offers no way to log in"));
    } else {
        expect(c, IDLE, 0);
    }
}

void smtp_client_tls(struct smtp_client *c, bool ok, struct str why)
{
    if (c->state != TLS)
        return;
    if (!ok) {
        end_with_words(c, "4.7.5", why);
        return;
    }
    c->secure = true;
    (void)line_drop(&c->in);
    say_ehlo(c);
}

/* ---- the envelope ---- */

static void add_mail_command(struct smtp_client *c)
{
    const struct smtp_client_message *m = c->m;

    buf_printf(&c->out, "MAIL FROM:<%.*s>", STR_ARG(m->reverse_path));
    if (c->has & SMTP_CLIENT_HAS_SIZE)
        buf_printf(&c->out, " SIZE=%llu", (unsigned long long)m->size);
    if (m->body == SMTP_CLIENT_BINARY)
        BUF_ADD(&c->out, " BODY=BINARYMIME");
    else if (m->body == SMTP_CLIENT_8BIT && (c->has & SMTP_CLIENT_HAS_8BITMIME))
        BUF_ADD(&c->out, " BODY=8BITMIME");
    if (m->smtputf8)
        BUF_ADD(&c->out, " SMTPUTF8");
    if ((c->has & SMTP_CLIENT_HAS_DSN) && m->ret != 0)
        buf_printf(&c->out, " RET=%s", m->ret == 1 ? "FULL" : "HDRS");
    if ((c->has & SMTP_CLIENT_HAS_DSN) && m->envid.len > 0)
        buf_printf(&c->out, " ENVID=%.*s", STR_ARG(m->envid));
    BUF_ADD(&c->out, "\r\n");
}

/* RFC 3461 4.1: NOTIFY=NEVER or a list. */
static void add_notify(struct buf *out, uint8_t notify)
{
    static const char *const names[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
    const char *separator = " NOTIFY=";

    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (notify & (1U << i)) {
            buf_printf(out, "%s%s", separator, names[i]);
            separator = ",";
        }
}

static void add_rcpt_command(struct smtp_client *c, const struct smtp_client_rcpt *rcpt)
{
    buf_printf(&c->out, "RCPT TO:<%.*s>", STR_ARG(rcpt->address));
    if (c->has & SMTP_CLIENT_HAS_DSN) {
        add_notify(&c->out, rcpt->notify);
        if (rcpt->orcpt.len > 0)
            buf_printf(&c->out, " ORCPT=%.*s", STR_ARG(rcpt->orcpt));
    }
    BUF_ADD(&c->out, "\r\n");
}

/* Sends as much of the envelope as the server may be given now. */
static void send_envelope(struct smtp_client *c)
{
    uint32_t data = c->rcpt_count + 1;

    while (c->sent <= data && (pipelines(c) || c->sent == c->answered)) {
        if (c->sent == 0) {
            add_mail_command(c);
        } else if (c->sent < data) {
            add_rcpt_command(c, &c->m->rcpts[c->sent - 1]);
        } else if (c->chunking) {
            /* BDAT is not a command to pipeline blindly: its octets follow at once, so it waits
             * for the recipients (RFC 3030 2). */
            return;
        } else {
            BUF_ADD(&c->out, "DATA\r\n");
        }
        c->sent++;
    }
}

/* Why this server cannot take the message at all, or null. */
static const char *misfit(const struct smtp_client *c, const struct smtp_client_message *m,
                          const char **ret_status)
{
    if (m->smtputf8 && !(c->has & SMTP_CLIENT_HAS_SMTPUTF8)) { /* RFC 6531 3.2 */
        *ret_status = "5.6.7";
        return "the other server does not take internationalised addresses (SMTPUTF8)";
    }
    if (m->body == SMTP_CLIENT_BINARY &&
        (~c->has & (SMTP_CLIENT_HAS_BINARYMIME | SMTP_CLIENT_HAS_CHUNKING)) != 0) {
        *ret_status = "5.6.3";
        return "the other server does not take binary messages (BINARYMIME)";
    }
    if (m->body == SMTP_CLIENT_8BIT && !(c->has & SMTP_CLIENT_HAS_8BITMIME)) {
        *ret_status = "5.6.3";
        return "the other server does not take 8-bit messages (8BITMIME)";
    }
    if (c->size_limit != 0 && m->size > c->size_limit) { /* RFC 1870 6.1 */
        *ret_status = "5.3.4";
        return "the message is larger than the other server takes";
    }
    return NULL;
}

void smtp_client_send(struct smtp_client *c, const struct smtp_client_message *m)
{
    const char *status = NULL;

    BUG_ON(c->state != IDLE || c->m != NULL || m->rcpt_count == 0);
    arena_reset(c->message);
    c->m = m;
    c->rcpt_count = m->rcpt_count;
    c->fates = ARENA_ARRAY(c->message, uint8_t, m->rcpt_count);
    c->texts = ARENA_ARRAY(c->message, struct verdict_text, m->rcpt_count);
    c->sent = c->answered = c->accepted = c->told = c->first_open = 0;
    c->mail_refused = c->data_refused = c->body_wanted = c->ready_told = false;
    c->chunking = m->body == SMTP_CLIENT_BINARY;
    c->dots = (struct dot_writer){ 0 };

    const char *why = misfit(c, m, &status);
    if (why != NULL) {
        decide_rest(c, TO_FAIL, (struct verdict_text){ 0, str_from_z(status), str_from_z(why) });
        return; /* still IDLE: nothing was said to the server */
    }
    expect(c, ENVELOPE, c->options.reply_ms);
    send_envelope(c);
}

static void say_rset(struct smtp_client *c)
{
    BUF_ADD(&c->out, "RSET\r\n");
    expect(c, RSET, c->options.reply_ms);
}

static void start_body(struct smtp_client *c)
{
    c->state = BODY;
    c->deadline_ms = c->now_ms + c->options.end_ms;
    c->body_wanted = true;
}

static void answer_to_mail(struct smtp_client *c)
{
    if (verdict_of(c->reply.code) == SMTP_CLIENT_DELIVERED)
        return;
    c->mail_refused = true;
    decide_rest(c, fate_of(c->reply.code), keep_reply(c, c->message));
}

static void answer_to_rcpt(struct smtp_client *c, uint32_t index)
{
    int code = c->reply.code;

    if (c->mail_refused)
        return;
    if (verdict_of(code) == SMTP_CLIENT_DELIVERED) {
        c->fates[index] = ACCEPTED;
        c->accepted++;
        return;
    }

    struct verdict_text why = keep_reply(c, c->message);
    enum fate fate = refusal_of(code);
    /* RFC 5321 4.5.3.1.10: 552 for one recipient too many means what 452 means. */
    if (code == 552 && c->accepted > 0) {
        fate = TO_DEFER;
        why.status = STR("4.5.3");
    }
    decide(c, index, fate, why);
}

static void answer_to_data(struct smtp_client *c)
{
    if (c->reply.code == 354) {
        if (c->accepted > 0) {
            start_body(c);
        } else { /* RFC 2920 3.1: nobody is left, yet the server waits for a message */
            BUF_ADD(&c->out, ".\r\n");
            c->data_refused = true;
            expect(c, END, c->options.end_ms);
        }
        return;
    }
    decide_rest(c, refusal_of(c->reply.code), keep_reply(c, c->message));
    say_rset(c);
}

/* One reply of the envelope, matched by its place. */
static void envelope_reply(struct smtp_client *c)
{
    uint32_t place = c->answered++, data = c->rcpt_count + 1;

    if (place == 0)
        answer_to_mail(c);
    else if (place < data)
        answer_to_rcpt(c, place - 1);
    else {
        answer_to_data(c);
        return;
    }
    expect(c, ENVELOPE, c->answered == data ? c->options.data_ms : c->options.reply_ms);

    bool hopeless = c->mail_refused || (c->answered == data && c->accepted == 0);
    if (hopeless && c->sent == c->answered) { /* nothing more is under way */
        say_rset(c);
        return;
    }
    if (!hopeless && c->answered == data && c->chunking) {
        start_body(c);
        return;
    }
    if (!hopeless)
        send_envelope(c);
}

/* ---- the message ---- */

void smtp_client_body(struct smtp_client *c, struct str bytes, bool last)
{
    if (c->state != BODY) /* the session ended meanwhile */
        return;
    c->body_wanted = false;
    c->deadline_ms = c->now_ms + c->options.end_ms;
    if (c->chunking) {
        if (bytes.len > 0 || last)
            buf_printf(&c->out, "BDAT %zu%s\r\n", bytes.len, last ? " LAST" : "");
        buf_add(&c->out, bytes);
        expect(c, last ? END : BODY, c->options.end_ms);
        return; /* the reply to this chunk asks for the next */
    }
    dot_write(&c->dots, bytes, &c->out);
    if (last) {
        dot_finish(&c->dots, &c->out);
        expect(c, END, c->options.end_ms);
    } else {
        c->body_wanted = true;
    }
}

/* A reply while the message is being sent: to a chunk, or a server that has had enough. */
static void body_reply(struct smtp_client *c)
{
    if (c->chunking && verdict_of(c->reply.code) == SMTP_CLIENT_DELIVERED) {
        start_body(c);
        return;
    }
    if (c->chunking) {
        decide_rest(c, fate_of(c->reply.code), keep_reply(c, c->message));
        say_rset(c);
        return;
    }
    /* In the middle of DATA there is no way back to commands: the answer stands, and we go. */
    decide_rest(c, refusal_of(c->reply.code), keep_reply(c, c->message));
    end_with_reply(c);
}

static void end_reply(struct smtp_client *c)
{
    if (c->data_refused) { /* the lone dot of an empty transaction; a 2xx to it says nothing */
        say_rset(c);
        return;
    }
    if (c->reply.code >= 300 && c->reply.code < 400) {
        end_with_words(c, "4.5.0", STR("the other server answered the message with nonsense"));
        return;
    }
    decide_rest(c, fate_of(c->reply.code), keep_reply(c, c->message));
    expect(c, IDLE, 0);
}

/* ---- replies ---- */

static void ehlo_reply(struct smtp_client *c)
{
    if (verdict_of(c->reply.code) == SMTP_CLIENT_DELIVERED) {
        after_greeting(c);
    } else if (verdict_of(c->reply.code) == SMTP_CLIENT_FAILED && !c->secure) {
        /* RFC 5321 3.2: a server without extensions gets HELO. */
        buf_printf(&c->out, "HELO %.*s\r\n", STR_ARG(c->options.host));
        expect(c, HELO, c->options.reply_ms);
    } else {
        end_with_reply(c);
    }
}

static void starttls_reply(struct smtp_client *c)
{
    if (c->reply.code == 220) {
        c->state = TLS;
        c->start_tls = true;
        c->deadline_ms = c->now_ms + c->options.reply_ms;
    } else if (c->options.tls == SMTP_CLIENT_TLS_MUST) {
        end_with_reply(c);
    } else {
        c->has &= ~(unsigned)SMTP_CLIENT_HAS_STARTTLS;
        after_greeting(c);
    }
}

/* GREETING, HELO, AUTH: 2xx goes on, anything else ends. */
static void plain_reply(struct smtp_client *c)
{
    bool good = verdict_of(c->reply.code) == SMTP_CLIENT_DELIVERED;

    if (!good)
        end_with_reply(c);
    else if (c->state == GREETING)
        say_ehlo(c);
    else if (c->state == HELO)
        after_greeting(c);
    else
        expect(c, IDLE, 0);
}

static void handle_reply(struct smtp_client *c)
{
    if (c->reply.code == 421 && c->state != QUIT) { /* RFC 5321 3.8: the server is leaving */
        end_with_reply(c);
        return;
    }
    switch (c->state) {
    case GREETING:
    case HELO:
    case AUTH:
        plain_reply(c);
        break;
    case EHLO:
        ehlo_reply(c);
        break;
    case STARTTLS:
        starttls_reply(c);
        break;
    case ENVELOPE:
        envelope_reply(c);
        break;
    case BODY:
        body_reply(c);
        break;
    case END:
        end_reply(c);
        break;
    case RSET:
        expect(c, IDLE, 0);
        break;
    case QUIT:
        end_session(c, SMTP_CLIENT_DELIVERED, (struct verdict_text){ 0 });
        break;
    case TLS:
    case IDLE: /* unasked words: some servers say 421 so, which was handled above */
        end_with_words(c, "4.5.0", STR("the other server spoke out of turn"));
        break;
    case CLOSED:
        break;
    }
    if (c->state != CLOSED)
        smtp_reply_start(&c->reply, c->options.reply_lines_max, TEXT_BYTES_MAX);
}

size_t smtp_client_feed(struct smtp_client *c, struct str bytes)
{
    if (c->state == CLOSED)
        return bytes.len;
    /* Between 220 and the handshake nothing is a line any more. */
    if (c->state == TLS)
        return 0;
    return line_feed(&c->in, bytes);
}

/* Reads lines until a reply has changed something or no line is left; true: go on. */
static bool read_line(struct smtp_client *c)
{
    struct str line, text;

    if (c->state == TLS || c->state == CLOSED)
        return false;
    switch (line_next(&c->in, c->options.reply_line_max, &line)) {
    case LINE_MORE:
        return false;
    case LINE_DONE:
        break;
    case LINE_TOO_LONG:
    case LINE_BARE_NEWLINE:
    case LINE_FLOOD:
        end_with_words(c, "4.5.0", STR("the other server's reply is too long or not a line"));
        return true;
    }

    enum smtp_reply_status status = smtp_reply_line(&c->reply, line, &text);
    if (status == SMTP_REPLY_NONSENSE) {
        end_with_words(c, "4.5.0", STR("the other server's reply is not SMTP"));
        return true;
    }
    if (c->state == EHLO && c->reply.lines > 1 && c->reply.code == 250)
        read_ehlo_line(c, text);
    if (status == SMTP_REPLY_DONE)
        handle_reply(c);
    return true;
}

/* ---- events ---- */

static bool next_result(struct smtp_client *c, struct smtp_client_result *ret)
{
    static const enum smtp_client_verdict verdicts[] = {
        [TO_DELIVER] = SMTP_CLIENT_DELIVERED,
        [TO_DEFER] = SMTP_CLIENT_DEFERRED,
        [TO_FAIL] = SMTP_CLIENT_FAILED,
    };

    if (c->m == NULL)
        return false;
    for (uint32_t i = c->first_open; i < c->rcpt_count; i++) {
        if (c->fates[i] == TO_DELIVER || c->fates[i] == TO_DEFER || c->fates[i] == TO_FAIL) {
            *ret = (struct smtp_client_result){ i, verdicts[c->fates[i]], c->texts[i].code,
                                                c->texts[i].status, c->texts[i].text };
            c->fates[i] = TOLD;
            if (++c->told == c->rcpt_count)
                c->m = NULL; /* the owner may free the message now */
            return true;
        }
        if (c->fates[i] == TOLD && i == c->first_open)
            c->first_open++;
    }
    return false;
}

enum smtp_client_event smtp_client_next(struct smtp_client *c, struct str *ret_text,
                                        struct smtp_client_result *ret_result)
{
    if (c->out_shown) {
        buf_clear(&c->out);
        buf_shrink(&c->out, 4096);
        c->out_shown = false;
    }
    /* In IDLE the owner hears of READY before the server's next words are looked at. */
    while (c->out.len == 0 && (c->state != IDLE || (c->ready_told && c->m == NULL)) && read_line(c))
        ;
    if (c->out.len > 0) {
        *ret_text = buf_str(&c->out);
        c->out_shown = true;
        return SMTP_CLIENT_SEND;
    }
    if (next_result(c, ret_result))
        return SMTP_CLIENT_RESULT;
    if (c->start_tls) {
        c->start_tls = false;
        (void)line_drop(&c->in);
        return SMTP_CLIENT_START_TLS;
    }
    if (c->state == CLOSED && !c->closed_told) {
        c->closed_told = true;
        *ret_result = c->end;
        return SMTP_CLIENT_CLOSE;
    }
    if (c->state == BODY && c->body_wanted)
        return SMTP_CLIENT_WANT_BODY;
    if (c->state == IDLE && c->m == NULL && !c->ready_told) {
        c->ready_told = true;
        return SMTP_CLIENT_READY;
    }
    return SMTP_CLIENT_WANT_BYTES;
}
