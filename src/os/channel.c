/* os/channel.c - the common face of real and simulated channels. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/dispatch.h"

enum err channel_pair(struct loop *a, struct loop *b, struct channel **ret_a,
                      struct channel **ret_b, struct errinfo *why)
{
    BUG_ON(a->ops != b->ops);
    return a->ops->channel_pair(a, b, ret_a, ret_b, why);
}

void channel_set_events(struct channel *c, const struct channel_events *events, void *ctx)
{
    c->events = events;
    c->ctx = ctx;
}

void channel_send(struct channel *c, struct str frame, struct file *file)
{
    BUG_ON(frame.len > CHANNEL_FRAME_MAX);
    c->ops->send(c, frame, file);
}

size_t channel_queued(const struct channel *c)
{
    return c->ops->queued(c);
}

bool channel_room_take(struct channel *c, struct channel_room *ret)
{
    return c->ops->room_take(c, ret);
}

void channel_room_send(struct channel *c, struct channel_room *room, struct str frame)
{
    BUG_ON(room->at == NULL || frame.at < room->at || frame.len > CHANNEL_ROOM_BYTES ||
           frame.at + frame.len > room->at + CHANNEL_ROOM_BYTES);
    c->ops->room_send(c, room, frame);
    room->at = NULL;
}

void channel_room_drop(struct channel_room *room)
{
    if (room->at != NULL)
        room->give(room);
    room->at = NULL;
}

void channel_allow_rooms(struct channel *c)
{
    c->ops->allow_rooms(c);
}

void channel_free(struct channel *c)
{
    if (c != NULL)
        c->ops->free(c);
}
