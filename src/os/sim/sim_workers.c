/* os/sim/sim_workers.c - jobs that take simulated time.
 *
 * A job runs at the moment at which it would have ended on a thread, and its done() follows on the
 * loop. With one thread jobs end in their order, with more of them in any. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sim/world.h"

struct sim_workers {
    struct workers base;
    struct sim_object object;
    struct loop *loop;
    unsigned threads;
    size_t waiting;
    uint64_t last_ms; /* when the newest job of a single thread ends */
};

struct sim_job {
    void (*run)(void *ctx);
    void (*done)(void *ctx);
    void *ctx;
};

static struct sim_workers *workers_of(struct workers *w)
{
    return CONTAINER_OF(w, struct sim_workers, base);
}

static void job_ends(struct sim_object *o, void *arg)
{
    struct sim_workers *w = CONTAINER_OF(o, struct sim_workers, object);
    struct sim_job *j = arg;

    if (!sim_object_lives(o))
        return;
    j->run(j->ctx);
    w->waiting--;
    if (j->done != NULL)
        j->done(j->ctx);
}

static void sim_workers_run(struct workers *base, void (*run)(void *ctx), void (*done)(void *ctx),
                            void *ctx)
{
    struct sim_workers *w = workers_of(base);
    struct sim *s = sim_loop_of(w->loop)->sim;
    struct sim_job *j = os_new(sizeof *j);
    uint64_t at = s->now_ms + sim_random(s, (uint64_t)s->faults.work_ms_max + 1);

    *j = (struct sim_job){ run, done, ctx };
    if (w->threads == 1)
        at = w->last_ms = MAX(at, w->last_ms);
    w->waiting++;
    sim_later(at, &w->object, job_ends, j, free);
}

static size_t sim_workers_waiting(const struct workers *base)
{
    return CONTAINER_OF(base, const struct sim_workers, base)->waiting;
}

static void sim_workers_free(struct workers *base)
{
    sim_object_leave(&workers_of(base)->object);
}

static void destroy(struct sim_object *o)
{
    free(CONTAINER_OF(o, struct sim_workers, object));
}

static const struct workers_ops sim_workers_ops = {
    .free = sim_workers_free,
    .run = sim_workers_run,
    .waiting = sim_workers_waiting,
};

enum err sim_workers_new(struct loop *l, unsigned threads, struct workers **ret,
                         struct errinfo *why)
{
    struct sim_workers *w = os_new(sizeof *w);

    (void)why;
    w->base.ops = &sim_workers_ops;
    w->loop = l;
    w->threads = threads == 0 ? 1 : threads;
    w->object.destroy = destroy;
    sim_object_add(l, &w->object);
    *ret = &w->base;
    return OK;
}
