/* courier/connection.c - one connection to another mail server.
 *
 * pump() asks the machine what to do until it wants octets from the peer or from keeper. Whatever
 * happens outside (octets, drained, TLS, time, a page of the message) is told to the machine and
 * ends in pump(). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "courier/connection.h"

enum {
    BODY_PAGE_BYTES = 256 * 1024,
    QUEUED_BYTES_MAX = 256 * 1024, /* then the next page waits until the stream has drained */
};

static void pump(struct connection *c);

/* Notes how it ended; pump() tells the destination once nothing here is under way any more. */
static void end_connection(struct connection *c, const struct smtp_client_result *why,
                           bool tls_failed)
{
    c->end = (struct connection_end){ .reached = c->reached,
                                      .tls_failed = tls_failed,
                                      .code = why->code,
                                      .status = arena_copy(c->mem, why->status),
                                      .text = arena_copy(c->mem, why->text) };
    c->ended = true;
}

static void arm_timer(struct connection *c)
{
    if (c->idle)
        timer_set_in(&c->timer, c->road->idle_ms);
    else if (c->narrow.is_reading) /* keeper answers, or its client says that it does not */
        timer_cancel(&c->timer);
    else
        timer_set(&c->timer, smtp_client_deadline_ms(c->machine));
}

static void tick(struct connection *c)
{
    smtp_client_tick(c->machine, loop_now_ms(c->road->loop));
}

static void end_idling(struct connection *c)
{
    c->idle = false;
    list_remove(&c->idle_link);
    tick(c);
}

void connection_retire(struct connection *c)
{
    end_idling(c);
    smtp_client_quit(c->machine);
    pump(c);
}

static void time_passed(void *ctx)
{
    struct connection *c = ctx;

    if (c->idle) {
        connection_retire(c);
        return;
    }
    tick(c);
    pump(c);
}

/* ---- parcels ---- */

static void narrowed(void *ctx, enum err e)
{
    struct connection *c = ctx;

    tick(c);
    if (e == OK) {
        c->message.body = SMTP_CLIENT_7BIT;
        c->message.size = c->narrow.message.len;
    }
    if (e == OK || e == ERR_UNSUPPORTED) { /* the machine then says what the server lacks */
        smtp_client_send(c->machine, &c->message);
    } else {
        end_connection(c,
                       &(struct smtp_client_result){ .status = STR("4.3.0"),
                                                     .text = STR("message could not be read") },
                       false);
    }
    pump(c);
}

static void start_parcel(struct connection *c)
{
    c->results = 0;
    c->delivered = false;
    c->body_at = 0;
    c->messages++;
    c->message = c->parcel->message;
    if (narrow_is_needed(smtp_client_has(c->machine), &c->message))
        narrow_start(&c->narrow, c->road->keeper, &c->parcel->job->entry, narrowed, c);
    else
        smtp_client_send(c->machine, &c->message);
}

static void take_parcel(struct connection *c)
{
    c->parcel = c->messages < c->road->messages_max ? destination_take(c->destination) : NULL;
    if (c->parcel != NULL) {
        start_parcel(c);
    } else if (c->messages >= c->road->messages_max || !list_empty(&c->road->traffic->starved)) {
        smtp_client_quit(c->machine);
    } else {
        c->idle = true;
        list_add_last(&c->road->traffic->idle, &c->idle_link);
    }
}

void connection_wake(struct connection *c)
{
    if (!c->idle || c->ended)
        return;
    end_idling(c);
    take_parcel(c);
    pump(c);
}

static void note_result(struct connection *c, const struct smtp_client_result *r)
{
    struct parcel *p = c->parcel;
    bool dsn = (smtp_client_has(c->machine) & SMTP_CLIENT_HAS_DSN) != 0;
    struct job_outcome outcome = {
        .verdict = r->verdict,
        .relayed_without_dsn = r->verdict == SMTP_CLIENT_DELIVERED && !dsn,
        .status = r->status,
        .reply = r->text,
        .host = c->target->host,
    };

    if (r->code != 0) {
        SCRATCH(tmp, NULL);
        outcome.reply =
            arena_printf(tmp, "%d %.*s %.*s", r->code, STR_ARG(r->status), STR_ARG(r->text));
        job_decide(p->job, p->places[r->index], &outcome);
    } else {
        job_decide(p->job, p->places[r->index], &outcome);
    }
    if (r->verdict == SMTP_CLIENT_DELIVERED)
        c->delivered = true;
    if (++c->results == p->count) {
        if (c->delivered)
            destination_succeeded(c->destination);
        c->parcel = NULL;
        if (c->ticket != 0) /* the peer refused before it had heard everything */
            keeper_forget(c->road->keeper, c->ticket);
        c->ticket = 0;
        c->wants_body = false;
        narrow_deinit(&c->narrow);
        job_parcel_done(p);
    }
}

/* ---- the message's octets ---- */

static void page_came(void *ctx, enum err e, const struct keep_lease_read_rep *rep,
                      struct file *file)
{
    struct connection *c = ctx;
    uint64_t size = c->parcel->message.size;

    (void)file;
    c->ticket = 0;
    if (e != OK || rep->bytes.len > size - c->body_at || (rep->bytes.len == 0 && size > 0)) {
        smtp_client_body_failed(c->machine);
    } else {
        c->body_at += rep->bytes.len;
        tick(c);
        smtp_client_body(c->machine, rep->bytes, c->body_at == size);
    }
    pump(c);
}

/* True: the machine was given octets. */
static bool give_page(struct connection *c)
{
    struct keep_lease_read_req req = { .lease = c->parcel->job->entry.lease,
                                       .offset = c->body_at,
                                       .length = BODY_PAGE_BYTES };

    if (c->ticket != 0 || stream_queued(c->stream) >= QUEUED_BYTES_MAX)
        return false;
    if (c->narrow.message.len > 0) {
        struct str page =
            str_take(str_skip(buf_str(&c->narrow.message), c->body_at), BODY_PAGE_BYTES);

        c->body_at += page.len;
        tick(c);
        smtp_client_body(c->machine, page, c->body_at == c->message.size);
        return true;
    }
    c->ticket = keeper_lease_read(c->road->keeper, &req, page_came, c);
    return false;
}

/* ---- the stream ---- */

static size_t bytes_came(void *ctx, struct str bytes)
{
    struct connection *c = ctx;
    size_t taken = smtp_client_feed(c->machine, bytes);

    tick(c);
    pump(c);
    return taken;
}

static void stream_drained(void *ctx)
{
    struct connection *c = ctx;

    if (c->wants_body)
        pump(c);
}

static void tls_failed(struct connection *c, struct str words)
{
    end_connection(c,
                   &(struct smtp_client_result){
                       .verdict = SMTP_CLIENT_DEFERRED, .status = STR("4.7.5"), .text = words },
                   true);
}

static void shake_hands(struct connection *c)
{
    if (c->tls == NULL) {
        tls_failed(c, STR("no trusted certificates to check the smarthost with were found"));
        return;
    }
    c->handshaking = true;
    stream_start_tls_client(c->stream, c->tls, c->target->host);
}

static void stream_connected(void *ctx)
{
    struct connection *c = ctx;

    if (!c->tls_at_once)
        return;
    shake_hands(c);
    pump(c);
}

static void stream_secured(void *ctx, enum err e, const struct errinfo *why)
{
    struct connection *c = ctx;

    c->handshaking = false;
    if (e != OK) {
        SCRATCH(tmp, NULL);
        tls_failed(c, arena_printf(tmp, "TLS with the other server failed: %s",
                                   why == NULL ? err_text(e) : why->text));
        pump(c);
        return;
    }
    tick(c);
    if (c->tls_at_once)
        c->tls_at_once = false;
    else
        smtp_client_tls(c->machine, true, STR_EMPTY);
    pump(c);
}

static void stream_closed(void *ctx, enum err why)
{
    struct connection *c = ctx;

    SCRATCH(tmp, NULL);
    struct str words = why == ERR_CLOSED
                           ? STR("the other server closed the connection")
                           : arena_printf(tmp, "connection to the other server: %s", err_text(why));
    smtp_client_lost(c->machine, words);
    pump(c);
}

static const struct stream_events stream_events = {
    .bytes = bytes_came,
    .drained = stream_drained,
    .connected = stream_connected,
    .secured = stream_secured,
    .closed = stream_closed,
};

/* One event of the machine; false when there is nothing more to do now. */
static bool step(struct connection *c)
{
    struct str text;
    struct smtp_client_result r;

    switch (smtp_client_next(c->machine, &text, &r)) {
    case SMTP_CLIENT_SEND:
        stream_write(c->stream, text);
        return true;
    case SMTP_CLIENT_START_TLS:
        stream_drop_held(c->stream);
        shake_hands(c);
        return true;
    case SMTP_CLIENT_READY:
        if (!c->reached) {
            c->reached = true;
            destination_reached(c->destination);
        }
        take_parcel(c);
        return true;
    case SMTP_CLIENT_RESULT:
        note_result(c, &r);
        return true;
    case SMTP_CLIENT_WANT_BODY:
        c->wants_body = true;
        return give_page(c);
    case SMTP_CLIENT_CLOSE:
        end_connection(c, &r, c->handshaking); /* a peer that hangs or goes in the handshake */
        return false;
    case SMTP_CLIENT_WANT_BYTES:
        break;
    }
    return false;
}

/* A parcel that the machine was not given yet when the connection ended. */
static void drop_parcel(struct connection *c)
{
    struct parcel *p = c->parcel;
    struct job_outcome outcome = { .verdict = SMTP_CLIENT_DEFERRED,
                                   .status = c->end.status,
                                   .reply = c->end.text,
                                   .host = c->target->host };

    if (p == NULL)
        return;
    c->parcel = NULL;
    parcel_decide_rest(p, &outcome);
    job_parcel_done(p);
}

static void pump(struct connection *c)
{
    c->wants_body = false;
    while (!c->ended && step(c))
        ;
    if (!c->ended) {
        arm_timer(c);
        return;
    }
    drop_parcel(c);
    destination_ended(c->destination, c, &c->end); /* frees c */
}

/* The address to come from, or null for any. */
static const struct address *source_for(const struct road *road, const struct address *to)
{
    const struct address *from = to->family == ADDRESS_IP4 ? &road->source_ip4 : &road->source_ip6;

    return from->family == to->family ? from : NULL;
}

struct connection *connection_new(struct destination *d, struct road *road,
                                  const struct mx_target *target, size_t target_place,
                                  enum smtp_client_tls tls)
{
    struct arena *mem = arena_new(2048);
    struct connection *c = ARENA_NEW(mem, struct connection);
    struct smtp_client_options options = smtp_client_defaults(arena_copy(mem, road->host));
    bool login = destination_is_smart(d) && road->smarthost_user.len > 0;
    struct address to = target->address;

    options.tls = tls;
    options.greeting_ms = road->greeting_ms;
    options.reply_ms = road->reply_ms;
    options.data_ms = MIN(options.data_ms, road->reply_ms);
    options.end_ms = road->data_ms;
    if (login) {
        options.user = arena_copy(mem, road->smarthost_user);
        options.password = arena_copy(mem, road->smarthost_password);
    }
    to.port = destination_port(d);
    *c = (struct connection){
        .destination = d,
        .road = road,
        .target = target,
        .target_place = target_place,
        .mem = mem,
        .tls = login ? road->tls_verified : road->tls,
        .tls_at_once = to.port == PORT_SUBMISSIONS && tls == SMTP_CLIENT_TLS_MUST,
    };
    options.secure = c->tls_at_once;
    list_init(&c->link);
    list_init(&c->idle_link);
    c->machine = smtp_client_new(mem, &options, loop_now_ms(road->loop));
    c->stream = stream_connect(road->loop, &to, source_for(road, &to), road->connect_ms);
    stream_set_events(c->stream, &stream_events, c);
    timer_init(&c->timer, road->loop, time_passed, c);
    timer_set(&c->timer, smtp_client_deadline_ms(c->machine) + road->connect_ms);
    return c;
}

void connection_free(struct connection *c)
{
    list_remove(&c->link);
    list_remove(&c->idle_link);
    timer_cancel(&c->timer);
    if (c->ticket != 0)
        keeper_forget(c->road->keeper, c->ticket);
    narrow_deinit(&c->narrow);
    stream_free(c->stream);
    smtp_client_deinit(c->machine);
    arena_free(c->mem);
}
