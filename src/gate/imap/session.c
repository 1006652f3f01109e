/* gate/imap/session.c - the life of a connection, and the pump between machine, stream and keeper.
 *
 * The pump runs after everything that comes from outside: octets, a reply of keeper, a handshake, a
 * timer. It stops when the machine wants octets or when a command waits for keeper. While a command
 * is under way the machine takes no octets, so what a client pipelines waits in the stream. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"
#include "gate/imap/search/contexts.h"

#include "gate/error_map.h"
#include "gate/imap/wire/compression.h"
#include "proto/imap/caps.h"
#include "proto/imap/reply.h"
#include "proto/sasl.h"

enum {
    FINISH_WITHIN_MS = 5000,
    QUEUE_BYTES_MAX = 512 * 1024, /* unsent octets at which the next page waits: more than one,
                                     so that keeper makes one while the peer takes the other */
    OUT_KEEP_BYTES = 0,
};

#define CMD_ENTRY(VERB, function, ...) [IMAP_CMD_##VERB] = imap_cmd_##function,
static const imap_cmd_fn commands[IMAP_CMD_COUNT] = { IMAP_COMMANDS(CMD_ENTRY) };
#undef CMD_ENTRY

/* ---- events of the stream ---- */

/* Who does not read gets nothing more to read: the next command waits until the queue is out. */
bool imap_session_is_full(const struct imap_session *s)
{
    return stream_queued(s->stream) > QUEUE_BYTES_MAX;
}

static size_t on_bytes(void *ctx, struct str bytes)
{
    struct imap_session *s = ctx;
    size_t used = 0, taken;

    s->active_ms = loop_now_ms(s->service->loop);
    if (s->compression != NULL)
        return compression_feed(s, bytes);
    do {
        taken = s->closing || s->handshake || s->pushing || imap_session_is_full(s)
                    ? 0
                    : imap_feed(s->machine, str_skip(bytes, used));
        used += taken;
        s->tally.octets_in += taken;
        imap_session_pump(s);
    } while (taken > 0 && used < bytes.len && s->compression == NULL);
    if (s->compression != NULL) /* COMPRESS was among them */
        used += compression_feed(s, str_skip(bytes, used));

    /* What came ahead of a handshake, or behind the end, is dropped. */
    return s->closing || s->handshake ? bytes.len : used;
}

static void on_drained(void *ctx)
{
    struct imap_session *s = ctx;
    void (*resume)(struct imap_session *) = s->resume;

    s->active_ms = loop_now_ms(s->service->loop);
    s->resume = NULL;
    if (resume != NULL) {
        resume(s);
    } else {
        stream_resume(s->stream);
        notify_push(s);
    }
}

static uint32_t offers(const struct imap_service *v, const struct stream *stream, bool plain)
{
    return login_offers(v->settings.offers, stream, plain) << IMAP_OFFERS_SHIFT;
}

static void on_secured(void *ctx, enum err e, const struct errinfo *why)
{
    struct imap_session *s = ctx;

    (void)why;
    if (e != OK) {
        imap_session_free(s);
        return;
    }
    s->handshake = false;
    imap_set_facts(s->machine, IMAP_SECURE | IMAP_LOGIN_OK | offers(s->service, s->stream, true),
                   IMAP_TLS_READY | IMAP_OFFERS_MASK);
    if (s->greeted)
        imap_tls_started(s->machine);
    else
        imap_session_greet(s);
}

static void on_closed(void *ctx, enum err why)
{
    (void)why;
    imap_session_free(ctx);
}

/* The peer has ended its side; the command under way still gets its answer. */
static bool on_busy(void *ctx)
{
    const struct imap_session *s = ctx;

    return s->ticket != 0 || login_is_asking(s->login) || s->resume != NULL || s->later != NULL ||
           imap_session_is_full(s);
}

static const struct stream_events events = { .bytes = on_bytes,
                                             .drained = on_drained,
                                             .secured = on_secured,
                                             .closed = on_closed,
                                             .busy = on_busy };

/* ---- time ---- */

/* Autologout (RFC 3501 5.4). The timer is not moved at each octet; it looks when it fires. */
static void on_timer(void *ctx)
{
    struct imap_session *s = ctx;
    void (*later)(struct imap_session *) = s->later;
    uint64_t now = loop_now_ms(s->service->loop), max = s->service->settings.idle_ms_max;

    s->later = NULL;
    if (s->keeper_session != 0 && now < s->active_ms + max)
        timer_set(&s->timer, s->active_ms + max);
    if (later != NULL)
        later(s);
    else if (s->keeper_session == 0)
        imap_session_bye(s, STR("Log in sooner"));
    else if (now >= s->active_ms + max)
        imap_session_bye(s, STR("Autologout; idle for too long"));
}

/* ---- begin and end ---- */

static uint32_t first_facts(const struct imap_service *v, const struct stream *stream)
{
    struct address peer = stream_peer(stream);
    uint32_t facts = v->tls != NULL ? IMAP_TLS_READY : 0;

    if (v->settings.plain_on_loopback && address_is_loopback(&peer))
        facts |= IMAP_LOGIN_OK | offers(v, stream, true);
    return facts;
}

struct imap_session *imap_session_new(struct imap_service *v, struct stream *stream)
{
    struct imap_session *s = calloc(1, sizeof(*s));
    struct address peer = stream_peer(stream);

    if (s == NULL)
        BUG("out of memory");
    s->service = v;
    s->stream = stream;
    s->machine = imap_new(&v->settings.limits, first_facts(v, stream));
    s->active_ms = loop_now_ms(v->loop);
    s->tally.begun_s = (uint32_t)(s->active_ms / 1000);
    s->place = crowd_enter(&v->crowd, &peer);
    session_log_begin(v->settings.log, "imap.open", stream);
    list_add_last(&v->sessions, &s->link);
    list_init(&s->same_account);
    v->count++;
    stream_set_events(stream, &events, s);
    timer_init(&s->timer, v->loop, on_timer, s);
    timer_set_in(&s->timer, v->settings.login_ms_max);
    return s;
}

static void logged_out(void *ctx, enum err e, const struct keep_logout_rep *rep, struct file *file)
{
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

void imap_session_leave_account(struct imap_session *s)
{
    struct keep_logout_req req = { .session = s->keeper_session };
    struct str key = str_from(&s->account, sizeof(s->account));

    if (s->keeper_session == 0)
        return;
    if (map_find(&s->service->by_account, key) == s) {
        (void)map_remove(&s->service->by_account, key);
        if (!list_empty(&s->same_account)) {
            struct imap_session *other =
                LIST_ITEM(s->same_account.next, struct imap_session, same_account);

            (void)map_put(&s->service->by_account,
                          str_from(&other->account, sizeof(other->account)), other);
        }
    }
    list_remove(&s->same_account);
    notify_free(s);
    (void)keeper_logout(s->service->keeper, &req, logged_out, NULL);
    s->keeper_session = 0;
}

void imap_session_set_account(struct imap_session *s, uint64_t keeper_session, uint32_t account)
{
    struct str key = str_from(&s->account, sizeof(s->account));
    struct imap_session *first;

    s->keeper_session = keeper_session;
    s->account = account;
    first = map_find(&s->service->by_account, key);
    if (first != NULL)
        list_add_after(&first->same_account, &s->same_account);
    else
        (void)map_put(&s->service->by_account, key, s);
    imap_set_facts(s->machine, IMAP_AUTHED, 0);
    timer_set_in(&s->timer, s->service->settings.idle_ms_max);
}

void imap_session_forget_command(struct imap_session *s)
{
    if (s->ticket != 0)
        keeper_forget(s->service->keeper, s->ticket);
    s->ticket = 0;
    appending_free(s);
    login_drop(&s->login);
    sasl_free(s->sasl);
    s->sasl = NULL;
    arena_free(s->mem);
    s->mem = NULL;
    s->task = NULL;
    s->command = NULL;
    s->final = STR_EMPTY;
    s->resume = NULL;
    s->later = NULL;
    buf_deinit(&s->hold);
}

void imap_session_free(struct imap_session *s)
{
    struct imap_service *v = s->service;

    session_log_end(v->settings.log, "imap.closed", s->stream, &s->tally, loop_now_ms(v->loop));
    imap_session_forget_command(s);
    selected_close(s);
    imap_session_leave_account(s);
    timer_cancel(&s->timer);
    list_remove(&s->link);
    crowd_leave(&v->crowd, s->place);
    v->count--;
    compression_free(s);
    imap_free(s->machine);
    buf_deinit(&s->out);
    stream_free(s->stream);
    free(s);
    if (v->stopped != NULL && v->count == 0) {
        void (*stopped)(void *) = v->stopped;

        v->stopped = NULL;
        stopped(v->ctx);
    }
}

void imap_session_flush(struct imap_session *s)
{
    s->tally.octets_out += s->out.len;
    if (s->out.len > 0 && s->compression != NULL)
        compression_write(s, buf_str(&s->out));
    else if (s->out.len > 0)
        stream_write(s->stream, buf_str(&s->out));
    buf_clear(&s->out);
    buf_shrink(&s->out, OUT_KEEP_BYTES);
}

void imap_session_finish(struct imap_session *s)
{
    imap_session_forget_command(s);
    selected_close(s);
    imap_session_leave_account(s);
    timer_cancel(&s->timer);
    s->closing = true;
    imap_session_flush(s);
    stream_finish(s->stream, FINISH_WITHIN_MS);
}

void imap_session_bye(struct imap_session *s, struct str text)
{
    if (s->closing)
        return;
    BUF_ADD(&s->out, "* BYE ");
    buf_add(&s->out, text);
    BUF_ADD(&s->out, "\r\n");
    imap_session_finish(s);
}

void imap_session_greet(struct imap_session *s)
{
    s->greeted = true;
    BUF_ADD(&s->out, "* OK [CAPABILITY ");
    caps_format(&s->out, imap_facts(s->machine), 0);
    BUF_ADD(&s->out, "] Postern ready\r\n");
    imap_session_flush(s);
    stream_resume(s->stream);
}

/* ---- the pump ---- */

static void run_command(struct imap_session *s)
{
    commands[s->command->verb](s, s->command);
}

static void begin_command(struct imap_session *s, const struct imap_command *c)
{
    /* APPEND has begun with its message; what any other command finds is of an APPEND that ended in
     * a syntax error. */
    if (!command_appends(c))
        imap_session_forget_command(s);
    if (s->mem == NULL)
        s->mem = arena_new(0);
    s->command = c;
    progress_begin(s->service);
    if (c->filters.count > 0)
        imap_session_filters(s, run_command);
    else
        run_command(s);
}

/* True while the machine may have more to say. */
static bool handle(struct imap_session *s, enum imap_event event, const struct imap_out *out)
{
    switch (event) {
    case IMAP_SEND:
        buf_add(&s->out, out->text);
        return true;
    case IMAP_COMMAND:
        begin_command(s, out->command);
        return true;
    case IMAP_APPEND_BEGIN:
        append_begin(s, out->command);
        return true;
    case IMAP_BODY:
        append_body(s, out->text);
        return true;
    case IMAP_APPEND_END:
        append_end(s, out->accepted);
        return true;
    case IMAP_AUTH_LINE:
        auth_line(s, out->text, out->accepted);
        return true;
    case IMAP_IDLE_DONE:
        idle_done(s, out->command, out->accepted);
        return true;
    case IMAP_CLOSE:
        imap_session_finish(s);
        return false;
    case IMAP_WANT_BYTES:
    case IMAP_WAIT:
        break;
    }
    return false;
}

void imap_session_pump(struct imap_session *s)
{
    struct imap_out out;

    /* A command that ends at once does so inside this loop, which then simply goes on. */
    if (s->pumping)
        return;
    s->pumping = true;
    while (!s->closing && handle(s, imap_next(s->machine, &out), &out))
        ;
    s->pumping = false;
    if (!s->closing)
        imap_session_flush(s);
}

bool imap_session_is_slow(const struct imap_session *s)
{
    return stream_queued(s->stream) + s->out.len > QUEUE_BYTES_MAX;
}

void imap_session_when_drained(struct imap_session *s, void (*next)(struct imap_session *s))
{
    imap_session_flush(s);
    if (stream_queued(s->stream) > QUEUE_BYTES_MAX)
        s->resume = next;
    else
        next(s);
}

/* ---- the end of a command ---- */

/* RFC 3501 7.4.1: no EXPUNGE in answer to commands that use sequence numbers. */
static bool may_expunge(const struct imap_command *c)
{
    bool by_number = c->verb == IMAP_CMD_FETCH || c->verb == IMAP_CMD_STORE ||
                     c->verb == IMAP_CMD_SEARCH || c->verb == IMAP_CMD_SORT ||
                     c->verb == IMAP_CMD_THREAD;

    return c->uid || !by_number;
}

static void answer(struct imap_session *s)
{
    struct str tag = s->command->tag;

    notify_flush(s);
    if (!s->pushing)
        reply_tagged_line(&s->out, tag, s->final);
    imap_session_forget_command(s);
    if (!s->pushing)
        imap_done(s->machine);
    s->pushing = false;
    imap_session_flush(s);
    stream_resume(s->stream);
    imap_session_pump(s);
    if (!s->closing)
        notify_push(s);
}

/* Results that are kept up to date change with the mailbox (RFC 5267). */
static void close_command(struct imap_session *s)
{
    if (s->box != NULL) {
        selected_report(s, may_expunge(s->command));
        uidset_deinit(&s->box->told);
    }
    if (s->box != NULL && contexts_are_stale(s))
        contexts_refresh(s, answer);
    else
        answer(s);
}

/* Is there news that the client should get with this answer? */
static bool wants_sync(const struct imap_session *s)
{
    if (s->box == NULL)
        return false;
    switch (s->command->verb) {
    case IMAP_CMD_NOOP:
    case IMAP_CMD_CHECK:
    case IMAP_CMD_APPEND:
    case IMAP_CMD_REPLACE:
    case IMAP_CMD_COPY:
    case IMAP_CMD_MOVE:
    case IMAP_CMD_DELETE:
    case IMAP_CMD_NOTIFY: /* RFC 5465 3.1 */
        return true;
    default:
        return s->box->noted > s->box->modseq || !uidset_empty(&s->box->told);
    }
}

void imap_session_end(struct imap_session *s, struct str text)
{
    s->final = arena_copy(s->mem, text);
    if (wants_sync(s))
        imap_session_sync(s, close_command);
    else
        close_command(s);
}

void imap_session_ok(struct imap_session *s)
{
    struct str verb = command_row(s->command->verb)->verb;

    imap_session_end(s, arena_printf(s->mem, "OK %s%.*s completed", s->command->uid ? "UID " : "",
                                     STR_ARG(verb)));
}

struct str imap_session_error_text(struct imap_session *s, enum err e)
{
    return arena_join(s->mem, STR("NO "), error_words(e)->imap);
}

/* A mailbox that could not be told in full is not open (RFC 3501 6.3.1). */
void imap_session_fail(struct imap_session *s, enum err e)
{
    if (s->command->verb == IMAP_CMD_SELECT || s->command->verb == IMAP_CMD_EXAMINE)
        selected_close(s);
    if (e == ERR_CLOSED) /* keeper may have done it: neither OK nor NO would be true */
        imap_session_bye(s, STR("[UNAVAILABLE] Please log in again"));
    else
        imap_session_end(s, imap_session_error_text(s, e));
}
