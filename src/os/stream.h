/* os/stream.h - a connection: octets in, octets out, TLS on request.
 *
 * A stream is TCP, a Unix socket, or a simulated connection. The owner gives it one table of events
 * and a context. Reading is push: bytes() is offered what arrived and says how much it took; the
 * rest is kept (at most STREAM_HELD_MAX, then reading stops) and offered again with what follows,
 * or at once after stream_resume. Writing is queueing: stream_write never blocks and never fails;
 * owners keep stream_queued() small by producing more only on drained(); what is written during one
 * turn leaves together at its end. An idle stream holds no buffer. A peer that ends its sending
 * side still gets what is queued: held octets are offered once more, then closed(ERR_CLOSED) comes
 * when the queue is out. An owner that is still busy with earlier octets says so in busy() (or is
 * paused meanwhile): then octets that it leaves are kept, and the end is told when it has written
 * more or resumed. After closed() the owner must call stream_free; it may call
 * stream_free at any time, also from inside an event, and then gets no further event. Errors come
 * through closed(). Tests: stream_test.c (real and simulated). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_STREAM_H
#define POSTERN_OS_STREAM_H

#include "base/arena.h"
#include "os/address.h"
#include "os/loop.h"

struct stream;
struct tls_server;
struct tls_client;

#define STREAM_HELD_MAX ((size_t)64 * 1024)

struct stream_events {
    size_t (*bytes)(void *ctx, struct str bytes); /* returns how many octets were taken */
    void (*drained)(void *ctx);                   /* the queue became empty; or null */
    void (*connected)(void *ctx);                 /* clients: the connection stands; or null */
    void (*secured)(void *ctx, enum err e, const struct errinfo *why); /* see below */
    void (*closed)(void *ctx, enum err why); /* ERR_CLOSED: the peer ended; else what broke */
    bool (*busy)(void *ctx); /* asked when the peer has ended; or null: never busy */
};

/* Connects; connected() or closed() follows. `from` (null: any) is the local address. */
struct stream *stream_connect(struct loop *l, const struct address *to, const struct address *from,
                              uint64_t timeout_ms);
/* Takes over a connected descriptor (accepted or inherited). */
struct stream *stream_from_fd(struct loop *l, int fd);
/* Must be called before the loop's next turn: streams are born without an owner. */
void stream_set_events(struct stream *s, const struct stream_events *events, void *ctx);
void stream_free(struct stream *s); /* closes at once, dropping what is queued */

void stream_write(struct stream *s, struct str bytes);
size_t stream_queued(const struct stream *s); /* octets not yet given to the kernel */
/* Stops and restarts bytes(); resume offers what is held on the next turn. */
void stream_pause(struct stream *s);
void stream_resume(struct stream *s);
/* Flushes the queue, ends the sending side, and drops what the peer still sends until it ends, too,
 * so that it surely reads the last reply. closed(OK) follows, or ERR_TIMEOUT after `within_ms`. */
void stream_finish(struct stream *s, uint64_t within_ms);

/* secured() tells how the handshake ended: OK, or ERR_TLS with `why`; after an error nothing else
 * comes and the stream must be freed. Without secured(), closed(ERR_TLS) is called instead.
 *
 * Without a context the handshake fails. Starts TLS once the queue is flushed. Octets held or
 * arriving before the call count as handshake; a caller that must drop pipelined plaintext calls
 * stream_drop_held first. */
void stream_drop_held(struct stream *s);
void stream_start_tls_server(struct stream *s, struct tls_server *context);
void stream_start_tls_client(struct stream *s, struct tls_client *context, struct str server_name);
bool stream_is_secure(const struct stream *s);
/* "TLSv1.3", "TLS_AES_256_GCM_SHA384"; empty without TLS. Live as long as the stream. */
struct str stream_tls_version(const struct stream *s);
struct str stream_tls_cipher(const struct stream *s);

/* What a log-in can be tied to so that it counts for this connection alone: each empty where this
 * connection has none (RFC 5929; RFC 9266, whose text was not at hand). Octets in `mem`. */
struct stream_bindings {
    struct str tls_exporter, tls_server_end_point, tls_unique;
};
void stream_tls_bindings(const struct stream *s, struct arena *mem, struct stream_bindings *ret);

/* Who the peer is by a certificate that it has shown and that was verified (os/tls.h): the names in
 * it, at least one, in `mem`; 0: none was shown, or it does not count. */
size_t stream_tls_identities(const struct stream *s, struct arena *mem, const struct str **ret);

struct address stream_peer(const struct stream *s);
struct address stream_local(const struct stream *s);

/* A listening socket: inherited descriptor (real) or a simulated address. accept() owns the
 * stream. */
struct listener;
struct listener *listener_from_fd(struct loop *l, int fd,
                                  void (*accept)(void *ctx, struct stream *s), void *ctx);
struct listener *listener_simulated(struct loop *l, const struct address *at,
                                    void (*accept)(void *ctx, struct stream *s), void *ctx);
void listener_pause(struct listener *l);
void listener_resume(struct listener *l);
void listener_free(struct listener *l);

#endif
