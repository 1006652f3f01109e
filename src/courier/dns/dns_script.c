/* courier/dns/dns_script.c - the DNS as a script says it is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/dns/dns_script.h"

#include "base/arena.h"
#include "base/list.h"

struct dns_script {
    struct dns dns;
    struct loop *loop;
    const struct dns_script_row *rows;
    size_t count;
    uint32_t delay_ms;
    struct list questions;
};

struct question {
    struct list link;
    struct dns_script *from;
    struct timer timer;
    struct arena *mem;
    struct str name;
    enum dns_type type;
    dns_done done;
    void *ctx;
};

static struct dns_answer look_up(struct dns_script *d, struct question *q)
{
    struct dns_record *records = ARENA_ARRAY(q->mem, struct dns_record, d->count + 1);
    struct dns_answer a = { .status = DNS_NO_NAME, .records = records };

    for (size_t i = 0; i < d->count; i++) {
        const struct dns_script_row *row = &d->rows[i];

        if (!str_eq_nocase(row->name, q->name))
            continue;
        if (row->type != q->type) {
            if (a.status == DNS_NO_NAME)
                a.status = DNS_NO_DATA;
            continue;
        }
        a.status = row->status;
        if (row->status != DNS_FOUND)
            continue;
        records[a.count].preference = row->preference;
        records[a.count].name = row->value;
        BUG_ON(q->type != DNS_MX && !address_parse(row->value, 0, &records[a.count].address));
        a.count++;
    }
    return a;
}

static void drop(struct question *q)
{
    timer_cancel(&q->timer);
    list_remove(&q->link);
    arena_free(q->mem);
    free(q);
}

static void answer_now(void *ctx)
{
    struct question *q = ctx;
    struct dns_answer a = look_up(q->from, q);

    list_remove(&q->link);
    q->done(q->ctx, &a);
    drop(q);
}

static void script_ask(struct dns *dns, struct str name, enum dns_type type, dns_done done,
                       void *ctx)
{
    struct dns_script *d = CONTAINER_OF(dns, struct dns_script, dns);
    struct question *q = calloc(1, sizeof(*q));

    if (q == NULL)
        BUG("out of memory");
    q->from = d;
    q->mem = arena_new(512);
    q->name = arena_copy(q->mem, name);
    q->type = type;
    q->done = done;
    q->ctx = ctx;
    timer_init(&q->timer, d->loop, answer_now, q);
    timer_set_in(&q->timer, d->delay_ms);
    list_add_last(&d->questions, &q->link);
}

static void script_free(struct dns *dns)
{
    struct dns_script *d = CONTAINER_OF(dns, struct dns_script, dns);

    LIST_EACH_SAFE(it, &d->questions)
    drop(LIST_ITEM(it, struct question, link));
    free(d);
}

struct dns *dns_script_new(struct loop *l, const struct dns_script_row *rows, size_t count,
                           uint32_t delay_ms)
{
    static const struct dns_ops ops = { script_ask, script_free };
    struct dns_script *d = calloc(1, sizeof(*d));

    if (d == NULL)
        BUG("out of memory");
    *d = (struct dns_script){
        .dns.ops = &ops, .loop = l, .rows = rows, .count = count, .delay_ms = delay_ms
    };
    list_init(&d->questions);
    return &d->dns;
}
