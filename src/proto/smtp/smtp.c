/* proto/smtp/smtp.c - the turn of the machine: octets to lines, lines to commands, replies out.
 *
 * smtp_next works until there is something for the session to do. Replies collect in `out` while
 * commands keep coming, so a pipelined batch is answered in one piece; any other event waits in
 * `event` until they are sent, because the peer must see them in order. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/machine.h"

enum { SEND_WHEN_OVER = 4096 /* octets of replies that are sent before going on */ };

struct smtp *smtp_new(struct arena *mem, const struct smtp_options *options, unsigned begin,
                      uint64_t now_ms)
{
    struct smtp *s = ARENA_NEW(mem, struct smtp);

    *s = (struct smtp){ .options = options, .now_ms = now_ms, .active_ms = now_ms };
    s->facts = ((begin & SMTP_FROM_TLS) != 0 ? FACT_SECURE : 0u) |
               ((begin & SMTP_PLAIN_AUTH) != 0 ? FACT_PLAIN_AUTH : 0u);
    s->offers = SASL_OFFER_PASSWORDS;
    return s;
}

static void forget_helo(struct smtp *s)
{
    free((char *)(uintptr_t)s->helo.at);
    s->helo = (struct str){ NULL, 0 };
}

void smtp_deinit(struct smtp *s)
{
    smtp_end_mail(s, false);
    sasl_free(s->sasl);
    s->sasl = NULL;
    line_deinit(&s->in);
    buf_deinit(&s->out);
    forget_helo(s);
    s->state = STATE_CLOSED;
}

/* The enhanced code at the start of a reply's text, with its blank: "5.1.1 " (RFC 3463 2). */
static size_t enhanced_length(struct str text)
{
    size_t at = 0, dots = 0;

    while (at < text.len && (ascii_is_digit(text.at[at]) || text.at[at] == '.'))
        dots += text.at[at++] == '.';
    return dots == 2 && at < text.len && text.at[at] == ' ' ? at + 1 : 0;
}

static void add_printable(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        buf_add_char(out, (unsigned char)text.at[i] < ' ' || text.at[i] == 0x7F ? '?' : text.at[i]);
}

void smtp_reply(struct smtp *s, int code, struct str text)
{
    size_t enhanced = enhanced_length(text);
    struct str status = str_take(text, (s->facts & FACT_EXTENDED) != 0 ? enhanced : 0);
    struct str rest = str_skip(text, enhanced);

    do {
        struct str line = str_split(&rest, '\n');

        buf_printf(&s->out, "%03d%c", code, rest.len > 0 ? '-' : ' ');
        buf_add(&s->out, status);
        add_printable(&s->out, line);
        BUF_ADD(&s->out, "\r\n");
    } while (rest.len > 0);
    if (code >= 500)
        s->errors++;
}

void smtp_reply_and_close(struct smtp *s, int code, struct str text)
{
    smtp_reply(s, code, text);
    s->state = STATE_CLOSING;
}

void smtp_raise(struct smtp *s, enum smtp_event event)
{
    BUG_ON(s->event != SMTP_WANT_BYTES);
    s->event = (uint8_t)event;
}

void smtp_ask(struct smtp *s, enum smtp_event event)
{
    smtp_raise(s, event);
    s->awaited = (uint8_t)event;
    s->state = STATE_WAITING;
}

static void greet_kindly(struct smtp *s)
{
    SCRATCH(tmp, NULL);

    smtp_reply(s, 220, arena_printf(tmp, "%.*s ESMTP Postern", STR_ARG(s->options->host)));
    s->state = STATE_COMMAND;
}

void smtp_greet(struct smtp *s, int code, struct str text)
{
    if (s->state != STATE_GREETING)
        return;
    if (code != 220)
        smtp_reply_and_close(s, code, text);
    else if ((s->facts & FACT_EARLY) != 0 && s->options->early_talker_refused)
        smtp_reply_and_close(s, 554, STR("5.5.1 You spoke before the greeting"));
    else
        greet_kindly(s);
}

/* What was handed out by the last smtp_next has been used by now. */
static void settle(struct smtp *s)
{
    if (!s->lent)
        return;
    buf_deinit(&s->out);
    s->lent = false;
}

/* A piece of a message that waits for replies to go out first lies in the reader's own memory, so
 * nothing more is taken until the session has it. Octets of a chunk that nobody wants are no sign
 * of life: the whole of it has the time of one command.
 *
 * While TLS is being set up, everything that still comes in the clear may have been put there by
 * somebody in between, so it is dropped (RFC 3207 4.2); after the end nothing is of interest. */
size_t smtp_feed(struct smtp *s, struct str bytes)
{
    settle(s);
    if (s->state == STATE_HANDSHAKE || s->state >= STATE_CLOSING)
        return bytes.len;
    if (s->event == SMTP_BODY)
        return 0;
    if (s->state == STATE_GREETING && bytes.len > 0)
        s->facts |= FACT_EARLY;
    if (s->mail != NULL && (s->state == STATE_DATA || s->state == STATE_CHUNK))
        s->active_ms = s->now_ms;
    return line_feed(&s->in, bytes);
}

static void too_many_errors(struct smtp *s)
{
    smtp_reply_and_close(s, 421, STR("4.7.0 Too many errors; try again later"));
}

/* Before a line is there nobody knows whether it is an AUTH, so the reader takes what the longest
 * kind may have, and commands are measured again when they are known. */
static size_t reader_line_max(const struct smtp *s)
{
    size_t longest = MAX((size_t)s->options->limits.line_max, (size_t)SASL_LINE_MAX);

    return MIN(longest, (size_t)LINE_PENDING_MAX - 2);
}

/* One line as a command or as a response of AUTH; false when there is none yet. */
static bool take_line(struct smtp *s)
{
    struct str line;

    if (s->errors > s->options->limits.errors_max || s->empty > s->options->limits.empty_max) {
        too_many_errors(s);
        return true;
    }
    switch (line_next(&s->in, reader_line_max(s), &line)) {
    case LINE_MORE:
        return false;
    case LINE_DONE:
        s->active_ms = s->now_ms;
        if (s->state == STATE_AUTH_LINE)
            smtp_auth_line(s, line);
        else
            smtp_command(s, line);
        return true;
    case LINE_TOO_LONG:
        s->active_ms = s->now_ms;
        REPLY(s, 500, "5.5.6 Line too long");
        if (s->state == STATE_AUTH_LINE) {
            sasl_free(s->sasl);
            s->sasl = NULL;
            s->state = STATE_COMMAND;
        }
        return true;
    case LINE_BARE_NEWLINE:
        smtp_reply_and_close(s, 500, STR("5.5.2 Lines end with CR LF, both together"));
        return true;
    case LINE_FLOOD:
        smtp_reply_and_close(s, 421, STR("4.5.2 This line has no end"));
        return true;
    }
    BUG("unknown line status");
}

/* One step; false when it needs more octets or an answer. */
static bool step(struct smtp *s)
{
    switch ((enum smtp_state)s->state) {
    case STATE_COMMAND:
    case STATE_AUTH_LINE:
        return take_line(s);
    case STATE_DATA:
    case STATE_CHUNK: {
        size_t before = line_pending(&s->in).len;
        uint8_t state = s->state;

        if (state == STATE_DATA)
            smtp_take_data(s);
        else
            smtp_take_chunk(s);
        return s->state != state || line_pending(&s->in).len != before;
    }
    case STATE_GREETING:
    case STATE_WAITING:
    case STATE_HANDSHAKE:
    case STATE_CLOSING:
    case STATE_CLOSED:
        return false;
    }
    BUG("unknown state");
}

static enum smtp_event send(struct smtp *s, struct smtp_out *out)
{
    out->text = buf_str(&s->out);
    s->lent = true;
    return SMTP_SEND;
}

/* Hands out the event that waited. */
static enum smtp_event deliver(struct smtp *s, struct smtp_out *out)
{
    enum smtp_event event = (enum smtp_event)s->event;

    s->event = SMTP_WANT_BYTES;
    if (event == SMTP_BODY)
        out->text = s->body;
    if (event == SMTP_CHECK_AUTH)
        out->login = sasl_login(s->sasl);
    if (s->mail != NULL) {
        out->mail = &s->mail->mail;
        out->rcpt = s->mail->candidate;
    }
    return event;
}

enum smtp_event smtp_next(struct smtp *s, struct smtp_out *out)
{
    *out = (struct smtp_out){ 0 };
    settle(s);
    do {
        if (s->event != SMTP_WANT_BYTES)
            return s->out.len > 0 ? send(s, out) : deliver(s, out);
        if (s->out.len > SEND_WHEN_OVER)
            return send(s, out);
    } while (step(s));

    if (s->out.len > 0)
        return send(s, out);
    if (s->state >= STATE_CLOSING) {
        s->state = STATE_CLOSED;
        return SMTP_CLOSE;
    }
    return SMTP_WANT_BYTES;
}

static void answer_commit(struct smtp *s, bool accepted)
{
    if (accepted) {
        s->empty = 0;
        s->mails++;
    }
    smtp_end_mail(s, false);
}

void smtp_challenge(struct smtp *s, struct str octets, bool last)
{
    BUG_ON(s->state != STATE_WAITING || s->awaited != SMTP_CHECK_AUTH);
    settle(s);
    s->active_ms = s->now_ms;
    smtp_auth_reply(s, octets, last);
    if ((s->facts & FACT_STOPPING) != 0)
        smtp_reply_and_close(s, 421, STR("4.3.2 Closing; try again soon"));
}

void smtp_offer(struct smtp *s, unsigned offers)
{
    s->offers = offers;
}

void smtp_answer(struct smtp *s, int code, struct str text)
{
    bool accepted = code >= 200 && code <= 299;

    BUG_ON(s->state != STATE_WAITING || s->event != SMTP_WANT_BYTES);
    settle(s);
    s->state = STATE_COMMAND;
    s->active_ms = s->now_ms;
    smtp_reply(s, code, text);
    switch ((enum smtp_event)s->awaited) {
    case SMTP_CHECK_AUTH:
        smtp_answer_auth(s, code);
        break;
    case SMTP_CHECK_MAIL:
        smtp_answer_mail(s, accepted);
        break;
    case SMTP_CHECK_RCPT:
        smtp_answer_rcpt(s, accepted);
        break;
    default:
        answer_commit(s, accepted);
        break;
    }
    if (code == 421)
        s->state = STATE_CLOSING;
    else if ((s->facts & FACT_STOPPING) != 0)
        smtp_reply_and_close(s, 421, STR("4.3.2 Closing; try again soon"));
}

void smtp_tls_started(struct smtp *s)
{
    settle(s);
    if (s->state != STATE_HANDSHAKE) /* it was ended meanwhile */
        return;
    (void)line_drop(&s->in);
    forget_helo(s);
    s->facts = (s->facts & FACTS_OF_CONNECTION) | FACT_SECURE;
    s->state = STATE_COMMAND;
    s->active_ms = s->now_ms;
}

uint64_t smtp_deadline_ms(const struct smtp *s)
{
    uint64_t idle = s->active_ms + s->options->limits.idle_ms_max;

    if (s->state == STATE_WAITING || s->state >= STATE_CLOSING)
        return UINT64_MAX;
    if (s->state == STATE_DATA || (s->facts & FACT_CHUNKS) != 0)
        return s->mail == NULL ? idle
                               : MIN(idle, s->mail->body_since_ms + s->options->limits.body_ms_max);
    return idle;
}

/* Ends the session from outside. In a handshake nothing can be said: the peer expects TLS. */
static void end_with(struct smtp *s, struct str text)
{
    if (s->state != STATE_HANDSHAKE) {
        smtp_reply_and_close(s, 421, text);
        return;
    }
    s->event = SMTP_WANT_BYTES;
    s->state = STATE_CLOSING;
}

void smtp_tick(struct smtp *s, uint64_t now_ms)
{
    settle(s);
    s->now_ms = now_ms;
    if (now_ms >= smtp_deadline_ms(s) && s->event == SMTP_WANT_BYTES)
        end_with(s, STR("4.4.2 Waited too long for you"));
}

void smtp_stop(struct smtp *s, struct str text)
{
    settle(s);
    if (s->state == STATE_WAITING)
        s->facts |= FACT_STOPPING;
    else if (s->state < STATE_CLOSING)
        end_with(s, text);
}

struct str smtp_helo(const struct smtp *s)
{
    return s->helo;
}

bool smtp_authenticated(const struct smtp *s)
{
    return (s->facts & FACT_AUTHED) != 0;
}

/* RFC 3848 and, for UTF8, RFC 6531 4.3. */
struct str smtp_with(const struct smtp *s)
{
    static const struct str words[2][4] = {
        { STR_INIT("ESMTP"), STR_INIT("ESMTPS"), STR_INIT("ESMTPA"), STR_INIT("ESMTPSA") },
        { STR_INIT("UTF8SMTP"), STR_INIT("UTF8SMTPS"), STR_INIT("UTF8SMTPA"),
          STR_INIT("UTF8SMTPSA") },
    };
    bool utf8 = s->mail != NULL && s->mail->mail.utf8;
    size_t column =
        ((s->facts & FACT_SECURE) != 0 ? 1u : 0u) + ((s->facts & FACT_AUTHED) != 0 ? 2u : 0u);

    if ((s->facts & FACT_EXTENDED) == 0)
        return STR("SMTP");
    return words[utf8][column];
}

void smtp_print(const struct smtp *s, struct buf *out)
{
    static const char *const states[] = { "greeting", "command",   "auth",    "waiting", "data",
                                          "chunk",    "handshake", "closing", "closed" };
    static const char *const facts[] = { "greeted", "extended", "secure",   "plain-auth",
                                         "authed",  "in-mail",  "has-rcpt", "chunks",
                                         "last",    "early",    "stopping" };

    buf_printf(out, "%s", states[s->state]);
    for (size_t i = 0; i < ARRAY_LEN(facts); i++)
        if ((s->facts & 1u << i) != 0)
            buf_printf(out, " %s", facts[i]);
}
