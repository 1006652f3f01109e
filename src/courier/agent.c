/* courier/agent.c - takes leases and deals them out.
 *
 * An entry with many recipients is sorted by domain and dealt in parcels. The number of entries in
 * hand is bounded; dead destinations give theirs back at once (courier/destination.h), so they do
 * not fill the hands that living ones need. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/agent.h"

#include "base/map.h"
#include "courier/local.h"

enum {
    LEASES_PER_CALL_MAX = 200,
    RENEW_EVERY_MS = 60 * 1000,
    ASK_AGAIN_MS = 60 * 1000,    /* should a note be lost */
    UNHEARD_MS_MAX = 300 * 1000, /* that outcomes wait for keeper to come back */
    SWEEP_DESTINATIONS_ABOVE = 1000,
    ROOM_SHARE = 8 /* of our hands must be free before we ask for more */
};

struct agent {
    struct agent_settings settings;
    struct job_shop shop;
    struct traffic traffic;
    struct map destinations;
    struct list jobs;
    uint32_t in_hand;
    bool asking, more_due, stopping;
    uint64_t ticket;
    struct timer due, renew;
    void (*stopped)(void *ctx);
    void *stopped_ctx;
};

static void ask(struct agent *a);

static void stop_if_done(struct agent *a)
{
    void (*stopped)(void *ctx) = a->stopped;

    if (a->in_hand > 0 || stopped == NULL)
        return;
    a->stopped = NULL;
    stopped(a->stopped_ctx);
}

static void job_finished(void *ctx, struct job *j)
{
    struct agent *a = ctx;

    job_free(j);
    a->in_hand--;
    ask(a);
    stop_if_done(a); /* may free us */
}

/* Its outcomes wait for the entry to be leased anew; it is in nobody's hands meanwhile. */
static void job_unheard(void *ctx, struct job *j)
{
    struct agent *a = ctx;

    (void)j;
    a->in_hand--;
    stop_if_done(a);
}

/* ---- destinations ---- */

static void sweep_destinations(struct agent *a)
{
    struct destination *idle[64];
    size_t at = 0, count = 0;

    for (struct destination *d;
         count < ARRAY_LEN(idle) && (d = map_next(&a->destinations, &at, NULL)) != NULL;)
        if (destination_is_idle(d))
            idle[count++] = d;
    for (size_t i = 0; i < count; i++) {
        (void)map_remove(&a->destinations, destination_domain(idle[i]));
        destination_free(idle[i]);
    }
}

static struct destination *destination_of(struct agent *a, struct str domain)
{
    const struct road *road = &a->settings.road;
    bool smart = road->smarthost.len > 0; /* then all roads lead there */
    SCRATCH(tmp, NULL);
    struct str key = smart ? arena_printf(tmp, "smarthost %.*s port %u", STR_ARG(road->smarthost),
                                          road->smarthost_port)
                           : domain;
    struct destination *d = map_find(&a->destinations, key);

    if (d != NULL)
        return d;
    if (a->destinations.count >= SWEEP_DESTINATIONS_ABOVE)
        sweep_destinations(a);
    d = destination_new(&a->settings.road, key, smart);
    (void)map_put(&a->destinations, destination_domain(d), d);
    return d;
}

/* ---- dealing ---- */

struct stop { /* of a round trip over an entry's recipients */
    struct str domain;
    uint32_t place;
};

static int by_domain(const void *x, const void *y)
{
    const struct stop *a = x, *b = y;
    int order = str_cmp_nocase(a->domain, b->domain);

    return order != 0 ? order : (a->place > b->place) - (a->place < b->place);
}

/* Everything that is not on its way yet can be leased again at once. */
static void give_back(struct agent *a)
{
    size_t at = 0;

    for (struct destination *d; (d = map_next(&a->destinations, &at, NULL)) != NULL;)
        destination_give_back(d);
}

/* Deals what is not decided yet to the destinations. */
static void deal(void *ctx, struct job *j)
{
    struct agent *a = ctx;
    SCRATCH(tmp, NULL);
    struct stop *stops = ARENA_ARRAY(tmp, struct stop, MAX(j->entry.rcpts_count, 1U));
    uint32_t places[PARCEL_RCPTS_MAX], stop_count = 0;

    for (uint32_t i = 0; i < j->entry.rcpts_count; i++)
        if (!j->outcomes[i].decided)
            stops[stop_count++] = (struct stop){ address_domain(j->entry.rcpts[i].address), i };
    qsort(stops, stop_count, sizeof(stops[0]), by_domain);

    for (uint32_t i = 0; i < stop_count;) {
        struct str domain = stops[i].domain;
        uint32_t count = 0;

        while (i < stop_count && count < a->settings.rcpts_max &&
               str_eq_nocase(domain, stops[i].domain))
            places[count++] = stops[i++].place;
        destination_add(destination_of(a, domain), job_parcel(j, places, count));
    }
    if (a->stopping)
        give_back(a);
    job_dealt(j);
}

/* ---- leases ---- */

static struct job *find_job(struct agent *a, uint64_t entry)
{
    LIST_EACH(it, &a->jobs)
    {
        struct job *j = LIST_ITEM(it, struct job, link);

        if (j->entry.id == entry)
            return j;
    }
    return NULL;
}

/* Keeper forgets leases when it is restarted. A message that is on its way, or even there, must
 * not be sent a second time then. */
static bool goes_on(struct agent *a, const struct keep_queued *entry)
{
    struct job *j = find_job(a, entry->id);
    bool was_unheard = j != NULL && j->is_unheard;

    if (j == NULL)
        return false;
    if (job_lease_again(j, entry)) {
        a->in_hand += was_unheard ? 1 : 0;
        return true;
    }
    if (was_unheard)
        job_free(j);
    return false;
}

static void leases_came(void *ctx, enum err e, const struct keep_lease_rep *rep, struct file *file)
{
    struct agent *a = ctx;

    (void)file;
    a->asking = false;
    a->ticket = 0;
    timer_set_in(&a->due, ASK_AGAIN_MS);
    if (e != OK)
        return;
    for (size_t i = 0; i < rep->entries_count; i++) {
        if (goes_on(a, &rep->entries[i]))
            continue;

        struct job *j = job_new(&a->shop, &rep->entries[i]);
        list_add_last(&a->jobs, &j->link);
        a->in_hand++;
        j->local = local_start(j, deal, a);
    }
    if (rep->entries_count > 0) {
        ask(a); /* there may be more */
    } else if (rep->next_due > 0) {
        int64_t wait_s = rep->next_due - loop_wall_s(a->shop.loop);

        if (wait_s < ASK_AGAIN_MS / 1000)
            timer_set_in(&a->due, wait_s < 1 ? 1000U : (uint64_t)wait_s * 1000);
    }
    if (a->more_due && !a->asking)
        ask(a);
}

static void ask(struct agent *a)
{
    uint32_t room = a->settings.in_hand_max - MIN(a->settings.in_hand_max, a->in_hand);
    struct keep_lease_req req = { .max = MIN(room, (uint32_t)LEASES_PER_CALL_MAX),
                                  .lease_s = JOB_LEASE_S };

    if (a->stopping || a->shop.keeper == NULL || !keeper_client_is_up(a->shop.keeper))
        return;
    /* A question for each message that leaves would cost more than the message. */
    a->more_due = a->asking || room == 0 || room < a->settings.in_hand_max / ROOM_SHARE;
    if (a->more_due)
        return;
    a->asking = true;
    a->ticket = keeper_lease(a->shop.keeper, &req, leases_came, a);
}

void agent_wake(struct agent *a, bool anew)
{
    size_t at = 0;

    for (struct destination *d; anew && (d = map_next(&a->destinations, &at, NULL)) != NULL;)
        destination_try_anew(d);
    ask(a);
}

static void due_came(void *ctx)
{
    ask(ctx);
}

static void renewed(void *ctx, enum err e, const struct keep_lease_renew_rep *rep,
                    struct file *file)
{
    /* A lease that ran out is found when the job ends. */
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

static void drop_unheard(struct agent *a, uint64_t now)
{
    LIST_EACH_SAFE(it, &a->jobs)
    {
        struct job *j = LIST_ITEM(it, struct job, link);

        if (j->is_unheard && now - j->unheard_ms > UNHEARD_MS_MAX)
            job_free(j);
    }
}

static void renew_came(void *ctx)
{
    struct agent *a = ctx;
    uint64_t now = loop_now_ms(a->shop.loop);

    drop_unheard(a, now);

    LIST_EACH(it, &a->jobs)
    {
        struct job *j = LIST_ITEM(it, struct job, link);

        if (j->is_unheard)
            continue;
        if (now - j->renewed_ms < (uint64_t)JOB_LEASE_S * 1000 / 3)
            continue;
        struct keep_lease_renew_req req = { .lease = j->entry.lease, .lease_s = JOB_LEASE_S };
        j->renewed_ms = now;
        (void)keeper_lease_renew(a->shop.keeper, &req, renewed, a);
    }
    timer_set_in(&a->renew, RENEW_EVERY_MS);
}

/* ---- life ---- */

struct agent *agent_new(const struct agent_settings *settings)
{
    struct agent *a = calloc(1, sizeof(*a));
    struct siphash_key key;

    if (a == NULL)
        BUG("out of memory");
    BUG_ON(settings->rcpts_max == 0 || settings->rcpts_max > PARCEL_RCPTS_MAX);
    a->settings = *settings;
    a->shop = (struct job_shop){ .loop = settings->road.loop,
                                 .log = settings->road.log,
                                 .host = settings->road.host,
                                 .schedule = settings->schedule,
                                 .finished = job_finished,
                                 .unheard = job_unheard,
                                 .ctx = a };
    a->settings.road.traffic = &a->traffic;
    list_init(&a->traffic.idle);
    list_init(&a->traffic.starved);
    loop_random(settings->road.loop, &key, sizeof(key));
    map_init(&a->destinations, key);
    list_init(&a->jobs);
    timer_init(&a->due, settings->road.loop, due_came, a);
    timer_init(&a->renew, settings->road.loop, renew_came, a);
    timer_set_in(&a->renew, RENEW_EVERY_MS);
    return a;
}

void agent_connect(struct agent *a, struct keeper_client *keeper)
{
    a->shop.keeper = a->settings.road.keeper = keeper;
    ask(a);
}

void agent_set(struct agent *a, const struct agent_settings *settings)
{
    struct road *road = &a->settings.road, old = *road;

    a->settings = *settings;
    road->dns = old.dns;
    road->keeper = old.keeper;
    road->traffic = old.traffic;
    a->shop.host = road->host;
    a->shop.schedule = settings->schedule;
}

void agent_stop(struct agent *a, void (*done)(void *ctx), void *ctx)
{
    a->stopping = true;
    a->stopped = done;
    a->stopped_ctx = ctx;
    give_back(a);
    stop_if_done(a);
}

void agent_free(struct agent *a)
{
    size_t at = 0;

    timer_cancel(&a->due);
    timer_cancel(&a->renew);
    if (a->ticket != 0)
        keeper_forget(a->shop.keeper, a->ticket);
    dns_free(a->settings.road.dns);
    for (struct destination *d; (d = map_next(&a->destinations, &at, NULL)) != NULL;)
        destination_free(d);
    map_deinit(&a->destinations);
    LIST_EACH_SAFE(it, &a->jobs)
    job_free(LIST_ITEM(it, struct job, link));
    free(a);
}
