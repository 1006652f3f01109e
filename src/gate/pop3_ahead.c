/* gate/pop3_ahead.c - one queue of messages, filled behind while it is emptied in front.
 *
 * The first reading is small, because a peer that takes two messages may not take the third; each
 * one that was worthwhile doubles the next. The next question leaves when half of what the last one
 * brought is handed out, so keeper unpacks while the peer reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/pop3_ahead.h"

#include "message/set/flags.h"

enum { FIRST_BYTES = 32 * 1024 };

struct ahead_message {
    uint32_t uid;
    bool seen; /* it is marked already */
    size_t len;
};

struct pop3_ahead {
    struct pop3_mail mail;
    struct pop3_ahead_events events;
    void *ctx;
    struct timer rest;
    struct buf octets;   /* of the messages that are here, from `used` on */
    struct buf messages; /* of struct ahead_message, from `taken` on */
    size_t used, taken;
    struct uidset seen;
    uint64_t ticket; /* of the question under way, or 0 */
    uint32_t first_asked, last_asked;
    uint32_t next_number; /* behind the last one asked for */
    uint64_t window;      /* octets to ask for next time */
};

static void rest(void *ctx)
{
    struct pop3_ahead *a = ctx;

    timer_set_in(&a->rest, POP3_AHEAD_KEPT_MS);
    a->events.rest(a->ctx); /* which may free it */
}

struct pop3_ahead *pop3_ahead_new(const struct pop3_mail *mail,
                                  const struct pop3_ahead_events *events, void *ctx)
{
    struct pop3_ahead *a = calloc(1, sizeof *a);

    if (a == NULL)
        BUG("out of memory");
    a->mail = *mail;
    a->events = *events;
    a->ctx = ctx;
    a->window = FIRST_BYTES;
    timer_init(&a->rest, mail->loop, rest, a);
    timer_set_in(&a->rest, POP3_AHEAD_KEPT_MS);
    return a;
}

void pop3_ahead_free(struct pop3_ahead *a)
{
    if (a == NULL)
        return;
    if (a->ticket != 0)
        keeper_forget(a->mail.keeper, a->ticket);
    timer_cancel(&a->rest);
    buf_deinit(&a->octets);
    buf_deinit(&a->messages);
    uidset_deinit(&a->seen);
    free(a);
}

/* ---- what is here ---- */

static size_t message_count(const struct pop3_ahead *a)
{
    return a->messages.len / sizeof(struct ahead_message);
}

static struct ahead_message message_at(const struct pop3_ahead *a, size_t i)
{
    struct ahead_message m;

    memcpy(&m, a->messages.at + i * sizeof m, sizeof m);
    return m;
}

bool pop3_ahead_take(struct pop3_ahead *a, uint32_t uid, struct str *ret)
{
    while (a->taken < message_count(a)) {
        struct ahead_message m = message_at(a, a->taken);
        struct str octets = str_sub(buf_str(&a->octets), a->used, m.len);

        if (m.uid > uid)
            return false;
        a->taken++;
        a->used += m.len;
        if (m.uid < uid)
            continue;
        if (!m.seen)
            uidset_add(&a->seen, uid);
        timer_set_in(&a->rest, POP3_AHEAD_KEPT_MS);
        *ret = octets;
        return true;
    }
    return false;
}

uint64_t pop3_ahead_awaits(const struct pop3_ahead *a, uint32_t uid)
{
    return uid >= a->first_asked && uid <= a->last_asked ? a->ticket : 0;
}

/* ---- marking ---- */

void pop3_ahead_seen(struct pop3_ahead *a, struct uidset *ret)
{
    uidset_swap(&a->seen, ret);
}

uint64_t pop3_mark_seen(const struct pop3_mail *mail, const struct uidset *uids,
                        keeper_store_done done, void *ctx)
{
    struct keep_store_req req = { .session = mail->session,
                                  .mailbox = mail->mailbox,
                                  .op = STORE_ADD,
                                  .flags = FLAG_SEEN,
                                  .unchanged_since = UNCHANGED_SINCE_UNSAID };
    struct buf octets = { 0 };
    uint64_t ticket;

    uidset_encode(uids, &octets);
    req.uids = buf_str(&octets);
    ticket = keeper_store(mail->keeper, &req, done, ctx);
    buf_deinit(&octets);
    return ticket;
}

static void ignore_store(void *ctx, enum err e, const struct keep_store_rep *rep, struct file *file)
{
    (void)ctx, (void)e, (void)rep, (void)file;
}

static void mark_taken(struct pop3_ahead *a)
{
    if (uidset_empty(&a->seen))
        return;
    (void)pop3_mark_seen(&a->mail, &a->seen, ignore_store, NULL);
    uidset_clear(&a->seen);
}

/* ---- reading ---- */

static void forget_taken(struct pop3_ahead *a)
{
    buf_consume(&a->octets, a->used);
    buf_consume(&a->messages, a->taken * sizeof(struct ahead_message));
    a->used = a->taken = 0;
}

/* Rows that lack something end what is taken over. */
static void keep_rows(struct pop3_ahead *a, const struct keep_fetch_rep *rep)
{
    size_t bytes = 0;

    for (size_t i = 0; i < rep->rows_count; i++)
        bytes += rep->rows[i].parts_count == 1 ? rep->rows[i].parts[0].bytes.len : 0;
    (void)buf_reserve(&a->octets, bytes);
    for (size_t i = 0; i < rep->rows_count; i++) {
        const struct keep_row *row = &rep->rows[i];
        struct ahead_message m = { .uid = row->uid, .seen = (row->flags & FLAG_SEEN) != 0 };

        if (row->parts_count != 1 || !row->parts[0].exists ||
            row->parts[0].bytes.len != row->parts[0].total)
            return;
        m.len = row->parts[0].bytes.len;
        buf_add(&a->octets, row->parts[0].bytes);
        buf_add(&a->messages, str_from(&m, sizeof m));
    }
}

static void got_messages(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct pop3_ahead *a = ctx;

    (void)file;
    a->ticket = 0;
    if (e == OK) {
        forget_taken(a);
        keep_rows(a, rep);
    }
    a->events.come(a->ctx);
}

static void ask(struct pop3_ahead *a, const struct uidset *uids)
{
    struct keep_want want = { .section = STR_EMPTY, .length = POP3_AHEAD_BYTES };
    struct keep_fetch_req req = { .session = a->mail.session,
                                  .mailbox = a->mail.mailbox,
                                  .items = ITEM_FLAGS,
                                  .wants = &want,
                                  .wants_count = 1 };
    struct buf octets = { 0 };

    uidset_encode(uids, &octets);
    req.uids = buf_str(&octets);
    a->first_asked = uidset_first(uids);
    a->last_asked = uidset_last(uids);
    a->ticket = keeper_fetch(a->mail.keeper, &req, got_messages, a);
    buf_deinit(&octets);
}

void pop3_ahead_ask(struct pop3_ahead *a, const struct pop3 *machine, uint32_t number)
{
    struct uidset uids = { 0 };
    struct pop3_listed m;
    uint64_t bytes = 0;
    uint32_t count = 0;

    if (a->ticket != 0)
        return;
    a->next_number = number;
    while (count < POP3_AHEAD_MESSAGES && pop3_next_unmarked(machine, &number, &m) &&
           bytes + m.size_bytes <= (count == 0 ? POP3_AHEAD_BYTES : a->window)) {
        uidset_add(&uids, m.uid);
        bytes += m.size_bytes;
        count++;
        a->next_number = number;
    }
    if (count > 0) {
        mark_taken(a);
        ask(a, &uids);
        a->window = MIN(2 * a->window, POP3_AHEAD_BYTES);
    }
    uidset_deinit(&uids);
}

void pop3_ahead_ask_on(struct pop3_ahead *a, const struct pop3 *machine)
{
    if (a->octets.len - a->used <= a->window / 2)
        pop3_ahead_ask(a, machine, a->next_number);
}
