/* os/real/stream_real.c - sockets: the queue out, the held octets in, the life between.
 *
 * Normally a turn reads once into the loop's shared buffer, offers it, and sends everything that
 * the owner wrote meanwhile by one posted flush, so that the replies to a pipelined batch leave in
 * one packet. Only what the owner does not take, or the kernel does not take, is ever copied into
 * memory of the stream. The owner may free the stream inside any of its events; therefore gone()
 * is asked after each, and the struct is buried instead of freed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/real/stream_real.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "os/real/socket.h"

enum { CHUNK_BYTES_MIN = 2000, SEND_CHUNKS_MAX = 16 };

static const struct stream_ops real_stream_ops;
static void stream_ready(struct watcher *w, uint32_t events);

static struct real_stream *stream_of(struct stream *s)
{
    return CONTAINER_OF(s, struct real_stream, base);
}

static const struct real_stream *const_stream_of(const struct stream *s)
{
    return CONTAINER_OF(s, const struct real_stream, base);
}

static bool gone(const struct real_stream *s)
{
    return s->freed || s->state == STREAM_CLOSED;
}

/* ---- ends ---- */

static void drop_timer(struct real_stream *s)
{
    if (s->timer == NULL)
        return;
    timer_cancel(s->timer);
    free(s->timer);
    s->timer = NULL;
}

static void drop_queue(struct real_stream *s)
{
    for (struct chunk *c = s->out, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    s->out = s->out_last = NULL;
    s->queued = 0;
}

static void drop_held(struct real_stream *s)
{
    free(s->held);
    s->held = NULL;
    s->held_len = 0;
}

static void tell_closed(struct real_stream *s, enum err why)
{
    if (gone(s))
        return;
    s->state = STREAM_CLOSED;
    drop_timer(s);
    watcher_close(s->base.loop, &s->watcher);
    s->base.events->closed(s->base.ctx, why);
}

static void tell_failure(void *ctx)
{
    struct real_stream *s = ctx;

    tell_closed(s, (enum err)s->failure);
}

/* ---- what epoll is asked for ---- */

static bool wants_input(const struct real_stream *s)
{
    if (s->peer_ended)
        return false;
    if (s->state == STREAM_FINISHING || s->state == STREAM_DRAINING)
        return true;
    if (s->state != STREAM_OPEN)
        return false;
    if (s->tls != NULL && s->tls->state != TLS_UP)
        return s->tls->state == TLS_HANDSHAKE;
    return !s->paused && s->held_len < STREAM_HELD_MAX;
}

static void update_interest(struct real_stream *s)
{
    uint32_t events = 0;

    if (gone(s) || s->watcher.fd < 0)
        return;
    if (wants_input(s))
        events |= EPOLLIN;
    if (s->write_blocked || s->state == STREAM_CONNECTING)
        events |= EPOLLOUT;
    if (!watcher_set(s->base.loop, &s->watcher, events)) {
        s->failure = ERR_LIMIT;
        loop_post(s->base.loop, tell_failure, s);
    }
}

/* ---- out ---- */

static ssize_t send_chunks(struct real_stream *s, size_t limit)
{
    struct iovec parts[SEND_CHUNKS_MAX];
    struct msghdr m = { .msg_iov = parts };

    for (struct chunk *c = s->out; c != NULL && m.msg_iovlen < SEND_CHUNKS_MAX && limit > 0;
         c = c->next) {
        size_t len = MIN((size_t)(c->len - c->from), limit);

        parts[m.msg_iovlen++] = (struct iovec){ c->bytes + c->from, len };
        limit -= len;
    }
    return sendmsg(s->watcher.fd, &m, MSG_NOSIGNAL);
}

static void advance(struct real_stream *s, size_t sent)
{
    s->queued -= sent;
    while (sent > 0) {
        struct chunk *c = s->out;
        size_t len = MIN((size_t)(c->len - c->from), sent);

        c->from += (uint32_t)len;
        sent -= len;
        if (c->from < c->len)
            return;
        s->out = c->next;
        if (s->out == NULL)
            s->out_last = NULL;
        free(c);
    }
}

/* Sends in the clear, at most `limit` octets. */
static enum io_result flush_plain(struct real_stream *s, size_t limit)
{
    while (limit > 0) {
        ssize_t sent = send_chunks(s, limit);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN ? IO_AGAIN : IO_BROKEN;
        advance(s, (size_t)sent);
        limit -= (size_t)sent;
        if (s->tls != NULL)
            s->tls->plain_left = limit;
    }
    return IO_SOME;
}

static enum io_result flush_tls(struct real_stream *s)
{
    while (s->out != NULL) {
        struct chunk *c = s->out;
        size_t sent = 0;
        enum io_result r = tls_write(s, str_from(c->bytes + c->from, c->len - c->from), &sent);

        if (r != IO_SOME)
            return r;
        advance(s, sent);
    }
    return IO_SOME;
}

static void end_sending(struct real_stream *s)
{
    tls_say_goodbye(s);
    s->state = STREAM_DRAINING;
    if (s->peer_ended || shutdown(s->watcher.fd, SHUT_WR) != 0)
        tell_closed(s, OK);
}

/* The peer ended its side some time ago and now nothing of ours waits for it any more. */
static bool ended_and_done(const struct real_stream *s)
{
    return s->peer_ended && !s->paused && !s->resume_posted && s->out == NULL &&
           s->state == STREAM_OPEN && !stream_owner_busy(&s->base);
}

static void after_flush(struct real_stream *s, bool sent_any)
{
    if (s->state == STREAM_FINISHING) {
        end_sending(s);
        return;
    }
    if (sent_any && s->base.events->drained != NULL && s->state == STREAM_OPEN)
        s->base.events->drained(s->base.ctx);
    if (!gone(s) && ended_and_done(s))
        tell_closed(s, ERR_CLOSED);
}

static void handshake(struct real_stream *s);

/* Moves the queue to the kernel as far as it goes. While a handshake is under way the queue waits,
 * except for what was written before it was asked for. */
static void flush(struct real_stream *s)
{
    bool sent_any = s->out != NULL;
    enum io_result r;

    if (gone(s) || s->state == STREAM_CONNECTING || s->state == STREAM_DRAINING)
        return;
    if (s->tls == NULL)
        r = flush_plain(s, s->queued);
    else if (s->tls->state == TLS_UP)
        r = flush_tls(s);
    else
        r = flush_plain(s, s->tls->plain_left);
    s->write_blocked = r == IO_AGAIN;
    if (r == IO_BROKEN) {
        tell_closed(s, errno == 0 ? ERR_TLS : err_from_errno(errno));
        return;
    }
    if (r == IO_SOME && s->tls != NULL && s->tls->state == TLS_FLUSHING) {
        tls_begin(s);
        handshake(s);
    } else if (r == IO_SOME && s->out == NULL) {
        after_flush(s, sent_any);
    }
    update_interest(s);
}

static void run_flush(void *ctx)
{
    struct real_stream *s = ctx;

    s->flush_posted = false;
    if (!gone(s))
        flush(s);
}

static void post_flush(struct real_stream *s)
{
    if (s->flush_posted || s->write_blocked)
        return;
    s->flush_posted = true;
    loop_post(s->base.loop, run_flush, s);
}

static void queue_chunk(struct real_stream *s, struct str bytes)
{
    size_t cap = MAX(bytes.len, (size_t)CHUNK_BYTES_MIN);
    struct chunk *c = os_grow(NULL, sizeof *c + cap, 1);

    *c = (struct chunk){ NULL, 0, (uint32_t)bytes.len, (uint32_t)cap };
    memcpy(c->bytes, bytes.at, bytes.len);
    if (s->out_last == NULL)
        s->out = c;
    else
        s->out_last->next = c;
    s->out_last = c;
}

static void real_write(struct stream *base, struct str bytes)
{
    struct real_stream *s = stream_of(base);
    struct chunk *last = s->out_last;

    if (gone(s) || s->state == STREAM_FINISHING || s->state == STREAM_DRAINING)
        return;
    s->queued += bytes.len;
    if (last != NULL && last->cap - last->len > 0) {
        size_t room = MIN((size_t)(last->cap - last->len), bytes.len);

        memcpy(last->bytes + last->len, bytes.at, room);
        last->len += (uint32_t)room;
        bytes = str_skip(bytes, room);
    }
    while (bytes.len > 0) {
        struct str part = str_take(bytes, STREAM_HELD_MAX);

        queue_chunk(s, part);
        bytes = str_skip(bytes, part.len);
    }
    post_flush(s);
}

static size_t real_queued(const struct stream *s)
{
    return const_stream_of(s)->queued;
}

/* ---- in ---- */

/* Octets that the owner left become the held ones. `at` may lie in the held memory itself. */
static void keep(struct real_stream *s, const char *at, size_t len)
{
    char *kept = NULL;

    if (len > 0) {
        kept = os_grow(NULL, len, 1);
        memcpy(kept, at, len);
    }
    drop_held(s);
    s->held = kept;
    s->held_len = (uint32_t)len;
}

static void offer(struct real_stream *s, const char *at, size_t len)
{
    s->offering = true;
    s->drop_offered = false;
    size_t taken = s->base.events->bytes(s->base.ctx, str_from(at, len));
    s->offering = false;
    if (gone(s))
        return;
    BUG_ON(taken > len);
    if (s->drop_offered)
        taken = len;
    keep(s, at + taken, len - taken);
}

/* Offers what is held; false when nothing of it was taken (or the stream is gone). */
static bool offer_held(struct real_stream *s)
{
    char *held = s->held;
    size_t len = s->held_len;

    s->held = NULL;
    s->held_len = 0;
    offer(s, held, len);
    free(held);
    return !gone(s) && s->held_len < len;
}

/* Octets that were left are offered as long as some are taken, then comes the end: at once, or
 * when the queue is out. A paused owner is busy with what it has and hears of it on resuming. */
static void peer_has_ended(struct real_stream *s)
{
    s->peer_ended = true;
    while (!s->paused && s->held_len > 0 && offer_held(s))
        continue;
    if (!gone(s) && ended_and_done(s))
        tell_closed(s, ERR_CLOSED);
}

static enum io_result recv_plain(struct real_stream *s, char *at, size_t len, size_t *ret)
{
    ssize_t got;

    do
        got = recv(s->watcher.fd, at, len, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == EAGAIN ? IO_AGAIN : IO_BROKEN;
    *ret = (size_t)got;
    return got == 0 ? IO_END : IO_SOME;
}

static void post_resume(struct real_stream *s);

/* Held octets are put before what arrives, so that the owner sees one piece. */
static void read_and_offer(struct real_stream *s)
{
    char *buffer = real_read_buffer(s->base.loop);
    size_t len = s->held_len, got = 0;
    bool more = false;
    enum io_result r;

    if (len > 0)
        memcpy(buffer, s->held, len);
    r = s->tls != NULL ? tls_read(s, buffer + len, REAL_READ_BYTES - len, &got, &more)
                       : recv_plain(s, buffer + len, REAL_READ_BYTES - len, &got);
    if (got > 0)
        offer(s, buffer, len + got);
    if (gone(s) || r == IO_AGAIN)
        return;
    if (r == IO_BROKEN)
        tell_closed(s, errno == 0 ? ERR_TLS : err_from_errno(errno));
    else if (r == IO_END)
        peer_has_ended(s);
    else if (more && !s->paused && s->held_len < STREAM_HELD_MAX)
        post_resume(s);
}

/* After a finish whatever still comes is dropped until the peer ends: only then has it read our
 * last reply, and a reset can no longer destroy that on its way. */
static void discard(struct real_stream *s)
{
    size_t got;
    enum io_result r = recv_plain(s, real_read_buffer(s->base.loop), REAL_READ_BYTES, &got);

    if (r == IO_SOME || r == IO_AGAIN)
        return;
    s->peer_ended = true;
    if (s->state == STREAM_DRAINING || r == IO_BROKEN)
        tell_closed(s, r == IO_END ? OK : ERR_CLOSED);
    else if (s->out == NULL)
        end_sending(s);
}

static void run_resume(void *ctx)
{
    struct real_stream *s = ctx;

    s->resume_posted = false;
    if (gone(s) || s->paused || s->state != STREAM_OPEN ||
        (s->tls != NULL && s->tls->state != TLS_UP))
        return;
    if (s->peer_ended) {
        peer_has_ended(s);
    } else if (s->held_len > 0) {
        (void)offer_held(s);
    }
    /* OpenSSL may keep decrypted octets of which epoll knows nothing. */
    if (!gone(s) && s->tls != NULL && s->tls->state == TLS_UP && !s->paused && !s->peer_ended &&
        s->held_len < STREAM_HELD_MAX)
        read_and_offer(s);
    update_interest(s);
}

static void post_resume(struct real_stream *s)
{
    if (s->resume_posted)
        return;
    s->resume_posted = true;
    loop_post(s->base.loop, run_resume, s);
}

static void real_pause(struct stream *base)
{
    stream_of(base)->paused = true;
    if (!stream_of(base)->offering)
        update_interest(stream_of(base));
}

static void real_resume(struct stream *base)
{
    struct real_stream *s = stream_of(base);

    s->paused = false;
    if (gone(s))
        return;
    post_resume(s);
    if (!s->offering)
        update_interest(s);
}

static void real_drop_held(struct stream *base)
{
    struct real_stream *s = stream_of(base);

    drop_held(s);
    if (s->offering)
        s->drop_offered = true;
}

/* ---- connecting, finishing ---- */

static void set_timer(struct real_stream *s, void (*fire)(void *ctx), uint64_t within_ms)
{
    drop_timer(s);
    s->timer = os_new(sizeof *s->timer);
    timer_init(s->timer, s->base.loop, fire, s);
    timer_set_in(s->timer, within_ms);
}

static void time_is_up(void *ctx)
{
    tell_closed(ctx, ERR_TIMEOUT);
}

static void real_finish(struct stream *base, uint64_t within_ms)
{
    struct real_stream *s = stream_of(base);
    bool waits_for_tls = s->tls != NULL && s->tls->state != TLS_UP;

    if (gone(s) || s->state == STREAM_FINISHING || s->state == STREAM_DRAINING)
        return;
    if (s->state == STREAM_CONNECTING || waits_for_tls) {
        s->failure = ERR_CLOSED;
        loop_post(s->base.loop, tell_failure, s);
        return;
    }
    s->state = STREAM_FINISHING;
    s->paused = false;
    drop_held(s);
    set_timer(s, time_is_up, within_ms);
    post_flush(s);
    if (!s->offering)
        update_interest(s);
}

static void finish_connect(struct real_stream *s)
{
    int number = 0;
    socklen_t len = sizeof number;

    if (getsockopt(s->watcher.fd, SOL_SOCKET, SO_ERROR, &number, &len) != 0)
        number = errno;
    if (number != 0) {
        tell_closed(s, err_from_errno(number));
        return;
    }
    drop_timer(s);
    s->state = STREAM_OPEN;
    if (s->base.events->connected != NULL)
        s->base.events->connected(s->base.ctx);
    flush(s);
}

/* ---- TLS ---- */

static void tell_secured(struct real_stream *s, enum err e, const struct errinfo *why)
{
    if (e == OK) {
        if (s->base.events->secured != NULL)
            s->base.events->secured(s->base.ctx, OK, NULL);
        if (gone(s))
            return;
        if (s->out != NULL)
            post_flush(s);
        post_resume(s); /* the first octets may have come with the last ones of the handshake */
        return;
    }
    if (s->base.events->secured == NULL) {
        tell_closed(s, e);
        return;
    }
    s->state = STREAM_CLOSED;
    watcher_close(s->base.loop, &s->watcher);
    s->base.events->secured(s->base.ctx, e, why);
}

static void handshake(struct real_stream *s)
{
    struct errinfo why = { .text = "" };
    bool wants_write = false;
    enum io_result r = tls_handshake(s, &wants_write, &why);

    s->write_blocked = r == IO_AGAIN && wants_write;
    if (r == IO_AGAIN)
        return;
    tell_secured(s, r == IO_SOME ? OK : ERR_TLS, &why);
}

static void start_tls(struct real_stream *s, SSL *ssl)
{
    if (gone(s) || s->state == STREAM_FINISHING || s->state == STREAM_DRAINING) {
        SSL_free(ssl);
        return;
    }
    BUG_ON(s->tls != NULL);
    tls_attach(s, ssl);
    post_flush(s);
    if (!s->offering)
        update_interest(s);
}

static void real_start_tls_server(struct stream *base, struct tls_server *context)
{
    start_tls(stream_of(base), tls_server_session(context));
}

static void real_start_tls_client(struct stream *base, struct tls_client *context,
                                  struct str server_name)
{
    start_tls(stream_of(base), tls_client_session(context, server_name));
}

static bool real_is_secure(const struct stream *base)
{
    const struct real_stream *s = const_stream_of(base);

    return s->tls != NULL && s->tls->state == TLS_UP;
}

static struct str real_tls_version(const struct stream *s)
{
    return real_is_secure(s) ? tls_version_of(const_stream_of(s)) : STR_EMPTY;
}

static void real_tls_bindings(const struct stream *s, struct arena *mem,
                              struct stream_bindings *ret)
{
    tls_bindings_of(const_stream_of(s), mem, ret);
}

static size_t real_tls_identities(const struct stream *s, struct arena *mem, struct str *ret)
{
    return tls_identities_of(const_stream_of(s)->tls->ssl, mem, ret);
}

static struct str real_tls_cipher(const struct stream *s)
{
    return real_is_secure(s) ? tls_cipher_of(const_stream_of(s)) : STR_EMPTY;
}

/* ---- events of the kernel ---- */

static void stream_ready(struct watcher *w, uint32_t events)
{
    struct real_stream *s = CONTAINER_OF(w, struct real_stream, watcher);
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;

    BUG_ON(s->base.events == NULL); /* born without an owner, and nobody came */
    if (s->state == STREAM_CONNECTING) {
        finish_connect(s);
        update_interest(s);
        return;
    }
    if (s->tls != NULL && s->tls->state == TLS_HANDSHAKE) {
        handshake(s);
        update_interest(s);
        return;
    }
    if (s->write_blocked && (broken || (events & EPOLLOUT) != 0)) {
        s->write_blocked = false;
        flush(s);
    }
    if (!gone(s) && wants_input(s) && (broken || (events & EPOLLIN) != 0)) {
        if (s->state == STREAM_OPEN)
            read_and_offer(s);
        else
            discard(s);
    }
    update_interest(s);
}

/* ---- birth and death ---- */

static struct real_stream *real_stream_new(struct loop *l, int fd)
{
    struct real_stream *s = os_new(sizeof *s);

    s->base = (struct stream){ &real_stream_ops, l, NULL, NULL };
    s->watcher = (struct watcher){ stream_ready, fd, 0 };
    s->state = STREAM_OPEN;
    return s;
}

struct stream *stream_from_accepted(struct loop *l, int fd)
{
    struct real_stream *s = real_stream_new(l, fd);

    update_interest(s);
    return &s->base;
}

struct stream *stream_from_fd(struct loop *l, int fd)
{
    socket_prepare(fd);
    return stream_from_accepted(l, fd);
}

/* Returns 0 or the errno. EINPROGRESS is the good case. */
static int begin_connect(int fd, const struct address *to, const struct address *from)
{
    struct sockaddr_storage at;
    socklen_t len;
    int yes = 1;

    socket_prepare(fd);
    if (from != NULL && from->family != ADDRESS_NONE) {
        (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
        len = socket_address_to(from, &at);
        if (bind(fd, (struct sockaddr *)&at, len) != 0)
            return errno;
    }
    len = socket_address_to(to, &at);
    if (connect(fd, (struct sockaddr *)&at, len) != 0 && errno != EINPROGRESS)
        return errno;
    return 0;
}

struct stream *real_stream_connect(struct loop *l, const struct address *to,
                                   const struct address *from, uint64_t timeout_ms)
{
    int family = to->family == ADDRESS_IP4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int number = fd < 0 ? errno : begin_connect(fd, to, from);
    struct real_stream *s = real_stream_new(l, fd);

    s->state = STREAM_CONNECTING;
    if (number != 0) {
        s->failure = (uint8_t)err_from_errno(number);
        loop_post(l, tell_failure, s);
        return &s->base;
    }
    set_timer(s, time_is_up, timeout_ms);
    update_interest(s);
    return &s->base;
}

static void real_set_events(struct stream *s)
{
    (void)s;
}

static void real_stream_free(struct stream *base)
{
    struct real_stream *s = stream_of(base);

    BUG_ON(s->freed);
    s->freed = true;
    drop_timer(s);
    if (s->state == STREAM_OPEN)
        tls_say_goodbye(s);
    watcher_close(s->base.loop, &s->watcher);
    drop_queue(s);
    drop_held(s);
    tls_free(s);
    loop_bury(s->base.loop, free, s);
}

static struct address real_peer(const struct stream *s)
{
    return socket_peer(const_stream_of(s)->watcher.fd);
}

static struct address real_local(const struct stream *s)
{
    return socket_local(const_stream_of(s)->watcher.fd);
}

static const struct stream_ops real_stream_ops = {
    .set_events = real_set_events,
    .free = real_stream_free,
    .write = real_write,
    .queued = real_queued,
    .pause = real_pause,
    .resume = real_resume,
    .finish = real_finish,
    .drop_held = real_drop_held,
    .start_tls_server = real_start_tls_server,
    .start_tls_client = real_start_tls_client,
    .is_secure = real_is_secure,
    .tls_version = real_tls_version,
    .tls_cipher = real_tls_cipher,
    .tls_bindings = real_tls_bindings,
    .tls_identities = real_tls_identities,
    .peer = real_peer,
    .local = real_local,
};
