/* gate/pop3_session.h - the POP3 service of one gate: machine, stream and keeper joined.
 *
 * The gate makes one service, gives it every connection of its POP3 listeners, and passes on what
 * keeper says unasked. Sessions live in the service and end by themselves; each holds its machine
 * and nothing else while idle. Messages that were retrieved are \Seen at the latest when the
 * session has ended (pop3_ahead.h). All of it runs on one loop. Replies are produced only while the
 * socket takes them, a page of a message at a time.
 * Errors of keeper are told in the words of gate/error_map.h. Spec: RFC 1939.
 * Tests: pop3_session_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_POP3_SESSION_H
#define POSTERN_GATE_POP3_SESSION_H

#include "base/list.h"
#include "gate/crowd.h"
#include "keeper/client.h"
#include "os/stream.h"
#include "proto/pop3/pop3.h"

struct pop3_settings {
    struct str host; /* lives as long as the service */
    struct pop3_limits limits;
    uint32_t sessions_max;             /* a connection past it is told so and closed  */
    uint32_t sessions_per_address_max; /* likewise; loopback is not counted           */
    uint64_t login_delay_ms;           /* before a wrong password is answered         */
    bool plain_on_loopback;            /* passwords without TLS from this machine     */
    unsigned offers;                   /* ways to log in: bits of enum sasl_offer     */
    uint32_t between_logins_s;         /* of one user: LOGIN-DELAY; keeper sees to it */
    struct log *log;                   /* null: nothing is logged                     */
};

struct pop3_service {
    struct loop *loop;
    struct keeper_client *keeper;
    struct tls_server *tls; /* null: no certificate */
    struct pop3_settings settings;
    struct pop3_options options;   /* for the machines */
    struct list sessions, leaving; /* leaving: the last messages are being marked as read */
    struct crowd crowd;
    uint32_t count;
    void (*stopped)(void *ctx); /* set by pop3_service_stop */
    void *ctx;
};

void pop3_service_init(struct pop3_service *v, struct loop *l, struct keeper_client *keeper,
                       struct tls_server *tls, const struct pop3_settings *settings);
/* Other settings, or another certificate: limits hold at once, a certificate for handshakes to
 * come. What the old settings point to may go then. */
void pop3_service_reload(struct pop3_service *v, struct tls_server *tls,
                         const struct pop3_settings *settings);
/* Ends every session without a word. */
void pop3_service_deinit(struct pop3_service *v);

/* Owns the stream from here on. tls_at_once: the handshake comes before the greeting. */
void pop3_service_accept(struct pop3_service *v, struct stream *stream, bool tls_at_once);

/* The channel to keeper broke: sessions that are logged in end. */
void pop3_service_lost(struct pop3_service *v);

/* Ends every session with a word; stopped(ctx) once, when the last has gone. */
void pop3_service_stop(struct pop3_service *v, void (*stopped)(void *ctx), void *ctx);

#endif
