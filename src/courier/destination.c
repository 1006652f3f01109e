/* courier/destination.c - everything that goes to one domain.
 *
 *   UNKNOWN -> ASKING (DNS) -> KNOWN -> UNKNOWN when the list of hosts grows old
 *                      \-> refused: parcels decided by what the DNS said
 *
 * New connections begin with the best host; one that can not be reached is passed over for a while
 * and the next one tried. Only when the last host has failed and no connection stands is the
 * destination down. The freedom to open connections is fed back: one more after each run of
 * successes, half after a failure (compare TCP; a server that drops connections or says 421 is
 * asking for fewer). When all connections that we may have are in use, destinations wait in line
 * for the next one that ends, and connections without work end at once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/destination.h"

#include "courier/connection.h"

enum { LIMIT_FIRST = 5, STATUS_BYTES_MAX = 16, TEXT_BYTES_MAX = 200, HOST_BYTES_MAX = 256 };

enum code {
    CODE_LEAVING = 421,
    CODE_HOST_TAKES_NO_MAIL = 521,
    CODE_DOMAIN_TAKES_NO_MAIL = 556
}; /* RFC 7504 */

/* What is known of a host besides its address. */
struct experience {
    bool without_tls;      /* its handshake failed before */
    uint64_t bad_until_ms; /* it could not be reached */
};

struct destination {
    struct road *road;
    struct list starved; /* link in the line of the starved */
    bool smart;
    struct str smarthost;
    uint16_t port;       /* of a smarthost */
    struct arena *mem;   /* name; lives as long as the destination */
    struct arena *hosts; /* targets; renewed with them */
    struct str domain;
    struct list waiting;     /* parcels */
    struct list connections; /* all that are not ended */
    size_t waiting_count, connection_count;
    uint32_t limit, successes;

    struct mx_lookup *lookup;
    struct mx_target *targets;     /* null: not known */
    struct experience *experience; /* by target */
    size_t target_count;
    uint64_t targets_until_ms;

    uint64_t down_until_ms; /* 0: not known to be down */
    struct job_outcome down_outcome;
    char down_status[STATUS_BYTES_MAX], down_text[TEXT_BYTES_MAX], down_host[HOST_BYTES_MAX];
    struct timer retry; /* ends what waits while down, on a later turn */
};

struct str destination_domain(const struct destination *d)
{
    return d->domain;
}

bool destination_is_idle(const struct destination *d)
{
    return d->waiting_count == 0 && d->connection_count == 0 && d->lookup == NULL &&
           loop_now_ms(d->road->loop) >= d->down_until_ms;
}

/* ---- giving up for now ---- */

static void decide_waiting(struct destination *d, const struct job_outcome *outcome)
{
    while (!list_empty(&d->waiting)) {
        struct parcel *p = LIST_ITEM(list_first(&d->waiting), struct parcel, link);

        list_remove(&p->link);
        d->waiting_count--;
        parcel_decide_rest(p, outcome);
        job_parcel_done(p);
    }
}

void destination_give_back(struct destination *d)
{
    decide_waiting(d, &(struct job_outcome){ .untried = true });
}

static struct str keep_text(char *room, size_t size, struct str text)
{
    text = str_take(text, size);
    if (text.len > 0)
        memcpy(room, text.at, text.len);
    return str_from(room, text.len);
}

static void go_down(struct destination *d, enum smtp_client_verdict verdict, struct str status,
                    struct str text, struct str host)
{
    d->down_until_ms = loop_now_ms(d->road->loop) + d->road->down_ms;
    d->down_outcome = (struct job_outcome){
        .verdict = verdict,
        .status = keep_text(d->down_status, sizeof(d->down_status), status),
        .reply = keep_text(d->down_text, sizeof(d->down_text), text),
        .host = keep_text(d->down_host, sizeof(d->down_host), host),
    };
    timer_set_in(&d->retry, 0);
}

void destination_try_anew(struct destination *d)
{
    d->down_until_ms = 0;
    d->targets_until_ms = 0; /* where the hosts are is asked again, too */
    for (size_t i = 0; d->targets != NULL && i < d->target_count; i++)
        d->experience[i].bad_until_ms = 0;
}

static void pump(struct destination *d);

static void retry_came(void *ctx)
{
    struct destination *d = ctx;

    if (loop_now_ms(d->road->loop) < d->down_until_ms)
        decide_waiting(d, &d->down_outcome);
    else
        pump(d);
}

/* ---- hosts ---- */

static void hosts_came(void *ctx, const struct mx_result *result)
{
    struct destination *d = ctx;

    d->lookup = NULL;
    if (result->status != MX_FOUND) {
        go_down(d, result->status == MX_LATER ? SMTP_CLIENT_DEFERRED : SMTP_CLIENT_FAILED,
                mx_status_code(result->status), mx_status_text(result->status), STR_EMPTY);
        return;
    }
    arena_reset(d->hosts);
    d->targets = ARENA_ARRAY(d->hosts, struct mx_target, result->count);
    d->experience = ARENA_ARRAY(d->hosts, struct experience, result->count);
    d->target_count = result->count;
    for (size_t i = 0; i < result->count; i++)
        d->targets[i] = (struct mx_target){ arena_copy(d->hosts, result->targets[i].host),
                                            result->targets[i].address };
    d->targets_until_ms = loop_now_ms(d->road->loop) + d->road->mx_ms;
    pump(d);
}

static void ask_hosts(struct destination *d)
{
    struct mx_query query = { .domain = d->smart ? d->smarthost : d->domain,
                              .host_only = d->smart,
                              .own_name = d->road->host };

    if (d->lookup == NULL)
        d->lookup = mx_find(d->road->loop, d->road->dns, &query, hosts_came, d);
}

/* ---- connections ---- */

/* By the administrator's will, because a password goes over it, or by the nature of the port. */
static bool must_encrypt(const struct destination *d)
{
    return d->road->tls_must ||
           (d->smart && (d->road->smarthost_user.len > 0 || d->port == PORT_SUBMISSIONS));
}

bool destination_is_smart(const struct destination *d)
{
    return d->smart;
}

uint16_t destination_port(const struct destination *d)
{
    return d->smart ? d->port : d->road->port;
}

static enum smtp_client_tls tls_for(const struct destination *d, size_t place)
{
    if (must_encrypt(d))
        return SMTP_CLIENT_TLS_MUST;
    return d->road->tls == NULL || d->experience[place].without_tls ? SMTP_CLIENT_TLS_NEVER
                                                                    : SMTP_CLIENT_TLS_MAY;
}

/* False when all connections that we may have are in use. */
static bool open_connection(struct destination *d, size_t place)
{
    struct traffic *t = d->road->traffic;

    if (t->connections >= d->road->all_connections_max) {
        if (list_empty(&d->starved))
            list_add_last(&t->starved, &d->starved);
        if (!list_empty(&t->idle))
            connection_retire(LIST_ITEM(list_first(&t->idle), struct connection, idle_link));
        return false;
    }

    struct connection *c = connection_new(d, d->road, &d->targets[place], place, tls_for(d, place));
    list_add_last(&d->connections, &c->link);
    d->connection_count++;
    t->connections++;
    return true;
}

/* The best host from `place` on that is not known to be bad. */
static bool find_host(const struct destination *d, size_t place, size_t *ret)
{
    for (; place < d->target_count; place++)
        if (d->experience[place].bad_until_ms <= loop_now_ms(d->road->loop)) {
            *ret = place;
            return true;
        }
    return false;
}

/* Gives parcels to connections that are idle; afterwards nothing waits or nobody is idle. Every
 * step may change the list, so each one begins at its start. */
static void wake_idle(struct destination *d)
{
    bool woken = true;

    while (woken && d->waiting_count > 0) {
        woken = false;
        LIST_EACH(it, &d->connections)
        {
            struct connection *c = LIST_ITEM(it, struct connection, link);

            if (c->idle) {
                connection_wake(c);
                woken = true;
                break;
            }
        }
    }
}

/* Connections that will soon ask for a parcel. */
static size_t connections_to_come(const struct destination *d)
{
    size_t count = 0;

    LIST_EACH(it, &d->connections)
    count += LIST_ITEM(it, struct connection, link)->reached ? 0 : 1;
    return count;
}

/* Wakes idle connections and opens new ones, as many as what waits is worth. */
static void pump(struct destination *d)
{
    size_t place = 0;

    if (d->waiting_count == 0 || loop_now_ms(d->road->loop) < d->down_until_ms)
        return;
    wake_idle(d);
    if (d->waiting_count == 0)
        return;

    bool stale = d->targets == NULL ||
                 (loop_now_ms(d->road->loop) >= d->targets_until_ms && d->connection_count == 0);
    if (stale) {
        d->targets = NULL;
        ask_hosts(d);
        return;
    }
    size_t wanted = d->waiting_count - MIN(d->waiting_count, connections_to_come(d));
    (void)find_host(d, 0, &place);
    while (d->connection_count < d->limit && wanted > 0 && open_connection(d, place))
        wanted--;
}

struct parcel *destination_take(struct destination *d)
{
    if (list_empty(&d->waiting))
        return NULL;

    struct parcel *p = LIST_ITEM(list_first(&d->waiting), struct parcel, link);
    list_remove(&p->link);
    d->waiting_count--;
    return p;
}

void destination_reached(struct destination *d)
{
    d->down_until_ms = 0;
}

void destination_succeeded(struct destination *d)
{
    if (++d->successes < d->limit || d->limit >= d->road->connections_max)
        return;
    d->successes = 0;
    d->limit++;
    timer_set_in(&d->retry, 0);
}

static bool is_final(int code)
{
    return code == CODE_HOST_TAKES_NO_MAIL || code == CODE_DOMAIN_TAKES_NO_MAIL;
}

/* A host could not be used at all. Is there another one, or another way? */
static void try_elsewhere(struct destination *d, size_t place, const struct connection_end *end,
                          struct str host)
{
    struct experience *known = &d->experience[place];

    if (end->tls_failed && !known->without_tls && !must_encrypt(d)) {
        known->without_tls = true; /* opportunistic: in the clear is better than not at all */
        if (d->waiting_count > 0)
            (void)open_connection(d, place);
        return;
    }
    known->bad_until_ms = loop_now_ms(d->road->loop) + d->road->down_ms;
    if (find_host(d, 0, &place)) {
        if (d->waiting_count > 0)
            (void)open_connection(d, place);
        return;
    }
    if (d->connection_count > 0 || d->waiting_count == 0)
        return;
    /* A greeting with 5xx says that this host will not talk to us, not that the address is bad:
     * only the codes made for it (RFC 7504) end the recipients. */
    d->targets = NULL;
    go_down(d, is_final(end->code) ? SMTP_CLIENT_FAILED : SMTP_CLIENT_DEFERRED,
            is_final(end->code) || end->code < 500 ? end->status : STR("4.3.2"), end->text, host);
}

/* Connections that ended make room for those who wait in line. */
static void feed_starved(struct road *road)
{
    struct traffic *t = road->traffic;

    while (!list_empty(&t->starved) && t->connections < road->all_connections_max) {
        struct destination *d = LIST_ITEM(list_first(&t->starved), struct destination, starved);

        list_remove(&d->starved);
        pump(d);
    }
}

void destination_ended(struct destination *d, struct connection *c,
                       const struct connection_end *end)
{
    SCRATCH(tmp, NULL);
    struct connection_end copy = *end;
    size_t place = c->target_place;
    struct str host = arena_copy(tmp, c->target->host);

    copy.status = arena_copy(tmp, end->status);
    copy.text = arena_copy(tmp, end->text);
    BUG_ON(c->parcel != NULL);
    connection_free(c);
    d->connection_count--;
    d->road->traffic->connections--;

    if (!copy.reached || copy.code == CODE_LEAVING) {
        d->limit = MAX(d->limit / 2, 1U);
        d->successes = 0;
    }
    if (!copy.reached)
        try_elsewhere(d, place, &copy, host);
    feed_starved(d->road);
    pump(d);
}

void destination_add(struct destination *d, struct parcel *p)
{
    list_add_last(&d->waiting, &p->link);
    d->waiting_count++;
    timer_set_in(&d->retry, 0);
}

struct destination *destination_new(struct road *road, struct str domain, bool smart)
{
    struct arena *mem = arena_new(1024);
    struct destination *d = ARENA_NEW(mem, struct destination);

    *d = (struct destination){ .road = road, .mem = mem, .smart = smart };
    d->limit = MIN((uint32_t)LIMIT_FIRST, road->connections_max);
    d->hosts = arena_new(1024);
    d->domain = arena_copy(mem, domain);
    d->smarthost = arena_copy(mem, road->smarthost);
    d->port = road->smarthost_port;
    list_init(&d->starved);
    list_init(&d->waiting);
    list_init(&d->connections);
    timer_init(&d->retry, road->loop, retry_came, d);
    return d;
}

void destination_free(struct destination *d)
{
    LIST_EACH_SAFE(it, &d->connections)
    connection_free(LIST_ITEM(it, struct connection, link));
    d->road->traffic->connections -= (uint32_t)d->connection_count;
    list_remove(&d->starved);
    timer_cancel(&d->retry);
    mx_free(d->lookup);
    arena_free(d->hosts);
    arena_free(d->mem);
}
