/* gate/imap/cmd/cmd_login.c - LOGIN and AUTHENTICATE.
 *
 * Both end in one question to keeper. A wrong password is answered after a pause, and only so many
 * of them in one connection, so that guessing is slow. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

#include "proto/imap/caps.h"
#include "proto/sasl.h"

static void logged_in(struct imap_session *s, const struct login_result *r)
{
    struct buf text = { 0 };

    imap_session_set_account(s, r->session, r->account);
    s->tally.account = r->account;
    s->wrong_logins = 0;
    BUF_ADD(&text, "OK [CAPABILITY ");
    caps_format(&text, imap_facts(s->machine), s->service->settings.limits.append_bytes_max);
    BUF_ADD(&text, "] Logged in as ");
    buf_add(&text, r->address);
    imap_session_end(s, buf_str(&text));
    buf_deinit(&text);
}

static void answer_wrong(struct imap_session *s)
{
    timer_set_in(&s->timer, s->service->settings.login_ms_max);
    imap_session_fail(s, ERR_AUTH);
}

static void answer_last(struct imap_session *s)
{
    imap_session_bye(s, STR("Too many wrong passwords"));
}

static void go_on(struct imap_session *s, enum sasl_status status);

static void login_came(void *ctx, const struct login_result *r)
{
    struct imap_session *s = ctx;

    if (r->decided)
        session_log_login(s->service->settings.log,
                          r->e == OK ? "imap.login" : "imap.login_refused", s->stream, r);
    if (!r->decided) {
        go_on(s, sasl_reply(s->sasl, r->words, r->last));
        imap_session_pump(s);
        stream_resume(s->stream);
    } else if (r->e == OK) {
        logged_in(s, r);
    } else if (r->e == ERR_AUTH) {
        bool last = ++s->wrong_logins >= s->service->settings.login_tries;

        s->later = last ? answer_last : answer_wrong;
        timer_set_in(&s->timer, s->service->settings.login_delay_ms);
    } else if (r->e == ERR_DENIED) {
        imap_session_end(s, s->sasl != NULL && sasl_login(s->sasl)->authzid.len > 0
                                ? STR("NO [AUTHORIZATIONFAILED] Log in as yourself")
                                : STR("NO [CONTACTADMIN] The account is disabled"));
    } else if (r->e == ERR_SYNTAX) {
        imap_session_end(s, STR("BAD Not a valid response"));
    } else {
        imap_session_fail(s, r->e);
    }
}

static void ask(struct imap_session *s, const struct sasl_login *said)
{
    const struct login_way way = { s->service->keeper, s->stream, STR("imap"), login_came, s };

    login_ask(&s->login, &way, said);
}

void imap_cmd_login(struct imap_session *s, const struct imap_command *c)
{
    const struct sasl_login said = { .mechanism = STR("LOGIN"),
                                     .authcid = c->login.user,
                                     .password = c->login.password };

    if (c->login.user.len > SASL_NAME_MAX || c->login.password.len > SASL_PASSWORD_MAX)
        imap_session_fail(s, ERR_AUTH);
    else
        ask(s, &said);
}

static void go_on(struct imap_session *s, enum sasl_status status)
{
    switch (status) {
    case SASL_CHALLENGE:
        imap_challenge(s->machine, sasl_challenge(s->sasl));
        break;
    case SASL_LOGIN:
        ask(s, sasl_login(s->sasl));
        break;
    case SASL_MALFORMED:
        imap_session_end(s, STR("BAD Not a valid response"));
        break;
    case SASL_CANCELLED:
        imap_session_end(s, STR("BAD Cancelled"));
        break;
    }
}

void imap_cmd_authenticate(struct imap_session *s, const struct imap_command *c)
{
    struct str initial = c->authenticate.initial;

    s->sasl = sasl_new(c->authenticate.mechanism, imap_facts(s->machine) >> IMAP_OFFERS_SHIFT);
    if (s->sasl == NULL) {
        imap_session_end(s, STR("NO [CANNOT] Unknown mechanism"));
        return;
    }
    if (c->authenticate.has_initial && initial.len == 0)
        initial = STR("=");
    go_on(s, sasl_start(s->sasl, initial));
}

void auth_line(struct imap_session *s, struct str line, bool whole)
{
    if (whole)
        go_on(s, sasl_feed(s->sasl, line));
    else
        imap_session_end(s, STR("BAD Not a valid response"));
}
