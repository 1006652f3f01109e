/* os/workers.h - plain functions run beside the loop.
 *
 * run() is called on a worker thread (real) or at a later simulated moment; done() on the loop's
 * thread afterwards. Jobs must not touch anything that the loop's thread changes meanwhile. A pool
 * of one thread runs its jobs in order. Tests: workers_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_WORKERS_H
#define POSTERN_OS_WORKERS_H

#include "os/loop.h"

struct workers;

MUST_USE enum err workers_new(struct loop *l, unsigned threads, struct workers **ret,
                              struct errinfo *why);
/* Its threads give way: where the processor is wanted by others, they get a tenth of it. */
void workers_give_way(struct workers *w);
/* Waits for running jobs, drops waiting ones without calling done. */
void workers_free(struct workers *w);
void workers_run(struct workers *w, void (*run)(void *ctx), void (*done)(void *ctx), void *ctx);
size_t workers_waiting(const struct workers *w); /* jobs not yet done */

#endif
