/* os/sim/sim_stream.c - connections in one world, with latency, stalls, resets and a TLS marker.
 *
 * Each end keeps what its owner wrote (out), what arrived and waits for room (inbox), and what the
 * owner did not take (held). Octets on their way and in the inbox count against the sender's
 * window, so a reader that stops stops the writer, as with TCP. In place of a handshake each side
 * sends a marker in the same flow of octets; a peer that sends anything else fails the handshake.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sim/world.h"

enum { WINDOW_BYTES = 128 * 1024, STALL_MS_MAX = 60000 };

static const struct str hello_of_client = STR_INIT("\x16\x03\x01 simulated client hello\n");
static const struct str hello_of_server = STR_INIT("\x16\x03\x03 simulated server hello\n");

enum sim_state { SIM_CONNECTING, SIM_OPEN, SIM_FINISHING, SIM_DRAINING, SIM_CLOSED };
enum sim_tls { SIM_PLAIN, SIM_FLUSHING, SIM_SHAKING, SIM_SECURE };

struct sim_stream {
    struct stream base;
    struct sim_object object;
    struct sim_stream *peer; /* counted; null before the connection and after its end */
    struct address local, remote;
    struct buf out, inbox, held;
    size_t on_the_way; /* octets of ours that the peer's owner was not offered yet */
    size_t plain_left; /* octets in `out` that were written before TLS was asked for */
    uint64_t last_ms;  /* when the newest octets arrive */
    struct timer limit;
    uint8_t state, tls;
    bool paused, peer_ended, told_end, offering, drop_offered, tls_is_server;
    bool flush_posted, pump_posted;
};

struct sim_listener {
    struct listener base;
    struct sim_object object;
    struct address at;
    bool paused;
    struct sim_stream **waiting; /* connections that came while it was paused */
    size_t waiting_count;
    struct sim_listener *next;
};

static const struct stream_ops sim_stream_ops;
static void flush(struct sim_stream *s);
static void pump(struct sim_stream *s);

static struct sim_stream *stream_of(struct stream *s)
{
    return CONTAINER_OF(s, struct sim_stream, base);
}

static const struct sim_stream *const_stream_of(const struct stream *s)
{
    return CONTAINER_OF(s, const struct sim_stream, base);
}

static struct sim_stream *of_object(struct sim_object *o)
{
    return CONTAINER_OF(o, struct sim_stream, object);
}

static bool gone(const struct sim_stream *s)
{
    return s->state == SIM_CLOSED || !sim_object_lives(&s->object);
}

/* ---- birth and death ---- */

static void destroy(struct sim_object *o)
{
    struct sim_stream *s = of_object(o);

    if (s->peer != NULL)
        sim_object_unref(&s->peer->object);
    buf_deinit(&s->out);
    buf_deinit(&s->inbox);
    buf_deinit(&s->held);
    free(s);
}

static void tell_closed(struct sim_stream *s, enum err why)
{
    if (gone(s))
        return;
    s->state = SIM_CLOSED;
    timer_cancel(&s->limit);
    s->base.events->closed(s->base.ctx, why);
}

static void let_go_of_peer(struct sim_stream *s)
{
    if (s->peer != NULL)
        sim_object_unref(&s->peer->object);
    s->peer = NULL;
}

static uint64_t arrival(struct sim *w, struct sim_stream *s)
{
    uint64_t at = w->now_ms + sim_random(w, (uint64_t)w->faults.latency_ms_max + 1);

    if (sim_chance(w, w->faults.stream_stalled))
        at += sim_random(w, STALL_MS_MAX);
    s->last_ms = MAX(at, s->last_ms);
    return s->last_ms;
}

static void end_arrives(struct sim_object *o, void *arg);

/* Nothing more will come from this end. */
static void send_end(struct sim_stream *s)
{
    if (s->peer == NULL || s->told_end)
        return;
    s->told_end = true;
    sim_later(arrival(sim_loop_of(s->base.loop)->sim, s), &s->peer->object, end_arrives, NULL,
              NULL);
}

static void orphan(struct sim_object *o)
{
    struct sim_stream *s = of_object(o);

    timer_cancel(&s->limit);
    send_end(s);
    s->state = SIM_CLOSED;
    let_go_of_peer(s);
}

static void sim_stream_free(struct stream *base)
{
    struct sim_stream *s = stream_of(base);

    orphan(&s->object);
    sim_object_leave(&s->object);
}

static void time_is_up(void *ctx)
{
    struct sim_stream *s = ctx;

    if (s->state == SIM_CONNECTING)
        let_go_of_peer(s);
    tell_closed(s, ERR_TIMEOUT);
}

static struct sim_stream *new_stream(struct loop *l)
{
    struct sim_stream *s = os_new(sizeof *s);

    s->base = (struct stream){ &sim_stream_ops, l, NULL, NULL };
    s->object.destroy = destroy;
    s->object.orphan = orphan;
    timer_init(&s->limit, l, time_is_up, s);
    sim_object_add(l, &s->object);
    return s;
}

/* ---- work for the next turn; the object is counted meanwhile ---- */

static void run_flush(struct sim_object *o, void *arg)
{
    (void)arg;
    of_object(o)->flush_posted = false;
    flush(of_object(o));
}

static void post_flush(struct sim_stream *s)
{
    if (s->flush_posted || gone(s))
        return;
    s->flush_posted = true;
    sim_later(0, &s->object, run_flush, NULL, NULL);
}

static void run_pump(struct sim_object *o, void *arg)
{
    (void)arg;
    of_object(o)->pump_posted = false;
    pump(of_object(o));
}

static void post_pump(struct sim_stream *s)
{
    if (s->pump_posted || gone(s))
        return;
    s->pump_posted = true;
    sim_later(0, &s->object, run_pump, NULL, NULL);
}

/* ---- TLS by markers ---- */

static void tell_secured(struct sim_stream *s, enum err e)
{
    static const struct errinfo why = { "the peer sent no simulated handshake" };

    if (e == OK) {
        s->tls = SIM_SECURE;
        if (s->base.events->secured != NULL)
            s->base.events->secured(s->base.ctx, OK, NULL);
        if (gone(s))
            return;
        post_flush(s);
        post_pump(s);
    } else if (s->base.events->secured == NULL) {
        tell_closed(s, e);
    } else {
        s->state = SIM_CLOSED;
        s->base.events->secured(s->base.ctx, e, &why);
    }
}

static void send_octets(struct sim_stream *s, struct str octets);

static void begin_handshake(struct sim_stream *s)
{
    s->tls = SIM_SHAKING;
    if (!s->tls_is_server)
        send_octets(s, hello_of_client);
    post_pump(s);
}

/* Looks for the peer's marker at the front of what came. */
static void shake(struct sim_stream *s)
{
    struct str want = s->tls_is_server ? hello_of_client : hello_of_server;

    buf_add(&s->held, buf_str(&s->inbox));
    buf_clear(&s->inbox);
    size_t len = MIN(s->held.len, want.len);
    if (!str_eq(str_take(buf_str(&s->held), len), str_take(want, len)) ||
        (len < want.len && s->peer_ended)) {
        tell_secured(s, ERR_TLS);
        return;
    }
    if (len < want.len)
        return;
    buf_consume(&s->held, len);
    if (s->tls_is_server)
        send_octets(s, hello_of_server);
    tell_secured(s, OK);
}

static void start_tls(struct sim_stream *s, bool is_server)
{
    if (gone(s) || s->state > SIM_OPEN)
        return;
    BUG_ON(s->tls != SIM_PLAIN);
    s->tls = SIM_FLUSHING;
    s->tls_is_server = is_server;
    s->plain_left = s->out.len;
    post_flush(s);
}

static void sim_start_tls_server(struct stream *s, struct tls_server *context)
{
    (void)context;
    start_tls(stream_of(s), true);
}

static void sim_start_tls_client(struct stream *s, struct tls_client *context,
                                 struct str server_name)
{
    (void)context;
    (void)server_name;
    start_tls(stream_of(s), false);
}

static bool sim_is_secure(const struct stream *s)
{
    return const_stream_of(s)->tls == SIM_SECURE;
}

static struct str sim_tls_version(const struct stream *s)
{
    return sim_is_secure(s) ? STR("TLSv1.3") : STR_EMPTY;
}

/* Both ends see the same octets, as with real ones. */
static void sim_tls_bindings(const struct stream *s, struct arena *mem, struct stream_bindings *ret)
{
    (void)s, (void)mem;
    ret->tls_exporter = STR("simulated exporter");
    ret->tls_server_end_point = STR("simulated certificate");
}

/* Nobody has certificates in the simulated world. */
static size_t sim_tls_identities(const struct stream *s, struct arena *mem, struct str *ret)
{
    (void)s, (void)mem, (void)ret;
    return 0;
}

static struct str sim_tls_cipher(const struct stream *s)
{
    return sim_is_secure(s) ? STR("TLS_SIMULATED") : STR_EMPTY;
}

/* ---- out ---- */

static void break_both(struct sim_stream *s)
{
    struct sim_stream *peer = s->peer;

    if (peer == NULL)
        return;
    sim_object_ref(&peer->object);
    let_go_of_peer(s);
    let_go_of_peer(peer);
    tell_closed(peer, ERR_CLOSED);
    sim_object_unref(&peer->object);
    tell_closed(s, ERR_CLOSED);
}

static void octets_arrive(struct sim_object *o, void *arg)
{
    struct sim_stream *s = of_object(o);
    struct buf *octets = arg;

    if (gone(s) || s->peer == NULL)
        return;
    struct sim *w = o->loop->sim;
    if (sim_chance(w, w->faults.stream_dropped)) {
        sim_object_ref(o);
        break_both(s);
        sim_object_unref(o);
        return;
    }
    sim_mix(w, buf_str(octets));
    buf_add(&s->inbox, buf_str(octets));
    pump(s);
}

static void free_octets(void *arg)
{
    buf_deinit(arg);
    free(arg);
}

static void send_octets(struct sim_stream *s, struct str octets)
{
    struct sim *w = s->object.loop->sim;
    struct buf *copy = os_new(sizeof *copy);

    if (s->peer == NULL) {
        free(copy);
        return;
    }
    buf_add(copy, octets);
    s->on_the_way += octets.len;
    sim_later(arrival(w, s), &s->peer->object, octets_arrive, copy, free_octets);
}

/* Sends what the window allows of the first `limit` octets; true when they are all out. */
static bool send_from_queue(struct sim_stream *s, size_t limit)
{
    size_t room = s->on_the_way < WINDOW_BYTES ? WINDOW_BYTES - s->on_the_way : 0;
    size_t len = MIN(limit, room);

    if (len > 0) {
        send_octets(s, str_take(buf_str(&s->out), len));
        buf_consume(&s->out, len);
    }
    return len == limit;
}

static void flush(struct sim_stream *s)
{
    bool had_octets = s->out.len > 0;

    if (gone(s) || s->state == SIM_CONNECTING || s->state == SIM_DRAINING)
        return;
    if (s->peer == NULL && had_octets) { /* nobody reads this any more */
        tell_closed(s, ERR_CLOSED);
        return;
    }
    if (s->tls == SIM_FLUSHING || s->tls == SIM_SHAKING) {
        size_t before = s->out.len;
        bool all = send_from_queue(s, s->plain_left);

        s->plain_left -= before - s->out.len;
        if (all && s->tls == SIM_FLUSHING)
            begin_handshake(s);
        return;
    }
    if (!send_from_queue(s, s->out.len))
        return;
    buf_shrink(&s->out, 0);
    if (s->state == SIM_FINISHING) {
        s->state = SIM_DRAINING;
        send_end(s);
        if (s->peer_ended || s->peer == NULL)
            tell_closed(s, OK);
        return;
    }
    if (had_octets && s->base.events->drained != NULL)
        s->base.events->drained(s->base.ctx);
    if (!gone(s) && s->peer_ended && !s->paused && s->out.len == 0)
        pump(s);
}

static void sim_write(struct stream *base, struct str bytes)
{
    struct sim_stream *s = stream_of(base);

    if (gone(s) || s->state > SIM_OPEN)
        return;
    buf_add(&s->out, bytes);
    post_flush(s);
}

static size_t sim_queued(const struct stream *s)
{
    return const_stream_of(s)->out.len;
}

/* ---- in ---- */

/* Moves what fits from the inbox to the held octets, which opens the sender's window. */
static void make_room(struct sim_stream *s)
{
    size_t len = MIN(s->inbox.len, STREAM_HELD_MAX - MIN(s->held.len, STREAM_HELD_MAX));

    buf_add(&s->held, str_take(buf_str(&s->inbox), len));
    buf_consume(&s->inbox, len);
}

static void credit_sender(struct sim_stream *s, size_t len)
{
    if (s->peer == NULL || len == 0)
        return;
    s->peer->on_the_way -= MIN(s->peer->on_the_way, len);
    if (s->peer->out.len > 0)
        post_flush(s->peer);
}

/* True when the owner took something. */
static bool offer(struct sim_stream *s)
{
    struct buf held = s->held;

    s->held = (struct buf){ .max = 0 };
    s->offering = true;
    s->drop_offered = false;
    size_t taken = s->base.events->bytes(s->base.ctx, buf_str(&held));
    s->offering = false;
    BUG_ON(taken > held.len);
    if (!gone(s) && !s->drop_offered) {
        buf_consume(&held, taken);
        s->held = held;
        buf_shrink(&s->held, 0);
        return taken > 0;
    }
    buf_deinit(&held);
    return false;
}

static void drop_input(struct sim_stream *s)
{
    credit_sender(s, s->inbox.len);
    buf_deinit(&s->inbox);
    buf_deinit(&s->held);
}

static void after_end(struct sim_stream *s)
{
    if (s->state == SIM_DRAINING)
        tell_closed(s, OK);
    else if (s->state == SIM_OPEN && !s->paused && s->out.len == 0 && !stream_owner_busy(&s->base))
        tell_closed(s, ERR_CLOSED);
}

/* Everything that can be done with what has arrived. */
static void pump_now(struct sim_stream *s)
{
    bool again = true;

    if (s->tls == SIM_SHAKING) {
        credit_sender(s, s->inbox.len);
        shake(s);
        return;
    }
    if (s->tls == SIM_FLUSHING || s->state == SIM_CONNECTING)
        return;
    if (s->state == SIM_FINISHING || s->state == SIM_DRAINING)
        drop_input(s);
    while (again && !gone(s) && s->state == SIM_OPEN && !s->paused && s->tls != SIM_FLUSHING) {
        size_t before = s->inbox.len;

        make_room(s);
        credit_sender(s, before - s->inbox.len);
        again = s->held.len > 0 && offer(s) && (s->inbox.len > 0 || s->peer_ended);
    }
    if (!gone(s) && s->peer_ended && s->tls != SIM_FLUSHING && s->tls != SIM_SHAKING)
        after_end(s);
}

/* The owner may free the stream in any event. */
static void pump(struct sim_stream *s)
{
    if (gone(s))
        return;
    BUG_ON(s->base.events == NULL); /* born without an owner, and nobody came */
    sim_object_ref(&s->object);
    pump_now(s);
    sim_object_unref(&s->object);
}

static void end_arrives(struct sim_object *o, void *arg)
{
    struct sim_stream *s = of_object(o);

    (void)arg;
    s->peer_ended = true;
    if (s->peer != NULL && s->peer->state == SIM_CLOSED)
        let_go_of_peer(s);
    pump(s);
}

static void sim_pause(struct stream *s)
{
    stream_of(s)->paused = true;
}

static void sim_resume(struct stream *base)
{
    stream_of(base)->paused = false;
    post_pump(stream_of(base));
}

static void sim_drop_held(struct stream *base)
{
    struct sim_stream *s = stream_of(base);

    buf_deinit(&s->held);
    if (s->offering)
        s->drop_offered = true;
}

static void end_now(struct sim_object *o, void *arg)
{
    (void)arg;
    tell_closed(of_object(o), ERR_CLOSED);
}

static void sim_finish(struct stream *base, uint64_t within_ms)
{
    struct sim_stream *s = stream_of(base);

    if (gone(s) || s->state > SIM_OPEN)
        return;
    if (s->state == SIM_CONNECTING || s->tls == SIM_FLUSHING || s->tls == SIM_SHAKING) {
        sim_later(0, &s->object, end_now, NULL, NULL);
        return;
    }
    s->state = SIM_FINISHING;
    s->paused = false;
    timer_set_in(&s->limit, within_ms);
    post_flush(s);
    post_pump(s);
}

static void sim_set_events(struct stream *s)
{
    (void)s;
}

static struct address sim_peer(const struct stream *s)
{
    return const_stream_of(s)->remote;
}

static struct address sim_local(const struct stream *s)
{
    return const_stream_of(s)->local;
}

static const struct stream_ops sim_stream_ops = {
    .set_events = sim_set_events,
    .free = sim_stream_free,
    .write = sim_write,
    .queued = sim_queued,
    .pause = sim_pause,
    .resume = sim_resume,
    .finish = sim_finish,
    .drop_held = sim_drop_held,
    .start_tls_server = sim_start_tls_server,
    .start_tls_client = sim_start_tls_client,
    .is_secure = sim_is_secure,
    .tls_version = sim_tls_version,
    .tls_cipher = sim_tls_cipher,
    .tls_bindings = sim_tls_bindings,
    .tls_identities = sim_tls_identities,
    .peer = sim_peer,
    .local = sim_local,
};

/* ---- connecting and listening ---- */

static struct sim_listener *find_listener(struct sim *w, const struct address *at)
{
    for (struct sim_listener *l = w->listeners; l != NULL; l = l->next)
        if (sim_object_lives(&l->object) && address_eq(&l->at, at))
            return l;
    return NULL;
}

static void connected(struct sim_object *o, void *arg)
{
    struct sim_stream *s = of_object(o);

    (void)arg;
    if (gone(s) || s->state != SIM_CONNECTING)
        return;
    sim_object_ref(o);
    timer_cancel(&s->limit);
    s->state = SIM_OPEN;
    if (s->base.events->connected != NULL)
        s->base.events->connected(s->base.ctx);
    if (!gone(s))
        flush(s);
    if (!gone(s))
        pump(s);
    sim_object_unref(o);
}

static void accept_one(struct sim_listener *l, struct sim_stream *client)
{
    struct sim_stream *s = new_stream(l->base.loop);
    struct sim *w = l->object.loop->sim;

    s->state = SIM_OPEN;
    s->local = client->remote;
    s->remote = client->local;
    s->peer = client;
    client->peer = s;
    sim_object_ref(&client->object);
    sim_object_ref(&s->object);
    sim_later(arrival(w, s), &client->object, connected, NULL, NULL);
    l->base.accept(l->base.ctx, &s->base);
}

static void connect_arrives(struct sim_object *o, void *arg)
{
    struct sim_stream *s = of_object(o);

    (void)arg;
    if (gone(s) || s->state != SIM_CONNECTING)
        return;
    struct sim *w = o->loop->sim;
    struct sim_listener *l = find_listener(w, &s->remote);
    if (l == NULL || sim_chance(w, w->faults.connect_refused)) {
        tell_closed(s, ERR_REFUSED);
    } else if (l->paused) {
        l->waiting = os_grow(l->waiting, l->waiting_count + 1, sizeof(struct sim_stream *));
        l->waiting[l->waiting_count++] = s;
        sim_object_ref(o);
    } else {
        accept_one(l, s);
    }
}

struct stream *sim_stream_connect(struct loop *l, const struct address *to,
                                  const struct address *from, uint64_t timeout_ms)
{
    struct sim_stream *s = new_stream(l);
    struct sim *w = sim_loop_of(l)->sim;

    s->state = SIM_CONNECTING;
    s->remote = *to;
    s->local = (struct address){ .family = to->family, .ip = { 127, 0, 0, 1 } };
    if (to->family == ADDRESS_IP6)
        s->local = (struct address){ .family = ADDRESS_IP6, .ip = { [15] = 1 } };
    if (from != NULL && from->family != ADDRESS_NONE)
        s->local = *from;
    s->local.port = w->next_port++;
    timer_set_in(&s->limit, timeout_ms);
    sim_later(arrival(w, s), &s->object, connect_arrives, NULL, NULL);
    return &s->base;
}

static struct sim_listener *listener_of(struct listener *l)
{
    return CONTAINER_OF(l, struct sim_listener, base);
}

static void drop_waiting(struct sim_listener *l)
{
    for (size_t i = 0; i < l->waiting_count; i++) {
        tell_closed(l->waiting[i], ERR_REFUSED);
        sim_object_unref(&l->waiting[i]->object);
    }
    free(l->waiting);
    l->waiting = NULL;
    l->waiting_count = 0;
}

static void listener_orphan(struct sim_object *o)
{
    struct sim_listener *l = CONTAINER_OF(o, struct sim_listener, object), **at;
    struct sim *w = sim_loop_of(l->base.loop)->sim;

    for (at = &w->listeners; *at != NULL && *at != l; at = &(*at)->next)
        continue;
    if (*at == l)
        *at = l->next;
    drop_waiting(l);
}

static void listener_destroy(struct sim_object *o)
{
    free(CONTAINER_OF(o, struct sim_listener, object));
}

static void sim_listener_pause(struct listener *l)
{
    listener_of(l)->paused = true;
}

static void wake(struct sim_object *o, void *arg)
{
    struct sim_listener *l = CONTAINER_OF(o, struct sim_listener, object);

    (void)arg;
    while (sim_object_lives(o) && !l->paused && l->waiting_count > 0) {
        struct sim_stream *s = l->waiting[0];

        l->waiting_count--;
        memmove(l->waiting, l->waiting + 1, l->waiting_count * sizeof(struct sim_stream *));
        if (!gone(s))
            accept_one(l, s);
        sim_object_unref(&s->object);
    }
}

static void sim_listener_resume(struct listener *base)
{
    struct sim_listener *l = listener_of(base);

    l->paused = false;
    sim_later(0, &l->object, wake, NULL, NULL);
}

static void sim_listener_free(struct listener *base)
{
    struct sim_listener *l = listener_of(base);

    listener_orphan(&l->object);
    sim_object_leave(&l->object);
}

static const struct listener_ops sim_listener_ops = {
    .pause = sim_listener_pause,
    .resume = sim_listener_resume,
    .free = sim_listener_free,
};

struct listener *listener_simulated(struct loop *l, const struct address *at,
                                    void (*accept)(void *ctx, struct stream *s), void *ctx)
{
    struct sim_listener *r = os_new(sizeof *r);
    struct sim *w = sim_loop_of(l)->sim;

    BUG_ON(!l->ops->simulated);
    r->base = (struct listener){ &sim_listener_ops, l, accept, ctx };
    r->at = *at;
    r->object.destroy = listener_destroy;
    r->object.orphan = listener_orphan;
    sim_object_add(l, &r->object);
    r->next = w->listeners;
    w->listeners = r;
    return &r->base;
}
