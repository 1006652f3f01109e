/* os/real/rooms.h - memory that one role writes and another reads, cut into rooms for frames.
 *
 * The writer makes it, sealed so that whoever maps it later can not write; the reader maps it from
 * the descriptor that came along. The last of its users lets the memory go: the channel is one,
 * and so is every room that is being filled, which may take longer than the channel lives.
 * Loop's thread, apart from the octets of a room that was taken. Errors: null when the system has
 * no such memory to give. Tests: channel_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_ROOMS_H
#define POSTERN_OS_ROOMS_H

#include "os/channel.h"

enum { ROOMS = 16 };

struct rooms {
    char *at;
    int fd;               /* -1: the reader's */
    uint32_t taken, sent; /* bits; sent: the other side has it */
    unsigned users;
};

struct rooms *rooms_new(void);             /* the writer's, with one user; or null */
struct rooms *rooms_of_descriptor(int fd); /* the reader's; or null. The descriptor stays open */
void rooms_leave(struct rooms *r);         /* null is allowed */
/* The lowest room that is free, so that few pages are ever touched. */
bool rooms_take(struct rooms *r, unsigned *ret);
static inline char *rooms_at(const struct rooms *r, unsigned number)
{
    return r->at + number * CHANNEL_ROOM_BYTES;
}

#endif
