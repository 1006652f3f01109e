/* os/sim/world.c - one clock, one heap of events, one seed.
 *
 * A step: every loop does its posted work, then the earliest of all events and timers happens.
 * Equal times are ordered by birth, events before timers, older loops before younger ones, so
 * that nothing depends on addresses in memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sim/world.h"

enum { START_MS = 1000, FIRST_EVENTS = 64, TEN_THOUSAND = 10000, FIRST_PORT = 40000 };

static const int64_t start_wall_ms = 1767225600000; /* 2026-01-01T00:00:00Z */
static const uint64_t fnv_start = 0xCBF29CE484222325U, fnv_prime = 0x100000001B3U;

/* ---- randomness and digest ---- */

/* SplitMix64: fills the state from any seed. */
static uint64_t split_mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9E3779B97F4A7C15U);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9U;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBU;
    return z ^ (z >> 31);
}

/* xorshift128+ */
static uint64_t next_random(struct sim *s)
{
    uint64_t x = s->random[0], y = s->random[1];

    s->random[0] = y;
    x ^= x << 23;
    s->random[1] = x ^ y ^ (x >> 17) ^ (y >> 26);
    return s->random[1] + y;
}

uint64_t sim_random(struct sim *s, uint64_t below)
{
    return below == 0 ? 0 : next_random(s) % below;
}

bool sim_chance(struct sim *s, unsigned of_ten_thousand)
{
    return of_ten_thousand != 0 && sim_random(s, TEN_THOUSAND) < of_ten_thousand;
}

void sim_mix(struct sim *s, struct str octets)
{
    for (size_t i = 0; i < octets.len; i++)
        s->digest = (s->digest ^ (uint8_t)octets.at[i]) * fnv_prime;
}

static void mix_number(struct sim *s, uint64_t number)
{
    sim_mix(s, str_from(&number, sizeof number));
}

uint64_t sim_digest(const struct sim *s)
{
    return s->digest;
}

void sim_set_trace(struct sim *s, bool on)
{
    s->trace = on;
}

void sim_note(struct sim *s, struct str what)
{
    mix_number(s, s->now_ms);
    sim_mix(s, what);
    if (s->trace)
        (void)fprintf(stderr, "%8llu %.*s\n", (unsigned long long)s->now_ms, STR_ARG(what));
}

/* ---- the world ---- */

struct sim *sim_new(uint64_t seed, const struct sim_faults *faults)
{
    struct sim *s = os_new(sizeof *s);

    s->random[0] = split_mix(&seed);
    s->random[1] = split_mix(&seed);
    s->digest = fnv_start;
    s->now_ms = START_MS;
    s->next_port = FIRST_PORT;
    s->faults = *faults;
    return s;
}

void sim_set_faults(struct sim *s, const struct sim_faults *faults)
{
    s->faults = *faults;
}

uint64_t sim_now_ms(const struct sim *s)
{
    return s->now_ms;
}

static void drop_event(struct sim_event *e)
{
    if (e->drop != NULL)
        e->drop(e->arg);
    sim_object_unref(e->object);
}

void sim_free(struct sim *s)
{
    BUG_ON(s->loops != NULL);
    while (s->event_count > 0)
        drop_event(&s->events[--s->event_count]);
    free(s->events);
    free(s);
}

/* ---- events ---- */

static bool comes_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->number < b->number;
}

void sim_later(uint64_t at_ms, struct sim_object *o, void (*run)(struct sim_object *o, void *arg),
               void *arg, void (*drop)(void *arg))
{
    struct sim *s = o->sim;
    struct sim_event e = { MAX(at_ms, s->now_ms), s->numbers++, o, run, arg, drop };
    size_t at = s->event_count++;

    sim_object_ref(o);
    if (s->event_count > s->event_cap) {
        s->event_cap = MAX(s->event_cap * 2, (size_t)FIRST_EVENTS);
        s->events = os_grow(s->events, s->event_cap, sizeof *s->events);
    }
    for (; at > 0 && comes_before(&e, &s->events[(at - 1) / 2]); at = (at - 1) / 2)
        s->events[at] = s->events[(at - 1) / 2];
    s->events[at] = e;
}

static struct sim_event take_first(struct sim *s)
{
    struct sim_event first = s->events[0], last = s->events[--s->event_count];
    size_t at = 0, child;

    while ((child = at * 2 + 1) < s->event_count) {
        if (child + 1 < s->event_count && comes_before(&s->events[child + 1], &s->events[child]))
            child++;
        if (!comes_before(&s->events[child], &last))
            break;
        s->events[at] = s->events[child];
        at = child;
    }
    if (s->event_count > 0)
        s->events[at] = last;
    return first;
}

static void run_event(struct sim *s)
{
    struct sim_event e = take_first(s);

    mix_number(s, e.at_ms);
    mix_number(s, e.number);
    e.run(e.object, e.arg);
    drop_event(&e);
}

/* ---- running ---- */

static bool run_posts(struct sim *s)
{
    bool any = false;

    for (struct sim_loop *l = s->loops; l != NULL; l = l->next)
        if (!l->dead && loop_has_posts(&l->base)) {
            loop_run_posts(&l->base);
            any = true;
        }
    return any;
}

/* The loop whose timer is the earliest; null when none is set. */
static struct sim_loop *next_timer(struct sim *s, uint64_t *ret_at_ms)
{
    struct sim_loop *found = NULL;
    uint64_t at;

    for (struct sim_loop *l = s->loops; l != NULL; l = l->next)
        if (!l->dead && loop_next_timer(&l->base, &at) && (found == NULL || at < *ret_at_ms)) {
            found = l;
            *ret_at_ms = at;
        }
    return found;
}

bool sim_run(struct sim *s, uint64_t until_ms)
{
    for (;;) {
        uint64_t at = UINT64_MAX;

        if (run_posts(s))
            continue;
        struct sim_loop *timer = next_timer(s, &at);
        bool event = s->event_count > 0 && (timer == NULL || s->events[0].at_ms <= at);
        if (!event && timer == NULL) {
            s->now_ms = MAX(s->now_ms, until_ms == UINT64_MAX ? 0 : until_ms);
            return false;
        }
        at = event ? s->events[0].at_ms : at;
        if (at > until_ms) {
            s->now_ms = MAX(s->now_ms, until_ms);
            return true;
        }
        s->now_ms = MAX(s->now_ms, at);
        if (event) {
            run_event(s);
        } else {
            mix_number(s, at);
            sim_mix(s, str_from_z(timer->name));
            loop_run_timers(&timer->base, s->now_ms);
        }
    }
}

/* ---- objects ---- */

struct sim_loop *sim_loop_of(struct loop *l)
{
    return CONTAINER_OF(l, struct sim_loop, base);
}

/* At the end of the list, so that a dying role breaks its links in the order of their birth. */
void sim_object_add(struct loop *l, struct sim_object *o)
{
    struct sim_loop *loop = sim_loop_of(l);
    struct sim_object *last = loop->last_object;

    o->sim = loop->sim;
    o->loop = loop;
    o->refs = 1;
    o->next = NULL;
    o->previous = last;
    if (last == NULL)
        loop->objects = o;
    else
        last->next = o;
    loop->last_object = o;
}

void sim_object_leave(struct sim_object *o)
{
    struct sim_loop *l = o->loop;

    if (l == NULL)
        return;
    if (o->previous == NULL)
        l->objects = o->next;
    else
        o->previous->next = o->next;
    if (o->next != NULL)
        o->next->previous = o->previous;
    else
        l->last_object = o->previous;
    o->loop = NULL;
    sim_object_unref(o);
}

void sim_object_ref(struct sim_object *o)
{
    o->refs++;
}

void sim_object_unref(struct sim_object *o)
{
    if (--o->refs == 0)
        o->destroy(o);
}

bool sim_object_lives(const struct sim_object *o)
{
    return o->loop != NULL && !o->loop->dead;
}

/* ---- loops ---- */

static uint64_t loop_sim_now(struct loop *l)
{
    return sim_loop_of(l)->sim->now_ms;
}

static int64_t loop_sim_wall(struct loop *l)
{
    return start_wall_ms + (int64_t)sim_loop_of(l)->sim->now_ms;
}

static void loop_sim_random(struct loop *l, void *ret, size_t len)
{
    uint8_t *at = ret;

    for (size_t i = 0; i < len; i++)
        at[i] = (uint8_t)(next_random(sim_loop_of(l)->sim) >> 56);
}

static enum err loop_sim_run(struct loop *l, struct errinfo *why)
{
    (void)l;
    return err_set(why, ERR_STATE, "a simulated loop is run by its world");
}

static void loop_sim_note(struct loop *l, struct str line)
{
    sim_note(sim_loop_of(l)->sim, line);
}

void sim_kill_loop(struct loop *base)
{
    struct sim_loop *l = sim_loop_of(base);

    if (l->dead)
        return;
    l->dead = true;
    for (struct sim_object *o = l->objects; o != NULL; o = o->next)
        if (o->orphan != NULL)
            o->orphan(o);
}

static void loop_sim_free(struct loop *base)
{
    struct sim_loop *l = sim_loop_of(base), **at;

    sim_kill_loop(base);
    while (l->objects != NULL)
        sim_object_leave(l->objects);
    loop_deinit(base);
    for (at = &l->sim->loops; *at != l; at = &(*at)->next)
        continue;
    *at = l->next;
    free(l);
}

static const struct loop_ops sim_ops = {
    .now_ms = loop_sim_now,
    .wall_ms = loop_sim_wall,
    .random = loop_sim_random,
    .run = loop_sim_run,
    .free = loop_sim_free,
    .stream_connect = sim_stream_connect,
    .channel_pair = sim_channel_pair,
    .workers_new = sim_workers_new,
    .note = loop_sim_note,
    .simulated = true,
};

struct loop *sim_loop(struct sim *s, struct str name)
{
    struct sim_loop *l = os_new(sizeof *l), **at;

    l->base.ops = &sim_ops;
    l->sim = s;
    name = str_take(name, sizeof l->name - 1);
    memcpy(l->name, name.at, name.len);
    for (at = &s->loops; *at != NULL; at = &(*at)->next)
        continue;
    *at = l;
    return &l->base;
}
