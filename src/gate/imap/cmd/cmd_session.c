/* gate/imap/cmd/cmd_session.c - commands that need no keeper: CAPABILITY, NOOP, CHECK, LOGOUT, ID,
 * STARTTLS, ENABLE, UNAUTHENTICATE. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

#include "proto/imap/caps.h"
#include "proto/imap/reply.h"

void imap_cmd_capability(struct imap_session *s, const struct imap_command *c)
{
    (void)c;
    BUF_ADD(&s->out, "* CAPABILITY ");
    caps_format(&s->out, imap_facts(s->machine), s->service->settings.limits.append_bytes_max);
    BUF_ADD(&s->out, "\r\n");
    imap_session_ok(s);
}

/* What makes NOOP and CHECK useful is the news that every end of a command brings. */
void imap_cmd_noop(struct imap_session *s, const struct imap_command *c)
{
    (void)c;
    imap_session_ok(s);
}

void imap_cmd_check(struct imap_session *s, const struct imap_command *c)
{
    (void)c;
    imap_session_ok(s);
}

void imap_cmd_logout(struct imap_session *s, const struct imap_command *c)
{
    reply_line(&s->out, STR("BYE Logging out"));
    reply_tagged_line(&s->out, c->tag, STR("OK LOGOUT completed"));
    imap_session_finish(s);
}

void imap_cmd_id(struct imap_session *s, const struct imap_command *c)
{
    (void)c;
    BUF_ADD(&s->out, "* ID (\"name\" \"Postern\"");
    if (s->service->settings.version.len > 0) {
        BUF_ADD(&s->out, " \"version\" ");
        reply_string(&s->out, s->service->settings.version, false);
    }
    BUF_ADD(&s->out, ")\r\n");
    imap_session_ok(s);
}

/* The OK is the last thing in plaintext. What the client has sent ahead is dropped, or an attacker
 * could put commands into the encrypted session (RFC 3501 6.2.1). */
void imap_cmd_starttls(struct imap_session *s, const struct imap_command *c)
{
    (void)c;
    if (s->service->tls == NULL) { /* the certificate went with a reload */
        imap_session_end(s, STR("NO [UNAVAILABLE] TLS is not available now"));
        return;
    }
    s->handshake = true;
    imap_session_end(s, STR("OK Begin TLS now"));
    stream_drop_held(s->stream);
    stream_start_tls_server(s->stream, s->service->tls);
}

void imap_cmd_enable(struct imap_session *s, const struct imap_command *c)
{
    bool annotations = imap_session_has(s, IMAP_METADATA);

    BUF_ADD(&s->out, "* ENABLED");
    for (uint32_t i = 0; i < c->enable.count; i++) {
        uint32_t fact = caps_enable_fact(c->enable.at[i]);

        if (fact == 0 || (imap_facts(s->machine) & fact) == fact)
            continue;
        imap_set_facts(s->machine, fact, 0);
        if ((fact & IMAP_REV2) != 0 && s->box != NULL) /* RFC 9051: nothing is \Recent any more */
            uidset_deinit(&s->box->view.recent);
        BUF_ADD(&s->out, " ");
        buf_add(&s->out, c->enable.at[i]);
    }
    BUF_ADD(&s->out, "\r\n");
    if (!annotations && imap_session_has(s, IMAP_METADATA))
        notify_enable(s);
    else
        imap_session_ok(s);
}

/* RFC 8437: back to the state before the log-in, with everything that ENABLE did undone. */
void imap_cmd_unauthenticate(struct imap_session *s, const struct imap_command *c)
{
    (void)c;
    selected_close(s);
    imap_session_leave_account(s);
    imap_set_facts(s->machine, 0,
                   IMAP_AUTHED | IMAP_UTF8 | IMAP_REV2 | IMAP_CONDSTORE | IMAP_QRESYNC |
                       IMAP_METADATA | IMAP_UIDONLY);
    timer_set_in(&s->timer, s->service->settings.login_ms_max);
    imap_session_ok(s);
}
