/* courier/narrow.c - a message of 8 bits on its way to a server that takes 7. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/narrow.h"

#include "message/compose/downgrade.h"

bool narrow_is_needed(unsigned has, const struct smtp_client_message *m)
{
    const unsigned binary = SMTP_CLIENT_HAS_BINARYMIME | SMTP_CLIENT_HAS_CHUNKING;

    if (m->size > NARROW_BYTES_MAX)
        return false;
    return (m->body == SMTP_CLIENT_8BIT && !(has & SMTP_CLIENT_HAS_8BITMIME)) ||
           (m->body == SMTP_CLIENT_BINARY && (has & binary) != binary);
}

static void finish(struct narrow *n, enum err e)
{
    n->is_reading = false;
    buf_deinit(&n->whole);
    n->done(n->ctx, e);
}

static void make(struct narrow *n)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

    switch (downgrade_to_7bit(buf_str(&n->whole), &limits, &n->message)) {
    case DOWNGRADE_NOT_NEEDED: /* it was said to be 8-bit, but is not */
        buf_add(&n->message, buf_str(&n->whole));
        break;
    case DOWNGRADE_DONE:
        break;
    case DOWNGRADE_SIGNED:
    case DOWNGRADE_OPAQUE:
        finish(n, ERR_UNSUPPORTED);
        return;
    }
    finish(n, OK);
}

static void read_on(struct narrow *n);

static void page_came(void *ctx, enum err e, const struct keep_lease_read_rep *rep,
                      struct file *file)
{
    struct narrow *n = ctx;

    (void)file;
    n->ticket = 0;
    if (e == OK && (rep->bytes.len > n->entry->size - n->whole.len ||
                    (rep->bytes.len == 0 && n->entry->size > 0)))
        e = ERR_CORRUPT;
    if (e != OK) {
        finish(n, e);
        return;
    }
    buf_add(&n->whole, rep->bytes);
    if (n->whole.len == n->entry->size)
        make(n);
    else
        read_on(n);
}

static void read_on(struct narrow *n)
{
    struct keep_lease_read_req req = { .lease = n->entry->lease,
                                       .offset = n->whole.len,
                                       .length = (uint32_t)KEEP_PAGE_BYTES };

    n->ticket = keeper_lease_read(n->keeper, &req, page_came, n);
}

void narrow_start(struct narrow *n, struct keeper_client *keeper, const struct keep_queued *entry,
                  void (*done)(void *ctx, enum err e), void *ctx)
{
    BUG_ON(n->is_reading);
    *n = (struct narrow){
        .keeper = keeper, .entry = entry, .is_reading = true, .done = done, .ctx = ctx
    };
    read_on(n);
}

void narrow_deinit(struct narrow *n)
{
    if (n->ticket != 0)
        keeper_forget(n->keeper, n->ticket);
    buf_deinit(&n->whole);
    buf_deinit(&n->message);
    *n = (struct narrow){ 0 };
}
