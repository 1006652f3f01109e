/* courier/dns/dns_unbound.c - the DNS through libunbound.
 *
 * libunbound works on a thread of its own and makes its descriptor readable when answers wait;
 * ub_process then calls answered() on our thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <unbound.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/list.h"
#include "courier/dns/dns.h"

enum { DNS_RECORDS_MAX = 100, DNS_NAME_OCTETS_MAX = 255, DNS_CLASS_IN = 1, RCODE_NXDOMAIN = 3 };

struct dns_unbound {
    struct dns dns;
    struct loop *loop;
    struct ub_ctx *ub;
    struct watch *watch;
    uint32_t question_ms_max;
    struct list questions;
};

struct question {
    struct list node;
    struct dns_unbound *from;
    enum dns_type type;
    struct timer timer;
    bool asked; /* libunbound has it */
    int id;     /* libunbound's */
    dns_done done;
    void *ctx;
};

/* RFC 1035 3.1: labels, each with its length; no compression, libunbound has undone it. */
static bool read_name(struct arena *mem, struct str wire, struct str *ret)
{
    struct reader r = reader_of(wire);
    struct buf text = { .max = DNS_NAME_OCTETS_MAX };

    for (;;) {
        uint8_t len = get_u8(&r);
        struct str label = get_bytes(&r, len);

        if (r.bad || len > 63) {
            buf_deinit(&text);
            return false;
        }
        if (len == 0)
            break;
        if (text.len > 0)
            buf_add_char(&text, '.');
        for (size_t i = 0; i < label.len; i++) /* a dot inside a label can not be a host's name */
            buf_add_char(&text, label.at[i] == '.' ? '?' : ascii_lower(label.at[i]));
    }
    bool fits = !text.overflowed;
    *ret = arena_copy(mem, buf_str(&text));
    buf_deinit(&text);
    return fits;
}

static bool read_record(struct arena *mem, enum dns_type type, struct str data,
                        struct dns_record *ret)
{
    struct reader r = reader_of(data);

    *ret = (struct dns_record){ 0 };
    if (type == DNS_MX) {
        ret->preference = get_u16(&r);
        return !r.bad && read_name(mem, r.rest, &ret->name);
    }

    size_t len = type == DNS_A ? 4 : 16;
    if (data.len != len)
        return false;
    ret->address.family = type == DNS_A ? ADDRESS_IP4 : ADDRESS_IP6;
    memcpy(ret->address.ip, data.at, len);
    return true;
}

static struct dns_answer read_answer(struct arena *mem, enum dns_type type,
                                     const struct ub_result *result)
{
    struct dns_record *records = ARENA_ARRAY(mem, struct dns_record, DNS_RECORDS_MAX);
    struct dns_answer a = { .status = DNS_FAILED, .records = records };

    if (result->bogus) {
        a.status = DNS_BOGUS;
        return a;
    }
    a.secure = result->secure != 0;
    if (result->nxdomain) {
        a.status = DNS_NO_NAME;
        return a;
    }
    if (result->rcode != 0)
        return a;
    for (size_t i = 0; result->data[i] != NULL && a.count < DNS_RECORDS_MAX; i++)
        if (read_record(mem, type, str_from(result->data[i], (size_t)result->len[i]),
                        &records[a.count]))
            a.count++;
    if (a.count > 0)
        a.status = DNS_FOUND;
    else
        a.status = result->havedata ? DNS_FAILED : DNS_NO_DATA;
    return a;
}

static void finish(struct question *q, const struct dns_answer *answer)
{
    list_remove(&q->node);
    timer_cancel(&q->timer);
    q->done(q->ctx, answer);
    free(q);
}

static void answered(void *ctx, int error, struct ub_result *result)
{
    struct question *q = ctx;
    struct dns_answer answer = { .status = DNS_FAILED };

    SCRATCH(tmp, NULL);
    if (error == 0)
        answer = read_answer(tmp, q->type, result);
    finish(q, &answer);
    ub_resolve_free(result);
}

static void answers_wait(void *ctx, bool readable, bool writable)
{
    struct dns_unbound *d = ctx;

    (void)writable;
    if (readable)
        (void)ub_process(d->ub);
}

/* It took too long, or could not be asked in the first place. */
static void give_up(void *ctx)
{
    const struct dns_answer failed = { .status = DNS_FAILED };
    struct question *q = ctx;

    if (q->asked)
        (void)ub_cancel(q->from->ub, q->id);
    finish(q, &failed);
}

static void unbound_ask(struct dns *dns, struct str name, enum dns_type type, dns_done done,
                        void *ctx)
{
    struct dns_unbound *d = CONTAINER_OF(dns, struct dns_unbound, dns);
    struct question *q = calloc(1, sizeof(*q));

    if (q == NULL)
        BUG("out of memory");
    *q = (struct question){ .from = d, .type = type, .done = done, .ctx = ctx };
    list_add_last(&d->questions, &q->node);

    SCRATCH(tmp, NULL);
    timer_init(&q->timer, d->loop, give_up, q);
    q->asked = name.len > 0 && name.len <= DNS_NAME_OCTETS_MAX &&
               ub_resolve_async(d->ub, arena_copy_z(tmp, name), (int)type, DNS_CLASS_IN, q,
                                answered, &q->id) == 0;
    timer_set_in(&q->timer, q->asked ? d->question_ms_max : 0);
}

static void unbound_free(struct dns *dns)
{
    struct dns_unbound *d = CONTAINER_OF(dns, struct dns_unbound, dns);

    watch_free(d->watch);
    ub_ctx_delete(d->ub);
    while (!list_empty(&d->questions)) {
        struct list *first = list_first(&d->questions);

        list_remove(first);
        timer_cancel(&CONTAINER_OF(first, struct question, node)->timer);
        free(CONTAINER_OF(first, struct question, node));
    }
    free(d);
}

/* "192.0.2.1:53" is "192.0.2.1@53" to libunbound. */
static bool forward_to(struct ub_ctx *ub, struct str server)
{
    struct address a;

    if (!address_parse_with_port(server, &a) && !address_parse(server, 53, &a))
        return false;

    struct buf text = { 0 };
    address_format(&a, &text);
    buf_printf(&text, "@%u", a.port);
    buf_add_char(&text, '\0');
    bool ok = ub_ctx_set_fwd(ub, text.at) == 0;
    buf_deinit(&text);
    return ok;
}

static enum err configure(struct ub_ctx *ub, struct str server, struct errinfo *why)
{
    static const char *const options[][2] = {
        { "do-not-query-localhost:", "no" },
        { "cache-max-negative-ttl:", "300" },
        { "use-syslog:", "no" },
    };

    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        if (ub_ctx_set_option(ub, options[i][0], options[i][1]) != 0)
            return err_set(why, ERR_UNSUPPORTED, "libunbound does not take the option %s",
                           options[i][0]);
    if (server.len > 0 && !forward_to(ub, server))
        return err_set(why, ERR_SYNTAX, "'%.*s' is not the address of a DNS server",
                       STR_ARG(server));
    /* Without resolvers of the system libunbound asks the root servers itself. */
    if (server.len == 0) {
        (void)ub_ctx_resolvconf(ub, NULL);
        (void)ub_ctx_hosts(ub, NULL);
    }
    (void)ub_ctx_async(ub, 1);
    return OK;
}

enum err dns_unbound_new(struct loop *l, struct str server, uint32_t question_ms_max,
                         struct dns **ret, struct errinfo *why)
{
    static const struct dns_ops ops = { unbound_ask, unbound_free };
    struct ub_ctx *ub = ub_ctx_create();

    if (ub == NULL)
        return err_set(why, ERR_UNAVAILABLE, "libunbound can not be started");

    enum err e = configure(ub, server, why);
    if (e != OK) {
        ub_ctx_delete(ub);
        return e;
    }

    struct dns_unbound *d = calloc(1, sizeof(*d));
    if (d == NULL)
        BUG("out of memory");
    *d = (struct dns_unbound){
        .dns.ops = &ops, .loop = l, .ub = ub, .question_ms_max = question_ms_max
    };
    list_init(&d->questions);
    e = watch_new(l, ub_fd(ub), WATCH_READABLE, answers_wait, d, &d->watch, why);
    if (e != OK) {
        ub_ctx_delete(ub);
        free(d);
        return e;
    }
    *ret = &d->dns;
    return OK;
}
