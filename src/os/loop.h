/* os/loop.h - one event loop a role: time, timers, randomness, work for later.
 *
 * A loop is real (epoll, the kernel's clock) or simulated (os/sim.h: one clock and one seeded
 * random source for all roles of a world). All other os/ objects belong to one loop, are used from
 * its thread only, and look alike on both sides. Callbacks run from loop_run, never from inside the
 * call that caused them, so no caller is re-entered. Times are milliseconds of a clock that never
 * goes back; wall time is seconds since 1970 and may jump. Errors: none; out of memory aborts.
 * Tests: loop_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_LOOP_H
#define POSTERN_OS_LOOP_H

#include "base/err.h"
#include "base/str.h"

struct loop;

MUST_USE enum err loop_new_real(struct loop **ret, struct errinfo *why);
void loop_free(struct loop *l);

/* Runs until loop_stop. Simulated loops are run by their world instead (os/sim.h). */
MUST_USE enum err loop_run(struct loop *l, struct errinfo *why);
void loop_stop(struct loop *l);

uint64_t loop_now_ms(struct loop *l);
int64_t loop_wall_s(struct loop *l);
int64_t loop_wall_ms(struct loop *l);
void loop_random(struct loop *l, void *ret, size_t len);
uint64_t loop_random_u64(struct loop *l);

/* A timer lives in its owner's struct. fire() runs once when the time has come; setting it again
 * moves it; it must be cancelled before its memory goes. */
struct timer {
    struct loop *loop;
    void (*fire)(void *ctx);
    void *ctx;
    uint64_t at_ms;
    uint32_t slot; /* place in the loop's heap, 0 when not set */
};

void timer_init(struct timer *t, struct loop *l, void (*fire)(void *ctx), void *ctx);
void timer_set(struct timer *t, uint64_t at_ms);
void timer_set_in(struct timer *t, uint64_t delay_ms);
void timer_cancel(struct timer *t);
static inline bool timer_is_set(const struct timer *t)
{
    return t->slot != 0;
}

/* Runs once, on the next turn of the loop, before it waits. */
void loop_post(struct loop *l, void (*run)(void *ctx), void *ctx);

/* Signals that the loop waits for (real loops only): `run` is called on the loop's thread. */
MUST_USE enum err loop_on_signal(struct loop *l, int signal, void (*run)(void *ctx, int signal),
                                 void *ctx, struct errinfo *why);

/* Readiness of a descriptor that a library owns (libunbound, libcurl); real loops only. */
struct watch; /* to be freed before its descriptor is closed */
enum watch_for { WATCH_READABLE = 1, WATCH_WRITABLE = 2 }; /* may be summed */
MUST_USE enum err watch_new(struct loop *l, int fd, unsigned watch_for,
                            void (*ready)(void *ctx, bool readable, bool writable), void *ctx,
                            struct watch **ret, struct errinfo *why);
void watch_free(struct watch *w);

#endif
