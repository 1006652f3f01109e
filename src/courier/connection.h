/* courier/connection.h - one connection to another mail server, carrying parcel after parcel.
 *
 * Joins a stream, an SMTP client machine and keeper (which it asks for the message's octets, page
 * by page, as the stream drains). It takes parcels from its destination until there are none, keeps
 * the connection for a while, says QUIT, and tells the destination how it ended. It frees itself
 * then, unless connection_free came first. Tests: courier_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_CONNECTION_H
#define POSTERN_COURIER_CONNECTION_H

#include "courier/destination.h"
#include "courier/narrow.h"
#include "os/stream.h"

struct connection {
    struct list link;      /* the destination's */
    struct list idle_link; /* in the line of the idle */
    struct destination *destination;
    struct road *road;
    const struct mx_target *target; /* lives as long as the destination's list of hosts */
    size_t target_place;
    struct arena *mem;
    struct stream *stream;
    struct smtp_client *machine;
    struct timer timer;
    struct parcel *parcel;              /* in hand */
    uint32_t results;                   /* of its recipients decided so far */
    uint64_t body_at;                   /* octets of the message handed to the machine */
    struct narrow narrow;               /* the message in hand, when it has to be made 7-bit */
    struct smtp_client_message message; /* the parcel's, as it is sent */
    uint64_t ticket;                    /* lease_read under way */
    uint32_t messages;                  /* carried so far */
    bool reached, idle, wants_body, handshaking, ended;
    bool tls_at_once; /* the handshake comes before the greeting, and has not ended yet */
    bool delivered;   /* somebody got the message in hand */
    struct tls_client *tls;
    struct connection_end end;
};

struct connection *connection_new(struct destination *d, struct road *road,
                                  const struct mx_target *target, size_t target_place,
                                  enum smtp_client_tls tls);
/* An idle connection says QUIT: others need the room. */
void connection_retire(struct connection *c);
/* A parcel came while the connection was idle. */
void connection_wake(struct connection *c);
void connection_free(struct connection *c);

#endif
