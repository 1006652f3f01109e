/* gate/smtp_session.c - SMTP connections: their life and the events of their machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/error_map.h"
#include "gate/smtp_session_private.h"
#include "policy/relay.h"

/* ---- begin and end ---- */

static void ignore_drop(void *ctx, enum err e, const struct keep_spool_drop_rep *rep,
                        struct file *file)
{
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

void smtp_session_forget_message(struct smtp_session *s)
{
    s->foreign = 0;
    smtp_forget_authors(s);
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

void smtp_session_drop(void *session)
{
    struct smtp_session *s = session;
    struct smtp_service *v = s->service;

    smtp_session_forget_message(s);
    conn_deinit(&s->conn);
    if (s->machine != NULL)
        smtp_deinit(s->machine);
    arena_free(s->mem);
    list_remove(&s->conn.link);
    crowd_leave(&v->crowd, s->place);
    free(s);
    v->count--;
    if (v->count == 0 && v->stopped != NULL) {
        void (*stopped)(void *) = v->stopped;

        v->stopped = NULL;
        stopped(v->ctx);
    }
}

static uint64_t deadline_ms(void *session)
{
    const struct smtp_session *s = session;
    uint64_t at = smtp_deadline_ms(s->machine);

    return at != UINT64_MAX
               ? at
               : loop_now_ms(s->service->loop) + s->service->settings.limits.idle_ms_max;
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

static void offer_logins(struct smtp_session *s)
{
    smtp_offer(s->machine, login_offers(s->service->settings.offers, s->conn.stream, true));
}

static void greet(void *session)
{
    struct smtp_session *s = session;
    struct smtp_service *v = s->service;
    struct address peer = stream_peer(s->conn.stream);
    unsigned begin = 0;

    if (stream_is_secure(s->conn.stream))
        begin |= SMTP_FROM_TLS;
    if (v->settings.plain_on_loopback && address_is_loopback(&peer))
        begin |= SMTP_PLAIN_AUTH;
    s->trusted = is_trusted(v, &peer);
    s->mem = arena_new(sizeof(void *) * 48);
    s->machine = smtp_new(s->mem, &v->options[s->door], begin, loop_now_ms(v->loop));
    offer_logins(s);
    smtp_greet(s->machine, 220, STR_EMPTY);
}

/* ---- the pump ---- */

/* One event; false when something else must happen first. */
static bool handle(void *session)
{
    struct smtp_session *s = session;
    struct smtp_out out;

    switch (smtp_next(s->machine, &out)) {
    case SMTP_WANT_BYTES:
        return false;
    case SMTP_SEND:
        stream_write(s->conn.stream, out.text);
        return true;
    case SMTP_CHECK_AUTH:
        smtp_ask_login(s, out.login);
        return false; /* its answer pumps */
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
        conn_leave_keeper(&s->conn);
        conn_start_tls(&s->conn, s->service->tls);
        return false;
    case SMTP_CLOSE:
        conn_finish(&s->conn);
        return false;
    }
    BUG("unknown event");
}

static size_t feed(void *session, struct str bytes)
{
    return smtp_feed(((struct smtp_session *)session)->machine, bytes);
}

static void tick(void *session, uint64_t now_ms)
{
    smtp_tick(((struct smtp_session *)session)->machine, now_ms);
}

static void tls_started(void *session)
{
    struct smtp_session *s = session;

    smtp_tls_started(s->machine);
    offer_logins(s);
}

static const struct conn_kind kind = { .greet = greet,
                                       .feed = feed,
                                       .handle = handle,
                                       .tick = tick,
                                       .deadline_ms = deadline_ms,
                                       .tls_started = tls_started,
                                       .challenge = smtp_login_challenge,
                                       .logged_in = smtp_logged_in,
                                       .login_refused = smtp_login_refused,
                                       .drop = smtp_session_drop };

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
        smtp_session_drop(LIST_ITEM(v->sessions.next, struct smtp_session, conn.link));
    crowd_deinit(&v->crowd);
}

void smtp_service_accept(struct smtp_service *v, struct stream *stream, enum smtp_door door,
                         bool tls_at_once)
{
    struct address peer = stream_peer(stream);
    struct smtp_session *s = calloc(1, sizeof(*s));

    BUG_ON(s == NULL);
    s->service = v;
    s->conn = (struct conn){
        .loop = v->loop, .keeper = v->keeper, .stream = stream, .kind = &kind, .session = s
    };
    s->place = crowd_enter(&v->crowd, &peer);
    s->door = door;
    list_add_last(&v->sessions, &s->conn.link);
    v->count++;
    conn_init(&s->conn);
    if ((tls_at_once && v->tls == NULL) || v->stopped != NULL) {
        smtp_session_drop(s);
    } else if (v->count > v->settings.sessions_max ||
               crowd_size(s->place) > v->settings.sessions_per_address_max) {
        stream_write(stream, STR("421 4.7.0 Too many connections; try again later\r\n"));
        conn_finish(&s->conn);
    } else if (tls_at_once) {
        timer_set_in(&s->conn.timer, v->settings.limits.idle_ms_max);
        stream_start_tls_server(stream, v->tls);
    } else {
        conn_greet(&s->conn);
    }
}

static void stop_session(struct smtp_session *s, struct str text)
{
    if (s->machine == NULL || s->conn.closing)
        return;
    smtp_stop(s->machine, text);
    conn_pump(&s->conn);
}

void smtp_service_lost(struct smtp_service *v)
{
    LIST_EACH_SAFE(it, &v->sessions)
    {
        struct smtp_session *s = LIST_ITEM(it, struct smtp_session, conn.link);
        bool bound =
            s->conn.keeper_session != 0 || (s->message != NULL && s->message->spool != NULL);

        s->conn.keeper_session = 0;
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
        struct smtp_session *s = LIST_ITEM(it, struct smtp_session, conn.link);

        if (s->machine == NULL)
            smtp_session_drop(s);
        else
            stop_session(s, STR("4.3.2 Closing; connect again soon"));
    }
}
