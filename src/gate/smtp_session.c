/* gate/smtp_session.c - SMTP connections.
 *
 * pump() runs after everything that comes from outside: octets, keeper's replies, a handshake, the
 * timer, a drained socket. It stops when the machine wants octets, when keeper was asked (`ticket`)
 * or when the socket is behind, and no octets are taken meanwhile, so a peer can not run ahead of
 * its answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/error_map.h"
#include "gate/smtp_session_private.h"
#include "policy/relay.h"

enum {
    FINISH_WITHIN_MS = 5000,
    QUEUE_BYTES_MAX = 64 * 1024 /* unsent octets at which the machine waits */
};

/* ---- begin and end ---- */

static void ignore_logout(void *ctx, enum err e, const struct keep_logout_rep *rep,
                          struct file *file)
{
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

static void ignore_drop(void *ctx, enum err e, const struct keep_spool_drop_rep *rep,
                        struct file *file)
{
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

void smtp_session_leave_keeper(struct smtp_session *s)
{
    if (s->keeper_session != 0) {
        struct keep_logout_req req = { .session = s->keeper_session };

        (void)keeper_logout(s->service->keeper, &req, ignore_logout, NULL);
    }
    s->keeper_session = 0;
}

void smtp_session_forget_message(struct smtp_session *s)
{
    s->foreign = 0;
    if (s->message == NULL)
        return;
    if (s->message->spool_id != 0) {
        struct keep_spool_drop_req req = { .spool = s->message->spool_id };

        (void)keeper_spool_drop(s->service->keeper, &req, ignore_drop, NULL);
    }
    smtp_message_deinit(s->message);
    free(s->message);
    s->message = NULL;
}

void smtp_session_drop(struct smtp_session *s)
{
    struct smtp_service *v = s->service;

    if (s->ticket != 0)
        keeper_forget(v->keeper, s->ticket);
    smtp_session_forget_message(s);
    smtp_session_leave_keeper(s);
    timer_cancel(&s->timer);
    stream_free(s->stream);
    if (s->machine != NULL)
        smtp_deinit(s->machine);
    arena_free(s->mem);
    list_remove(&s->link);
    crowd_leave(&v->crowd, s->place);
    free(s);
    v->count--;
    if (v->count == 0 && v->stopped != NULL) {
        void (*stopped)(void *) = v->stopped;

        v->stopped = NULL;
        stopped(v->ctx);
    }
}

static void finish(struct smtp_session *s)
{
    s->closing = true;
    timer_cancel(&s->timer);
    stream_finish(s->stream, FINISH_WITHIN_MS);
}

/* The timer is not moved at every octet; it looks again when it fires. */
static void set_timer(struct smtp_session *s)
{
    uint64_t at = smtp_deadline_ms(s->machine);

    if (at == UINT64_MAX)
        at = loop_now_ms(s->service->loop) + s->service->settings.limits.idle_ms_max;
    timer_set(&s->timer, at);
}

/* The peer's address as policy wants it: IPv4 in its mapped form. */
static bool is_trusted(const struct smtp_service *v, const struct address *peer)
{
    uint8_t ip[16] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };

    if (peer->family == ADDRESS_IP4)
        memcpy(ip + 12, peer->ip, 4);
    else if (peer->family == ADDRESS_IP6)
        memcpy(ip, peer->ip, 16);
    else
        return false;
    for (size_t i = 0; i < v->settings.trusted_count; i++)
        if (relay_network_holds(v->settings.trusted_networks[i], ip))
            return true;
    return false;
}

static void greet(struct smtp_session *s)
{
    struct smtp_service *v = s->service;
    struct address peer = stream_peer(s->stream);
    unsigned begin = 0;

    if (stream_is_secure(s->stream))
        begin |= SMTP_FROM_TLS;
    if (v->settings.plain_on_loopback && address_is_loopback(&peer))
        begin |= SMTP_PLAIN_AUTH;
    s->trusted = is_trusted(v, &peer);
    s->mem = arena_new(sizeof(void *) * 48);
    s->machine = smtp_new(s->mem, &v->options[s->door], begin, loop_now_ms(v->loop));
    smtp_greet(s->machine, 220, STR_EMPTY);
    set_timer(s);
    smtp_session_pump(s);
}

/* ---- the pump ---- */

/* One event; false when something else must happen first. */
static bool handle(struct smtp_session *s)
{
    struct smtp_out out;

    switch (smtp_next(s->machine, &out)) {
    case SMTP_WANT_BYTES:
        return false;
    case SMTP_SEND:
        stream_write(s->stream, out.text);
        return true;
    case SMTP_CHECK_AUTH:
        smtp_ask_login(s, out.login);
        return s->refusal == OK;
    case SMTP_CHECK_MAIL:
        smtp_ask_sender(s, out.mail);
        return true;
    case SMTP_CHECK_RCPT:
        smtp_ask_route(s, out.mail, out.rcpt);
        return true;
    case SMTP_BODY:
        smtp_take_body(s, out.text);
        return true;
    case SMTP_COMMIT:
        smtp_ask_deliver(s, out.mail);
        return true;
    case SMTP_ABANDON:
        smtp_session_forget_message(s);
        return true;
    case SMTP_START_TLS:
        smtp_session_forget_message(s);
        smtp_session_leave_keeper(s);
        stream_drop_held(s->stream);
        stream_start_tls_server(s->stream, s->service->tls);
        return false;
    case SMTP_CLOSE:
        finish(s);
        return false;
    }
    BUG("unknown event");
}

void smtp_session_pump(struct smtp_session *s)
{
    while (!s->closing && s->ticket == 0 && stream_queued(s->stream) <= QUEUE_BYTES_MAX)
        if (!handle(s))
            break;
    if (s->unread && !s->closing && s->ticket == 0) {
        s->unread = false;
        stream_resume(s->stream);
    }
}

/* ---- events of the stream ---- */

static size_t on_bytes(void *ctx, struct str bytes)
{
    struct smtp_session *s = ctx;
    size_t used = 0, taken;

    if (s->machine == NULL)
        return 0;
    s->unread = false;
    smtp_tick(s->machine, loop_now_ms(s->service->loop));
    do {
        taken = s->closing ? 0 : smtp_feed(s->machine, str_skip(bytes, used));
        used += taken;
        smtp_session_pump(s);
    } while (taken > 0 && used < bytes.len && s->ticket == 0);
    s->unread = !s->closing && used < bytes.len;
    return s->closing ? bytes.len : used;
}

static void on_drained(void *ctx)
{
    struct smtp_session *s = ctx;

    if (s->machine != NULL)
        smtp_session_pump(s);
}

static void on_secured(void *ctx, enum err e, const struct errinfo *why)
{
    struct smtp_session *s = ctx;

    (void)why;
    if (e != OK) {
        smtp_session_drop(s);
        return;
    }
    if (s->machine == NULL) {
        greet(s);
        return;
    }
    smtp_tls_started(s->machine);
    smtp_session_pump(s);
}

static void on_closed(void *ctx, enum err why)
{
    (void)why;
    smtp_session_drop(ctx);
}

/* The peer has ended its side; what it said before still gets its answers. The pump resumes the
 * stream when the present one is there, as if octets had been left. */
static bool on_busy(void *ctx)
{
    struct smtp_session *s = ctx;

    s->unread = !s->closing && (s->unread || s->ticket != 0 || s->refusal != OK);
    return s->unread;
}

static const struct stream_events events = { .bytes = on_bytes,
                                             .drained = on_drained,
                                             .secured = on_secured,
                                             .closed = on_closed,
                                             .busy = on_busy };

/* A peer that takes nothing of what it asked for, from one time to the next. */
static bool is_stuck(struct smtp_session *s)
{
    size_t then = s->queued_then;

    s->queued_then = stream_queued(s->stream);
    return then != 0 && then == s->queued_then;
}

static void on_timer(void *ctx)
{
    struct smtp_session *s = ctx;
    enum err refusal = s->refusal;

    if (s->machine == NULL || is_stuck(s)) { /* or a handshake that never ended */
        smtp_session_drop(s);
        return;
    }
    set_timer(s);
    if (refusal != OK) {
        s->refusal = OK;
        smtp_login_refused(s, refusal);
        return;
    }
    smtp_tick(s->machine, loop_now_ms(s->service->loop));
    smtp_session_pump(s);
}

/* ---- the service ---- */

void smtp_service_reload(struct smtp_service *v, struct tls_server *tls,
                         const struct smtp_settings *settings)
{
    v->tls = tls;
    v->settings = *settings;
    for (int door = 0; door < SMTP_DOORS; door++)
        v->options[door] = (struct smtp_options){ .host = settings->host,
                                                  .limits = settings->limits,
                                                  .tls_offered = tls != NULL,
                                                  .auth_offered = true,
                                                  .auth_required = door == SMTP_DOOR_USERS };
}

void smtp_service_init(struct smtp_service *v, struct loop *l, struct keeper_client *keeper,
                       struct tls_server *tls, const struct smtp_settings *settings)
{
    *v = (struct smtp_service){ .loop = l, .keeper = keeper };
    smtp_service_reload(v, tls, settings);
    list_init(&v->sessions);
    crowd_init(&v->crowd, l);
}

void smtp_service_deinit(struct smtp_service *v)
{
    v->stopped = NULL;
    while (!list_empty(&v->sessions))
        smtp_session_drop(LIST_ITEM(v->sessions.next, struct smtp_session, link));
    crowd_deinit(&v->crowd);
}

void smtp_service_accept(struct smtp_service *v, struct stream *stream, enum smtp_door door,
                         bool tls_at_once)
{
    struct address peer = stream_peer(stream);
    struct smtp_session *s = calloc(1, sizeof(*s));

    BUG_ON(s == NULL);
    s->service = v;
    s->stream = stream;
    s->place = crowd_enter(&v->crowd, &peer);
    s->door = door;
    list_add_last(&v->sessions, &s->link);
    v->count++;
    timer_init(&s->timer, v->loop, on_timer, s);
    stream_set_events(stream, &events, s);
    if ((tls_at_once && v->tls == NULL) || v->stopped != NULL) {
        smtp_session_drop(s);
    } else if (v->count > v->settings.sessions_max ||
               crowd_size(s->place) > v->settings.sessions_per_address_max) {
        stream_write(stream, STR("421 4.7.0 Too many connections; try again later\r\n"));
        finish(s);
    } else if (tls_at_once) {
        timer_set_in(&s->timer, v->settings.limits.idle_ms_max);
        stream_start_tls_server(stream, v->tls);
    } else {
        greet(s);
    }
}

static void stop_session(struct smtp_session *s, struct str text)
{
    if (s->machine == NULL || s->closing)
        return;
    smtp_stop(s->machine, text);
    smtp_session_pump(s);
}

void smtp_service_lost(struct smtp_service *v)
{
    LIST_EACH_SAFE(it, &v->sessions)
    {
        struct smtp_session *s = LIST_ITEM(it, struct smtp_session, link);
        bool bound = s->keeper_session != 0 || (s->message != NULL && s->message->spool != NULL);

        s->keeper_session = 0;
        if (s->message != NULL)
            s->message->spool_id = 0;
        if (bound)
            stop_session(s, STR("4.3.2 Connect again"));
    }
}

void smtp_service_stop(struct smtp_service *v, void (*stopped)(void *ctx), void *ctx)
{
    if (v->count == 0) {
        stopped(ctx);
        return;
    }
    v->stopped = stopped;
    v->ctx = ctx;
    LIST_EACH_SAFE(it, &v->sessions)
    {
        struct smtp_session *s = LIST_ITEM(it, struct smtp_session, link);

        if (s->machine == NULL)
            smtp_session_drop(s);
        else
            stop_session(s, STR("4.3.2 Closing; connect again soon"));
    }
}
