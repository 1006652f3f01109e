/* os/real/channel_real.c - frames over a Unix stream socket, many in one system call.
 *
 * Frames that are sent during a turn go out together at its end. A descriptor travels with the
 * first octet of its own frame's length, which starts a sendmsg of its own; the kernel never lets
 * one recvmsg reach past octets that carry a descriptor, so at most one is waiting for its frame.
 * Whole frames are handed over straight from the loop's read buffer; only a cut one is copied.
 *
 * The two bits below that of a file say that the octets are not here: "room" is followed by
 * number, offset and length of a frame that lies in shared memory (os/real/rooms.h), or by ROOMS
 * when that memory is given up; "give" is the answer, the number of the room in its lower bits. The
 * memory's descriptor comes along with its first frame, and the memory goes when it was not used
 * for a while, so that a quiet house keeps none. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/codec.h"
#include "os/real/loop_real.h"
#include "os/real/rooms.h"
#include "os/real/socket.h"

enum { HEAD_BYTES = 4, SOCKET_BYTES = 1024 * 1024, ROOM_HEAD_BYTES = 12, ROOMS_KEPT_MS = 2000 };
static const uint32_t file_bit = 0x80000000U, room_bit = 0x40000000U, give_bit = 0x20000000U;
static const uint32_t number_bits = 0x1FFFFFFFU;

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
    bool blocked, flush_posted, freed, closed, rooms_allowed, rooms_known;
    struct rooms *own, *theirs; /* made here, and written there; null until they are used */
    struct timer quiet;         /* when the own ones are given up */
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
    timer_cancel(&c->quiet);
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

static void post_flush(struct real_channel *c)
{
    if (c->flush_posted || c->blocked)
        return;
    c->flush_posted = true;
    loop_post(c->base.loop, run_flush, c);
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
    post_flush(c);
}

static size_t real_queued(const struct channel *base)
{
    const struct real_channel *c = CONTAINER_OF(base, const struct real_channel, base);

    return c->out.len - c->out_from;
}

/* ---- rooms: out ---- */

static void give_room(struct channel_room *room)
{
    struct rooms *r = room->owner;

    r->taken &= ~(1U << room->number);
    rooms_leave(r);
}

static bool real_room_take(struct channel *base, struct channel_room *ret)
{
    struct real_channel *c = channel_of(base);
    unsigned number;

    if (gone(c))
        return false;
    if (c->own == NULL) {
        c->own = rooms_new();
        c->rooms_known = false;
    }
    if (c->own == NULL || !rooms_take(c->own, &number))
        return false;
    timer_set_in(&c->quiet, ROOMS_KEPT_MS);
    *ret = (struct channel_room){ rooms_at(c->own, number), number, c->own, give_room };
    return true;
}

static void send_room_head(struct real_channel *c, uint32_t number, size_t offset, size_t len)
{
    uint32_t head = room_bit | ROOM_HEAD_BYTES;
    int fd = c->rooms_known ? -1 : fcntl(c->own->fd, F_DUPFD_CLOEXEC, 3);

    if (fd >= 0) {
        add_parcel(c, fd);
        head |= file_bit;
        c->rooms_known = true;
    }
    put_u32(&c->out, head);
    put_u32(&c->out, number);
    put_u32(&c->out, (uint32_t)offset);
    put_u32(&c->out, (uint32_t)len);
    post_flush(c);
}

static void real_room_send(struct channel *base, struct channel_room *room, struct str frame)
{
    struct real_channel *c = channel_of(base);

    BUG_ON(room->owner != c->own);
    if (gone(c)) {
        give_room(room);
        return;
    }
    c->own->sent |= 1U << room->number;
    rooms_leave(c->own); /* this channel is a user as well */
    send_room_head(c, room->number, (size_t)(frame.at - room->at), frame.len);
}

static bool room_came_back(struct real_channel *c, uint32_t number)
{
    if (number >= ROOMS || c->own == NULL || (c->own->sent & (1U << number)) == 0)
        return false;
    c->own->sent &= ~(1U << number);
    c->own->taken &= ~(1U << number);
    return true;
}

static void give_up_rooms(void *ctx)
{
    struct real_channel *c = ctx;

    if (c->own->taken != 0) {
        timer_set_in(&c->quiet, ROOMS_KEPT_MS);
        return;
    }
    if (c->rooms_known)
        send_room_head(c, ROOMS, 0, 0);
    rooms_leave(c->own);
    c->own = NULL;
}

static void real_allow_rooms(struct channel *base)
{
    channel_of(base)->rooms_allowed = true;
}

/* ---- rooms: in ---- */

/* False when it makes no sense. The room goes back as soon as the owner has read it. */
static bool take_room(struct real_channel *c, struct str place, int fd)
{
    uint32_t number = load_u32(place.at), at = load_u32(place.at + 4), len = load_u32(place.at + 8);

    if (fd >= 0) {
        rooms_leave(c->theirs);
        c->theirs = rooms_of_descriptor(fd);
        (void)close(fd);
    }
    if (!c->rooms_allowed || c->theirs == NULL || number > ROOMS || at > CHANNEL_ROOM_BYTES ||
        len > CHANNEL_ROOM_BYTES - at)
        return false;
    if (number == ROOMS) {
        rooms_leave(c->theirs);
        c->theirs = NULL;
        return true;
    }
    c->base.events->frame(c->base.ctx, str_from(rooms_at(c->theirs, number) + at, len), NULL);
    if (!gone(c)) {
        put_u32(&c->out, give_bit | number);
        post_flush(c);
    }
    return true;
}

/* ---- in ---- */

/* The octets that follow a head. */
static size_t payload(uint32_t head)
{
    return (head & give_bit) != 0 ? 0 : head & number_bits;
}

/* Nonsense is told from a frame that is merely not whole yet. */
static bool head_is_good(const struct real_channel *c, uint32_t head)
{
    if ((head & file_bit) != 0 && c->in_fd < 0)
        return false;
    if ((head & give_bit) != 0)
        return (head & (file_bit | room_bit)) == 0;
    if ((head & room_bit) != 0)
        return payload(head) == ROOM_HEAD_BYTES;
    return payload(head) <= CHANNEL_FRAME_MAX;
}

static bool take_frame(struct real_channel *c, uint32_t head, struct str frame)
{
    int fd = -1;

    if ((head & file_bit) != 0) {
        fd = c->in_fd;
        c->in_fd = -1;
    }
    if ((head & give_bit) != 0)
        return room_came_back(c, head & number_bits);
    if ((head & room_bit) != 0)
        return take_room(c, frame, fd);
    c->base.events->frame(c->base.ctx, frame, fd >= 0 ? file_from_fd(fd) : NULL);
    return true;
}

/* Hands over whole frames; returns how many octets they took. */
static size_t take_frames(struct real_channel *c, struct str bytes)
{
    size_t start = bytes.len;

    while (bytes.len >= HEAD_BYTES && !gone(c)) {
        uint32_t head = load_u32(bytes.at);
        size_t len = payload(head);

        if (!head_is_good(c, head)) {
            tell_closed(c, ERR_CORRUPT);
            break;
        }
        if (bytes.len - HEAD_BYTES < len)
            break;

        struct str frame = str_sub(bytes, HEAD_BYTES, len);
        bytes = str_skip(bytes, HEAD_BYTES + len);
        if (!take_frame(c, head, frame) && !gone(c))
            tell_closed(c, ERR_CORRUPT);
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
    return HEAD_BYTES + payload(load_u32(c->in.at)) - c->in.len;
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
    timer_init(&c->quiet, l, give_up_rooms, c);
    update_interest(c);
    return &c->base;
}

/* A frame in a room may be what its receiver frees the channel for, so that memory goes last. */
static void bury(void *memory)
{
    struct real_channel *c = memory;

    rooms_leave(c->own);
    rooms_leave(c->theirs);
    free(c);
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
    timer_cancel(&c->quiet);
    drop_all(c);
    loop_bury(base->loop, bury, c);
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
    .room_take = real_room_take,
    .room_send = real_room_send,
    .allow_rooms = real_allow_rooms,
};
