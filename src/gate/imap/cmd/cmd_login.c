/* gate/imap/cmd/cmd_login.c - LOGIN and AUTHENTICATE.
 *
 * Both end in one question to keeper. A wrong password is answered after a pause, and only so many
 * of them in one connection, so that guessing is slow. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

#include "proto/imap/caps.h"
#include "proto/sasl.h"

static void logged_in(struct imap_session *s, const struct keep_login_rep *rep)
{
    struct buf text = { 0 };

    imap_session_set_account(s, rep->session, rep->account);
    s->wrong_logins = 0;
    BUF_ADD(&text, "OK [CAPABILITY ");
    caps_format(&text, imap_facts(s->machine), s->service->settings.limits.append_bytes_max);
    BUF_ADD(&text, "] Logged in as ");
    buf_add(&text, rep->address);
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

static void checked(void *ctx, enum err e, const struct keep_login_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e == OK) {
        logged_in(s, rep);
    } else if (e == ERR_AUTH) {
        bool last = ++s->wrong_logins >= s->service->settings.login_tries;

        s->later = last ? answer_last : answer_wrong;
        timer_set_in(&s->timer, s->service->settings.login_delay_ms);
    } else if (e == ERR_DENIED) {
        imap_session_end(s, STR("NO [CONTACTADMIN] The account is disabled"));
    } else {
        imap_session_fail(s, e);
    }
}

static void check_password(struct imap_session *s, struct str user, struct str password)
{
    struct address peer = stream_peer(s->stream);
    struct buf from = { 0 };

    address_format(&peer, &from);
    struct keep_login_req req = {
        .name = user, .password = password, .service = STR("imap"), .peer = buf_str(&from)
    };
    s->ticket = keeper_login(s->service->keeper, &req, checked, s);
    buf_deinit(&from);
}

void imap_cmd_login(struct imap_session *s, const struct imap_command *c)
{
    if (c->login.user.len > SASL_NAME_MAX || c->login.password.len > SASL_PASSWORD_MAX)
        imap_session_fail(s, ERR_AUTH);
    else
        check_password(s, c->login.user, c->login.password);
}

/* Acting as somebody else is not offered; naming oneself is allowed (RFC 4616 2). */
static void sasl_complete(struct imap_session *s)
{
    const struct sasl_login *login = sasl_login(s->sasl);

    if (login->authzid.len > 0 && !str_eq(login->authzid, login->authcid))
        imap_session_end(s, STR("NO [AUTHORIZATIONFAILED] Log in as yourself"));
    else
        check_password(s, login->authcid, login->password);
}

static void go_on(struct imap_session *s, enum sasl_status status)
{
    switch (status) {
    case SASL_CHALLENGE:
        imap_challenge(s->machine, sasl_challenge(s->sasl));
        break;
    case SASL_LOGIN:
        sasl_complete(s);
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

    s->sasl = sasl_new(c->authenticate.mechanism);
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
