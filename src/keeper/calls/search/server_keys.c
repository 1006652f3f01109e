/* keeper/calls/search/server_keys.c - writing the sort keys of a mailbox into the tables, behind
 * the answer of the search that made them.
 *
 * Mostly index/server_blocks has written them before. The blocks are chosen on the worker thread,
 * to which they belong, and put into the tables on the loop, a few at a time, until all final
 * blocks of the mailbox are written. What fails is not tried again before the keys are made anew:
 * they can be made at any time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/calls/search/server_search.h"

struct keys_saving {
    struct keeper *k;
    struct mailbox_keys *keys;
    uint32_t uidnext, count;
    uint64_t bytes;
    struct key_block *blocks[KEYS_SAVED_AT_ONCE];
    struct errinfo why;
};

static void choose_worker(void *ctx)
{
    struct keys_saving *s = ctx;

    s->count = mailbox_keys_unsaved_worker(s->keys, s->uidnext, s->blocks);
    s->bytes = mailbox_keys_bytes_worker(s->keys);
}

void keys_saving_free(struct keeper *k)
{
    struct keys_saving *s = k->keys_saving;

    if (s == NULL)
        return;
    k->keys_saving = NULL;
    key_cache_release(k->keys, s->keys, s->bytes);
    free(s);
}

/* Of a mailbox that was deleted meanwhile no messages are there, so none of its blocks is written.
 */
static enum err apply(struct keys_saving *s)
{
    enum err e = OK;

    for (uint32_t i = 0; i < s->count && e == OK; i++)
        e = mailbox_keys_apply_block(s->k->kv, s->keys->account, s->keys->mailbox, s->blocks[i],
                                     &s->why);
    return e;
}

static void chosen(void *ctx)
{
    struct keys_saving *s = ctx;
    struct keeper *k = s->k;

    if (s->count > 0 && !k->stopping && !k->failed && k->exclusive == NULL &&
        !writer_stopped(k->writer) && apply(s) == OK)
        workers_run(k->sorts, choose_worker, chosen, s);
    else
        keys_saving_free(k);
}

void keys_save(struct keeper *k, struct mailbox_keys *keys, uint32_t uidnext)
{
    struct keys_saving *s;

    if (k->keys_saving != NULL || k->stopping)
        return;
    s = calloc(1, sizeof *s);
    if (s == NULL)
        BUG("out of memory");
    *s = (struct keys_saving){ .k = k, .uidnext = uidnext, .bytes = keys->counted };
    s->keys = key_cache_pin(k->keys, keys->account, keys->mailbox);
    k->keys_saving = s;
    workers_run(k->sorts, choose_worker, chosen, s);
}
