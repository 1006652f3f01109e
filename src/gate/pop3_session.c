/* gate/pop3_session.c - POP3 connections.
 *
 * A log-in is three questions: login, select with POP3's lock, and the sizes in pages; the machine
 * learns of it when all three are answered. Where lines end otherwise than with CRLF RETR sends
 * more octets than are stored; such messages, which are rare, are read and counted first. A message
 * is one question, or several when it is long; for a peer that takes one message after the other
 * many messages are (pop3_ahead.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/pop3_session.h"

#include "gate/conn.h"
#include "gate/error_map.h"
#include "gate/pop3_ahead.h"
#include "gate/session_log.h"
#include "message/set/uidset.h"
#include "proto/dot.h"

enum { READ_BYTES = 64 * 1024 }; /* octets of a message asked for at a time */

struct pop3_session {
    struct conn conn;
    struct pop3_service *service;
    struct crowd_place *place;
    struct arena *mem;
    struct pop3 *machine;  /* null until the greeting */
    struct pop3_read read; /* under way */
    uint32_t next_number;  /* of the message that a peer who walks will want */
    uint32_t mailbox;
    struct pop3_ahead *ahead; /* null unless the peer walks */
    bool waits_ahead;         /* conn.ticket is the question of `ahead` */
    enum err removal;         /* of the marked messages, while the lock is given back */
    struct session_tally tally;
    struct arena *login; /* while a log-in is under way: the UIDs of the mailbox */
    struct str uids;
    struct uidset odd; /* likewise: messages of which RETR sends more octets than there are */
    struct {           /* the one that is counted */
        uint32_t uid;
        uint64_t offset, octets;
        struct dot_writer lines;
    } count;
};

/* ---- what was read ---- */

static struct pop3_mail mail_of(const struct pop3_session *s)
{
    return (struct pop3_mail){ .loop = s->service->loop,
                               .keeper = s->service->keeper,
                               .session = s->conn.keeper_session,
                               .mailbox = s->mailbox };
}

/* A session of keeper that outlives ours until the messages are marked; in the service. */
struct pop3_leaving {
    struct list link;
    struct pop3_service *service;
    uint64_t keeper_session, ticket;
};

static void ignore_logout(void *ctx, enum err e, const struct keep_logout_rep *rep,
                          struct file *file)
{
    (void)ctx, (void)e, (void)rep, (void)file;
}

static void leave(void *ctx, enum err e, const struct keep_store_rep *rep, struct file *file)
{
    struct pop3_leaving *l = ctx;
    struct keep_logout_req req = { .session = l->keeper_session };

    (void)e, (void)rep, (void)file;
    (void)keeper_logout(l->service->keeper, &req, ignore_logout, NULL);
    list_remove(&l->link);
    free(l);
}

/* A connection that ends in the middle has still read what it was given. */
static void leave_when_marked(struct pop3_session *s)
{
    struct pop3_mail mail = mail_of(s);
    struct uidset seen = { 0 };

    if (s->ahead != NULL)
        pop3_ahead_seen(s->ahead, &seen);
    if (!uidset_empty(&seen) && mail.session != 0) {
        struct pop3_leaving *l = calloc(1, sizeof *l);

        BUG_ON(l == NULL);
        l->service = s->service;
        l->keeper_session = mail.session;
        list_add_last(&s->service->leaving, &l->link);
        s->conn.keeper_session = 0;
        l->ticket = pop3_mark_seen(&mail, &seen, leave, l);
    }
    uidset_deinit(&seen);
}

/* ---- begin and end ---- */

static void session_free(void *session)
{
    struct pop3_session *s = session;
    struct pop3_service *v = s->service;

    leave_when_marked(s);
    pop3_ahead_free(s->ahead);
    session_log_end(v->settings.log, "pop3.closed", s->conn.stream, &s->tally,
                    loop_now_ms(v->loop));
    conn_deinit(&s->conn);
    if (s->machine != NULL)
        pop3_deinit(s->machine);
    arena_free(s->login);
    uidset_deinit(&s->odd);
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
    const struct pop3_session *s = session;
    uint64_t at = pop3_deadline_ms(s->machine);

    return at != UINT64_MAX
               ? at
               : loop_now_ms(s->service->loop) + s->service->settings.limits.idle_ms_max;
}

static void offer_logins(struct pop3_session *s)
{
    pop3_offer(s->machine, login_offers(s->service->settings.offers, s->conn.stream, true));
}

static void greet(void *session)
{
    struct pop3_session *s = session;
    struct pop3_service *v = s->service;
    struct address peer = stream_peer(s->conn.stream);
    unsigned begin = 0;

    if (stream_is_secure(s->conn.stream))
        begin |= POP3_FROM_TLS;
    if (v->settings.plain_on_loopback && address_is_loopback(&peer))
        begin |= POP3_PLAIN_AUTH;
    s->mem = arena_new(sizeof(void *) * 64);
    s->machine = pop3_new(s->mem, &v->options, begin, loop_now_ms(v->loop));
    offer_logins(s);
}

/* ---- logging in ---- */

static void forget_login(struct pop3_session *s)
{
    arena_free(s->login);
    s->login = NULL;
    uidset_deinit(&s->odd);
}

static void login_refused(void *session, enum err e)
{
    struct pop3_session *s = session;

    session_log_login(s->service->settings.log, "pop3.login_refused", s->conn.stream,
                      &(struct login_result){ .e = e });
    conn_leave_keeper(&s->conn);
    forget_login(s);
    /* RFC 2449 8.1.1: the password was right, but it is too soon. */
    pop3_answer(s->machine, false,
                e == ERR_REFUSED ? STR("[LOGIN-DELAY] You were here a moment ago; wait a little")
                                 : error_words(e)->pop3);
    conn_pump(&s->conn);
}

static void ask_sizes(struct pop3_session *s, uint32_t from);

static void login_accepted(struct pop3_session *s)
{
    forget_login(s);
    pop3_answer(s->machine, true, STR("Welcome"));
    conn_set_timer(&s->conn); /* from now on silence counts, which may end sooner */
    conn_pump(&s->conn);
}

/* One message of a page, or the first octets of it. */
static bool count_row(struct pop3_session *s, const struct keep_row *row)
{
    const struct keep_part *part = &row->parts[0];

    s->count.uid = row->uid;
    s->count.octets += dot_measure(&s->count.lines, part->bytes);
    s->count.offset += part->bytes.len;
    if (s->count.offset < part->total)
        return part->bytes.len > 0;
    pop3_set_size(s->machine, row->uid, s->count.octets + dot_measure_end(&s->count.lines));
    s->count.offset = s->count.octets = 0;
    s->count.lines = (struct dot_writer){ 0 };
    return true;
}

static void ask_count(struct pop3_session *s, uint32_t from);

static void got_count(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;
    bool alone = s->count.offset > 0; /* the page was of this message alone */

    (void)file;
    s->conn.ticket = 0;
    for (size_t i = 0; e == OK && i < rep->rows_count; i++)
        if (rep->rows[i].parts_count != 1 || !count_row(s, &rep->rows[i]))
            e = ERR_CORRUPT;
    if (e != OK)
        login_refused(s, e);
    else if (s->count.offset > 0 && rep->rows_count > 0)
        ask_count(s, s->count.uid);
    else if (alone && s->count.uid < UINT32_MAX) {
        s->count.offset = s->count.octets = 0; /* also when it was expunged in between */
        s->count.lines = (struct dot_writer){ 0 };
        ask_count(s, s->count.uid + 1);
    } else if (rep->next != 0)
        ask_count(s, rep->next);
    else
        login_accepted(s);
}

/* All that begin at `from`; the rest of one that is longer than a page alone. */
static void ask_count(struct pop3_session *s, uint32_t from)
{
    struct keep_want want = { .offset = s->count.offset, .length = UINT32_MAX };
    struct keep_fetch_req req = { .session = s->conn.keeper_session,
                                  .mailbox = s->mailbox,
                                  .from = from,
                                  .wants = &want,
                                  .wants_count = 1 };
    struct uidset one = { 0 };
    struct buf uids = { 0 };

    if (s->count.offset > 0)
        uidset_add(&one, s->count.uid);
    uidset_encode(s->count.offset > 0 ? &one : &s->odd, &uids);
    req.uids = buf_str(&uids);
    s->conn.ticket = keeper_fetch(s->service->keeper, &req, got_count, s);
    buf_deinit(&uids);
    uidset_deinit(&one);
}

static void got_sizes(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;

    (void)file;
    s->conn.ticket = 0;
    if (e != OK) {
        login_refused(s, e);
        return;
    }
    for (size_t i = 0; i < rep->rows_count; i++) {
        bool odd = rep->rows[i].size == UINT64_MAX;

        pop3_add_message(s->machine, rep->rows[i].uid, odd ? 0 : rep->rows[i].size);
        if (odd)
            uidset_add(&s->odd, rep->rows[i].uid);
        if (rep->rows[i].uidl.len > 0)
            pop3_set_uidl(s->machine, rep->rows[i].uidl);
    }
    if (rep->next != 0)
        ask_sizes(s, rep->next);
    else if (uidset_empty(&s->odd))
        login_accepted(s);
    else
        ask_count(s, 0);
}

static void ask_sizes(struct pop3_session *s, uint32_t from)
{
    struct keep_fetch_req req = { .session = s->conn.keeper_session,
                                  .mailbox = s->mailbox,
                                  .uids = s->uids,
                                  .from = from,
                                  .items = ITEM_SIZE | ITEM_UIDL | ITEM_WIRE_SIZE };

    s->conn.ticket = keeper_fetch(s->service->keeper, &req, got_sizes, s);
}

static void got_mailbox(void *ctx, enum err e, const struct keep_select_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;

    (void)file;
    s->conn.ticket = 0;
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

static void challenge(void *session, struct str words, bool last)
{
    struct pop3_session *s = session;

    pop3_challenge(s->machine, words, last);
    conn_pump(&s->conn);
}

static void logged_in(void *session, const struct login_result *r)
{
    struct pop3_session *s = session;
    struct keep_select_req req = {
        .session = r->session, .name = STR("INBOX"), .write = true, .lock = true
    };

    s->tally.account = r->account;
    session_log_login(s->service->settings.log, "pop3.login", s->conn.stream, r);
    s->conn.ticket = keeper_select(s->service->keeper, &req, got_mailbox, s);
}

/* ---- messages ---- */

static void got_page(void *ctx, enum err e, const struct keep_fetch_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;
    const struct keep_part *part;

    (void)file;
    s->conn.ticket = 0;
    if (e == OK && (rep->rows_count != 1 || rep->rows[0].parts_count != 1))
        e = ERR_NOT_FOUND; /* another session has removed it */
    if (e != OK) {
        pop3_answer(s->machine, false, error_words(e)->pop3);
        conn_pump(&s->conn);
        return;
    }
    part = &rep->rows[0].parts[0];
    if (s->read.offset + part->bytes.len >= part->total)
        pop3_page(s->machine, part->bytes, true);
    else if (part->bytes.len > 0)
        pop3_page(s->machine, part->bytes, false);
    else
        pop3_answer(s->machine, false, error_words(ERR_CORRUPT)->pop3);
    conn_pump(&s->conn);
}

static void ask_page(struct pop3_session *s)
{
    struct pop3_read read = s->read;
    struct keep_want want = { .section = STR_EMPTY, .offset = read.offset, .length = READ_BYTES };
    struct keep_fetch_req req = { .session = s->conn.keeper_session,
                                  .mailbox = s->mailbox,
                                  .wants = &want,
                                  .wants_count = 1,
                                  .mark_seen = read.whole && read.offset == 0 };
    struct uidset set = { 0 };
    struct buf uids = { 0 };

    uidset_add(&set, read.uid);
    uidset_encode(&set, &uids);
    req.uids = buf_str(&uids);
    s->conn.ticket = keeper_fetch(s->service->keeper, &req, got_page, s);
    buf_deinit(&uids);
    uidset_deinit(&set);
}

/* The message may be there, but it is not waited for: whatever became of the question, it may be
 * asked for alone. */
static bool read_from_ahead(struct pop3_session *s)
{
    struct str octets;

    if (!pop3_ahead_take(s->ahead, s->read.uid, &octets))
        return false;
    pop3_page(s->machine, octets, true);
    pop3_ahead_ask_on(s->ahead, s->machine);
    return true;
}

static void ahead_came(void *ctx)
{
    struct pop3_session *s = ctx;

    if (!s->waits_ahead)
        return;
    s->waits_ahead = false;
    s->conn.ticket = 0;
    if (!read_from_ahead(s))
        ask_page(s);
    conn_pump(&s->conn);
}

static void ignore_store(void *ctx, enum err e, const struct keep_store_rep *rep, struct file *file)
{
    (void)ctx, (void)e, (void)rep, (void)file;
}

/* A peer that rests costs no memory. */
static void ahead_rests(void *ctx)
{
    struct pop3_session *s = ctx;
    struct pop3_mail mail = mail_of(s);
    struct uidset seen = { 0 };

    if (s->waits_ahead)
        return; /* keeper is slow, not the peer */
    pop3_ahead_seen(s->ahead, &seen);
    if (!uidset_empty(&seen) && mail.session != 0)
        (void)pop3_mark_seen(&mail, &seen, ignore_store, NULL);
    uidset_deinit(&seen);
    pop3_ahead_free(s->ahead);
    s->ahead = NULL;
}

/* True when the message is there, or on its way with others. The first message that a peer takes
 * says nothing yet about the next. */
static bool walk_on(struct pop3_session *s)
{
    static const struct pop3_ahead_events events = { ahead_came, ahead_rests };
    bool walks = s->read.number == s->next_number;

    s->next_number = s->read.number + 1;
    if (!walks)
        return false;
    if (s->ahead == NULL) {
        struct pop3_mail mail = mail_of(s);

        s->ahead = pop3_ahead_new(&mail, &events, s);
    }
    if (read_from_ahead(s))
        return true;
    pop3_ahead_ask(s->ahead, s->machine, s->read.number);
    s->conn.ticket = pop3_ahead_awaits(s->ahead, s->read.uid);
    s->waits_ahead = s->conn.ticket != 0;
    return s->waits_ahead;
}

static void read_message(struct pop3_session *s, struct pop3_read read)
{
    s->read = read;
    if (!read.whole || read.offset > 0 || !walk_on(s))
        ask_page(s);
}

static void released(void *ctx, enum err e, const struct keep_unselect_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;

    (void)e; /* what cannot be unlocked is unlocked by the log-out */
    (void)rep;
    (void)file;
    s->conn.ticket = 0;
    pop3_answer(s->machine, s->removal == OK,
                s->removal == OK ? STR("Goodbye") : error_words(s->removal)->pop3);
    conn_pump(&s->conn);
}

/* The lock goes before the goodbye (RFC 1939 6), so that who hears it can log in again at once. */
static void release(struct pop3_session *s, enum err removal)
{
    struct keep_unselect_req req = { .session = s->conn.keeper_session, .mailbox = s->mailbox };

    s->removal = removal;
    s->conn.ticket = keeper_unselect(s->service->keeper, &req, released, s);
}

static void updated(void *ctx, enum err e, const struct keep_expunge_rep *rep, struct file *file)
{
    (void)rep;
    (void)file;
    release(ctx, e);
}

static void remove_marked(struct pop3_session *s)
{
    struct keep_expunge_req req = { .session = s->conn.keeper_session, .mailbox = s->mailbox };
    struct uidset set = { 0 };
    struct buf uids = { 0 };
    size_t at = 0;
    uint32_t uid;

    while (pop3_next_deleted(s->machine, &at, &uid))
        uidset_add(&set, uid);
    if (uidset_empty(&set)) {
        release(s, OK);
        return;
    }
    uidset_encode(&set, &uids);
    req.uids = buf_str(&uids);
    s->conn.ticket = keeper_expunge(s->service->keeper, &req, updated, s);
    buf_deinit(&uids);
    uidset_deinit(&set);
}

static void seen_marked(void *ctx, enum err e, const struct keep_store_rep *rep, struct file *file)
{
    struct pop3_session *s = ctx;

    (void)e, (void)rep, (void)file; /* as for a message that is read alone: it has been read */
    s->conn.ticket = 0;
    remove_marked(s);
}

static void ask_update(struct pop3_session *s)
{
    struct pop3_mail mail = mail_of(s);
    struct uidset seen = { 0 };

    if (s->ahead != NULL)
        pop3_ahead_seen(s->ahead, &seen);
    pop3_ahead_free(s->ahead);
    s->ahead = NULL;
    if (uidset_empty(&seen))
        remove_marked(s);
    else
        s->conn.ticket = pop3_mark_seen(&mail, &seen, seen_marked, s);
    uidset_deinit(&seen);
}

/* ---- the pump ---- */

/* One event; false when something else must happen first. */
static bool handle(void *session)
{
    struct pop3_session *s = session;
    struct pop3_out out;

    switch (pop3_next(s->machine, &out)) {
    case POP3_WANT_BYTES:
        return false;
    case POP3_SEND:
        s->tally.octets_out += out.text.len;
        stream_write(s->conn.stream, out.text);
        return true;
    case POP3_CHECK_LOGIN:
        s->conn.login_delay_ms = s->service->settings.login_delay_ms;
        conn_ask_login(&s->conn, out.login, STR("pop3"));
        return false;
    case POP3_READ:
        read_message(s, out.read);
        return s->conn.ticket == 0;
    case POP3_UPDATE:
        ask_update(s);
        return false;
    case POP3_START_TLS:
        conn_start_tls(&s->conn, s->service->tls);
        return false;
    case POP3_CLOSE:
        conn_finish(&s->conn);
        return false;
    }
    BUG("unknown event");
}

static size_t feed(void *session, struct str bytes)
{
    struct pop3_session *s = session;
    size_t taken = pop3_feed(s->machine, bytes);

    s->tally.octets_in += taken;
    return taken;
}

static void tick(void *session, uint64_t now_ms)
{
    pop3_tick(((struct pop3_session *)session)->machine, now_ms);
}

static void tls_started(void *session)
{
    struct pop3_session *s = session;

    pop3_tls_started(s->machine);
    offer_logins(s);
}

static const struct conn_kind kind = { .greet = greet,
                                       .feed = feed,
                                       .handle = handle,
                                       .tick = tick,
                                       .deadline_ms = deadline_ms,
                                       .tls_started = tls_started,
                                       .challenge = challenge,
                                       .logged_in = logged_in,
                                       .login_refused = login_refused,
                                       .drop = session_free };

/* ---- the service ---- */

void pop3_service_reload(struct pop3_service *v, struct tls_server *tls,
                         const struct pop3_settings *settings)
{
    v->tls = tls;
    v->settings = *settings;
    v->options = (struct pop3_options){ .host = settings->host,
                                        .limits = settings->limits,
                                        .tls_offered = tls != NULL,
                                        .login_delay_s = settings->between_logins_s };
}

void pop3_service_init(struct pop3_service *v, struct loop *l, struct keeper_client *keeper,
                       struct tls_server *tls, const struct pop3_settings *settings)
{
    *v = (struct pop3_service){ .loop = l, .keeper = keeper };
    pop3_service_reload(v, tls, settings);
    list_init(&v->sessions);
    list_init(&v->leaving);
    crowd_init(&v->crowd, l);
}

void pop3_service_deinit(struct pop3_service *v)
{
    v->stopped = NULL;
    while (!list_empty(&v->sessions))
        session_free(LIST_ITEM(v->sessions.next, struct pop3_session, conn.link));
    while (!list_empty(&v->leaving)) {
        struct pop3_leaving *l = LIST_ITEM(list_first(&v->leaving), struct pop3_leaving, link);

        keeper_forget(v->keeper, l->ticket);
        list_remove(&l->link);
        free(l);
    }
    crowd_deinit(&v->crowd);
}

void pop3_service_accept(struct pop3_service *v, struct stream *stream, bool tls_at_once)
{
    struct address peer = stream_peer(stream);
    struct pop3_session *s = calloc(1, sizeof(*s));

    BUG_ON(s == NULL);
    s->service = v;
    s->conn = (struct conn){
        .loop = v->loop, .keeper = v->keeper, .stream = stream, .kind = &kind, .session = s
    };
    s->place = crowd_enter(&v->crowd, &peer);
    s->tally.begun_s = (uint32_t)(loop_now_ms(v->loop) / 1000);
    session_log_begin(v->settings.log, "pop3.open", stream);
    list_add_last(&v->sessions, &s->conn.link);
    v->count++;
    conn_init(&s->conn);
    if ((tls_at_once && v->tls == NULL) || v->stopped != NULL) {
        session_free(s);
    } else if (v->count > v->settings.sessions_max ||
               crowd_size(s->place) > v->settings.sessions_per_address_max) {
        stream_write(stream, STR("-ERR [SYS/TEMP] Too many connections; try again later\r\n"));
        conn_finish(&s->conn);
    } else if (tls_at_once) {
        timer_set_in(&s->conn.timer, v->settings.limits.login_ms_max);
        stream_start_tls_server(stream, v->tls);
    } else {
        conn_greet(&s->conn);
    }
}

static void stop_session(struct pop3_session *s, struct str text)
{
    if (s->machine == NULL || s->conn.closing)
        return;
    pop3_stop(s->machine, text);
    conn_pump(&s->conn);
}

void pop3_service_lost(struct pop3_service *v)
{
    LIST_EACH_SAFE(it, &v->sessions)
    {
        struct pop3_session *s = LIST_ITEM(it, struct pop3_session, conn.link);

        if (s->conn.keeper_session == 0)
            continue;
        s->conn.keeper_session = 0;
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
        struct pop3_session *s = LIST_ITEM(it, struct pop3_session, conn.link);

        if (s->machine == NULL)
            session_free(s);
        else
            stop_session(s, STR("[SYS/TEMP] Closing; connect again soon"));
    }
}
