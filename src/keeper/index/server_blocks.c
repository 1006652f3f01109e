/* keeper/index/server_blocks.c - one mailbox after the other, its newest block first.
 *
 * Mailboxes wait in a row, each with its newest final block. A turn makes one block; it goes on to
 * the next lower one with messages until it meets one that has its row. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/index/server_blocks.h"

enum { WAIT_MS = 300, FAILED_WAIT_MS = 60 * 1000 };

struct waiter {
    struct list link;
    uint32_t account, mailbox; /* the key */
    uint32_t number;           /* its newest final block */
};

struct blocks {
    struct keeper *k;
    struct workers *workers;
    struct timer due;
    struct map waiting;
    struct list row; /* the same, in order */
    uint64_t written, began_ms;

    /* Of the turn under way. */
    bool running;
    struct waiter *at; /* whose block is made; not in the row any more */
    struct key_block *made;
    uint32_t below;
    enum err e;
    struct errinfo why;
};

static struct str waiter_key(const struct waiter *w)
{
    return str_from(&w->account, sizeof w->account + sizeof w->mailbox);
}

static void end_mailbox(struct blocks *b)
{
    free(b->at);
    b->at = NULL;
}

static void make_worker(void *ctx)
{
    struct blocks *b = ctx;

    b->e = mailbox_keys_make_block(b->k->kv, b->at->account, b->at->mailbox, b->at->number,
                                   &b->made, &b->below, &b->why);
}

/* Half the time is for others while there are others. A mailbox whose rows cannot be read is left
 * alone: who searches it is told. */
static void made(void *ctx)
{
    struct blocks *b = ctx;
    struct keeper *k = b->k;
    uint64_t took_ms = loop_now_ms(k->loop) - b->began_ms, wait_ms = 0;

    b->running = false;
    if (b->e == OK && b->made != NULL)
        b->e = mailbox_keys_apply_block(k->kv, b->at->account, b->at->mailbox, b->made, &b->why);
    if (b->e != OK && !k->failed && !writer_stopped(k->writer))
        keeper_log(k, "event=keys_failed account=%u mailbox=%u error=\"%s\" detail=\"%s\"",
                   b->at->account, b->at->mailbox, err_text(b->e), b->why.text);
    b->written += b->e == OK && b->made != NULL ? 1 : 0;
    key_block_free(b->made);
    b->made = NULL;
    if (b->e != OK)
        wait_ms = FAILED_WAIT_MS;
    else if (k->request_count > 0)
        wait_ms = took_ms + 1;
    if (b->e != OK || b->below == b->at->number)
        end_mailbox(b);
    else
        b->at->number = b->below;
    timer_set_in(&b->due, wait_ms);
}

static void step(void *ctx)
{
    struct blocks *b = ctx;

    if (b->running || b->k->stopping || b->k->failed || writer_stopped(b->k->writer))
        return;
    if (b->at == NULL) {
        if (list_empty(&b->row))
            return;
        b->at = LIST_ITEM(list_first(&b->row), struct waiter, link);
        (void)map_remove(&b->waiting, waiter_key(b->at));
        list_remove(&b->at->link);
    }
    b->running = true;
    b->began_ms = loop_now_ms(b->k->loop);
    workers_run(b->workers, make_worker, made, b);
}

void blocks_came(struct keeper *k, uint32_t account, uint32_t mailbox, uint32_t uid)
{
    struct waiter wanted = { .account = account, .mailbox = mailbox }, *w;
    struct blocks *b = k->blocks;

    if (b == NULL || (uid & (KEY_BLOCK_MAX - 1)) != KEY_BLOCK_MAX - 1)
        return;
    w = map_find(&b->waiting, waiter_key(&wanted));
    if (w == NULL) {
        w = calloc(1, sizeof *w);
        if (w == NULL)
            BUG("out of memory");
        *w = wanted;
        list_add_last(&b->row, &w->link);
        (void)map_put(&b->waiting, waiter_key(w), w);
    }
    w->number = MAX(w->number, uid >> KEY_BLOCK_BITS);
    if (!b->running && !timer_is_set(&b->due))
        timer_set_in(&b->due, WAIT_MS);
}

uint64_t blocks_written(const struct keeper *k)
{
    return k->blocks == NULL ? 0 : k->blocks->written;
}

enum err blocks_start(struct keeper *k, struct errinfo *why)
{
    struct blocks *b = calloc(1, sizeof *b);
    uint8_t octets[16];
    enum err e;

    if (b == NULL)
        BUG("out of memory");
    b->k = k;
    if ((e = workers_new(k->loop, 1, &b->workers, why)) != OK) {
        free(b);
        return e;
    }
    workers_give_way(b->workers);
    loop_random(k->loop, octets, sizeof octets);
    map_init(&b->waiting, siphash_key_of(octets));
    list_init(&b->row);
    timer_init(&b->due, k->loop, step, b);
    k->blocks = b;
    return OK;
}

void blocks_free(struct keeper *k)
{
    struct blocks *b = k->blocks;

    if (b == NULL)
        return;
    k->blocks = NULL;
    workers_free(b->workers);
    timer_cancel(&b->due);
    key_block_free(b->made);
    end_mailbox(b);
    while (!list_empty(&b->row)) {
        struct waiter *w = LIST_ITEM(list_first(&b->row), struct waiter, link);

        list_remove(&w->link);
        free(w);
    }
    map_deinit(&b->waiting);
    free(b);
}
