/* os/channel.h - frames between two roles, over a connected Unix socket.
 *
 * A frame is at most CHANNEL_FRAME_MAX octets and may carry one open file (an unnamed spool file).
 * Frames arrive whole and in order. Sending queues; owners watch channel_queued(). The `frame`
 * given to the event is valid during the call; a file that came along belongs to the receiver.
 * When the other side dies closed() is called once. Wire: 4 octets length (big-endian, the top bit
 * set when a file comes along), then the octets; see channel_real.c for the rest of it.
 * Tests: channel_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_CHANNEL_H
#define POSTERN_OS_CHANNEL_H

#include "os/file.h"
#include "os/loop.h"

struct channel;

#define CHANNEL_FRAME_MAX ((size_t)1024 * 1024)

struct channel_events {
    void (*frame)(void *ctx, struct str frame, struct file *file); /* file: null, or now yours */
    void (*drained)(void *ctx);                                    /* or null */
    void (*closed)(void *ctx, enum err why);
};

struct channel *channel_from_fd(struct loop *l, int fd);
/* Two ends in two loops of one process: real loops get a socket pair, simulated ones a link. */
MUST_USE enum err channel_pair(struct loop *a, struct loop *b, struct channel **ret_a,
                               struct channel **ret_b, struct errinfo *why);
/* Must be called before the loop's next turn. */
void channel_set_events(struct channel *c, const struct channel_events *events, void *ctx);
void channel_send(struct channel *c, struct str frame, struct file *file); /* copies both */
size_t channel_queued(const struct channel *c);
void channel_free(struct channel *c);

/* A long frame may be written where the other side reads it, so that its octets are not carried
 * through the kernel. A room is memory for one frame; who has taken it fills it, on any thread, and
 * then sends or drops it on the loop's thread. The memory stays although the channel ends. Frames
 * that are sent arrive in one order, whichever way they go. */
#define CHANNEL_ROOM_BYTES ((size_t)512 * 1024)
struct channel_room {
    char *at; /* null: none */
    unsigned number;
    void *owner;
    void (*give)(struct channel_room *room); /* back, unsent */
};
/* False when all are taken, or there are none: then channel_send does as well. */
MUST_USE bool channel_room_take(struct channel *c, struct channel_room *ret);
/* Sends a frame that lies in the room. `c` must be the channel that the room is of. */
void channel_room_send(struct channel *c, struct channel_room *room, struct str frame);
void channel_room_drop(struct channel_room *room); /* none is allowed */
/* Only who trusts the other side may read memory that it writes; without this a frame in a room
 * ends the channel. */
void channel_allow_rooms(struct channel *c);

/* A Unix listening socket for administration (mode 0600), and its client. Real loops only. */
struct channel_listener;
MUST_USE enum err channel_listen(struct loop *l, struct str path,
                                 void (*accept)(void *ctx, struct channel *c), void *ctx,
                                 struct channel_listener **ret);
void channel_listener_free(struct channel_listener *l);
MUST_USE enum err channel_connect(struct loop *l, struct str path, struct channel **ret,
                                  struct errinfo *why);

#endif
