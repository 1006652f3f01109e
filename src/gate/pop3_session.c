/* gate/pop3_session.c - POP3 connections.
 *
 * pump() runs after everything that comes from outside: octets, keeper's replies, a handshake, the
 * timer, a drained socket. It stops when the machine wants octets, when keeper was asked (`ticket`)
 * or when the socket is behind. A log-in is three questions: login, select with POP3's lock, and
 * the sizes in pages; the machine learns of it when all three are answered. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/pop3_session.h"

#include "gate/error_map.h"
#include "message/set/uidset.h"

enum {
    FINISH_WITHIN_MS = 5000,
    QUEUE_BYTES_MAX = 64 * 1024, /* unsent octets at which the machine waits */
    READ_BYTES = 64 * 1024       /* octets of a message asked for at a time  */
};

struct pop3_session {
    struct list link; /* in the service */
    struct pop3_service *service;
    struct stream *stream;
    struct crowd_place *place;
    struct arena *mem;
    struct pop3 *machine; /* null until the greeting */
    struct timer timer;
    uint64_t ticket;         /* of the open question to keeper, 0 when none */
    uint64_t keeper_session; /* 0: not logged in */
    uint64_t read_offset;    /* of the page under way */
    size_t queued_then;      /* unsent octets when the timer last fired */
    uint32_t mailbox;
    enum err refusal;    /* of a log-in whose answer is delayed */
    struct arena *login; /* while a log-in is under way: the UIDs of the mailbox */
    struct str uids;
    bool closing, unread; /* unread: octets wait in the stream */
};

static void pump(struct pop3_session *s);

/* ---- begin and end ---- */

static void ignore_logout(void *ctx, enum err e, const struct keep_logout_rep *rep,
                          struct file *file)
{
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

static void leave_keeper(struct pop3_session *s)
{
    if (s->keeper_session != 0) {
        struct keep_logout_req req = { .session = s->keeper_session };

        (void)keeper_logout(s->service->keeper, &req, ignore_logout, NULL);
    }
    s->keeper_session = 0;
}

static void session_free(struct pop3_session *s)
{
    struct pop3_service *v = s->service;

    if (s->ticket != 0)
        keeper_forget(v->keeper, s->ticket);
    leave_keeper(s);
    timer_cancel(&s->timer);
    stream_free(s->stream);
    if (s->machine != NULL)
        pop3_deinit(s->machine);
    arena_free(s->login);
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

static void finish(struct pop3_session *s)
{
    s->closing = true;
    timer_cancel(&s->timer);
    stream_finish(s->stream, FINISH_WITHIN_MS);
}

/* The timer is not moved at every octet; it looks again when it fires. */
static void set_timer(struct pop3_session *s)
{
    uint64_t at = pop3_deadline_ms(s->machine);

    if (at == UINT64_MAX)
        at = loop_now_ms(s->service->loop) + s->service->settings.limits.idle_ms_max;
    timer_set(&s->timer, at);
}

static void greet(struct pop3_session *s)
{
    struct pop3_service *v = s->service;
    struct address peer = stream_peer(s->stream);
    unsigned begin = 0;

    if (stream_is_secure(s->stream))
        begin |= POP3_FROM_TLS;
    if (v->settings.plain_on_loopback && address_is_loopback(&peer))
        begin |= POP3_PLAIN_AUTH;
    s->mem = arena_new(sizeof(void *) * 64);
    s->machine = pop3_new(s->mem, &v->options, begin, loop_now_ms(v->loop));
    set_timer(s);
    pump(s);
}

/* ---- logging in ---- */

static void login_refused(struct pop3_session *s, enum err e)
{
    leave_keeper(s);
    arena_free(s->login);
    s->login = NULL;
    pop3_answer(s->machine, false, error_words(e)->pop3);
    pump(s);
}

static void ask_sizes(struct pop3_session *s, uint32_t from);

static void login_accepted(struct pop3_session *s)
{
    arena_free(s->login);
    s->login = NULL;
    pop3_answer(s->machine, true, STR("Welcome"));
    set_timer(s); /* from now on silence counts, which may end sooner */
    pump(s);
}

static void got_sizes(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        login_refused(s, e);
        return;
    }
    for (size_t i = 0; i < rep->rows_count; i++)
        pop3_add_message(s->machine, rep->rows[i].uid, rep->rows[i].size);
    if (rep->next != 0)
        ask_sizes(s, rep->next);
    else
        login_accepted(s);
}

static void ask_sizes(struct pop3_session *s, uint32_t from)
{
    struct keep_fetch_req req = { .session = s->keeper_session,
                                  .mailbox = s->mailbox,
                                  .uids = s->uids,
                                  .from = from,
                                  .items = ITEM_SIZE };

    s->ticket = keeper_fetch(s->service->keeper, &req, got_sizes, s);
}

static void got_mailbox(void *ctx, enum err e, const struct keep_select_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        login_refused(s, e);
        return;
    }
    s->mailbox = rep->mailbox;
    pop3_set_uidvalidity(s->machine, rep->uidvalidity);
    if (rep->exists == 0) {
        login_accepted(s);
        return;
    }
    s->login = arena_new(rep->uids.len + 64);
    s->uids = arena_copy(s->login, rep->uids);
    ask_sizes(s, 0);
}

/* A wrong password is answered late, which costs a guesser time and us nothing. */
static void got_login(void *ctx, enum err e, const struct keep_login_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;
    struct keep_select_req req = { .name = STR("INBOX"), .write = true, .lock = true };

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        s->refusal = e;
        timer_set_in(&s->timer, e == ERR_AUTH ? s->service->settings.login_delay_ms : 0);
        return;
    }
    s->keeper_session = req.session = rep->session;
    s->ticket = keeper_select(s->service->keeper, &req, got_mailbox, s);
}

/* Acting as somebody else is nobody's right here (RFC 4616 2). */
static void ask_login(struct pop3_session *s, const struct sasl_login *login)
{
    struct address peer = stream_peer(s->stream);
    struct buf text = { 0 };
    struct keep_login_req req = { .name = login->authcid,
                                  .password = login->password,
                                  .service = STR("pop3") };

    if (login->authzid.len > 0 && !str_eq(login->authzid, login->authcid)) {
        s->refusal = ERR_DENIED;
        timer_set_in(&s->timer, 0);
        return;
    }
    address_format(&peer, &text);
    req.peer = buf_str(&text);
    s->ticket = keeper_login(s->service->keeper, &req, got_login, s);
    buf_deinit(&text);
}

/* ---- messages ---- */

static void got_page(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;
    const struct keep_part *part;

    (void)file;
    s->ticket = 0;
    if (e == OK && (rep->rows_count != 1 || rep->rows[0].parts_count != 1))
        e = ERR_NOT_FOUND; /* another session has removed it */
    if (e != OK) {
        pop3_answer(s->machine, false, error_words(e)->pop3);
        pump(s);
        return;
    }
    part = &rep->rows[0].parts[0];
    if (s->read_offset + part->bytes.len >= part->total)
        pop3_page(s->machine, part->bytes, true);
    else if (part->bytes.len > 0)
        pop3_page(s->machine, part->bytes, false);
    else
        pop3_answer(s->machine, false, error_words(ERR_CORRUPT)->pop3);
    pump(s);
}

static void ask_page(struct pop3_session *s, struct pop3_read read)
{
    struct keep_want want = { .section = STR_EMPTY, .offset = read.offset, .length = READ_BYTES };
    struct keep_fetch_req req = { .session = s->keeper_session,
                                  .mailbox = s->mailbox,
                                  .wants = &want,
                                  .wants_count = 1,
                                  .mark_seen = read.whole && read.offset == 0 };
    struct uidset set = { 0 };
    struct buf uids = { 0 };

    s->read_offset = read.offset;
    uidset_add(&set, read.uid);
    uidset_encode(&set, &uids);
    req.uids = buf_str(&uids);
    s->ticket = keeper_fetch(s->service->keeper, &req, got_page, s);
    buf_deinit(&uids);
    uidset_deinit(&set);
}

static void updated(void *ctx, enum err e, const struct keep_expunge_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;

    (void)rep;
    (void)file;
    s->ticket = 0;
    pop3_answer(s->machine, e == OK, e == OK ? STR("Goodbye") : error_words(e)->pop3);
    pump(s);
}

static void ask_update(struct pop3_session *s)
{
    struct keep_expunge_req req = { .session = s->keeper_session, .mailbox = s->mailbox };
    struct uidset set = { 0 };
    struct buf uids = { 0 };
    size_t at = 0;
    uint32_t uid;

    while (pop3_next_deleted(s->machine, &at, &uid))
        uidset_add(&set, uid);
    uidset_encode(&set, &uids);
    req.uids = buf_str(&uids);
    s->ticket = keeper_expunge(s->service->keeper, &req, updated, s);
    buf_deinit(&uids);
    uidset_deinit(&set);
}

/* ---- the pump ---- */

/* One event; false when something else must happen first. */
static bool handle(struct pop3_session *s)
{
    struct pop3_out out;

    switch (pop3_next(s->machine, &out)) {
    case POP3_WANT_BYTES:
        return false;
    case POP3_SEND:
        stream_write(s->stream, out.text);
        return true;
    case POP3_CHECK_LOGIN:
        ask_login(s, out.login);
        return false;
    case POP3_READ:
        ask_page(s, out.read);
        return false;
    case POP3_UPDATE:
        ask_update(s);
        return false;
    case POP3_START_TLS:
        stream_drop_held(s->stream);
        stream_start_tls_server(s->stream, s->service->tls);
        return false;
    case POP3_CLOSE:
        finish(s);
        return false;
    }
    BUG("unknown event");
}

static void pump(struct pop3_session *s)
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
    struct pop3_session *s = ctx;
    size_t used = 0, taken;

    if (s->machine == NULL)
        return 0;
    s->unread = false;
    pop3_tick(s->machine, loop_now_ms(s->service->loop));
    do {
        taken = s->closing ? 0 : pop3_feed(s->machine, str_skip(bytes, used));
        used += taken;
        pump(s);
    } while (taken > 0 && used < bytes.len && s->ticket == 0);
    s->unread = !s->closing && used < bytes.len;
    return s->closing ? bytes.len : used;
}

static void on_drained(void *ctx)
{
    struct pop3_session *s = ctx;

    if (s->machine != NULL)
        pump(s);
}

static void on_secured(void *ctx, enum err e, const struct errinfo *why)
{
    struct pop3_session *s = ctx;

    (void)why;
    if (e != OK) {
        session_free(s);
        return;
    }
    if (s->machine == NULL) {
        greet(s);
        return;
    }
    pop3_tls_started(s->machine);
    pump(s);
}

static void on_closed(void *ctx, enum err why)
{
    (void)why;
    session_free(ctx);
}

/* The peer has ended its side; what it said before still gets its answers. The pump resumes the
 * stream when the present one is there, as if octets had been left. */
static bool on_busy(void *ctx)
{
    struct pop3_session *s = ctx;

    s->unread = !s->closing && (s->unread || s->ticket != 0 || s->refusal != OK);
    return s->unread;
}

static const struct stream_events events = { .bytes = on_bytes,
                                             .drained = on_drained,
                                             .secured = on_secured,
                                             .closed = on_closed,
                                             .busy = on_busy };

/* A peer that takes nothing of what it asked for, from one time to the next. */
static bool is_stuck(struct pop3_session *s)
{
    size_t then = s->queued_then;

    s->queued_then = stream_queued(s->stream);
    return then != 0 && then == s->queued_then;
}

static void on_timer(void *ctx)
{
    struct pop3_session *s = ctx;
    enum err refusal = s->refusal;

    if (s->machine == NULL || is_stuck(s)) { /* or a handshake that never ended */
        session_free(s);
        return;
    }
    set_timer(s);
    if (refusal != OK) {
        s->refusal = OK;
        login_refused(s, refusal);
        return;
    }
    pop3_tick(s->machine, loop_now_ms(s->service->loop));
    pump(s);
}

/* ---- the service ---- */

void pop3_service_reload(struct pop3_service *v, struct tls_server *tls,
                         const struct pop3_settings *settings)
{
    v->tls = tls;
    v->settings = *settings;
    v->options = (struct pop3_options){ .host = settings->host,
                                        .limits = settings->limits,
                                        .tls_offered = tls != NULL };
}

void pop3_service_init(struct pop3_service *v, struct loop *l, struct keeper_client *keeper,
                       struct tls_server *tls, const struct pop3_settings *settings)
{
    *v = (struct pop3_service){ .loop = l, .keeper = keeper };
    pop3_service_reload(v, tls, settings);
    list_init(&v->sessions);
    crowd_init(&v->crowd, l);
}

void pop3_service_deinit(struct pop3_service *v)
{
    v->stopped = NULL;
    while (!list_empty(&v->sessions))
        session_free(LIST_ITEM(v->sessions.next, struct pop3_session, link));
    crowd_deinit(&v->crowd);
}

void pop3_service_accept(struct pop3_service *v, struct stream *stream, bool tls_at_once)
{
    struct address peer = stream_peer(stream);
    struct pop3_session *s = calloc(1, sizeof(*s));

    BUG_ON(s == NULL);
    s->service = v;
    s->stream = stream;
    s->place = crowd_enter(&v->crowd, &peer);
    list_add_last(&v->sessions, &s->link);
    v->count++;
    timer_init(&s->timer, v->loop, on_timer, s);
    stream_set_events(stream, &events, s);
    if ((tls_at_once && v->tls == NULL) || v->stopped != NULL) {
        session_free(s);
    } else if (v->count > v->settings.sessions_max ||
               crowd_size(s->place) > v->settings.sessions_per_address_max) {
        stream_write(stream, STR("-ERR [SYS/TEMP] Too many connections; try again later\r\n"));
        finish(s);
    } else if (tls_at_once) {
        timer_set_in(&s->timer, v->settings.limits.login_ms_max);
        stream_start_tls_server(stream, v->tls);
    } else {
        greet(s);
    }
}

static void stop_session(struct pop3_session *s, struct str text)
{
    if (s->machine == NULL || s->closing)
        return;
    pop3_stop(s->machine, text);
    pump(s);
}

void pop3_service_lost(struct pop3_service *v)
{
    LIST_EACH_SAFE(it, &v->sessions)
    {
        struct pop3_session *s = LIST_ITEM(it, struct pop3_session, link);

        if (s->keeper_session == 0)
            continue;
        s->keeper_session = 0;
        stop_session(s, STR("[SYS/TEMP] Connect again"));
    }
}

void pop3_service_stop(struct pop3_service *v, void (*stopped)(void *ctx), void *ctx)
{
    if (v->count == 0) {
        stopped(ctx);
        return;
    }
    v->stopped = stopped;
    v->ctx = ctx;
    LIST_EACH_SAFE(it, &v->sessions)
    {
        struct pop3_session *s = LIST_ITEM(it, struct pop3_session, link);

        if (s->machine == NULL)
            session_free(s);
        else
            stop_session(s, STR("[SYS/TEMP] Closing; connect again soon"));
    }
}
