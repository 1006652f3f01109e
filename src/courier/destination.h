/* courier/destination.h - everything that waits for, and goes to, one domain.
 *
 * A destination holds the parcels for its domain (or smarthost), finds the hosts that take them,
 * and keeps a few connections busy: their number grows with success and shrinks with trouble, and a
 * connection carries parcel after parcel. When no host can be reached all that waits is deferred
 * (or failed, when the DNS or a host says so), and for a short time whatever comes is deferred at
 * once, so that a dead destination never fills the courier's hands. Tests: courier_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_DESTINATION_H
#define POSTERN_COURIER_DESTINATION_H

#include "courier/dns/mx.h"
#include "courier/job.h"
#include "os/tls.h"

enum { PORT_SUBMISSIONS = 465 }; /* RFC 8314 3.3: TLS before the greeting */

/* What all connections share. */
struct traffic {
    uint32_t connections; /* open now, to all destinations */
    struct list idle;     /* connections without work, the longest idle first */
    struct list starved;  /* destinations that wanted a connection when there was none to be had */
};

/* What destinations need; one for all of them. */
struct road {
    struct loop *loop;
    struct log *log;
    struct keeper_client *keeper;
    struct dns *dns;
    struct tls_client *tls;          /* any certificate will do; null: never */
    struct tls_client *tls_verified; /* for smarthosts that get a password; null: they wait */
    bool tls_must;                   /* rather wait than go in the clear */
    struct str host;                 /* our name in EHLO; finds loops in MX lists, too */
    uint16_t port;                   /* 25, unless for tests */
    struct str smarthost;            /* all mail goes there; empty: by MX */
    uint16_t smarthost_port;
    struct str smarthost_user, smarthost_password;       /* empty: no login */
    struct address source_ip4, source_ip6;               /* ADDRESS_NONE: any */
    uint32_t all_connections_max;                        /* to all destinations together */
    uint32_t connections_max;                            /* to one destination */
    uint32_t messages_max;                               /* over one connection */
    uint32_t connect_ms, greeting_ms, reply_ms, data_ms; /* patience with a host */
    uint32_t idle_ms;                                    /* a connection is kept for more mail */
    uint32_t down_ms; /* how long an unreachable destination is not tried */
    uint32_t mx_ms;   /* how long a list of hosts is used */

    struct traffic *traffic;
};

struct destination;

/* smart: `domain` is but a name; everything goes to the smarthost that the road has now. */
struct destination *destination_new(struct road *road, struct str domain, bool smart);
/* Closes its connections; parcels that were given to it are not told about any more. */
void destination_free(struct destination *d);
struct str destination_domain(const struct destination *d);

/* Takes the parcel; job_parcel_done follows on a later turn. */
void destination_add(struct destination *d, struct parcel *p);
/* Parcels that no connection has taken yet are over, untried. */
void destination_give_back(struct destination *d);
/* Forgets that it could not be reached, and by which hosts. */
void destination_try_anew(struct destination *d);
/* Nothing waits, nothing is connected, nothing worth remembering: may be freed. */
bool destination_is_idle(const struct destination *d);

/* ---- for connections ---- */

/* The next parcel to send, or null. */
struct parcel *destination_take(struct destination *d);
/* A connection became ready for messages; one ended. `reached`: it had become ready. */
void destination_reached(struct destination *d);
struct connection;
struct connection_end {
    bool reached;
    bool tls_failed; /* the handshake: the host may be tried without */
    int code;        /* of the reply that ended it, 0: none */
    struct str status, text;
};
void destination_ended(struct destination *d, struct connection *c,
                       const struct connection_end *end);
/* Where its connections go, and how. */
bool destination_is_smart(const struct destination *d);
uint16_t destination_port(const struct destination *d);
/* A message was taken by the peer: there is room for more connections. */
void destination_succeeded(struct destination *d);

#endif
