/* courier/job.c - one leased message in hand.
 *
 * Nothing is decided twice and nothing is forgotten: lease_end carries an outcome for every
 * recipient of the entry. When keeper can not take it (it restarted, the lease ran out) the entry
 * is simply leased again: a message may then arrive twice, but is never lost. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/job.h"

#include "courier/local.h"
#include "courier/report.h"

struct str address_domain(struct str address)
{
    size_t at = str_find_char_last(address, '@');

    return at == STR_NOT_FOUND ? STR_EMPTY : str_skip(address, at + 1);
}

/* What keeper knows already of a recipient that waits for its report alone. */
static void decide_settled(struct job *j, uint32_t place, const struct keep_queued_rcpt *rcpt)
{
    bool delivered = rcpt->state == RCPT_DELIVERED || rcpt->state == RCPT_RELAYED;
    struct job_outcome o = {
        .verdict = delivered ? SMTP_CLIENT_DELIVERED : SMTP_CLIENT_FAILED,
        .local = true,
        .status = delivered ? STR("2.1.5") : STR("5.7.0"),
        .reply = rcpt->last_reply.len > 0 ? rcpt->last_reply
                 : delivered              ? STR("delivered")
                                          : STR("given up"),
        .host = rcpt->last_host,
    };

    if (rcpt->state != RCPT_WAITING)
        job_decide(j, place, &o);
}

struct job *job_new(struct job_shop *shop, const struct keep_queued *entry)
{
    struct arena *mem = arena_new(1024);
    struct job *j = ARENA_NEW(mem, struct job);
    struct keep_queued_rcpt *rcpts =
        ARENA_ARRAY(mem, struct keep_queued_rcpt, MAX(entry->rcpts_count, 1U));

    *j = (struct job){ .shop = shop, .mem = mem, .entry = *entry, .open = 1 };
    list_init(&j->link);
    j->entry.reverse_path = arena_copy(mem, entry->reverse_path);
    j->entry.envid = arena_copy(mem, entry->envid);
    j->entry.message_id = arena_copy(mem, entry->message_id);
    j->entry.rcpts = rcpts;
    j->outcomes = ARENA_ARRAY(mem, struct job_outcome, MAX(entry->rcpts_count, 1U));
    for (uint32_t i = 0; i < entry->rcpts_count; i++) {
        rcpts[i] = entry->rcpts[i];
        rcpts[i].address = arena_copy(mem, rcpts[i].address);
        rcpts[i].orcpt = arena_copy(mem, rcpts[i].orcpt);
        rcpts[i].last_reply = rcpts[i].last_host = STR_EMPTY;
        decide_settled(j, i, &entry->rcpts[i]);
    }
    j->renewed_ms = loop_now_ms(shop->loop);
    return j;
}

void job_free(struct job *j)
{
    list_remove(&j->link);
    local_free(j->local);
    if (j->ticket != 0)
        keeper_forget(j->shop->keeper, j->ticket);
    arena_free(j->mem);
}

struct parcel *job_parcel(struct job *j, const uint32_t *places, uint32_t count)
{
    struct parcel *p = ARENA_NEW(j->mem, struct parcel);

    BUG_ON(count == 0 || count > PARCEL_RCPTS_MAX);
    list_init(&p->link);
    p->job = j;
    p->count = count;
    p->places = ARENA_ARRAY(j->mem, uint32_t, count);
    p->rcpts = ARENA_ARRAY(j->mem, struct smtp_client_rcpt, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct keep_queued_rcpt *rcpt = &j->entry.rcpts[places[i]];

        p->places[i] = places[i];
        p->rcpts[i] = (struct smtp_client_rcpt){ rcpt->address, rcpt->orcpt, rcpt->notify };
    }
    p->message = (struct smtp_client_message){
        .reverse_path = j->entry.reverse_path,
        .envid = j->entry.envid,
        .ret = j->entry.ret,
        .smtputf8 = j->entry.smtputf8,
        .body = (enum smtp_client_body)j->entry.body,
        .size = j->entry.size,
        .rcpts = p->rcpts,
        .rcpt_count = count,
    };
    j->open++;
    return p;
}

void job_decide(struct job *j, uint32_t place, const struct job_outcome *outcome)
{
    struct job_outcome *o = &j->outcomes[place];

    BUG_ON(o->decided);
    *o = *outcome;
    o->decided = true;
    o->status = arena_copy(j->mem, outcome->status);
    o->reply = arena_copy(j->mem, outcome->reply);
    o->host = arena_copy(j->mem, outcome->host);
}

void parcel_decide_rest(struct parcel *p, const struct job_outcome *outcome)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (!p->job->outcomes[p->places[i]].decided)
            job_decide(p->job, p->places[i], outcome);
}

/* ---- settling ---- */

static void log_outcome(struct job *j, size_t place, enum keep_rcpt_state state)
{
    static const char *const events[] = {
        [RCPT_WAITING] = "courier.deferred", [RCPT_DELIVERED] = "courier.delivered",
        [RCPT_RELAYED] = "courier.sent",     [RCPT_FAILED] = "courier.failed",
        [RCPT_EXPIRED] = "courier.expired",
    };
    const struct job_outcome *o = &j->outcomes[place];

    if (!log_is_on(j->shop->log, LOG_INFO))
        return;
    log_begin(j->shop->log, LOG_INFO, events[state]);
    log_num(j->shop->log, "queue", (int64_t)j->entry.id);
    log_str(j->shop->log, "to", j->entry.rcpts[place].address);
    log_str(j->shop->log, "host", o->host);
    log_str(j->shop->log, "status", o->status);
    log_str(j->shop->log, "reply", o->reply);
    log_end(j->shop->log);
}

/* RFC 3461 4.1: without NOTIFY a sender is told of failures, and of delays if we like. */
static bool wants(const struct job *j, size_t place, enum keep_notify what)
{
    unsigned notify = j->entry.rcpts[place].notify;

    if (j->entry.reverse_path.len == 0) /* RFC 3461 6.1: never about a null reverse-path */
        return false;
    if (notify == 0)
        notify = NOTIFY_FAILURE | NOTIFY_DELAY;
    return (notify & what) != 0;
}

static enum report_action settle_failure(struct job *j, size_t place, struct keep_outcome *out)
{
    const struct keep_queued_rcpt *rcpt = &j->entry.rcpts[place];
    struct schedule_facts facts = {
        .attempts = rcpt->attempts + 1,
        .arrived = j->entry.arrived,
        .now = loop_wall_s(j->shop->loop),
        .random = loop_random_u64(j->shop->loop),
        .delay_wanted = wants(j, place, NOTIFY_DELAY),
        .delay_reported = rcpt->delay_reported,
    };
    struct schedule_decision d = schedule_after_failure(&j->shop->schedule, &facts);

    if (d.expired) {
        out->state = RCPT_EXPIRED;
        return wants(j, place, NOTIFY_FAILURE) ? REPORT_FAILED : REPORT_NOTHING;
    }
    out->state = RCPT_WAITING;
    out->next_try = d.next_try;
    out->delay_reported = rcpt->delay_reported || d.report_delay;
    return d.report_delay ? REPORT_DELAYED : REPORT_NOTHING;
}

/* What to tell keeper about one recipient, and what to tell the sender. */
static enum report_action settle(struct job *j, size_t place, struct keep_outcome *out)
{
    const struct job_outcome *o = &j->outcomes[place];

    *out = (struct keep_outcome){ .index = j->entry.rcpts[place].index,
                                  .host = o->host,
                                  .reply = o->reply };
    switch (o->verdict) {
    case SMTP_CLIENT_DELIVERED:
        out->state = o->local ? RCPT_DELIVERED : RCPT_RELAYED;
        if (!wants(j, place, NOTIFY_SUCCESS))
            return REPORT_NOTHING;
        return o->local                 ? REPORT_DELIVERED
               : o->relayed_without_dsn ? REPORT_RELAYED
                                        : REPORT_NOTHING;
    case SMTP_CLIENT_FAILED:
        out->state = RCPT_FAILED;
        return wants(j, place, NOTIFY_FAILURE) ? REPORT_FAILED : REPORT_NOTHING;
    case SMTP_CLIENT_DEFERRED:
        break;
    }
    return settle_failure(j, place, out);
}

struct settling {
    struct job *job;
    uint64_t lease; /* that the outcomes were sent under */
    struct keep_outcome *outcomes;
    size_t count;
    enum report_action *actions; /* one a recipient */
    bool tell;
    bool sender_is_local; /* the report's way ends here */
};

static void tell_keeper(struct settling *s);

static void lease_ended(void *ctx, enum err e, const struct keep_lease_end_rep *rep,
                        struct file *file)
{
    struct job *j = ctx;

    (void)rep;
    (void)file;
    j->ticket = 0;
    if (e != OK && j->entry.lease != j->settling->lease) { /* leased anew meanwhile */
        tell_keeper(j->settling);
        return;
    }
    if (e == ERR_UNAVAILABLE || e == ERR_CLOSED) {
        j->is_unheard = true;
        j->unheard_ms = loop_now_ms(j->shop->loop);
        j->shop->unheard(j->shop->ctx, j);
        return;
    }
    if (e != OK) {
        log_begin(j->shop->log, LOG_WARN, "courier.lease_lost");
        log_num(j->shop->log, "queue", (int64_t)j->entry.id);
        log_err(j->shop->log, e, NULL);
        log_end(j->shop->log);
    }
    j->shop->finished(j->shop->ctx, j);
}

static void end_lease(struct settling *s, struct str report, struct str record)
{
    struct keep_lease_end_req req = { .lease = s->job->entry.lease,
                                      .outcomes = s->outcomes,
                                      .outcomes_count = s->count,
                                      .report = report,
                                      .report_record = record };

    s->job->ticket = keeper_lease_end(s->job->shop->keeper, &req, lease_ended, s->job);
}

/* The head of the original came (or did not: then the report goes without). */
static void original_read(void *ctx, enum err e, const struct keep_lease_read_rep *rep,
                          struct file *file)
{
    struct settling *s = ctx;
    struct job *j = s->job;
    struct buf report = { 0 }, record = { 0 };

    (void)file;
    j->ticket = 0;
    if (s->sender_is_local) /* RFC 5321 4.4: added where the way ends, and nowhere else */
        buf_add(&report, STR("Return-Path: <>\r\n"));
    report_build(j, s->actions, e == OK ? rep->bytes : STR_EMPTY, &report, &record);
    end_lease(s, buf_str(&report), buf_str(&record));
    buf_deinit(&report);
    buf_deinit(&record);
}

/* Where the report goes is known (or not: then it is taken to travel on). */
static void sender_routed(void *ctx, enum err e, const struct keep_route_rep *rep,
                          struct file *file)
{
    struct settling *s = ctx;
    struct job *j = s->job;
    struct keep_lease_read_req req = { .lease = j->entry.lease,
                                       .length = REPORT_ORIGINAL_BYTES_MAX };

    (void)file;
    s->sender_is_local = e == OK && rep->kind == ROUTE_LOCAL;
    j->ticket = keeper_lease_read(j->shop->keeper, &req, original_read, s);
}

static void tell_keeper(struct settling *s)
{
    struct job *j = s->job;
    struct keep_route_req req = { .address = j->entry.reverse_path };

    s->lease = j->entry.lease;
    if (s->tell)
        j->ticket = keeper_route(j->shop->keeper, &req, sender_routed, s);
    else
        end_lease(s, STR_EMPTY, STR_EMPTY);
}

static void settle_all(struct job *j)
{
    struct settling *s = ARENA_NEW(j->mem, struct settling);

    j->settling = s;
    s->job = j;
    s->outcomes = ARENA_ARRAY(j->mem, struct keep_outcome, MAX(j->entry.rcpts_count, 1U));
    s->actions = ARENA_ARRAY(j->mem, enum report_action, MAX(j->entry.rcpts_count, 1U));
    for (size_t i = 0; i < j->entry.rcpts_count; i++) {
        BUG_ON(!j->outcomes[i].decided);
        if (j->outcomes[i].untried)
            continue;
        s->actions[i] = settle(j, i, &s->outcomes[s->count]);
        s->tell |= s->actions[i] != REPORT_NOTHING;
        log_outcome(j, i, (enum keep_rcpt_state)s->outcomes[s->count++].state);
    }
    tell_keeper(s);
}

/* Every failed attempt that keeper has heard of raised the count, so a recipient with our count is
 * one whose outcome it does not know. */
static bool is_unknown_to_keeper(const struct job *j, const struct keep_queued *entry)
{
    for (size_t i = 0; i < entry->rcpts_count; i++)
        for (size_t k = 0; k < j->entry.rcpts_count; k++)
            if (entry->rcpts[i].index == j->entry.rcpts[k].index)
                return entry->rcpts[i].attempts == j->entry.rcpts[k].attempts;
    return false;
}

bool job_lease_again(struct job *j, const struct keep_queued *entry)
{
    if (!is_unknown_to_keeper(j, entry))
        return false;
    j->entry.lease = entry->lease;
    j->renewed_ms = loop_now_ms(j->shop->loop);
    if (j->is_unheard) {
        j->is_unheard = false;
        tell_keeper(j->settling);
    }
    return true;
}

void job_dealt(struct job *j)
{
    BUG_ON(j->open == 0);
    if (--j->open == 0)
        settle_all(j);
}

void job_parcel_done(struct parcel *p)
{
    job_dealt(p->job);
}
