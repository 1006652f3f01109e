/* os/workers.c - the common face of real and simulated pools. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/dispatch.h"

enum err workers_new(struct loop *l, unsigned threads, struct workers **ret, struct errinfo *why)
{
    return l->ops->workers_new(l, threads, ret, why);
}

void workers_give_way(struct workers *w)
{
    if (w->ops->give_way != NULL)
        w->ops->give_way(w);
}

void workers_free(struct workers *w)
{
    if (w != NULL)
        w->ops->free(w);
}

void workers_run(struct workers *w, void (*run)(void *ctx), void (*done)(void *ctx), void *ctx)
{
    w->ops->run(w, run, done, ctx);
}

size_t workers_waiting(const struct workers *w)
{
    return w->ops->waiting(w);
}
