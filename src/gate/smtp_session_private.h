/* gate/smtp_session_private.h - what the files of the SMTP session share; nobody else includes it.
 *
 * smtp_session.c is the life of a connection; smtp_questions.c turns the machine's
 * questions into calls of keeper and its replies into answers. At most one question is open. Tests:
 * smtp_session_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_SMTP_SESSION_PRIVATE_H
#define POSTERN_GATE_SMTP_SESSION_PRIVATE_H

#include "gate/conn.h"
#include "gate/smtp_message.h"
#include "gate/smtp_session.h"

struct smtp_session {
    struct conn conn;
    struct smtp_service *service;
    struct crowd_place *place;
    struct arena *mem;
    struct smtp *machine;         /* null until the greeting */
    struct smtp_message *message; /* heap, while there is one */
    struct smtp_rcpt *rcpt;       /* whose route was asked */
    struct smtp_authors *authors; /* heap, while keeper is asked about them */
    uint32_t foreign;             /* recipients of this message that live elsewhere */
    enum smtp_door door;
    bool trusted;
};

/* smtp_session.c */
void smtp_session_drop(void *session); /* ends it at once, without a word */
void smtp_session_forget_message(struct smtp_session *s);

/* smtp_questions.c: one function for each event that keeper must be asked about. */
void smtp_ask_login(struct smtp_session *s, const struct sasl_login *login);
void smtp_login_refused(void *session, enum err e);
void smtp_logged_in(void *session, const struct login_result *r);
void smtp_login_challenge(void *session, struct str words, bool last);
void smtp_ask_sender(struct smtp_session *s, const struct smtp_mail *mail);
void smtp_ask_route(struct smtp_session *s, const struct smtp_mail *mail, struct smtp_rcpt *rcpt);
void smtp_take_body(struct smtp_session *s, struct str text);
void smtp_ask_deliver(struct smtp_session *s, const struct smtp_mail *mail);
void smtp_forget_authors(struct smtp_session *s); /* none is allowed */

#endif
