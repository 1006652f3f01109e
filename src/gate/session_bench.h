/* gate/session_bench.h - sessions under test: a listener, a client, and a keeper with canned
 * answers.
 *
 * The client speaks a script: "C: text" sends a line, "S: text" waits for one and compares its
 * beginning, "S* text" waits for one that begins so and passes over others, "tls" starts TLS,
 * "closed" waits for the end. Everything runs over real sockets on loopback and again over
 * simulated ones. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_SESSION_BENCH_H
#define POSTERN_GATE_SESSION_BENCH_H

#include "gate/fake_keeper.h"
#include "keeper/client.h"
#include "os/os_test.h"
#include "os/tls.h"
#include "testing.h"

struct session_bench {
    struct bench bench;
    struct sim_disk *disk; /* simulated side */
    struct fake_keeper fake;
    struct keeper_client *keeper;
    struct tls_server *tls;
    struct tls_client *tls_client;
    struct arena *mem;
    struct listener *listener;
    struct address at, from; /* from: of the client; none for whatever comes */
    void (*accept)(struct session_bench *b, struct stream *s); /* given by the test */
    void (*lost)(struct session_bench *b);                     /* likewise; or null */

    struct stream *client;
    struct buf got;
    size_t seen; /* octets of `got` already compared */
    bool connected, secured, closed;
};

/* A test of both sides of os/, with `side` for its world. */
#define TEST_ON_BOTH_SIDES(name)                                                                   \
    static void name##_on(enum side side);                                                         \
    TEST(name)                                                                                     \
    {                                                                                              \
        for (enum side side = 0; side < SIDE_COUNT; side++)                                        \
            name##_on(side);                                                                       \
    }                                                                                              \
    static void name##_on(enum side side)

void session_bench_open(struct session_bench *b,
                        void (*accept)(struct session_bench *b, struct stream *s), enum side side);
void session_bench_close(struct session_bench *b); /* after the service is gone */

void session_bench_connect(struct session_bench *b);
void session_bench_send(struct session_bench *b, struct str octets);
/* Runs `script`; lines are separated by LF. */
void session_bench_talk(struct session_bench *b, struct str script);
void session_bench_hang_up(struct session_bench *b);

#endif
