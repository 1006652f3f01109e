/* courier/local.c - queued recipients whose domain is ours.
 *
 * Every recipient is asked for at once; the answers are counted down. Those that have a mailbox
 * now are delivered together, after the message has been read back whole (such mail is rare: it
 * was queued because its mailbox was full or missing). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/local.h"

#include "message/record.h"

enum { READ_BYTES = 256 * 1024 };

struct question {
    struct local_round *round;
    uint32_t place;
    uint64_t ticket;
};

struct local_round {
    struct job *job;
    void (*done)(void *ctx, struct job *j);
    void *ctx;
    struct question *questions;
    size_t open;
    uint32_t *ready; /* places that have a mailbox now */
    uint32_t ready_count;
    struct buf message;
    uint64_t ticket; /* of the read or the delivery under way */
};

static const struct {
    enum smtp_client_verdict verdict;
    struct str status, text;
} meanings[] = {
    [ROUTE_UNKNOWN] = { SMTP_CLIENT_FAILED, STR_INIT("5.1.1"), STR_INIT("no such mailbox here") },
    [ROUTE_LOCAL] = { SMTP_CLIENT_DELIVERED, STR_INIT("2.1.5"), STR_INIT("delivered") },
    [ROUTE_FOREIGN] = { SMTP_CLIENT_DEFERRED, STR_INIT("4.4.0"), STR_INIT("") },
    [ROUTE_FULL] = { SMTP_CLIENT_DEFERRED, STR_INIT("4.2.2"), STR_INIT("the mailbox is full") },
    [ROUTE_DISABLED] = { SMTP_CLIENT_FAILED, STR_INIT("5.2.1"),
                         STR_INIT("the account is switched off") },
};

static void decide(struct local_round *l, uint32_t place, enum keep_route route)
{
    struct job_outcome o = { .verdict = meanings[route].verdict,
                             .local = true,
                             .status = meanings[route].status,
                             .reply = meanings[route].text,
                             .host = l->job->shop->host };

    job_decide(l->job, place, &o);
}

/* Some recipients come with their fate decided and only their report to be written: delivered by
 * keeper at once, or given up by the administrator. */
static bool is_settled(const struct local_round *l, uint32_t place)
{
    return l->job->entry.rcpts[place].state != RCPT_WAITING;
}

static void decide_settled(struct local_round *l, uint32_t place)
{
    const bool delivered = l->job->entry.rcpts[place].state == RCPT_DELIVERED;
    struct job_outcome o = { .verdict = delivered ? SMTP_CLIENT_DELIVERED : SMTP_CLIENT_FAILED,
                             .local = true,
                             .status = delivered ? STR("2.1.5") : STR("5.7.0"),
                             .reply = delivered ? STR("delivered")
                                                : STR("given up by the administrator"),
                             .host = l->job->shop->host };

    job_decide(l->job, place, &o);
}

static void finish(struct local_round *l)
{
    void (*done)(void *ctx, struct job *j) = l->done;
    void *ctx = l->ctx;
    struct job *j = l->job;

    local_free(l);
    done(ctx, j);
}

static void defer_ready(struct local_round *l, enum err e)
{
    struct job_outcome o = { .verdict = SMTP_CLIENT_DEFERRED,
                             .local = true,
                             .status = STR("4.3.0"),
                             .reply = str_from_z(err_text(e)),
                             .host = l->job->shop->host };

    for (uint32_t i = 0; i < l->ready_count; i++)
        job_decide(l->job, l->ready[i], &o);
    finish(l);
}

static void delivered(void *ctx, enum err e, const struct keep_deliver_rep *rep, struct file *file)
{
    struct local_round *l = ctx;

    (void)rep;
    (void)file;
    l->ticket = 0;
    if (e != OK) {
        defer_ready(l, e);
        return;
    }
    for (uint32_t i = 0; i < l->ready_count; i++)
        decide(l, l->ready[i], ROUTE_LOCAL);
    finish(l);
}

static void deliver(struct local_round *l)
{
    const struct keep_queued *entry = &l->job->entry;
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct buf record = { 0 };

    SCRATCH(tmp, NULL);
    struct keep_rcpt *rcpts = ARENA_ARRAY(tmp, struct keep_rcpt, l->ready_count);
    for (uint32_t i = 0; i < l->ready_count; i++) {
        const struct keep_queued_rcpt *from = &entry->rcpts[l->ready[i]];

        /* The report of success is ours to write, as this job ends. */
        rcpts[i] = (struct keep_rcpt){ from->address, from->orcpt, NOTIFY_NEVER };
    }
    record_build(buf_str(&l->message), &limits, &record);

    struct keep_deliver_req req = { .reverse_path = entry->reverse_path,
                                    .envid = entry->envid,
                                    .ret = entry->ret,
                                    .smtputf8 = entry->smtputf8,
                                    .body = entry->body,
                                    .rcpts = rcpts,
                                    .rcpts_count = l->ready_count,
                                    .record = buf_str(&record),
                                    .bytes = buf_str(&l->message),
                                    .peer = STR("queue") };
    l->ticket = keeper_deliver(l->job->shop->keeper, &req, delivered, l);
    buf_deinit(&record);
}

static void page_came(void *ctx, enum err e, const struct keep_lease_read_rep *rep,
                      struct file *file);

static void read_on(struct local_round *l)
{
    struct keep_lease_read_req req = { .lease = l->job->entry.lease,
                                       .offset = l->message.len,
                                       .length = READ_BYTES };

    if (l->message.len == l->job->entry.size)
        deliver(l);
    else
        l->ticket = keeper_lease_read(l->job->shop->keeper, &req, page_came, l);
}

static void page_came(void *ctx, enum err e, const struct keep_lease_read_rep *rep,
                      struct file *file)
{
    struct local_round *l = ctx;

    (void)file;
    l->ticket = 0;
    if (e == OK && rep->bytes.len == 0)
        e = ERR_CORRUPT;
    if (e != OK) {
        defer_ready(l, e);
        return;
    }
    buf_add(&l->message, rep->bytes);
    read_on(l);
}

static void route_came(void *ctx, enum err e, const struct keep_route_rep *rep, struct file *file)
{
    struct question *q = ctx;
    struct local_round *l = q->round;

    (void)file;
    q->ticket = 0;
    if (is_settled(l, q->place))
        decide_settled(l, q->place);
    else if (e != OK)
        decide(l, q->place, ROUTE_FULL); /* ask again later: nothing is known */
    else if (rep->kind == ROUTE_LOCAL)
        l->ready[l->ready_count++] = q->place;
    else if (rep->kind != ROUTE_FOREIGN && rep->kind < ARRAY_LEN(meanings))
        decide(l, q->place, (enum keep_route)rep->kind);
    if (--l->open > 0)
        return;
    if (l->ready_count > 0)
        read_on(l);
    else
        finish(l);
}

struct local_round *local_start(struct job *j, void (*done)(void *ctx, struct job *j), void *ctx)
{
    size_t count = j->entry.rcpts_count;
    struct local_round *l = ARENA_NEW(j->mem, struct local_round);

    *l = (struct local_round){ .job = j, .done = done, .ctx = ctx, .open = count };
    l->questions = ARENA_ARRAY(j->mem, struct question, count);
    l->ready = ARENA_ARRAY(j->mem, uint32_t, count);
    for (uint32_t i = 0; i < count; i++) {
        struct keep_route_req req = { .address = j->entry.rcpts[i].address, .size = j->entry.size };

        l->questions[i] = (struct question){ .round = l, .place = i };
        l->questions[i].ticket = keeper_route(j->shop->keeper, &req, route_came, &l->questions[i]);
    }
    return l;
}

void local_free(struct local_round *l)
{
    if (l == NULL)
        return;
    for (size_t i = 0; i < l->job->entry.rcpts_count; i++)
        if (l->questions[i].ticket != 0)
            keeper_forget(l->job->shop->keeper, l->questions[i].ticket);
    if (l->ticket != 0)
        keeper_forget(l->job->shop->keeper, l->ticket);
    buf_deinit(&l->message);
    l->job->local = NULL;
}
