/* SPDX-License-Identifier: Apache-2.0 */
#include "os/workers.h"

#include <sys/resource.h>

#include "os/os_test.h"

enum { JOBS = 200 };

struct sums {
    struct workers *w;
    size_t done, next;
    bool in_order;
};

struct sum_job {
    struct sums *all;
    size_t index;
    uint64_t result;
};

static void run_sum(void *ctx)
{
    struct sum_job *j = ctx;

    for (uint64_t i = 0; i <= j->index; i++)
        j->result += i;
}

static void done_sum(void *ctx)
{
    struct sum_job *j = ctx;

    CHECK_EQ(j->result, j->index * (j->index + 1) / 2, "job %zu", j->index);
    if (j->index != j->all->next++)
        j->all->in_order = false;
    j->all->done++;
}

static bool all_done(void *ctx)
{
    return ((struct sums *)ctx)->done == JOBS;
}

static void run_jobs(struct bench *w, unsigned threads)
{
    struct sums all = { .in_order = true };
    struct sum_job jobs[JOBS];

    CHECK_OK(workers_new(w->a, threads, &all.w, NULL), "%s", side_name(w->side));
    for (size_t i = 0; i < JOBS; i++) {
        jobs[i] = (struct sum_job){ &all, i, 0 };
        workers_run(all.w, run_sum, done_sum, &jobs[i]);
    }
    CHECK_EQ(workers_waiting(all.w), JOBS, "%s: done() runs on the loop", side_name(w->side));
    CHECK(bench_run(w, all_done, &all), "%s", side_name(w->side));
    CHECK_EQ(workers_waiting(all.w), 0, "%s", side_name(w->side));
    CHECK(threads != 1 || all.in_order, "%s: one thread keeps the order", side_name(w->side));
    workers_free(all.w);
}

TEST(jobs_run_and_report_on_the_loop)
{
    for (enum side side = 0; side < SIDE_COUNT; side++)
        for (unsigned threads = 1; threads <= 3; threads++) {
            struct bench w;

            bench_open(&w, side);
            run_jobs(&w, threads);
            bench_close(&w);
        }
}

static void never(void *ctx)
{
    (void)ctx;
    CHECK(false, "done() after the pool was freed");
}

static void nothing(void *ctx)
{
    (void)ctx;
}

TEST(freeing_a_pool_drops_its_jobs)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct bench w;
        struct workers *pool;

        bench_open(&w, side);
        CHECK_OK(workers_new(w.a, 2, &pool, NULL), "%s", side_name(side));
        for (int i = 0; i < 20; i++)
            workers_run(pool, nothing, never, NULL);
        workers_free(pool);
        bench_pass(&w, 30);
        bench_close(&w);
    }
}

struct priority {
    int value;
    bool done;
};

static void read_priority(void *ctx)
{
    ((struct priority *)ctx)->value = getpriority(PRIO_PROCESS, 0);
}

static void priority_read(void *ctx)
{
    ((struct priority *)ctx)->done = true;
}

static bool is_read(void *ctx)
{
    return ((struct priority *)ctx)->done;
}

TEST(a_pool_that_gives_way_has_less_priority_than_the_loop)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct priority p = { 0 };
        struct workers *pool;
        struct bench w;

        bench_open(&w, side);
        CHECK_OK(workers_new(w.a, 1, &pool, NULL), "%s", side_name(side));
        workers_give_way(pool);
        workers_run(pool, read_priority, priority_read, &p);
        CHECK(bench_run(&w, is_read, &p), "%s", side_name(side));
        if (side == SIDE_REAL)
            CHECK(p.value > getpriority(PRIO_PROCESS, 0) || p.value == PRIO_MAX - 1, "%d", p.value);
        workers_free(pool);
        bench_close(&w);
    }
}
