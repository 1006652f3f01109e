/* proto/smtp/secure.c - STARTTLS and AUTH.
 *
 * AUTH's lines go to proto/sasl.h; when a log-in is complete the session is asked. Wrong passwords
 * are counted, and after auth_tries_max of them the session ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp/machine.h"

/* The reply leaves first; then the session hands the socket to TLS. What the peer sent behind the
 * command is dropped, now and until the handshake is over (RFC 3207 4.2). */
void smtp_do_starttls(struct smtp *s, struct str arg)
{
    if (!s->options->tls_offered) {
        REPLY(s, 502, "5.5.1 TLS is not offered here");
        return;
    }
    if (arg.len > 0) {
        REPLY(s, 501, "5.5.4 STARTTLS stands alone");
        return;
    }
    REPLY(s, 220, "2.0.0 Begin TLS");
    if (s->mail != NULL) {
        /* The transaction is forgotten without a word of its own: START_TLS says it. */
        s->facts &= ~(uint32_t)FACTS_OF_MAIL;
        smtp_end_mail(s, false);
    }
    (void)line_drop(&s->in);
    s->state = STATE_HANDSHAKE;
    smtp_raise(s, SMTP_START_TLS);
}

static void end_auth(struct smtp *s)
{
    sasl_free(s->sasl);
    s->sasl = NULL;
    s->state = STATE_COMMAND;
}

static void go_on(struct smtp *s, enum sasl_status status)
{
    switch (status) {
    case SASL_CHALLENGE:
        buf_printf(&s->out, "334 %.*s\r\n", STR_ARG(sasl_challenge(s->sasl)));
        s->state = STATE_AUTH_LINE;
        break;
    case SASL_LOGIN:
        smtp_ask(s, SMTP_CHECK_AUTH);
        break;
    case SASL_MALFORMED:
        end_auth(s);
        REPLY(s, 501, "5.5.2 That was not the expected response");
        break;
    case SASL_CANCELLED:
        end_auth(s);
        REPLY(s, 501, "5.7.0 Cancelled");
        break;
    }
}

void smtp_do_auth(struct smtp *s, struct str arg)
{
    struct str mechanism = str_split(&arg, ' ');

    if (!s->options->auth_offered) {
        REPLY(s, 502, "5.5.1 There is nothing to log in to here");
        return;
    }
    if ((s->facts & (FACT_SECURE | FACT_PLAIN_AUTH)) == 0) {
        REPLY(s, 538, "5.7.11 Only under TLS: say STARTTLS first");
        return;
    }
    s->sasl = sasl_new(mechanism, s->offers);
    if (s->sasl == NULL)
        REPLY(s, 504, "5.5.4 That way of logging in is not known here");
    else
        go_on(s, sasl_start(s->sasl, str_trim(arg)));
}

void smtp_auth_line(struct smtp *s, struct str line)
{
    go_on(s, sasl_feed(s->sasl, line));
}

void smtp_auth_reply(struct smtp *s, struct str octets, bool last)
{
    go_on(s, sasl_reply(s->sasl, octets, last));
}

/* A temporary failure (454) is not the peer's fault and is not counted. */
void smtp_answer_auth(struct smtp *s, int code)
{
    end_auth(s);
    if (code >= 200 && code <= 299) {
        s->facts |= FACT_AUTHED;
        s->empty = 0;
        return;
    }
    if (code >= 500 && ++s->auth_failures >= s->options->limits.auth_tries_max)
        smtp_reply_and_close(s, 421, STR("4.7.0 Too many failed log-ins"));
}
