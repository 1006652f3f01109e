/* gate/conn.c - what every connection of a gate does alike.
 *
 * conn_pump() runs after everything that comes from outside: octets, keeper's replies, a handshake,
 * the timer, a drained socket. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/conn.h"

enum {
    FINISH_WITHIN_MS = 5000,
    QUEUE_BYTES_MAX = 64 * 1024 /* unsent octets at which the machine waits */
};

/* For keeper. */
static bool waits(const struct conn *c)
{
    return c->ticket != 0 || login_is_asking(c->login);
}

void conn_pump(struct conn *c)
{
    while (!c->closing && !waits(c) && stream_queued(c->stream) <= QUEUE_BYTES_MAX)
        if (!c->kind->handle(c->session))
            break;
    if (c->unread && !c->closing && !waits(c)) {
        c->unread = false;
        stream_resume(c->stream);
    }
}

/* The timer is not moved at every octet; it looks again when it fires. */
void conn_set_timer(struct conn *c)
{
    timer_set(&c->timer, c->kind->deadline_ms(c->session));
}

void conn_greet(struct conn *c)
{
    c->greeted = true;
    c->kind->greet(c->session);
    conn_set_timer(c);
    conn_pump(c);
}

void conn_finish(struct conn *c)
{
    c->closing = true;
    timer_cancel(&c->timer);
    stream_finish(c->stream, FINISH_WITHIN_MS);
}

void conn_start_tls(struct conn *c, struct tls_server *tls)
{
    stream_drop_held(c->stream);
    stream_start_tls_server(c->stream, tls);
}

/* ---- events of the stream ---- */

static size_t on_bytes(void *ctx, struct str bytes)
{
    struct conn *c = ctx;
    size_t used = 0, taken;

    if (!c->greeted)
        return 0;
    c->unread = false;
    c->kind->tick(c->session, loop_now_ms(c->loop));
    do {
        taken = c->closing ? 0 : c->kind->feed(c->session, str_skip(bytes, used));
        used += taken;
        conn_pump(c);
    } while (taken > 0 && used < bytes.len && !waits(c));
    c->unread = !c->closing && used < bytes.len;
    return c->closing ? bytes.len : used;
}

static void on_drained(void *ctx)
{
    struct conn *c = ctx;

    if (c->greeted)
        conn_pump(c);
}

static void on_secured(void *ctx, enum err e, const struct errinfo *why)
{
    struct conn *c = ctx;

    (void)why;
    if (e != OK) {
        c->kind->drop(c->session);
        return;
    }
    if (!c->greeted) {
        conn_greet(c);
        return;
    }
    c->kind->tls_started(c->session);
    conn_pump(c);
}

static void on_closed(void *ctx, enum err why)
{
    struct conn *c = ctx;

    (void)why;
    c->kind->drop(c->session);
}

/* The peer has ended its side; what it said before still gets its answers. The pump resumes the
 * stream when the present one is there, as if octets had been left. */
static bool on_busy(void *ctx)
{
    struct conn *c = ctx;

    c->unread = !c->closing && (c->unread || waits(c) || c->refusal != OK);
    return c->unread;
}

static const struct stream_events events = { .bytes = on_bytes,
                                             .drained = on_drained,
                                             .secured = on_secured,
                                             .closed = on_closed,
                                             .busy = on_busy };

/* A peer that takes nothing of what it asked for, from one time to the next. */
static bool is_stuck(struct conn *c)
{
    size_t then = c->queued_then;

    c->queued_then = stream_queued(c->stream);
    return then != 0 && then == c->queued_then;
}

static void on_timer(void *ctx)
{
    struct conn *c = ctx;
    enum err refusal = c->refusal;

    if (!c->greeted || is_stuck(c)) { /* or a handshake that never ended */
        c->kind->drop(c->session);
        return;
    }
    conn_set_timer(c);
    if (refusal != OK) {
        c->refusal = OK;
        c->kind->login_refused(c->session, refusal);
        return;
    }
    c->kind->tick(c->session, loop_now_ms(c->loop));
    conn_pump(c);
}

void conn_init(struct conn *c)
{
    timer_init(&c->timer, c->loop, on_timer, c);
    stream_set_events(c->stream, &events, c);
}

void conn_deinit(struct conn *c)
{
    if (c->ticket != 0)
        keeper_forget(c->keeper, c->ticket);
    login_drop(&c->login);
    conn_leave_keeper(c);
    timer_cancel(&c->timer);
    stream_free(c->stream);
}

/* ---- keeper ---- */

static void ignore_logout(void *ctx, enum err e, const struct keep_logout_rep *rep,
                          struct file *file)
{
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

void conn_leave_keeper(struct conn *c)
{
    if (c->keeper_session != 0) {
        struct keep_logout_req req = { .session = c->keeper_session };

        (void)keeper_logout(c->keeper, &req, ignore_logout, NULL);
    }
    c->keeper_session = 0;
}

static void refuse_login(struct conn *c, enum err e)
{
    c->refusal = e;
    timer_set_in(&c->timer, e == ERR_AUTH ? c->login_delay_ms : 0);
}

static void login_came(void *ctx, const struct login_result *r)
{
    struct conn *c = ctx;

    if (!r->decided) {
        c->kind->challenge(c->session, r->words, r->last);
    } else if (r->e != OK) {
        refuse_login(c, r->e);
    } else {
        c->keeper_session = r->session;
        c->kind->logged_in(c->session, r);
    }
}

void conn_ask_login(struct conn *c, const struct sasl_login *said, struct str service)
{
    const struct login_way way = { c->keeper, c->stream, service, login_came, c };

    login_ask(&c->login, &way, said);
}
