/* os/real/listener_real.c - accepting, a bounded number of connections a turn.
 *
 * The listening socket is shared by several gates: EPOLLEXCLUSIVE wakes one of them. When the
 * process has no descriptor left, accepting rests for a moment instead of spinning on a socket
 * that stays readable. Accepted sockets inherit their options from the listening one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/real/socket.h"
#include "os/real/stream_real.h"

enum { ACCEPTS_A_TURN = 16, REST_MS = 100 };

struct real_listener {
    struct listener base;
    struct watcher watcher;
    struct timer rest;
    bool paused, freed;
};

static const struct listener_ops real_listener_ops;

static struct real_listener *listener_of(struct listener *l)
{
    return CONTAINER_OF(l, struct real_listener, base);
}

static void rest(struct real_listener *l)
{
    watcher_forget(l->base.loop, &l->watcher);
    timer_set_in(&l->rest, REST_MS);
}

/* When epoll itself is full, a later try is made, too. */
static void wake(void *ctx)
{
    struct real_listener *l = ctx;

    if (!l->paused && !watcher_set(l->base.loop, &l->watcher, EPOLLIN | EPOLLEXCLUSIVE))
        rest(l);
}

static void listener_ready(struct watcher *w, uint32_t events)
{
    struct real_listener *l = CONTAINER_OF(w, struct real_listener, watcher);

    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && !l->freed && !l->paused; i++) {
        int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            struct stream *s = stream_from_accepted(l->base.loop, fd);

            l->base.accept(l->base.ctx, s);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
            rest(l);
        if (errno != EINTR && errno != ECONNABORTED)
            return;
    }
}

struct listener *listener_from_fd(struct loop *l, int fd,
                                  void (*accept)(void *ctx, struct stream *s), void *ctx)
{
    struct real_listener *r = os_new(sizeof *r);

    socket_prepare(fd);
    r->base = (struct listener){ &real_listener_ops, l, accept, ctx };
    r->watcher = (struct watcher){ listener_ready, fd, 0 };
    timer_init(&r->rest, l, wake, r);
    wake(r);
    return &r->base;
}

static void real_pause(struct listener *base)
{
    struct real_listener *l = listener_of(base);

    l->paused = true;
    timer_cancel(&l->rest);
    watcher_forget(base->loop, &l->watcher);
}

static void real_resume(struct listener *base)
{
    listener_of(base)->paused = false;
    wake(listener_of(base));
}

static void real_free(struct listener *base)
{
    struct real_listener *l = listener_of(base);

    l->freed = true;
    timer_cancel(&l->rest);
    watcher_close(base->loop, &l->watcher);
    loop_bury(base->loop, free, l);
}

static const struct listener_ops real_listener_ops = {
    .pause = real_pause,
    .resume = real_resume,
    .free = real_free,
};
