/* gate/smtp_session.h - the SMTP service of one gate: machine, stream and keeper joined.
 *
 * The gate makes one service, gives it every connection of its listeners for port 25 (mail from
 * other servers) and 587, 465 (mail from users), and passes on what keeper says unasked. Sessions
 * live in the service and end by themselves; an idle one holds its machine and nothing else. A
 * message is answered 250 only when keeper has said that it is durable. All of it runs on one loop.
 * What a peer may make us keep: the machine's buffers, MESSAGE_MEMORY_BYTES of a message, and an
 * envelope of rcpt_max recipients. Errors of keeper are told in the words of gate/error_map.h;
 * relaying is decided by policy/relay.h. Spec: RFC 5321, RFC 6409. Tests: smtp_session_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_SMTP_SESSION_H
#define POSTERN_GATE_SMTP_SESSION_H

#include "base/list.h"
#include "gate/crowd.h"
#include "keeper/client.h"
#include "os/log.h"
#include "os/stream.h"
#include "proto/smtp/smtp.h"

struct smtp_settings {
    struct str host; /* lives as long as the service, as trusted_networks does */
    struct smtp_limits limits;
    uint32_t received_max;              /* Received fields from which on it is a loop      */
    uint32_t sessions_max;              /* a connection past it is told so and closed      */
    uint32_t sessions_per_address_max;  /* likewise; loopback is not counted               */
    uint64_t login_delay_ms;            /* before a wrong password is answered             */
    bool plain_on_loopback;             /* passwords without TLS from this machine         */
    unsigned offers;                    /* ways to log in: bits of enum sasl_offer         */
    bool authors_checked;               /* From and Sender must be the account's own       */
    const struct str *trusted_networks; /* may relay without logging in                   */
    size_t trusted_count;
    struct log *log; /* null: nothing is logged */
};

enum smtp_door { SMTP_DOOR_SERVERS, SMTP_DOOR_USERS, SMTP_DOORS };

struct smtp_service {
    struct loop *loop;
    struct keeper_client *keeper;
    struct tls_server *tls; /* null: no certificate */
    struct smtp_settings settings;
    struct smtp_options options[SMTP_DOORS]; /* for the machines */
    struct list sessions;
    struct crowd crowd;
    uint32_t count;
    void (*stopped)(void *ctx); /* set by smtp_service_stop */
    void *ctx;
};

void smtp_service_init(struct smtp_service *v, struct loop *l, struct keeper_client *keeper,
                       struct tls_server *tls, const struct smtp_settings *settings);
/* Other settings, or another certificate. Limits hold at once, what is offered from the next EHLO,
 * a certificate for handshakes to come. What the old settings point to may go then. */
void smtp_service_reload(struct smtp_service *v, struct tls_server *tls,
                         const struct smtp_settings *settings);
/* Ends every session without a word. */
void smtp_service_deinit(struct smtp_service *v);

/* Owns the stream from here on. tls_at_once: the handshake comes before the greeting. */
void smtp_service_accept(struct smtp_service *v, struct stream *stream, enum smtp_door door,
                         bool tls_at_once);

/* The channel to keeper broke: sessions that are logged in or hold a spool file end. */
void smtp_service_lost(struct smtp_service *v);

/* 421 to everybody; stopped(ctx) once, when the last has gone. */
void smtp_service_stop(struct smtp_service *v, void (*stopped)(void *ctx), void *ctx);

#endif
