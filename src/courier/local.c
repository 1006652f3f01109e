/* courier/local.c - queued recipients whose domain is ours.
 *
 * Every recipient is asked for at once; the answers are counted down. Those that have a mailbox
 * now are delivered together, after the message has been read back whole (such mail is rare: it
 * was queued because its mailbox was full or missing). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/local.h"

#include "message/record/record.h"

enum {
    READ_BYTES = 256 * 1024,
    INLINE_BYTES_MAX = 512 * 1024 /* of a message in the frame; a longer one goes by spool file */
};

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
    struct timer none; /* runs when there was nobody to ask for */
    uint32_t *ready;   /* places that have a mailbox now */
    uint32_t ready_count;
    struct buf message; /* Return-Path and what was read of the message so far */
    size_t front;       /* octets of Return-Path */
    uint64_t spool;     /* 0: the message fits a frame */
    struct file *file;
    bool asked_delivery;
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

static void finish(struct local_round *l)
{
    void (*done)(void *ctx, struct job *j) = l->done;
    void *ctx = l->ctx;
    struct job *j = l->job;

    local_free(l);
    done(ctx, j);
}

/* Nothing is known: asked again later. */
static void defer(struct local_round *l, uint32_t place, enum err e)
{
    struct job_outcome o = { .verdict = SMTP_CLIENT_DEFERRED,
                             .local = true,
                             .status = STR("4.3.0"),
                             .reply = str_from_z(err_text(e)),
                             .host = l->job->shop->host };

    job_decide(l->job, place, &o);
}

static void defer_ready(struct local_round *l, enum err e)
{
    for (uint32_t i = 0; i < l->ready_count; i++)
        defer(l, l->ready[i], e);
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

/* The report of success is ours to write, as this job ends; what an alias sends elsewhere keeps the
 * sender's other wishes (RFC 3461 5.2.7.3). */
static uint8_t without_success(uint8_t notify)
{
    uint8_t rest = notify & (uint8_t)~NOTIFY_SUCCESS;

    return notify != 0 && rest == 0 ? NOTIFY_NEVER : rest;
}

/* Octets of the message that were read. */
static uint64_t have(const struct local_round *l)
{
    return l->message.len - l->front;
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

        rcpts[i] = (struct keep_rcpt){ from->address, from->orcpt, without_success(from->notify) };
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
                                    .spool = l->spool,
                                    .return_path_bytes = (uint32_t)l->front,
                                    .peer = STR("queue") };
    if (l->spool != 0) {
        req.bytes = str_take(req.bytes, l->front);
        req.spool_bytes = have(l);
    }
    l->asked_delivery = true;
    l->ticket = keeper_deliver(l->job->shop->keeper, &req, delivered, l);
    buf_deinit(&record);
}

static void page_came(void *ctx, enum err e, const struct keep_lease_read_rep *rep,
                      struct file *file);

static void read_on(struct local_round *l)
{
    struct keep_lease_read_req req = { .lease = l->job->entry.lease,
                                       .offset = have(l),
                                       .length = READ_BYTES };

    if (have(l) == l->job->entry.size)
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
    if (e == OK && (rep->bytes.len == 0 || rep->bytes.len > l->job->entry.size - have(l)))
        e = ERR_CORRUPT;
    if (e == OK && l->file != NULL)
        e = file_pwrite(l->file, have(l), rep->bytes, NULL);
    if (e != OK) {
        defer_ready(l, e);
        return;
    }
    buf_add(&l->message, rep->bytes);
    read_on(l);
}

static void spool_came(void *ctx, enum err e, const struct keep_spool_rep *rep, struct file *file)
{
    struct local_round *l = ctx;

    l->ticket = 0;
    if (e == OK && file == NULL)
        e = ERR_UNAVAILABLE;
    if (e != OK) {
        defer_ready(l, e);
        return;
    }
    l->spool = rep->spool;
    l->file = file;
    read_on(l);
}

static void start_reading(struct local_round *l)
{
    struct keep_spool_req req = { .size_hint = l->job->entry.size };

    buf_printf(&l->message, "Return-Path: <%.*s>\r\n", STR_ARG(l->job->entry.reverse_path));
    l->front = l->message.len;

    if (l->job->entry.size > INLINE_BYTES_MAX)
        l->ticket = keeper_spool(l->job->shop->keeper, &req, spool_came, l);
    else
        read_on(l);
}

/* Every answer is there. */
static void all_routed(void *ctx)
{
    struct local_round *l = ctx;

    if (l->ready_count > 0)
        start_reading(l);
    else
        finish(l);
}

static void route_came(void *ctx, enum err e, const struct keep_route_rep *rep, struct file *file)
{
    struct question *q = ctx;
    struct local_round *l = q->round;

    (void)file;
    q->ticket = 0;
    if (e != OK)
        defer(l, q->place, e);
    else if (rep->kind == ROUTE_LOCAL)
        l->ready[l->ready_count++] = q->place;
    else if (rep->kind != ROUTE_FOREIGN && rep->kind < ARRAY_LEN(meanings))
        decide(l, q->place, (enum keep_route)rep->kind);
    if (--l->open == 0)
        all_routed(l);
}

static void dropped(void *ctx, enum err e, const struct keep_spool_drop_rep *rep, struct file *file)
{
    (void)ctx, (void)e, (void)rep, (void)file;
}

/* A delivery uses the spool up, whatever came of it; only one that never began gives it back. */
static void drop_spool(struct local_round *l)
{
    struct keep_spool_drop_req req = { .spool = l->spool };

    if (l->spool != 0 && !l->asked_delivery)
        (void)keeper_spool_drop(l->job->shop->keeper, &req, dropped, NULL);
}

struct local_round *local_start(struct job *j, void (*done)(void *ctx, struct job *j), void *ctx)
{
    size_t count = j->entry.rcpts_count;
    struct local_round *l = ARENA_NEW(j->mem, struct local_round);

    *l = (struct local_round){ .job = j, .done = done, .ctx = ctx };
    timer_init(&l->none, j->shop->loop, all_routed, l);
    l->questions = ARENA_ARRAY(j->mem, struct question, count);
    l->ready = ARENA_ARRAY(j->mem, uint32_t, count);
    for (uint32_t i = 0; i < count; i++) {
        struct keep_route_req req = { .address = j->entry.rcpts[i].address, .size = j->entry.size };

        l->questions[i] = (struct question){ .round = l, .place = i };
        if (j->outcomes[i].decided) /* keeper knew its fate */
            continue;
        l->open++;
        l->questions[i].ticket = keeper_route(j->shop->keeper, &req, route_came, &l->questions[i]);
    }
    if (l->open == 0)
        timer_set_in(&l->none, 0);
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
    timer_cancel(&l->none);
    file_close(l->file);
    drop_spool(l);
    buf_deinit(&l->message);
    l->job->local = NULL;
}
