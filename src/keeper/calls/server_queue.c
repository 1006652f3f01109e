/* keeper/calls/server_queue.c - the queue, for courier and for administration.
 *
 * A leased entry shows the recipients that there is something to do for: those that wait and are
 * due, or, when none waits any more, those whose fate is still to be reported. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "keeper/server_job.h"
#include "store/deliver.h"
#include "store/journal/bodies.h"

enum {
    LEASES_PER_CALL_MAX = 200,
    LEASE_S_MAX = 3600,
    LEASE_REPLY_BYTES = 512 * 1024,
    QUEUE_PER_PAGE = 50,
    REPLY_BYTES_MAX = 1000, /* of what the other side said */
};

/* ---- the store's words and the contract's ---- */

static struct keep_queued_rcpt rcpt_of(uint32_t index, const struct queue_rcpt *r)
{
    return (struct keep_queued_rcpt){
        .index = index,
        .address = r->address,
        .orcpt = r->orcpt,
        .notify = (uint8_t)r->notify,
        .state = (uint8_t)r->state,
        .attempts = r->attempts,
        .next_try = r->next_try,
        .delay_reported = r->delay_reported,
        .last_reply = r->last_reply,
        .last_host = r->last_host,
    };
}

/* due_s: only those with something to do at that time; INT64_MAX: all of them. */
static struct keep_queued queued_of(struct arena *mem, const struct queue_found *f, int64_t due_s)
{
    const struct queue_entry *e = &f->entry;
    struct keep_queued q = {
        .id = f->id,
        .reverse_path = e->reverse_path,
        .envid = e->envid,
        .ret = (uint8_t)e->ret,
        .smtputf8 = e->smtputf8,
        .body = (uint8_t)e->body_kind,
        .size = e->size,
        .arrived = e->arrived,
        .held = e->held,
        .message_id = e->message_id,
        .rcpts = ARENA_ARRAY(mem, struct keep_queued_rcpt, e->rcpts_count + 1u),
    };
    bool waiting = false;

    for (uint32_t i = 0; i < e->rcpts_count; i++)
        waiting |= e->rcpts[i].state == QUEUED_WAITING;
    for (uint32_t i = 0; i < e->rcpts_count; i++) {
        const struct queue_rcpt *r = &e->rcpts[i];

        if (due_s == INT64_MAX || !waiting || (r->state == QUEUED_WAITING && r->next_try <= due_s))
            q.rcpts[q.rcpts_count++] = rcpt_of(i, r);
    }
    return q;
}

/* ---- leases ---- */

enum err read_lease(struct request *j)
{
    const struct keep_lease_req *req = j->req;
    struct keep_lease_rep *rep = j->rep;
    struct keeper *k = j->k;
    uint32_t max = MIN(req->max, (uint32_t)LEASES_PER_CALL_MAX);
    uint64_t lease_ms = (uint64_t)MIN(MAX(req->lease_s, 1u), (uint32_t)LEASE_S_MAX) * 1000, unused;
    struct leases_due due = { .now_s = loop_wall_s(k->loop),
                              .max = max,
                              .at = ARENA_ARRAY(j->mem, struct queue_found, max + 1u) };
    size_t bytes = 0;
    enum err e;

    (void)leases_drop_old(k->leases, loop_now_ms(k->loop), &unused);
    if ((e = leases_find_due(k->leases, k->kv, j->mem, &due, &j->why)) != OK)
        return e;
    rep->next_due = due.next;
    rep->entries = ARENA_ARRAY(j->mem, struct keep_queued, due.count + 1u);
    for (uint32_t i = 0; i < due.count; i++) {
        struct keep_queued *q = &rep->entries[rep->entries_count];

        *q = queued_of(j->mem, &due.at[i], due.now_s);
        for (size_t r = 0; r < q->rcpts_count; r++)
            bytes += 64 + q->rcpts[r].address.len + q->rcpts[r].orcpt.len +
                     q->rcpts[r].last_reply.len + q->rcpts[r].last_host.len;
        if (bytes > LEASE_REPLY_BYTES && rep->entries_count > 0) {
            rep->next_due = due.now_s;
            break;
        }
        rep->entries_count++;
        q->lease = loop_random_u64(k->loop) | 1;
        leases_take(k->leases,
                    &(struct lease){ q->lease, q->id, j->peer, loop_now_ms(k->loop) + lease_ms });
    }
    queue_timer_set(k);
    return OK;
}

static enum err lease_get(struct request *j, uint64_t number, struct lease **ret)
{
    struct lease *l = leases_find(j->k->leases, number);

    if (l == NULL || l->owner != j->peer || l->until_ms <= loop_now_ms(j->k->loop))
        return err_set(&j->why, ERR_CONFLICT, "the lease ran out");
    *ret = l;
    return OK;
}

enum err read_lease_renew(struct request *j)
{
    const struct keep_lease_renew_req *req = j->req;
    struct lease *l = NULL;
    enum err e = lease_get(j, req->lease, &l);

    if (e == OK)
        l->until_ms = loop_now_ms(j->k->loop) +
                      (uint64_t)MIN(MAX(req->lease_s, 1u), (uint32_t)LEASE_S_MAX) * 1000;
    return e;
}

static enum err read_octets(struct request *j, uint64_t body_id, uint64_t offset, uint32_t length,
                            struct str *ret)
{
    struct body *body;
    struct buf b = { 0 };
    enum err e = body_open(j->k->bodies, body_id, &body, &j->why);

    if (e != OK)
        return e;
    e = body_read(body, offset, MIN((size_t)length, KEEP_PAGE_BYTES), &b, &j->why);
    *ret = arena_copy(j->mem, buf_str(&b));
    body_close(body);
    buf_deinit(&b);
    return e;
}

static enum err entry_get(struct request *j, struct kv *kv, uint64_t id, struct queue_entry *ret)
{
    bool found;
    enum err e = queue_get(kv, j->mem, id, &found, ret, &j->why);

    if (e == OK && !found)
        e = err_set(&j->why, ERR_NOT_FOUND, "there is no entry %llu", (unsigned long long)id);
    return e;
}

enum err read_lease_read(struct request *j)
{
    const struct keep_lease_read_req *req = j->req;
    struct keep_lease_read_rep *rep = j->rep;
    struct queue_entry entry;
    struct lease *l = NULL;
    enum err e;

    if ((e = lease_get(j, req->lease, &l)) != OK ||
        (e = entry_get(j, j->k->kv, l->entry, &entry)) != OK)
        return e;
    return read_octets(j, entry.body, req->offset, req->length, &rep->bytes);
}

/* ---- the end of a lease ---- */

struct lease_end {
    uint64_t entry;
    struct delivery report;
    struct deliver_rcpt to;
};

static void apply_outcome(struct queue_entry *entry, const struct keep_outcome *o)
{
    struct queue_rcpt *r;

    if (o->index >= entry->rcpts_count || o->state > QUEUED_EXPIRED)
        return;
    r = &entry->rcpts[o->index];
    r->state = o->state;
    r->attempts++;
    r->next_try = o->next_try;
    r->delay_reported = o->delay_reported;
    r->last_reply = utf8_cut(o->reply, REPLY_BYTES_MAX);
    r->last_host = utf8_cut(o->host, REPLY_BYTES_MAX);
}

static enum err build_lease_end(struct request *j, struct txn *t)
{
    const struct keep_lease_end_req *req = j->req;
    struct lease_end *x = j->own;
    struct queue_entry entry;
    enum err e;

    if ((e = entry_get(j, txn_kv(t), x->entry, &entry)) != OK)
        return e;
    for (size_t i = 0; i < req->outcomes_count; i++)
        apply_outcome(&entry, &req->outcomes[i]);
    /* A report never goes to nobody (RFC 3464 2, RFC 5321 4.5.5). */
    if (req->report.len > 0 && entry.reverse_path.len > 0) {
        x->report.now_s = loop_wall_s(j->k->loop);
        x->to.address = entry.reverse_path;
        x->report.smtputf8 = entry.smtputf8;
        if ((e = deliver_message(t, j->mem, &x->report, &j->why)) != OK)
            return e;
    }
    return queue_update(t, x->entry, &entry, &j->why);
}

static void lease_end_written(struct request *j, enum err e)
{
    const struct keep_lease_end_req *req = j->req;
    struct lease *l = leases_find(j->k->leases, req->lease);

    if (l != NULL)
        leases_drop(j->k->leases, l);
    if (e != OK) /* then its row stands where it stood */
        leases_walk_all(j->k->leases);
    queue_timer_set(j->k);
    request_end(j, e);
}

void start_lease_end(struct request *j)
{
    const struct keep_lease_end_req *req = j->req;
    struct lease_end *x = ARENA_NEW(j->mem, struct lease_end);
    struct lease *l = NULL;
    enum err e = lease_get(j, req->lease, &l);

    if (e != OK) {
        request_end(j, e);
        return;
    }
    /* Until it is written the lease must not run out under us. */
    l->until_ms = UINT64_MAX;
    x->entry = l->entry;
    x->to = (struct deliver_rcpt){ STR_EMPTY, STR_EMPTY, 1 /* never a report of a report */ };
    x->report = (struct delivery){
        .directory = &j->k->directory,
        .rcpts = &x->to,
        .rcpt_count = 1,
        .reverse_path = STR_EMPTY,
        .envid = STR_EMPTY,
        .record = req->report_record,
        .source = { .bytes = req->report },
        .size = req->report.len,
    };
    j->own = x;
    request_write(j, build_lease_end, lease_end_written);
}

/* ---- administration ---- */

enum err read_queue_list(struct request *j)
{
    const struct keep_queue_list_req *req = j->req;
    struct keep_queue_list_rep *rep = j->rep;
    struct queue_found *found = ARENA_ARRAY(j->mem, struct queue_found, QUEUE_PER_PAGE + 1);
    uint32_t count;
    enum err e;

    e = queue_list(j->k->kv, j->mem, req->from, QUEUE_PER_PAGE + 1, found, &count, &j->why);
    if (e != OK)
        return e;
    rep->entries = ARENA_ARRAY(j->mem, struct keep_queued, count + 1u);
    for (uint32_t i = 0; i < MIN(count, (uint32_t)QUEUE_PER_PAGE); i++)
        rep->entries[rep->entries_count++] = queued_of(j->mem, &found[i], INT64_MAX);
    if (count > QUEUE_PER_PAGE)
        rep->next = found[QUEUE_PER_PAGE].id;
    return OK;
}

enum err read_queue_show(struct request *j)
{
    const struct keep_queue_show_req *req = j->req;
    struct keep_queue_show_rep *rep = j->rep;
    struct queue_found found = { .id = req->id };
    enum err e;

    if ((e = entry_get(j, j->k->kv, req->id, &found.entry)) != OK)
        return e;
    rep->entries = ARENA_NEW(j->mem, struct keep_queued);
    rep->entries[0] = queued_of(j->mem, &found, INT64_MAX);
    rep->entries_count = 1;
    return read_octets(j, found.entry.body, req->offset, req->length, &rep->bytes);
}

/* Entries are changed page by page, each durable before the next. */
struct acting {
    uint64_t from; /* the next entry to look at; 0: done */
};

/* Those that still wait are given up; what was settled before has been reported before. */
static void give_up(struct queue_entry *entry)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < entry->rcpts_count; i++) {
        if (entry->rcpts[i].state != QUEUED_WAITING)
            continue;
        entry->rcpts[kept] = entry->rcpts[i];
        entry->rcpts[kept].state = QUEUED_FAILED;
        entry->rcpts[kept++].last_reply = STR("given up by the administrator");
    }
    entry->rcpts_count = kept;
    entry->held = false;
}

static enum err act_on(struct request *j, struct txn *t, uint64_t id, struct queue_entry *entry,
                       int64_t now)
{
    const struct keep_queue_act_req *req = j->req;

    switch ((enum keep_queue_action)req->action) {
    case QUEUE_DROP:
        return queue_remove(t, id, entry, &j->why);
    case QUEUE_FAIL:
        give_up(entry);
        return queue_report(t, id, entry, now);
    case QUEUE_HOLD:
        entry->held = true;
        break;
    case QUEUE_RELEASE:
        entry->held = false;
        break;
    case QUEUE_RETRY:
        break;
    }
    for (uint32_t i = 0; i < entry->rcpts_count && req->action != QUEUE_HOLD; i++)
        if (entry->rcpts[i].state == QUEUED_WAITING)
            entry->rcpts[i].next_try = now;
    return queue_update(t, id, entry, &j->why);
}

static enum err build_queue_act(struct request *j, struct txn *t)
{
    const struct keep_queue_act_req *req = j->req;
    struct keep_queue_act_rep *rep = j->rep;
    struct acting *x = j->own;
    struct queue_found *found = ARENA_ARRAY(j->mem, struct queue_found, QUEUE_PER_PAGE + 1);
    uint32_t count, limit = req->id != 0 ? 1 : QUEUE_PER_PAGE;
    int64_t now = loop_wall_s(j->k->loop);
    enum err e;

    if ((e = queue_list(txn_kv(t), j->mem, req->id != 0 ? req->id : x->from, limit + 1, found,
                        &count, &j->why)) != OK)
        return e;
    if (req->id != 0 && (count == 0 || found[0].id != req->id))
        return err_set(&j->why, ERR_NOT_FOUND, "there is no entry %llu",
                       (unsigned long long)req->id);
    for (uint32_t i = 0; i < MIN(count, limit); i++) {
        if (leases_has_entry(j->k->leases, found[i].id)) {
            if (req->id != 0)
                return err_set(&j->why, ERR_IN_USE, "entry %llu is being sent",
                               (unsigned long long)req->id);
            rep->busy++;
            continue;
        }
        if ((e = act_on(j, t, found[i].id, &found[i].entry, now)) != OK)
            return e;
        rep->changed++;
    }
    x->from = req->id == 0 && count > limit ? found[limit].id : 0;
    return OK;
}

static void queue_act_written(struct request *j, enum err e)
{
    const struct keep_queue_act_req *req = j->req;
    struct acting *x = j->own;

    if (e == OK && x->from != 0) {
        request_write(j, build_queue_act, queue_act_written);
        return;
    }
    if (e == OK && req->action == QUEUE_RETRY)
        queue_tell_anew(j->k);
    request_end(j, e);
}

void start_queue_act(struct request *j)
{
    const struct keep_queue_act_req *req = j->req;

    j->own = ARENA_NEW(j->mem, struct acting);
    if (req->action > QUEUE_FAIL)
        request_end(j, err_set(&j->why, ERR_SYNTAX, "no such action"));
    else
        request_write(j, build_queue_act, queue_act_written);
}
