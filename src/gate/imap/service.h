/* gate/imap/service.h - the IMAP service of one gate: what its sessions share.
 *
 * The gate makes one service, gives it every connection of its IMAP listeners, and passes on what
 * keeper says unasked. Sessions live in the service and end by themselves. All of it runs on one
 * loop. The settings are the caller's and may be replaced at any time; limits reach sessions that
 * begin later. Spec: RFC 3501. Tests: imap_session_test.c with test/session/imap_*.txt. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_SERVICE_H
#define POSTERN_GATE_IMAP_SERVICE_H

#include "base/list.h"
#include "base/map.h"
#include "gate/crowd.h"
#include "keeper/client.h"
#include "os/stream.h"
#include "proto/imap/machine.h"

struct imap_settings {
    struct imap_limits limits;
    struct str version;        /* of this program, for ID */
    struct str comment, admin; /* server annotations (RFC 5464 3.2.1.1); empty: none */
    uint64_t undelete_days;    /* for which expunged mail is kept; an annotation of ours */
    uint64_t idle_ms_max;      /* silence before autologout (RFC 3501 5.4: 30 minutes) */
    uint64_t login_ms_max;     /* from the connection to the log-in */
    uint32_t sessions_max;     /* beyond it a connection gets BYE at once */
    uint32_t login_tries;      /* wrong passwords in one connection */
    uint64_t login_delay_ms;   /* before a wrong password is answered */
    bool plain_on_loopback;    /* passwords without TLS from this machine itself */
    unsigned offers;           /* ways to log in: bits of enum sasl_offer */
    uint32_t
        sessions_per_address_max; /* beyond it a connection gets BYE; loopback is not counted */
    struct log *log;              /* null: nothing is logged */
};
extern const struct imap_settings imap_settings_default;

struct imap_service {
    struct loop *loop;
    struct keeper_client *keeper;
    struct tls_server *tls; /* null: no certificate */
    struct imap_settings settings;
    struct list sessions;
    struct timer progress; /* set while commands are under way: events/progress.c */
    struct map by_account; /* account number as text: the first session of its chain */
    struct crowd crowd;
    struct list awake; /* compressed sessions that hold memory for it */
    struct timer rest; /* looks after them */
    uint32_t rested;   /* that gave memory back since the kernel got any */
    uint32_t count;
    void (*stopped)(void *ctx); /* set by imap_service_stop */
    void *ctx;
};

void imap_service_init(struct imap_service *v, struct loop *l, struct keeper_client *keeper,
                       struct tls_server *tls, const struct imap_settings *settings);
/* The word that long commands give (RFC 9585): made ready, and wanted from now on. */
void progress_init(struct imap_service *v);
void progress_begin(struct imap_service *v);
/* Ends every session without a word. */
void imap_service_deinit(struct imap_service *v);

/* Owns the stream from here on. tls_at_once: the handshake comes before the greeting. */
void imap_service_accept(struct imap_service *v, struct stream *stream, bool tls_at_once);

/* What keeper says: a mailbox changed; the channel broke (sessions end with BYE). */
void imap_service_changed(struct imap_service *v, const struct keep_changed_note *note);
void imap_service_lost(struct imap_service *v);
/* What exactly happened, for the sessions that watch. */
void imap_service_event(struct imap_service *v, const struct keep_event_note *note);

/* BYE to everybody; stopped(ctx) once, when the last has gone. */
void imap_service_stop(struct imap_service *v, void (*stopped)(void *ctx), void *ctx);

#endif
