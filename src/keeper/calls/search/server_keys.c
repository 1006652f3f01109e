/* keeper/calls/search/server_keys.c - writing the sort keys of a mailbox into the tables, behind
 * the answer of the search that made them.
 *
 * The blocks are chosen on the worker thread, to which they belong; a few make one commit. It goes
 * on until all final blocks of the mailbox are written. What fails is not tried again before the
 * keys are made anew: they can be made at any time. */
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

/* A mailbox that was deleted meanwhile gets no rows any more. */
static enum err build(void *ctx, struct txn *t)
{
    SCRATCH(tmp, NULL);
    struct keys_saving *s = ctx;
    struct mbox m;
    struct key k;
    bool found;
    enum err e =
        mailbox_get_by_id(txn_kv(t), tmp, s->keys->account, s->keys->mailbox, &found, &m, &s->why);

    if (e != OK || !found)
        return e != OK ? e : ERR_NOT_FOUND;
    for (uint32_t i = 0; i < s->count; i++) {
        const struct key_block *b = s->blocks[i];

        key_of_key_block(&k, s->keys->account, s->keys->mailbox, key_block_number(b));
        txn_put(t, key_str(&k), str_from(b->octets, b->octet_count));
    }
    return OK;
}

static void chosen(void *ctx);

static void written(void *ctx, enum err e)
{
    struct keys_saving *s = ctx;
    struct keeper *k = s->k;

    if (e == OK && !k->stopping) {
        workers_run(k->sorts, choose_worker, chosen, s);
        return;
    }
    keys_saving_free(k);
    keeper_maybe_stopped(k);
}

static void chosen(void *ctx)
{
    struct keys_saving *s = ctx;
    struct keeper *k = s->k;

    if (s->count > 0 && !k->stopping && k->exclusive == NULL)
        writer_submit(k->writer, build, written, s);
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
