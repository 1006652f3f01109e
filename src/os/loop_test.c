/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <unistd.h>

#include "os/os_test.h"

enum { TIMERS = 500 };

struct order {
    struct timer timers[TIMERS];
    size_t fired;
    uint64_t last_ms;
    bool in_order;
};

struct order_ctx {
    struct order *o;
    size_t index;
};

static void on_timer(void *ctx)
{
    struct order_ctx *c = ctx;
    struct timer *t = &c->o->timers[c->index];

    if (t->at_ms < c->o->last_ms || loop_now_ms(t->loop) < t->at_ms)
        c->o->in_order = false;
    c->o->last_ms = t->at_ms;
    c->o->fired++;
}

static bool all_fired(void *ctx)
{
    struct order *o = ctx;

    return o->fired == TIMERS / 2;
}

static void timers_fire(struct bench *w)
{
    struct order *o = calloc(1, sizeof *o);
    struct order_ctx ctx[TIMERS];
    uint64_t now = loop_now_ms(w->a);

    o->in_order = true;
    for (size_t i = 0; i < TIMERS; i++) {
        ctx[i] = (struct order_ctx){ o, i };
        timer_init(&o->timers[i], w->a, on_timer, &ctx[i]);
        timer_set(&o->timers[i], now + (i * 7919) % 50);
    }
    for (size_t i = 0; i < TIMERS; i += 2) {
        timer_set(&o->timers[i + 1], now + (i * 104729) % 40); /* moved */
        timer_cancel(&o->timers[i]);
        CHECK(!timer_is_set(&o->timers[i]), "cancelled");
    }
    CHECK(bench_run(w, all_fired, o), "%s: %zu fired", side_name(w->side), o->fired);
    CHECK(o->in_order, "%s", side_name(w->side));
    free(o);
}

static void on_each_side(void (*body)(struct bench *w))
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct bench w;

        bench_open(&w, side);
        body(&w);
        bench_close(&w);
    }
}

TEST(timers_fire_in_their_order)
{
    on_each_side(timers_fire);
}

struct relay {
    struct loop *l;
    int runs;
};

static void post_again(void *ctx)
{
    struct relay *r = ctx;

    if (++r->runs < 3)
        loop_post(r->l, post_again, r);
}

static bool has_run_thrice(void *ctx)
{
    return ((struct relay *)ctx)->runs == 3;
}

static void posts_run(struct bench *w)
{
    struct relay r = { w->a, 0 };

    loop_post(w->a, post_again, &r);
    CHECK_EQ(r.runs, 0, "%s: not from inside the call", side_name(w->side));
    CHECK(bench_run(w, has_run_thrice, &r), "%s", side_name(w->side));
}

TEST(posted_work_runs_on_a_later_turn)
{
    on_each_side(posts_run);
}

static void clocks_and_random(struct bench *w)
{
    uint64_t before = loop_now_ms(w->a);
    char big[1000] = { 0 };

    CHECK(loop_random_u64(w->a) != loop_random_u64(w->a), "%s", side_name(w->side));
    loop_random(w->a, big, sizeof big);
    CHECK(str_find(str_from(big, sizeof big), STR("\0\0\0\0\0\0")) == STR_NOT_FOUND, "%s",
          side_name(w->side));
    bench_pass(w, 5);
    CHECK(loop_now_ms(w->a) >= before + 5, "%s", side_name(w->side));
    CHECK(loop_wall_s(w->a) > 1700000000, "%s", side_name(w->side));
}

TEST(clocks_go_on_and_random_octets_differ)
{
    on_each_side(clocks_and_random);
}

static void on_usr1(void *ctx, int signal)
{
    *(int *)ctx = signal;
}

static bool got_signal(void *ctx)
{
    return *(int *)ctx != 0;
}

TEST(signals_arrive_on_the_loop)
{
    struct bench w;
    int got = 0;

    bench_open(&w, SIDE_REAL);
    CHECK_OK(loop_on_signal(w.a, SIGUSR1, on_usr1, &got, NULL), "usr1");
    CHECK_OK(loop_on_signal(w.a, SIGUSR2, on_usr1, &got, NULL), "usr2");
    CHECK_EQ(kill(getpid(), SIGUSR1), 0, "sent");
    CHECK(bench_run(&w, got_signal, &got), "arrives");
    CHECK_EQ(got, SIGUSR1, "which");
    bench_close(&w);
}

struct pipe_ctx {
    int fd[2];
    struct watch *w;
    char got;
};

static void on_pipe(void *ctx, bool readable, bool writable)
{
    struct pipe_ctx *p = ctx;

    CHECK(readable && !writable, "what was asked for");
    CHECK_EQ(read(p->fd[0], &p->got, 1), 1, "read");
    watch_free(p->w);
}

static bool got_octet(void *ctx)
{
    return ((struct pipe_ctx *)ctx)->got != 0;
}

TEST(descriptors_of_libraries_are_watched)
{
    struct bench w;
    struct pipe_ctx p = { .got = 0 };

    bench_open(&w, SIDE_REAL);
    CHECK_EQ(pipe(p.fd), 0, "pipe");
    CHECK_OK(watch_new(w.a, p.fd[0], WATCH_READABLE, on_pipe, &p, &p.w, NULL), "watch");
    bench_pass(&w, 5);
    CHECK_EQ(write(p.fd[1], "x", 1), 1, "write");
    CHECK(bench_run(&w, got_octet, &p), "ready");
    (void)close(p.fd[0]);
    (void)close(p.fd[1]);
    bench_close(&w);
}
