/* keeper/server_sweep.c - removing what deleted mailboxes and accounts left behind, and expunged
 * messages that are too old to be brought back.
 *
 * Deleting takes the name away in one commit and marks the row; the rows below it go a page a
 * commit, so that a large mailbox holds nobody up. The sweep starts whenever something was marked
 * and at every start of keeper, and looks for marks until it finds none; nothing else remembers
 * where it was, so a crash in between costs nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/move/server_move.h"
#include "store/mailbox/graves.h"
#include "store/sweep.h"

enum { PURGE_EVERY_MS = 3600 * 1000 };

struct sweep {
    struct keeper *k;
    struct arena *mem;
    bool more;
    bool purging;      /* nothing is marked any more; old graves are looked for */
    struct key cursor; /* where in them */
    struct errinfo why;
};

static enum err sweep_build(void *ctx, struct txn *t)
{
    struct sweep *s = ctx;
    struct keeper *k = s->k;
    const struct sweep_settings how = { loop_wall_s(k->loop), keeper_keeps_bytes(k) };
    const struct graves_purge old = { 0, SWEEP_ROWS, how.now_s - (int64_t)k->settings.undelete_s };

    arena_reset(s->mem);
    if (s->purging)
        return graves_purge_page(t, s->mem, &old, &s->cursor, &s->more, &s->why);
    return sweep_page(t, s->mem, &how, &s->more, &s->why);
}

static void sweep_done(void *ctx, enum err e)
{
    struct sweep *s = ctx;
    struct keeper *k = s->k;

    if (e == OK && !s->more && !s->purging) {
        s->purging = s->more = true;
        s->cursor.len = 0;
    } else if (e == OK && !s->more && k->sweep_again) {
        s->purging = false;
    }
    if (e == OK && (s->more || k->sweep_again)) {
        k->sweep_again = k->sweep_again && s->purging;
        writer_submit(k->writer, sweep_build, sweep_done, s);
        return;
    }
    if (e != OK && !writer_stopped(k->writer))
        keeper_log(k, "event=sweep_failed error=\"%s\" detail=\"%s\"", err_text(e), s->why.text);
    k->sweeping = false;
    k->sweep = NULL;
    timer_set_in(&k->purge_due, PURGE_EVERY_MS);
    arena_free(s->mem);
    free(s);
    keeper_maybe_stopped(k);
}

static void start(struct keeper *k, bool purging)
{
    struct sweep *s;

    s = calloc(1, sizeof *s);
    if (s == NULL)
        BUG("out of memory");
    s->k = k;
    s->mem = arena_new(0);
    s->purging = purging;
    k->sweeping = true;
    k->sweep = s;
    writer_submit(k->writer, sweep_build, sweep_done, s);
}

void sweep_start(struct keeper *k)
{
    if (k->sweeping)
        k->sweep_again = true;
    else
        start(k, false);
}

/* The hour is over: what could be brought back until now may be too old. */
void purge_start(void *ctx)
{
    struct keeper *k = ctx;

    if (!k->sweeping && !k->stopping && !k->failed)
        start(k, true);
}

void sweep_free(struct keeper *k)
{
    if (k->sweep == NULL)
        return;
    arena_free(k->sweep->mem);
    free(k->sweep);
    k->sweep = NULL;
}
