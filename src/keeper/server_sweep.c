/* keeper/server_sweep.c - removing what deleted mailboxes and accounts left behind.
 *
 * Deleting takes the name away in one commit and marks the row; the rows below it go a page a
 * commit, so that a large mailbox holds nobody up. The sweep starts whenever something was marked
 * and at every start of keeper, and looks for marks until it finds none; nothing else remembers
 * where it was, so a crash in between costs nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "store/sweep.h"

struct sweep {
    struct keeper *k;
    struct arena *mem;
    bool more;
    struct errinfo why;
};

static enum err sweep_build(void *ctx, struct txn *t)
{
    struct sweep *s = ctx;

    arena_reset(s->mem);
    return sweep_page(t, s->mem, loop_wall_s(s->k->loop), &s->more, &s->why);
}

static void sweep_done(void *ctx, enum err e)
{
    struct sweep *s = ctx;
    struct keeper *k = s->k;

    if (e == OK && (s->more || k->sweep_again)) {
        k->sweep_again = false;
        writer_submit(k->writer, sweep_build, sweep_done, s);
        return;
    }
    if (e != OK && !writer_stopped(k->writer))
        keeper_log(k, "event=sweep_failed error=\"%s\" detail=\"%s\"", err_text(e), s->why.text);
    k->sweeping = false;
    k->sweep = NULL;
    arena_free(s->mem);
    free(s);
    keeper_maybe_stopped(k);
}

void sweep_start(struct keeper *k)
{
    struct sweep *s;

    if (k->sweeping) {
        k->sweep_again = true;
        return;
    }
    s = calloc(1, sizeof *s);
    if (s == NULL)
        BUG("out of memory");
    s->k = k;
    s->mem = arena_new(0);
    k->sweeping = true;
    k->sweep = s;
    writer_submit(k->writer, sweep_build, sweep_done, s);
}

void sweep_free(struct keeper *k)
{
    if (k->sweep == NULL)
        return;
    arena_free(k->sweep->mem);
    free(k->sweep);
    k->sweep = NULL;
}
