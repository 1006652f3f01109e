/* os/real/channel_listen.c - the administration's door: a Unix socket with a name.
 *
 * The socket is made with mode 0600, so only its user and root come in. A name left behind by a
 * crash is recognised by nobody answering, and replaced; a living server's is not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/real/loop_real.h"

enum { BACKLOG = 32, ACCEPTS_A_TURN = 8, OWNER_ONLY_MASK = 0177 };

struct channel_listener {
    struct watcher watcher;
    struct loop *loop;
    void (*accept)(void *ctx, struct channel *c);
    void *ctx;
    struct sockaddr_un at;
    bool freed;
};

static bool set_path(struct str path, struct sockaddr_un *ret)
{
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (path.len == 0 || path.len >= sizeof ret->sun_path)
        return false;
    memcpy(ret->sun_path, path.at, path.len);
    return true;
}

static int try_connect(const struct sockaddr_un *at)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)at, sizeof *at) != 0) {
        int number = errno;

        (void)close(fd);
        errno = number;
        return -1;
    }
    return fd;
}

static void listener_ready(struct watcher *w, uint32_t events)
{
    struct channel_listener *l = CONTAINER_OF(w, struct channel_listener, watcher);

    (void)events;
    for (int i = 0; i < ACCEPTS_A_TURN && !l->freed; i++) {
        int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd < 0)
            return;
        l->accept(l->ctx, channel_from_fd(l->loop, fd));
    }
}

static int bind_private(int fd, const struct sockaddr_un *at)
{
    mode_t old = umask(OWNER_ONLY_MASK);
    int failed = bind(fd, (const struct sockaddr *)at, sizeof *at);
    int number = errno;

    (void)umask(old);
    errno = number;
    return failed;
}

enum err channel_listen(struct loop *l, struct str path,
                        void (*accept)(void *ctx, struct channel *c), void *ctx,
                        struct channel_listener **ret)
{
    struct sockaddr_un at;
    int fd, other;

    BUG_ON(l->ops->simulated);
    if (!set_path(path, &at))
        return ERR_LIMIT;
    if ((other = try_connect(&at)) >= 0) {
        (void)close(other);
        return ERR_IN_USE;
    }
    if (errno == ECONNREFUSED)
        (void)unlink(at.sun_path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind_private(fd, &at) != 0 || listen(fd, BACKLOG) != 0) {
        enum err e = err_from_errno(errno);

        if (fd >= 0)
            (void)close(fd);
        return e;
    }

    struct channel_listener *c = os_new(sizeof *c);
    *c = (struct channel_listener){ { listener_ready, fd, 0 }, l, accept, ctx, at, false };
    if (!watcher_set(l, &c->watcher, EPOLLIN))
        BUG("epoll has no room for a channel");
    *ret = c;
    return OK;
}

void channel_listener_free(struct channel_listener *l)
{
    if (l == NULL)
        return;
    l->freed = true;
    watcher_close(l->loop, &l->watcher);
    (void)unlink(l->at.sun_path);
    loop_bury(l->loop, free, l);
}

enum err channel_connect(struct loop *l, struct str path, struct channel **ret, struct errinfo *why)
{
    struct sockaddr_un at;
    int fd;

    BUG_ON(l->ops->simulated);
    if (!set_path(path, &at))
        return err_set(why, ERR_LIMIT, "'%.*s' is too long for a socket's name", STR_ARG(path));
    if ((fd = try_connect(&at)) < 0)
        return err_set(why, err_from_errno(errno), "cannot reach '%.*s': %s", STR_ARG(path),
                       strerror(errno));
    *ret = channel_from_fd(l, fd);
    return OK;
}
