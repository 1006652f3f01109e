/* os/real/loop_real.c - epoll, the kernel's clocks, signals.
 *
 * A turn: work for later, due timers, then one wait. The wait is not entered for long while work
 * is waiting. Signals are read from a signalfd, which keeps them blocked for the whole process;
 * worker threads therefore never see one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/real/loop_real.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 128, SIGNALS_MAX = 16, RANDOM_POOL_BYTES = 256 };

struct on_signal {
    int signal;
    void (*run)(void *ctx, int signal);
    void *ctx;
};

struct real_loop {
    struct loop base;
    int epoll;
    char *read_buffer; /* made at the first read */
    sigset_t signal_set;
    struct watcher signals;
    struct on_signal on_signal[SIGNALS_MAX];
    size_t on_signal_count;
    uint8_t random_pool[RANDOM_POOL_BYTES];
    size_t random_left;
};

static const struct {
    int number;
    enum err e;
} errno_rows[] = {
    { ENOENT, ERR_NOT_FOUND },
    { EEXIST, ERR_EXISTS },
    { ENOTEMPTY, ERR_EXISTS },
    { ENOSPC, ERR_NO_SPACE },
    { EDQUOT, ERR_NO_SPACE },
    { EFBIG, ERR_NO_SPACE },
    { EACCES, ERR_DENIED },
    { EPERM, ERR_DENIED },
    { EROFS, ERR_DENIED },
    { EXDEV, ERR_DENIED },
    { EADDRINUSE, ERR_IN_USE },
    { ECONNREFUSED, ERR_REFUSED },
    { ETIMEDOUT, ERR_TIMEOUT },
    { ECONNRESET, ERR_CLOSED },
    { EPIPE, ERR_CLOSED },
    { ECONNABORTED, ERR_CLOSED },
    { ENETUNREACH, ERR_UNAVAILABLE },
    { EHOSTUNREACH, ERR_UNAVAILABLE },
    { EADDRNOTAVAIL, ERR_UNAVAILABLE },
    { ENETDOWN, ERR_UNAVAILABLE },
    { EAFNOSUPPORT, ERR_UNAVAILABLE },
    { EMFILE, ERR_LIMIT },
    { ENFILE, ERR_LIMIT },
    { ENAMETOOLONG, ERR_LIMIT },
    { ENOSYS, ERR_UNSUPPORTED },
    { EOPNOTSUPP, ERR_UNSUPPORTED },
};

enum err err_from_errno(int number)
{
    for (size_t i = 0; i < ARRAY_LEN(errno_rows); i++)
        if (errno_rows[i].number == number)
            return errno_rows[i].e;
    return ERR_IO;
}

static struct real_loop *real_of(struct loop *l)
{
    return CONTAINER_OF(l, struct real_loop, base);
}

static uint64_t real_now_ms(struct loop *l)
{
    struct timespec t;

    (void)l;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int64_t real_wall_ms(struct loop *l)
{
    struct timespec t;

    (void)l;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void fill_random(uint8_t *at, size_t len)
{
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            BUG("the kernel gives no random octets");
        at += got;
        len -= (size_t)got;
    }
}

/* Small requests come from a pool, and what was given out is wiped from it. */
static void real_random(struct loop *l, void *ret, size_t len)
{
    struct real_loop *r = real_of(l);

    if (len > sizeof r->random_pool) {
        fill_random(ret, len);
        return;
    }
    if (r->random_left < len) {
        fill_random(r->random_pool, sizeof r->random_pool);
        r->random_left = sizeof r->random_pool;
    }
    r->random_left -= len;
    memcpy(ret, r->random_pool + r->random_left, len);
    explicit_bzero(r->random_pool + r->random_left, len);
}

char *real_read_buffer(struct loop *l)
{
    struct real_loop *r = real_of(l);

    if (r->read_buffer == NULL)
        r->read_buffer = os_grow(NULL, REAL_READ_BYTES, 1);
    return r->read_buffer;
}

/* EPOLLEXCLUSIVE cannot be changed by MOD, so listeners only ever go between all and nothing. */
bool watcher_set(struct loop *l, struct watcher *w, uint32_t events)
{
    struct epoll_event e = { .events = events, .data.ptr = w };
    int op = EPOLL_CTL_MOD;

    if (w->events == events)
        return true;
    if (events == 0)
        op = EPOLL_CTL_DEL;
    else if (w->events == 0)
        op = EPOLL_CTL_ADD;
    if (epoll_ctl(real_of(l)->epoll, op, w->fd, &e) != 0)
        return false;
    w->events = events;
    return true;
}

void watcher_forget(struct loop *l, struct watcher *w)
{
    if (w->events != 0)
        (void)epoll_ctl(real_of(l)->epoll, EPOLL_CTL_DEL, w->fd, NULL);
    w->events = 0;
}

void watcher_close(struct loop *l, struct watcher *w)
{
    if (w->fd < 0)
        return;
    watcher_forget(l, w);
    (void)close(w->fd);
    w->fd = -1;
    w->ready = NULL;
}

static int wait_ms(struct loop *l)
{
    uint64_t at;

    if (loop_has_posts(l) || l->stopped)
        return 0;
    if (!loop_next_timer(l, &at))
        return -1;

    uint64_t now = real_now_ms(l);
    return at <= now ? 0 : (int)MIN(at - now, (uint64_t)INT_MAX);
}

static enum err real_run(struct loop *l, struct errinfo *why)
{
    struct epoll_event events[EVENTS_A_TURN];

    for (l->stopped = false; !l->stopped;) {
        loop_run_posts(l);
        loop_run_timers(l, real_now_ms(l));

        int count = epoll_wait(real_of(l)->epoll, events, EVENTS_A_TURN, wait_ms(l));
        if (count < 0 && errno != EINTR)
            return err_set(why, ERR_IO, "cannot wait for events: %s", strerror(errno));
        for (int i = 0; i < count; i++) {
            struct watcher *w = events[i].data.ptr;

            if (w->ready != NULL) /* else an earlier event of this turn closed it */
                w->ready(w, events[i].events);
        }
    }
    return OK;
}

static void real_free(struct loop *l)
{
    struct real_loop *r = real_of(l);

    loop_deinit(l);
    if (r->signals.fd >= 0)
        (void)sigprocmask(SIG_UNBLOCK, &r->signal_set, NULL);
    watcher_close(l, &r->signals);
    (void)close(r->epoll);
    free(r->read_buffer);
    explicit_bzero(r->random_pool, sizeof r->random_pool);
    free(r);
}

static const struct loop_ops real_ops = {
    .now_ms = real_now_ms,
    .wall_ms = real_wall_ms,
    .random = real_random,
    .run = real_run,
    .free = real_free,
    .stream_connect = real_stream_connect,
    .channel_pair = real_channel_pair,
    .workers_new = real_workers_new,
};

/* A peer that went away must be an error of one write, not the end of the role, also for
 * libraries that write themselves; hence SIGPIPE is ignored for the process. */
enum err loop_new_real(struct loop **ret, struct errinfo *why)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    if (epoll < 0)
        return err_set(why, err_from_errno(errno), "cannot make a loop: %s", strerror(errno));
    (void)signal(SIGPIPE, SIG_IGN);

    struct real_loop *r = os_new(sizeof *r);
    r->base.ops = &real_ops;
    r->epoll = epoll;
    r->signals.fd = -1;
    (void)sigemptyset(&r->signal_set);
    *ret = &r->base;
    return OK;
}

/* ---- signals ---- */

static void signals_ready(struct watcher *w, uint32_t events)
{
    struct real_loop *r = CONTAINER_OF(w, struct real_loop, signals);
    struct signalfd_siginfo info;

    (void)events;
    if (read(w->fd, &info, sizeof info) != (ssize_t)sizeof info)
        return;
    for (size_t i = 0; i < r->on_signal_count; i++)
        if (r->on_signal[i].signal == (int)info.ssi_signo)
            r->on_signal[i].run(r->on_signal[i].ctx, r->on_signal[i].signal);
}

enum err loop_on_signal(struct loop *l, int signal, void (*run)(void *ctx, int signal), void *ctx,
                        struct errinfo *why)
{
    struct real_loop *r = real_of(l);

    BUG_ON(l->ops != &real_ops || r->on_signal_count == SIGNALS_MAX);
    (void)sigaddset(&r->signal_set, signal);

    int fd = signalfd(r->signals.fd, &r->signal_set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0 || sigprocmask(SIG_BLOCK, &r->signal_set, NULL) != 0)
        return err_set(why, err_from_errno(errno), "cannot wait for signals: %s", strerror(errno));
    r->signals.fd = fd;
    r->signals.ready = signals_ready;
    if (!watcher_set(l, &r->signals, EPOLLIN))
        return err_set(why, ERR_LIMIT, "cannot wait for signals: %s", strerror(errno));
    r->on_signal[r->on_signal_count++] = (struct on_signal){ signal, run, ctx };
    return OK;
}

/* ---- descriptors of libraries ---- */

struct watch {
    struct watcher watcher;
    struct loop *loop;
    void (*ready)(void *ctx, bool readable, bool writable);
    void *ctx;
};

static void watch_ready(struct watcher *w, uint32_t events)
{
    struct watch *watch = CONTAINER_OF(w, struct watch, watcher);
    bool broken = (events & (EPOLLERR | EPOLLHUP)) != 0;
    bool readable = (w->events & EPOLLIN) != 0, writable = (w->events & EPOLLOUT) != 0;

    watch->ready(watch->ctx, readable && (broken || (events & EPOLLIN) != 0),
                 writable && (broken || (events & EPOLLOUT) != 0));
}

enum err watch_new(struct loop *l, int fd, unsigned watch_for,
                   void (*ready)(void *ctx, bool readable, bool writable), void *ctx,
                   struct watch **ret, struct errinfo *why)
{
    BUG_ON(l->ops != &real_ops || watch_for == 0);
    uint32_t events = ((watch_for & WATCH_READABLE) != 0 ? EPOLLIN : 0U) |
                      ((watch_for & WATCH_WRITABLE) != 0 ? EPOLLOUT : 0U);
    struct watch *watch = os_new(sizeof *watch);

    *watch = (struct watch){ { watch_ready, fd, 0 }, l, ready, ctx };
    if (!watcher_set(l, &watch->watcher, events)) {
        int number = errno;

        free(watch);
        return err_set(why, err_from_errno(number), "cannot watch descriptor %d: %s", fd,
                       strerror(number));
    }
    *ret = watch;
    return OK;
}

/* The library may have closed its descriptor already; then epoll has forgotten it by itself. */
void watch_free(struct watch *w)
{
    if (w == NULL)
        return;
    watcher_forget(w->loop, &w->watcher);
    w->watcher.ready = NULL;
    loop_bury(w->loop, free, w);
}
