/* gate/imap/fake_os.c - the part of os/ that an IMAP session uses, in memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/fake_house.h"

#include "os/log.h"

#include "testing.h"

struct fake_house *house_now;

static struct later {
    void (*run)(void *ctx);
    void *ctx;
} queue[1000];
static size_t queue_len;

struct stream {
    const struct stream_events *events;
    void *ctx;
    struct buf *sent;
    struct buf held;
    size_t unsent;
    bool loopback, resumed, finishing, secure, handshake, freed;
};

static struct stream the_stream;
static struct timer *timers[8];
static uint64_t clock_ms;

void house_later(struct fake_house *h, void (*run)(void *ctx), void *ctx)
{
    (void)h;
    CHECK(queue_len < ARRAY_LEN(queue), "too much for later");
    queue[queue_len++] = (struct later){ run, ctx };
}

/* ---- loop and timers ---- */

uint64_t loop_now_ms(struct loop *l)
{
    (void)l;
    return clock_ms;
}

int64_t loop_wall_s(struct loop *l)
{
    (void)l;
    return 1770000000 + (int64_t)(clock_ms / 1000);
}

void loop_random(struct loop *l, void *ret, size_t len)
{
    (void)l;
    memset(ret, 7, len);
}

void timer_init(struct timer *t, struct loop *l, void (*fire)(void *ctx), void *ctx)
{
    *t = (struct timer){ .loop = l, .fire = fire, .ctx = ctx };
}

void timer_set(struct timer *t, uint64_t at_ms)
{
    t->at_ms = at_ms;
    for (size_t i = 0; i < ARRAY_LEN(timers) && t->slot == 0; i++)
        if (timers[i] == NULL) {
            timers[i] = t;
            t->slot = (uint32_t)i + 1;
        }
    CHECK(t->slot != 0, "too many timers");
}

void timer_set_in(struct timer *t, uint64_t delay_ms)
{
    timer_set(t, clock_ms + delay_ms);
}

void timer_cancel(struct timer *t)
{
    if (t->slot != 0)
        timers[t->slot - 1] = NULL;
    t->slot = 0;
}

void house_clock(struct fake_house *h, uint64_t now_ms)
{
    clock_ms = now_ms;
    for (size_t i = 0; i < ARRAY_LEN(timers); i++) {
        struct timer *t = timers[i];

        if (t == NULL || t->at_ms > now_ms)
            continue;
        timer_cancel(t);
        t->fire(t->ctx);
    }
    house_turns(h);
}

/* ---- the stream ---- */

void stream_set_events(struct stream *s, const struct stream_events *events, void *ctx)
{
    s->events = events;
    s->ctx = ctx;
}

void stream_free(struct stream *s)
{
    s->freed = true;
    buf_deinit(&s->held);
}

void stream_write(struct stream *s, struct str bytes)
{
    CHECK(!s->freed, "written to a stream that is gone");
    buf_add(s->sent, bytes);
    s->unsent += bytes.len;
    house_now->most_unsent = MAX(house_now->most_unsent, s->unsent);
}

size_t stream_queued(const struct stream *s)
{
    return house_now->slow && s->unsent > 0 ? 1U << 20 : 0;
}

void stream_resume(struct stream *s)
{
    s->resumed = true;
}

void stream_finish(struct stream *s, uint64_t within_ms)
{
    (void)within_ms;
    s->finishing = true;
}

void stream_drop_held(struct stream *s)
{
    buf_clear(&s->held);
}

void stream_start_tls_server(struct stream *s, struct tls_server *context)
{
    (void)context;
    s->handshake = true;
}

bool stream_is_secure(const struct stream *s)
{
    return s->secure;
}

struct str stream_tls_version(const struct stream *s)
{
    return s->secure ? STR("TLSv1.3") : STR_EMPTY;
}

/* ---- the log: nothing is written ---- */

void log_begin(struct log *g, enum log_level level, const char *event)
{
    (void)g, (void)level, (void)event;
}

void log_str(struct log *g, const char *key, struct str value)
{
    (void)g, (void)key, (void)value;
}

void log_num(struct log *g, const char *key, int64_t value)
{
    (void)g, (void)key, (void)value;
}

void log_address(struct log *g, const char *key, const struct address *value)
{
    (void)g, (void)key, (void)value;
}

void log_err(struct log *g, enum err e, const struct errinfo *why)
{
    (void)g, (void)e, (void)why;
}

void log_end(struct log *g)
{
    (void)g;
}

bool log_is_on(const struct log *g, enum log_level level)
{
    (void)g, (void)level;
    return false;
}

void stream_tls_bindings(const struct stream *s, struct arena *mem, struct stream_bindings *ret)
{
    (void)mem;
    *ret = (struct stream_bindings){ .tls_exporter = s->secure ? STR("here") : STR_EMPTY };
}

size_t stream_tls_identities(const struct stream *s, struct arena *mem, const struct str **ret)
{
    static const struct str alice = STR_INIT("alice@crepes.fr");

    (void)mem;
    *ret = &alice;
    return s->secure && house_now->certificate;
}

struct address stream_peer(const struct stream *s)
{
    struct address a = { .family = ADDRESS_IP4, .ip = { 192, 0, 2, 1 }, .port = 40000 };

    if (s->loopback)
        memcpy(a.ip, (uint8_t[]){ 127, 0, 0, 1 }, 4);
    return a;
}

bool address_is_loopback(const struct address *a)
{
    return a->ip[0] == 127;
}

void address_format(const struct address *a, struct buf *out)
{
    buf_printf(out, "%u.%u.%u.%u", a->ip[0], a->ip[1], a->ip[2], a->ip[3]);
}

/* Offers what is held; the octets are copied so that reading past them is found. */
static bool offer(struct stream *s)
{
    size_t len = s->held.len;
    char *copy;

    if (len == 0 || s->freed || s->finishing || s->handshake)
        return false;
    copy = malloc(len);
    CHECK(copy != NULL, "memory");
    memcpy(copy, s->held.at, len);
    size_t used = s->events->bytes(s->ctx, str_from(copy, len));
    free(copy);
    if (!s->freed && s->held.len >= used)
        buf_consume(&s->held, used);
    return used > 0;
}

static bool stream_turn(struct stream *s)
{
    if (s->freed)
        return false;
    if (s->handshake) {
        s->handshake = false;
        s->secure = true;
        s->events->secured(s->ctx, OK, NULL);
        return true;
    }
    if (s->finishing) {
        s->finishing = false;
        s->events->closed(s->ctx, ERR_CLOSED);
        return true;
    }
    if (s->unsent > 0) {
        s->unsent = 0;
        s->events->drained(s->ctx);
        return true;
    }
    if (s->resumed) {
        s->resumed = false;
        return offer(s);
    }
    return false;
}

void house_turns(struct fake_house *h)
{
    bool moved = true;

    for (unsigned turn = 0; moved; turn++) {
        struct later now[ARRAY_LEN(queue)];
        size_t count = h->silent ? 0 : queue_len;

        CHECK(turn < 100000, "it never comes to rest");
        memcpy(now, queue, count * sizeof(*now));
        queue_len -= count;
        for (size_t i = 0; i < count; i++)
            now[i].run(now[i].ctx);
        moved = stream_turn(&the_stream) || (!h->silent && (count > 0 || queue_len > 0));
    }
}

void house_feed(struct fake_house *h, struct str bytes)
{
    if (!the_stream.freed) {
        buf_add(&the_stream.held, bytes);
        (void)offer(&the_stream);
    }
    house_turns(h);
}

bool house_is_closed(const struct fake_house *h)
{
    (void)h;
    return the_stream.freed;
}

void house_hang_up(struct fake_house *h)
{
    if (!the_stream.freed)
        the_stream.events->closed(the_stream.ctx, ERR_CLOSED);
    house_turns(h);
}

/* ---- files ---- */

struct file {
    struct buf bytes;
};

void file_close(struct file *f)
{
    if (f != NULL)
        buf_deinit(&f->bytes);
    free(f);
}

enum err file_pwrite(struct file *f, uint64_t offset, struct str bytes, struct errinfo *why)
{
    (void)why;
    CHECK_EQ(offset, f->bytes.len, "written in order");
    buf_add(&f->bytes, bytes);
    return OK;
}

enum err file_pread(struct file *f, uint64_t offset, void *ret, size_t len, struct errinfo *why)
{
    (void)why;
    if (offset + len > f->bytes.len)
        return ERR_CORRUPT;
    memcpy(ret, f->bytes.at + offset, len);
    return OK;
}

struct file *fake_file(void);
struct file *fake_file(void)
{
    return calloc(1, sizeof(struct file));
}

/* ---- the whole ---- */

struct fake_house *house_new(struct buf *sent, bool loopback)
{
    static char certificate;
    struct fake_house *h = calloc(1, sizeof(*h));
    struct imap_settings settings = imap_settings_default;

    CHECK(h != NULL, "memory");
    settings.limits = imap_limits_default;
    settings.version = STR("1");
    settings.comment = STR("Shared comment");
    settings.admin = STR("mailto:postmaster@crepes.fr");
    settings.undelete_days = 7;
    settings.plain_on_loopback = true;
    house_now = h;
    clock_ms = 0;
    queue_len = 0;
    fake_keeper_init(h);
    imap_service_init(&h->service, NULL, NULL, (struct tls_server *)&certificate, &settings);
    the_stream = (struct stream){ .sent = sent, .loopback = loopback };
    imap_service_accept(&h->service, &the_stream, false);
    house_turns(h);
    return h;
}

void house_free(struct fake_house *h)
{
    imap_service_deinit(&h->service);
    house_turns(h);
    CHECK_EQ(h->sessions, 0, "every log-in was given back");
    fake_keeper_deinit(h);
    free(h);
}
