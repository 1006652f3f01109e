/* os/real/channel_real.c - frames over a Unix stream socket, many in one system call.
 *
 * Frames that are sent during a turn go out together at its end. A descriptor travels with the
 * first octet of its own frame's length, which starts a sendmsg of its own; the kernel never lets
 * one recvmsg reach past octets that carry a descriptor, so at most one is waiting for its frame.
 * Whole frames are handed over straight from the loop's read buffer; only a cut one is copied. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/codec.h"
#include "os/real/loop_real.h"
#include "os/real/socket.h"

enum { HEAD_BYTES = 4, SOCKET_BYTES = 1024 * 1024 };
static const uint32_t file_bit = 0x80000000U;

/* A descriptor on its way out: it goes with the octet at `at`, counted from the channel's start. */
struct parcel {
    struct parcel *next;
    uint64_t at;
    int fd;
};

struct real_channel {
    struct channel base;
    struct watcher watcher;
    struct buf out; /* octets from out_from on are still to go */
    size_t out_from;
    uint64_t out_at; /* position of out.at[out_from] in the channel */
    struct parcel *parcels, **parcels_last;
    struct buf in; /* the start of a frame that was cut */
    int in_fd;     /* came along, its frame is not whole yet; -1: none */
    bool blocked, flush_posted, freed, closed;
};

static const struct channel_ops real_channel_ops;

static struct real_channel *channel_of(struct channel *c)
{
    return CONTAINER_OF(c, struct real_channel, base);
}

static bool gone(const struct real_channel *c)
{
    return c->freed || c->closed;
}

static void drop_all(struct real_channel *c)
{
    for (struct parcel *p = c->parcels, *next; p != NULL; p = next) {
        next = p->next;
        (void)close(p->fd);
        free(p);
    }
    c->parcels = NULL;
    c->parcels_last = &c->parcels;
    buf_deinit(&c->out);
    buf_deinit(&c->in);
    if (c->in_fd >= 0)
        (void)close(c->in_fd);
    c->in_fd = -1;
}

static void tell_closed(struct real_channel *c, enum err why)
{
    if (gone(c))
        return;
    c->closed = true;
    watcher_close(c->base.loop, &c->watcher);
    drop_all(c);
    c->base.events->closed(c->base.ctx, why);
}

static void update_interest(struct real_channel *c)
{
    if (!gone(c) && !watcher_set(c->base.loop, &c->watcher, EPOLLIN | (c->blocked ? EPOLLOUT : 0U)))
        BUG("epoll has no room for a channel");
}

/* ---- out ---- */

static ssize_t send_part(struct real_channel *c)
{
    struct iovec part = { c->out.at + c->out_from, c->out.len - c->out_from };
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { .room = { 0 } };
    struct msghdr m = { .msg_iov = &part, .msg_iovlen = 1 };
    struct parcel *p = c->parcels;

    if (p != NULL && p->at == c->out_at) {
        struct parcel *next = p->next;

        m.msg_control = control.room;
        m.msg_controllen = sizeof control.room;
        struct cmsghdr *head = CMSG_FIRSTHDR(&m);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(head), &p->fd, sizeof p->fd);
        if (next != NULL)
            part.iov_len = MIN(part.iov_len, (size_t)(next->at - c->out_at));
    } else if (p != NULL) {
        part.iov_len = MIN(part.iov_len, (size_t)(p->at - c->out_at));
    }
    return sendmsg(c->watcher.fd, &m, MSG_NOSIGNAL);
}

static void sent_part(struct real_channel *c, size_t sent)
{
    struct parcel *p = c->parcels;

    if (p != NULL && p->at == c->out_at) {
        c->parcels = p->next;
        if (c->parcels == NULL)
            c->parcels_last = &c->parcels;
        (void)close(p->fd);
        free(p);
    }
    c->out_at += sent;
    c->out_from += sent;
}

static void flush(struct real_channel *c)
{
    c->blocked = false;
    while (c->out_from < c->out.len) {
        ssize_t sent = send_part(c);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN) {
            c->blocked = true;
            buf_consume(&c->out, c->out_from);
            c->out_from = 0;
            update_interest(c);
            return;
        }
        if (sent < 0) {
            tell_closed(c, err_from_errno(errno));
            return;
        }
        sent_part(c, (size_t)sent);
    }
    buf_clear(&c->out);
    c->out_from = 0;
    buf_shrink(&c->out, REAL_READ_BYTES);
    update_interest(c);
    if (c->base.events->drained != NULL)
        c->base.events->drained(c->base.ctx);
}

static void run_flush(void *ctx)
{
    struct real_channel *c = ctx;

    c->flush_posted = false;
    if (!gone(c) && c->out_from < c->out.len)
        flush(c);
}

static void add_parcel(struct real_channel *c, int fd)
{
    struct parcel *p = os_new(sizeof *p);

    *p = (struct parcel){ NULL, c->out_at + (c->out.len - c->out_from), fd };
    *c->parcels_last = p;
    c->parcels_last = &p->next;
}

/* A descriptor that cannot be copied (none left) goes missing, which the receiver sees as a frame
 * without its file; the protocol above must answer that. */
static void real_send(struct channel *base, struct str frame, struct file *file)
{
    struct real_channel *c = channel_of(base);
    uint32_t head = (uint32_t)frame.len;
    int fd = -1;

    if (gone(c))
        return;
    if (file != NULL)
        fd = fcntl(file->ops->fd(file), F_DUPFD_CLOEXEC, 3);
    if (fd >= 0) {
        add_parcel(c, fd);
        head |= file_bit;
    }
    put_u32(&c->out, head);
    buf_add(&c->out, frame);
    if (!c->flush_posted && !c->blocked) {
        c->flush_posted = true;
        loop_post(base->loop, run_flush, c);
    }
}

static size_t real_queued(const struct channel *base)
{
    const struct real_channel *c = CONTAINER_OF(base, const struct real_channel, base);

    return c->out.len - c->out_from;
}

/* ---- in ---- */

/* Hands over whole frames; returns how many octets they took. */
static size_t take_frames(struct real_channel *c, struct str bytes)
{
    size_t start = bytes.len;

    while (bytes.len >= HEAD_BYTES && !gone(c)) {
        uint32_t head = load_u32(bytes.at);
        size_t len = head & ~file_bit;
        struct file *file = NULL;

        if (len > CHANNEL_FRAME_MAX || ((head & file_bit) != 0 && c->in_fd < 0)) {
            tell_closed(c, ERR_CORRUPT);
            break;
        }
        if (bytes.len - HEAD_BYTES < len)
            break;
        if ((head & file_bit) != 0) {
            file = file_from_fd(c->in_fd);
            c->in_fd = -1;
        }
        struct str frame = str_sub(bytes, HEAD_BYTES, len);
        bytes = str_skip(bytes, HEAD_BYTES + len);
        c->base.events->frame(c->base.ctx, frame, file);
    }
    return start - bytes.len;
}

/* False when the other side sent a descriptor that no frame asked for. */
static bool keep_descriptor(struct real_channel *c, struct msghdr *m)
{
    struct cmsghdr *head = CMSG_FIRSTHDR(m);
    int fd;

    if (head == NULL || head->cmsg_level != SOL_SOCKET || head->cmsg_type != SCM_RIGHTS)
        return true;
    memcpy(&fd, CMSG_DATA(head), sizeof fd);
    if (c->in_fd >= 0 || (m->msg_flags & MSG_CTRUNC) != 0) {
        (void)close(fd);
        return false;
    }
    c->in_fd = fd;
    return true;
}

static ssize_t receive(struct real_channel *c, char *at, size_t len, bool *ret_good)
{
    struct iovec part = { at, len };
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr m = { .msg_iov = &part,
                        .msg_iovlen = 1,
                        .msg_control = control.room,
                        .msg_controllen = sizeof control.room };
    ssize_t got;

    do
        got = recvmsg(c->watcher.fd, &m, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    *ret_good = got <= 0 || keep_descriptor(c, &m);
    return got;
}

/* How much the cut frame in `in` still needs. */
static size_t missing(const struct real_channel *c)
{
    if (c->in.len < HEAD_BYTES)
        return HEAD_BYTES - c->in.len;
    return HEAD_BYTES + (load_u32(c->in.at) & ~file_bit) - c->in.len;
}

/* A cut frame is completed in its own memory, and only then does reading go on in the shared
 * buffer; so its octets are copied once and no whole frame ever is. */
static void read_ready(struct real_channel *c)
{
    bool cut = c->in.len > 0, good;
    size_t want = cut ? missing(c) : REAL_READ_BYTES;
    char *at = cut ? buf_reserve(&c->in, want) : real_read_buffer(c->base.loop);
    ssize_t got = receive(c, at, want, &good);

    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || !good) {
        tell_closed(c, !good ? ERR_CORRUPT : got == 0 ? ERR_CLOSED : err_from_errno(errno));
        return;
    }
    if (!cut) {
        size_t used = take_frames(c, str_from(at, (size_t)got));

        if (!gone(c))
            buf_add(&c->in, str_from(at + used, (size_t)got - used));
        return;
    }
    c->in.len += (size_t)got;
    if (c->in.len < HEAD_BYTES)
        return;

    struct buf whole = c->in; /* the receiver may free the channel meanwhile */
    c->in = (struct buf){ .max = 0 };
    size_t used = take_frames(c, buf_str(&whole));
    if (used > 0 || gone(c))
        buf_deinit(&whole);
    else
        c->in = whole;
}

static void channel_ready(struct watcher *w, uint32_t events)
{
    struct real_channel *c = CONTAINER_OF(w, struct real_channel, watcher);

    BUG_ON(c->base.events == NULL); /* born without an owner, and nobody came */
    if ((events & EPOLLOUT) != 0 && c->blocked)
        flush(c);
    if (!gone(c) && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        read_ready(c);
}

/* ---- life ---- */

struct channel *channel_from_fd(struct loop *l, int fd)
{
    struct real_channel *c = os_new(sizeof *c);
    int size = SOCKET_BYTES;

    socket_prepare(fd);
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    c->base = (struct channel){ &real_channel_ops, l, NULL, NULL };
    c->watcher = (struct watcher){ channel_ready, fd, 0 };
    c->parcels_last = &c->parcels;
    c->in_fd = -1;
    update_interest(c);
    return &c->base;
}

/* What was sent before is given to the kernel once more, so that a reply that was just queued is
 * not lost with its channel; what does not fit is dropped. */
static void real_free(struct channel *base)
{
    struct real_channel *c = channel_of(base);

    BUG_ON(c->freed);
    while (!c->closed && c->out_from < c->out.len) {
        ssize_t sent = send_part(c);

        if (sent <= 0)
            break;
        sent_part(c, (size_t)sent);
    }
    c->freed = true;
    watcher_close(base->loop, &c->watcher);
    drop_all(c);
    loop_bury(base->loop, free, c);
}

enum err real_channel_pair(struct loop *a, struct loop *b, struct channel **ret_a,
                           struct channel **ret_b, struct errinfo *why)
{
    int fd[2];

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fd) != 0)
        return err_set(why, err_from_errno(errno), "cannot make a channel: %s", strerror(errno));
    *ret_a = channel_from_fd(a, fd[0]);
    *ret_b = channel_from_fd(b, fd[1]);
    return OK;
}

static const struct channel_ops real_channel_ops = {
    .send = real_send,
    .queued = real_queued,
    .free = real_free,
};
