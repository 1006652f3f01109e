/* os/stream_test.h - two ends of a stream that record what happens to them, for tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_STREAM_TEST_H
#define POSTERN_OS_STREAM_TEST_H

#include "os/os_test.h"
#include "os/tls.h"

struct end {
    struct stream *s;
    struct buf got;
    size_t got_total, want, take_max, offers, last_offer, to_send, drained;
    bool connected, secured, closed;
    enum err why, secured_why;
    struct errinfo secured_detail;
    struct tls_server *tls_server;
    /* what the end does by itself */
    bool echo, pause_on_bytes, count_only, finish_when_sent, drop_and_start_tls;
    bool free_in_bytes, free_in_connected;
};

struct wire {
    struct bench bench;
    struct listener *listener;
    struct address at;
    struct end client, server, spare;
};

extern const struct stream_events end_events;
size_t end_bytes(void *ctx, struct str bytes);
void end_drained(void *ctx);
void end_connected(void *ctx);
void end_secured(void *ctx, enum err why, const struct errinfo *detail);
void end_closed(void *ctx, enum err why);

void wire_open(struct wire *w, enum side side); /* listens */
void wire_connect(struct wire *w);
void wire_up(struct wire *w, enum side side); /* both, and waits until both ends stand */
void wire_close(struct wire *w);

/* For bench_run, with an end as context. */
bool got_enough(void *ctx);
bool end_has_closed(void *ctx);

#endif
