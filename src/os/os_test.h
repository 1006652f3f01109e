/* os/os_test.h - the two sides of os/ for tests that must pass on both.
 *
 * A bench holds two loops and, on the simulated side, their world. bench_run() lets them run until
 * `until` says so or five seconds (of either clock) are over. Real loops take turns on one thread:
 * each is stopped by a timer after a few milliseconds. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_OS_TEST_H
#define POSTERN_OS_OS_TEST_H

#include "os/file.h"
#include "os/loop.h"
#include "os/stream.h"
#include "testing.h"

enum side { SIDE_REAL, SIDE_SIMULATED, SIDE_COUNT };

struct bench {
    enum side side;
    struct loop *a, *b;
    struct sim *sim;
    struct timer slice; /* real: ends a loop's share */
};

const char *side_name(enum side side);
void bench_open(struct bench *w, enum side side);
void bench_close(struct bench *w);
/* True when `until(ctx)` became true in time. */
bool bench_run(struct bench *w, bool (*until)(void *ctx), void *ctx);
/* For a while of the clock, without a condition. */
void bench_pass(struct bench *w, uint64_t ms);

/* Listens in loop b at an address of the side's kind, which is returned. */
struct address bench_listen(struct bench *w, void (*accept)(void *ctx, struct stream *s), void *ctx,
                            struct listener **ret);

/* A fresh folder below the system's temporary one, removed with its files by folder_remove. */
struct str folder_new(char at[64]);
void folder_remove(struct str path);

#endif
