/* os/real/host/handover_real.c - descriptors as files of a channel, and the command socket. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "os/dispatch.h"

enum { WAITING_MAX = 64 };

void handover_send(struct channel *to, struct str frame, int fd)
{
    struct file *file = file_from_fd(fd);

    channel_send(to, frame, file);
    file_close(file);
}

/* The file owns its descriptor and closes it, so the receiver gets a second one. */
int handover_take(struct file *file)
{
    if (file == NULL)
        return -1;
    int fd = fcntl(file->ops->fd(file), F_DUPFD_CLOEXEC, 3);
    file_close(file);
    return fd;
}

static enum err fill_address(struct str path, struct sockaddr_un *ret, struct errinfo *why)
{
    *ret = (struct sockaddr_un){ .sun_family = AF_UNIX };
    if (path.len >= sizeof(ret->sun_path))
        return err_set(why, ERR_LIMIT, "'%.*s' is too long for a socket", STR_ARG(path));
    memcpy(ret->sun_path, path.at, path.len);
    return OK;
}

static enum err failure(const char *what, struct str path, struct errinfo *why)
{
    enum err e = errno == ENOENT         ? ERR_NOT_FOUND
                 : errno == ECONNREFUSED ? ERR_REFUSED
                 : errno == EACCES       ? ERR_DENIED
                                         : ERR_IO;

    return err_set(why, e, "cannot %s '%.*s': %s", what, STR_ARG(path), strerror(errno));
}

enum err handover_connect(struct str path, int *ret_fd, struct errinfo *why)
{
    struct sockaddr_un at;
    enum err e = fill_address(path, &at, why);

    if (e != OK)
        return e;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return failure("make a socket for", path, why);
    if (connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0) {
        e = failure("reach the server at", path, why);
        (void)close(fd);
        return e;
    }
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    *ret_fd = fd;
    return OK;
}

/* The name must not be open to others for a moment either, so the mask is set while binding. */
static enum err bind_and_listen(int fd, const struct sockaddr_un *at, struct str path,
                                struct errinfo *why)
{
    mode_t before = umask(0177);
    int bound = bind(fd, (const struct sockaddr *)at, sizeof(*at));

    (void)umask(before);
    if (bound != 0)
        return failure("bind", path, why);
    return listen(fd, WAITING_MAX) == 0 ? OK : failure("listen on", path, why);
}

enum err handover_listen(struct str path, int *ret_fd, struct errinfo *why)
{
    struct sockaddr_un at;
    int answering;
    enum err e;

    if ((e = fill_address(path, &at, why)) != OK)
        return e;
    if (handover_connect(path, &answering, NULL) == OK) {
        (void)close(answering);
        return err_set(why, ERR_IN_USE, "the folder is in use: a server answers at '%.*s'",
                       STR_ARG(path));
    }
    (void)unlink(at.sun_path);

    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return failure("make a socket for", path, why);
    if ((e = bind_and_listen(fd, &at, path, why)) != OK) {
        (void)close(fd);
        return e;
    }
    *ret_fd = fd;
    return OK;
}

int handover_accept(int fd)
{
    return accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

void handover_remove(struct str path)
{
    struct sockaddr_un at;

    if (fill_address(path, &at, NULL) == OK)
        (void)unlink(at.sun_path);
}
