/* proto/pop3/pop3.c - the turn of the machine: octets to lines, replies out, answers in.
 *
 * pop3_next works until there is something for the session to do. Replies collect in `out`, so a
 * pipelined batch is answered in one piece; any other event waits in `event` until they are sent,
 * because the peer must see them in order. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/pop3/machine.h"

enum { SEND_WHEN_OVER = 4096 /* octets of replies that are sent before going on */ };

struct pop3 *pop3_new(struct arena *mem, const struct pop3_options *options, unsigned begin,
                      uint64_t now_ms)
{
    struct pop3 *p = ARENA_NEW(mem, struct pop3);

    *p = (struct pop3){ .options = options, .now_ms = now_ms, .active_ms = now_ms };
    p->in.lf_ends_line = true;
    p->offers = SASL_OFFER_PASSWORDS;
    p->facts = ((begin & POP3_FROM_TLS) != 0 ? FACT_SECURE : 0u) |
               ((begin & POP3_PLAIN_AUTH) != 0 ? FACT_PLAIN_AUTH : 0u);
    buf_printf(&p->out, "+OK %.*s POP3 Postern\r\n", STR_ARG(options->host));
    return p;
}

void pop3_deinit(struct pop3 *p)
{
    pop3_forget_login(p);
    line_deinit(&p->in);
    buf_deinit(&p->out);
    buf_deinit(&p->uidls);
    buf_deinit(&p->uidl_text);
    free(p->messages);
    p->messages = NULL;
    p->count = p->cap = 0;
    p->state = STATE_CLOSED;
}

static void reply(struct pop3 *p, struct str status, struct str text)
{
    buf_add(&p->out, status);
    buf_add(&p->out, text);
    BUF_ADD(&p->out, "\r\n");
}

void pop3_ok(struct pop3 *p, struct str text)
{
    reply(p, STR("+OK "), text);
}

void pop3_err(struct pop3 *p, struct str text)
{
    p->errors++;
    reply(p, STR("-ERR "), text);
}

static void err_and_close(struct pop3 *p, struct str text)
{
    pop3_err(p, text);
    p->state = STATE_CLOSING;
}

void pop3_raise(struct pop3 *p, enum pop3_event event)
{
    BUG_ON(p->event != POP3_WANT_BYTES);
    p->event = (uint8_t)event;
}

void pop3_ask(struct pop3 *p, enum pop3_event event)
{
    pop3_raise(p, event);
    p->awaited = (uint8_t)event;
    p->state = STATE_WAITING;
}

void pop3_settle(struct pop3 *p)
{
    if (!p->lent)
        return;
    buf_deinit(&p->out);
    p->lent = false;
}

/* While TLS is being set up, what still comes in the clear may be somebody else's and is dropped
 * (RFC 2595 4); after the end nothing is of interest. */
size_t pop3_feed(struct pop3 *p, struct str bytes)
{
    pop3_settle(p);
    if (p->state >= STATE_HANDSHAKE)
        return bytes.len;
    return line_feed(&p->in, bytes);
}

/* Before a line is there nobody knows whether it is an AUTH, so the reader takes what the longest
 * kind may have, and commands are measured again when they are known. */
static size_t reader_line_max(const struct pop3 *p)
{
    size_t longest = MAX((size_t)p->options->limits.line_max, (size_t)SASL_LINE_MAX);

    return MIN(longest, (size_t)LINE_PENDING_MAX - 2);
}

/* A line is a sign of life, but who has not logged in may not stay for ever by saying things. */
static void note_life(struct pop3 *p)
{
    if ((p->facts & FACT_OPEN) != 0)
        p->active_ms = p->now_ms;
}

/* One line; false when there is none yet. */
static bool take_line(struct pop3 *p)
{
    struct str line;

    if (p->errors > p->options->limits.errors_max) {
        err_and_close(p, STR("Too many errors"));
        return true;
    }
    switch (line_next(&p->in, reader_line_max(p), &line)) {
    case LINE_MORE:
        return false;
    case LINE_DONE:
        note_life(p);
        if (p->state == STATE_AUTH_LINE)
            pop3_auth_line(p, line);
        else
            pop3_command(p, line);
        return true;
    case LINE_TOO_LONG:
        note_life(p);
        ERR_REPLY(p, "Line too long");
        if (p->state == STATE_AUTH_LINE)
            pop3_forget_login(p);
        p->state = STATE_COMMAND;
        return true;
    case LINE_BARE_NEWLINE:
        err_and_close(p, STR("CR without LF"));
        return true;
    case LINE_FLOOD:
        err_and_close(p, STR("This line has no end"));
        return true;
    }
    BUG("unknown line status");
}

/* One step; false when it needs more octets or an answer. */
static bool step(struct pop3 *p)
{
    switch ((enum pop3_state)p->state) {
    case STATE_COMMAND:
    case STATE_AUTH_LINE:
        return take_line(p);
    case STATE_LISTING:
        pop3_list_on(p);
        return true;
    case STATE_SENDING: /* the last page has gone; ask for the next */
        pop3_raise(p, POP3_READ);
        p->state = STATE_READING;
        return true;
    case STATE_WAITING:
    case STATE_READING:
    case STATE_HANDSHAKE:
    case STATE_CLOSING:
    case STATE_CLOSED:
        return false;
    }
    BUG("unknown state");
}

static enum pop3_event send(struct pop3 *p, struct pop3_out *out)
{
    out->text = buf_str(&p->out);
    p->lent = true;
    return POP3_SEND;
}

/* Hands out the event that waited. */
static enum pop3_event deliver(struct pop3 *p, struct pop3_out *out)
{
    enum pop3_event event = (enum pop3_event)p->event;

    p->event = POP3_WANT_BYTES;
    if (event == POP3_CHECK_LOGIN)
        out->login = p->sasl != NULL ? sasl_login(p->sasl) : &p->login;
    if (event == POP3_READ)
        out->read = (struct pop3_read){ .uid = p->transfer.uid,
                                        .number = p->transfer.number,
                                        .offset = p->transfer.offset,
                                        .whole = p->transfer.whole };
    return event;
}

enum pop3_event pop3_next(struct pop3 *p, struct pop3_out *out)
{
    *out = (struct pop3_out){ 0 };
    pop3_settle(p);
    do {
        if (p->event != POP3_WANT_BYTES)
            return p->out.len > 0 ? send(p, out) : deliver(p, out);
        if (p->out.len > SEND_WHEN_OVER)
            return send(p, out);
    } while (step(p));

    if (p->out.len > 0)
        return send(p, out);
    if (p->state >= STATE_CLOSING) {
        p->state = STATE_CLOSED;
        return POP3_CLOSE;
    }
    return POP3_WANT_BYTES;
}

/* A message whose first page fails was never begun, so there is an honest -ERR. Later the peer is
 * in the middle of it and only a broken connection tells the truth. */
static void read_refused(struct pop3 *p, struct str text)
{
    if (p->transfer.begun)
        p->state = STATE_CLOSING;
    else
        pop3_err(p, text);
}

void pop3_answer(struct pop3 *p, bool ok, struct str text)
{
    enum pop3_event to = p->state == STATE_READING ? POP3_READ : (enum pop3_event)p->awaited;

    if (p->state >= STATE_CLOSING) /* ended while the answer was on its way */
        return;
    BUG_ON((p->state != STATE_WAITING && p->state != STATE_READING) || p->event != POP3_WANT_BYTES);
    pop3_settle(p);
    p->state = STATE_COMMAND;
    p->active_ms = p->now_ms;
    if (to == POP3_CHECK_LOGIN) {
        pop3_login_answered(p, ok, text);
    } else if (to == POP3_READ) {
        BUG_ON(ok);
        read_refused(p, text);
    } else {
        if (ok)
            pop3_ok(p, text);
        else
            pop3_err(p, text);
        p->state = STATE_CLOSING;
    }
    if ((p->facts & FACT_STOPPING) != 0 && p->state == STATE_COMMAND)
        err_and_close(p, STR("[SYS/TEMP] Closing; try again soon"));
}

void pop3_challenge(struct pop3 *p, struct str octets, bool last)
{
    if (p->state >= STATE_CLOSING) /* ended while the words were on their way */
        return;
    BUG_ON(p->state != STATE_WAITING || p->awaited != POP3_CHECK_LOGIN || p->sasl == NULL);
    pop3_settle(p);
    pop3_auth_reply(p, octets, last);
    if ((p->facts & FACT_STOPPING) != 0)
        err_and_close(p, STR("[SYS/TEMP] Closing; try again soon"));
}

void pop3_offer(struct pop3 *p, unsigned offers)
{
    p->offers = offers;
}

void pop3_tls_started(struct pop3 *p)
{
    pop3_settle(p);
    if (p->state != STATE_HANDSHAKE) /* it was ended meanwhile */
        return;
    (void)line_drop(&p->in);
    pop3_forget_login(p);
    p->facts = (p->facts & FACTS_OF_CONNECTION) | FACT_SECURE;
    p->state = STATE_COMMAND;
    p->active_ms = p->now_ms;
}

uint64_t pop3_deadline_ms(const struct pop3 *p)
{
    if (p->state != STATE_COMMAND && p->state != STATE_AUTH_LINE && p->state != STATE_HANDSHAKE)
        return UINT64_MAX;
    return p->active_ms + ((p->facts & FACT_OPEN) != 0 ? p->options->limits.idle_ms_max
                                                       : p->options->limits.login_ms_max);
}

/* Ends the session from outside. In a handshake nothing can be said: the peer expects TLS. */
static void end_with(struct pop3 *p, struct str text)
{
    if (p->state == STATE_COMMAND || p->state == STATE_AUTH_LINE)
        pop3_err(p, text);
    p->event = POP3_WANT_BYTES;
    p->state = STATE_CLOSING;
}

void pop3_tick(struct pop3 *p, uint64_t now_ms)
{
    pop3_settle(p);
    p->now_ms = now_ms;
    if (now_ms >= pop3_deadline_ms(p) && p->event == POP3_WANT_BYTES)
        end_with(p, STR("Waited too long for you"));
}

void pop3_stop(struct pop3 *p, struct str text)
{
    pop3_settle(p);
    if (p->state == STATE_WAITING)
        p->facts |= FACT_STOPPING;
    else if (p->state < STATE_CLOSING)
        end_with(p, text);
}
