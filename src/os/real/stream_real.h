/* os/real/stream_real.h - a real stream, shared by its plain part and its TLS part.
 *
 * Inside os/real only. stream_real.c keeps the queue, the held octets and the life of a stream;
 * stream_tls.c moves octets through OpenSSL in place of send and recv. An idle plain stream is this
 * struct alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_REAL_STREAM_REAL_H
#define POSTERN_OS_REAL_STREAM_REAL_H

#include <sys/types.h>

#include "os/real/loop_real.h"
#include "os/real/tls/tls_context.h"

struct chunk {
    struct chunk *next;
    uint32_t from, len, cap; /* octets [from, len) are still to go */
    char bytes[];
};

enum stream_state {
    STREAM_CONNECTING,
    STREAM_OPEN,
    STREAM_FINISHING, /* the queue still goes out, what comes in is dropped */
    STREAM_DRAINING,  /* our side has ended; waiting for the peer to end its own */
    STREAM_CLOSED,
};

enum tls_state { TLS_FLUSHING, TLS_HANDSHAKE, TLS_UP };

struct real_tls {
    SSL *ssl;
    size_t plain_left; /* octets queued before the start, which still go out in the clear */
    char *early;       /* octets that came before the handshake began */
    uint32_t early_at, early_len;
    uint8_t state; /* enum tls_state */
};

struct real_stream {
    struct stream base;
    struct watcher watcher;
    struct chunk *out, *out_last;
    size_t queued;
    char *held;
    uint32_t held_len;
    uint8_t state;   /* enum stream_state */
    uint8_t failure; /* enum err to be told on the next turn */
    bool paused : 1;
    bool peer_ended : 1;    /* the peer's end of sending was read */
    bool write_blocked : 1; /* the kernel takes no more for now */
    bool flush_posted : 1;
    bool resume_posted : 1;
    bool offering : 1;     /* inside bytes() */
    bool drop_offered : 1; /* stream_drop_held was called there */
    bool freed : 1;
    struct timer *timer; /* limits a connect or a finish */
    struct real_tls *tls;
};

/* How a read or a write through either part ended. After IO_BROKEN errno says why; 0: TLS itself.
 */
enum io_result { IO_SOME, IO_AGAIN, IO_END, IO_BROKEN };

/* Reads up to `len` octets; *ret_more says that the part holds more than it gave. */
enum io_result tls_read(struct real_stream *s, char *at, size_t len, size_t *ret, bool *ret_more);
enum io_result tls_write(struct real_stream *s, struct str bytes, size_t *ret);
/* Goes on with the handshake; IO_SOME: it stands. `why` is filled when it broke. */
enum io_result tls_handshake(struct real_stream *s, bool *ret_wants_write, struct errinfo *why);
/* Makes the session; held octets become its first input. */
void tls_begin(struct real_stream *s);
void tls_say_goodbye(struct real_stream *s);
void tls_free(struct real_stream *s);
/* Takes `ssl` (null: the handshake will fail); the session begins once the queue is out. */
void tls_attach(struct real_stream *s, SSL *ssl);
struct str tls_version_of(const struct real_stream *s);
struct str tls_cipher_of(const struct real_stream *s);
void tls_bindings_of(const struct real_stream *s, struct arena *mem, struct stream_bindings *ret);

/* For a socket that has its options already. */
struct stream *stream_from_accepted(struct loop *l, int fd);

#endif
