/* store/deliver.c - one message for all its recipients, in one transaction. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/deliver.h"

#include "message/record/record.h"

/* ---- who gets it ---- */

struct local_rcpt {
    uint32_t account;
    const struct deliver_rcpt *rcpt;
};

struct sorting {
    struct txn *t;
    struct arena *mem;
    const struct delivery *d;
    struct local_rcpt *local;
    size_t local_count, local_cap;
    struct queue_rcpt *queued;
    uint32_t queued_count, queued_cap;
    struct queue_rcpt *noticed; /* delivered here, with notice of success wanted */
    uint32_t noticed_count;
    uint64_t body;        /* 0 until the first user has it */
    uint64_t queued_body; /* the same for the queue, where it is another one */
    struct body_source queued_source;
    struct errinfo *why;
};

static void add_queued(struct sorting *s, struct str address, const struct deliver_rcpt *rcpt)
{
    for (uint32_t i = 0; i < s->queued_count; i++)
        if (str_eq(s->queued[i].address, address) && str_eq(s->queued[i].orcpt, rcpt->orcpt))
            return;
    if (s->queued_count == s->queued_cap) {
        uint32_t cap = s->queued_cap == 0 ? 16 : 2 * s->queued_cap;
        struct queue_rcpt *at = ARENA_ARRAY(s->mem, struct queue_rcpt, cap);

        if (s->queued_count > 0)
            memcpy(at, s->queued, s->queued_count * sizeof *at);
        s->queued = at;
        s->queued_cap = cap;
    }
    s->queued[s->queued_count++] = (struct queue_rcpt){
        .address = address,
        .orcpt = rcpt->orcpt,
        .notify = rcpt->notify,
        .state = QUEUED_WAITING,
        .next_try = s->d->now_s,
    };
}

static void add_local(struct sorting *s, uint32_t account, const struct deliver_rcpt *rcpt)
{
    for (size_t i = 0; i < s->local_count; i++)
        if (s->local[i].account == account)
            return;
    if (s->local_count == s->local_cap) {
        size_t cap = s->local_cap == 0 ? 16 : 2 * s->local_cap;
        struct local_rcpt *at = ARENA_ARRAY(s->mem, struct local_rcpt, cap);

        if (s->local_count > 0)
            memcpy(at, s->local, s->local_count * sizeof *at);
        s->local = at;
        s->local_cap = cap;
    }
    s->local[s->local_count++] = (struct local_rcpt){ account, rcpt };
}

/* A recipient of ours who cannot have it now. */
static enum err cannot(struct sorting *s, struct str address, const struct deliver_rcpt *rcpt,
                       enum err e)
{
    if (s->d->by_courier)
        return err_set(s->why, e, "'%.*s' cannot be delivered to", STR_ARG(address));
    add_queued(s, address, rcpt);
    return OK;
}

static enum err sort_rcpt(struct sorting *s, const struct deliver_rcpt *rcpt)
{
    struct expansion x;
    enum err e;

    if ((e = directory_expand(txn_kv(s->t), s->d->directory, s->mem, rcpt->address, &x, s->why)) !=
        OK)
        return e;
    if (x.count == 0)
        return cannot(s, rcpt->address, rcpt, ERR_NOT_FOUND);
    for (uint32_t i = 0; i < x.count; i++) {
        if (x.targets[i].local)
            add_local(s, x.targets[i].account, rcpt);
        else
            add_queued(s, x.targets[i].address, rcpt);
    }
    return OK;
}

/* ---- giving it to them ---- */

/* The first user of the body makes it, every other one takes a reference. */
static enum err take_body(struct sorting *s)
{
    if (s->body != 0)
        return txn_body_ref(s->t, s->body);
    s->body = txn_body_new(s->t, &s->d->source);
    return OK;
}

/* What is queued has no Return-Path on top. */
static enum err take_queued_body(struct sorting *s, uint64_t *ret)
{
    struct body_source *source = &s->queued_source;
    enum err e = OK;

    if (s->d->return_path_bytes == 0) {
        e = take_body(s);
        *ret = s->body;
        return e;
    }
    if (s->queued_body != 0) {
        e = txn_body_ref(s->t, s->queued_body);
    } else {
        *source = s->d->source;
        source->bytes = str_skip(source->bytes, s->d->return_path_bytes);
        s->queued_body = txn_body_new(s->t, source);
    }
    *ret = s->queued_body;
    return e;
}

static enum err put_into_inbox(struct sorting *s, const struct local_rcpt *l, struct account_txn *a)
{
    struct message_new message = { 0 };
    struct mbox inbox;
    uint32_t id, uid;
    bool found;
    enum err e;

    e = mailbox_find(a->kv, s->mem, l->account, STR("INBOX"), &found, &id, &inbox, s->why);
    if (e != OK)
        return e;
    if (!found)
        return err_set(s->why, ERR_CORRUPT, "account %u has no INBOX", l->account);
    if ((e = take_body(s)) != OK)
        return e;
    message.body = s->body;
    message.size = s->d->size;
    message.internal_date = s->d->now_s;
    message_new_from_record(&message, s->d->record);
    if ((e = messages_add(a, id, &inbox, &message, &uid)) != OK)
        return e;
    mailbox_put_row(a, id, &inbox);
    account_txn_end(a);
    return OK;
}

static enum err give_local(struct sorting *s, const struct local_rcpt *l)
{
    struct account row;
    struct account_txn a;
    bool found;
    enum err e;

    if ((e = directory_account_get(txn_kv(s->t), s->mem, l->account, &found, &row, s->why)) != OK)
        return e;
    if (!found || !row.enabled)
        return cannot(s, found ? row.address : l->rcpt->address, l->rcpt,
                      found ? ERR_DENIED : ERR_NOT_FOUND);
    if ((e = account_txn_begin(&a, s->t, s->mem, l->account, s->d->now_s, s->why)) != OK)
        return e;
    if (messages_check_quota(&a, &row, s->d->size, 1) != OK)
        return cannot(s, row.address, l->rcpt, ERR_QUOTA);
    if ((e = put_into_inbox(s, l, &a)) != OK)
        return e;
    if ((l->rcpt->notify & DELIVER_NOTIFY_SUCCESS) && s->d->reverse_path.len > 0)
        s->noticed[s->noticed_count++] = (struct queue_rcpt){
            .address = l->rcpt->address,
            .orcpt = l->rcpt->orcpt,
            .notify = l->rcpt->notify,
            .state = QUEUED_DELIVERED,
        };
    return OK;
}

static enum err add_entries(struct sorting *s, struct queue_rcpt *rcpts, uint32_t count,
                            struct str message_id)
{
    struct queue_entry entry = {
        .reverse_path = s->d->reverse_path,
        .envid = s->d->envid,
        .ret = s->d->ret,
        .smtputf8 = s->d->smtputf8,
        .body_kind = s->d->body_kind,
        .size = s->d->size - s->d->return_path_bytes,
        .arrived = s->d->now_s,
        .message_id = message_id,
    };
    uint64_t id;
    enum err e;

    for (uint32_t from = 0; from < count; from += entry.rcpts_count) {
        entry.rcpts = rcpts + from;
        entry.rcpts_count = MIN(count - from, (uint32_t)QUEUE_RCPTS_MAX);
        if ((e = take_queued_body(s, &entry.body)) != OK)
            return e;
        if ((e = queue_add(s->t, &entry, &id, s->why)) != OK)
            return e;
    }
    return OK;
}

enum err deliver_message(struct txn *t, struct arena *mem, const struct delivery *d,
                         struct errinfo *why)
{
    struct sorting s = { .t = t, .mem = mem, .d = d, .why = why };
    struct str message_id = STR_EMPTY;
    struct record record;
    enum err e;

    if (d->rcpt_count == 0 || d->rcpt_count > DELIVER_RCPTS_MAX)
        return err_set(why, ERR_LIMIT, "a message has 1 to %d recipients", DELIVER_RCPTS_MAX);
    for (size_t i = 0; i < d->rcpt_count; i++)
        if ((e = sort_rcpt(&s, &d->rcpts[i])) != OK)
            return e;
    s.noticed = ARENA_ARRAY(mem, struct queue_rcpt, s.local_count + 1);
    for (size_t i = 0; i < s.local_count; i++)
        if ((e = give_local(&s, &s.local[i])) != OK)
            return e;
    if (s.queued_count + s.noticed_count == 0)
        return OK;
    if (d->record.len > 0 && record_open(d->record, &record) == OK)
        message_id = envelope_text(record.envelope, ENVELOPE_MESSAGE_ID);
    if (message_id.at == NULL)
        message_id = STR_EMPTY;
    if ((e = add_entries(&s, s.queued, s.queued_count, message_id)) != OK)
        return e;
    return add_entries(&s, s.noticed, s.noticed_count, message_id);
}

/* ---- asking first ---- */

static enum err route_of_account(struct kv *kv, uint32_t id, uint64_t size, enum route *ret,
                                 struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct account_txn reading = { .why = NULL };
    struct account row;
    struct key k;
    bool found;
    enum err e;

    if ((e = directory_account_get(kv, tmp, id, &found, &row, why)) != OK)
        return e;
    *ret = ROUTE_IS_UNKNOWN;
    if (!found)
        return OK;
    *ret = ROUTE_IS_DISABLED;
    if (!row.enabled)
        return OK;
    key_of_account(&k, TABLE_COUNTERS, id);
    if ((e = table_get_counters(kv, tmp, &k, &reading.counters, why)) != OK)
        return e;
    *ret = messages_check_quota(&reading, &row, size, 1) == OK ? ROUTE_IS_LOCAL : ROUTE_IS_FULL;
    return OK;
}

enum err deliver_route(struct kv *kv, const struct directory_settings *directory,
                       struct str address, uint64_t size, enum route *ret, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct expansion x;
    enum route best = ROUTE_IS_UNKNOWN, one;
    enum err e;

    if ((e = directory_expand(kv, directory, tmp, address, &x, why)) != OK)
        return e;
    if (!x.ours) {
        *ret = ROUTE_IS_FOREIGN;
        return OK;
    }
    /* One target that works is enough; what keeps the others from it is reported later. */
    for (uint32_t i = 0; i < x.count && best != ROUTE_IS_LOCAL; i++) {
        one = ROUTE_IS_LOCAL;
        if (x.targets[i].local &&
            (e = route_of_account(kv, x.targets[i].account, size, &one, why)) != OK)
            return e;
        if (one != ROUTE_IS_UNKNOWN)
            best = one;
    }
    *ret = best;
    return OK;
}
