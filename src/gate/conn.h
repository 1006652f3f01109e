/* gate/conn.h - what every connection of a gate does alike, whatever it speaks.
 *
 * A session embeds a struct conn and gives it a kind: functions over its machine. The connection
 * owns the stream and the timer, carries octets to the machine, lets it work until it waits for
 * octets, for keeper (`ticket`) or for the socket, and takes no octets meanwhile, so that a peer
 * can not run ahead of its answers. Memory: part of the session; the session frees itself in
 * drop(). Times are milliseconds of the loop. Tests: smtp_session_test.c, pop3_session_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_CONN_H
#define POSTERN_GATE_CONN_H

#include "base/list.h"
#include "gate/login.h"
#include "os/loop.h"

/* What a protocol gives; `session` is that of conn_init. */
struct conn_kind {
    void (*greet)(void *session);                    /* makes the machine; the greeting */
    size_t (*feed)(void *session, struct str bytes); /* octets taken */
    bool (*handle)(void *session); /* one event; false: something must come first */
    void (*tick)(void *session, uint64_t now_ms);
    uint64_t (*deadline_ms)(void *session); /* when tick is wanted at the latest */
    void (*tls_started)(void *session);
    /* What comes of conn_ask_login; each answers the machine, then pumps. */
    void (*challenge)(void *session, struct str words, bool last);
    void (*logged_in)(void *session, const struct login_result *r); /* keeper_session is set */
    void (*login_refused)(void *session, enum err e);               /* after its delay */
    void (*drop)(void *session); /* ends it at once, without a word; frees it */
};

struct conn {
    struct list link; /* in the service */
    struct loop *loop;
    struct keeper_client *keeper;
    struct stream *stream;
    const struct conn_kind *kind;
    void *session;
    struct timer timer;
    struct login *login;           /* a log-in under way, or null */
    uint64_t ticket;               /* of the open question to keeper, 0 when none */
    uint64_t keeper_session;       /* 0: not logged in */
    size_t queued_then;            /* unsent octets when the timer last fired */
    uint64_t login_delay_ms;       /* before a wrong password is answered */
    enum err refusal;              /* of a log-in whose answer is delayed */
    bool greeted, closing, unread; /* unread: octets wait in the stream */
};

/* `c` is zeroed but for loop, keeper, stream, kind and session. Replies of keeper set `ticket` back
 * to 0 before they pump. */
void conn_init(struct conn *c);
/* Leaves keeper and closes the stream. */
void conn_deinit(struct conn *c);

/* Calls kind->greet and begins. */
void conn_greet(struct conn *c);
/* To be called after everything that comes from outside. */
void conn_pump(struct conn *c);
void conn_set_timer(struct conn *c);
/* Flushes and closes. */
void conn_finish(struct conn *c);
/* The machine asked for TLS: what was held in the clear is dropped. */
void conn_start_tls(struct conn *c, struct tls_server *tls);

/* Asks keeper; one of the kind's three functions follows, perhaps at once. A wrong password is
 * answered late (login_delay_ms), which costs a guesser time and us nothing. */
void conn_ask_login(struct conn *c, const struct sasl_login *said, struct str service);
void conn_leave_keeper(struct conn *c);

#endif
