/* os/sim/sim_channel.c - two ends of a channel in one world.
 *
 * Frames arrive in order, each a moment after it was sent. What a role had sent before it died
 * still arrives, as it would from the kernel's buffer; then the other end hears of the end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sim/world.h"

enum { CHANNEL_MS_MAX = 1 };

struct sim_channel {
    struct channel base;
    struct sim_object object;
    struct sim_channel *peer; /* counted; null after the end */
    size_t queued;
    uint64_t last_ms; /* when the newest frame arrives */
    bool closed;
};

struct sim_frame {
    struct str bytes;
    struct file *file;
};

static const struct channel_ops sim_channel_ops;

static struct sim_channel *channel_of(struct channel *c)
{
    return CONTAINER_OF(c, struct sim_channel, base);
}

static struct sim_channel *of_object(struct sim_object *o)
{
    return CONTAINER_OF(o, struct sim_channel, object);
}

static void drop_frame(void *arg)
{
    struct sim_frame *f = arg;

    file_close(f->file);
    free((void *)(uintptr_t)f->bytes.at);
    free(f);
}

static void was_drained(struct sim_object *o, void *arg)
{
    struct sim_channel *c = of_object(o);

    (void)arg;
    if (sim_object_lives(o) && !c->closed && c->queued == 0 && c->base.events->drained != NULL)
        c->base.events->drained(c->base.ctx);
}

/* Runs at the receiver; the sender may be gone by now. */
static void frame_arrives(struct sim_object *o, void *arg)
{
    struct sim_channel *c = of_object(o), *sender = c->peer;
    struct sim_frame *f = arg;

    if (sender != NULL) {
        sender->queued -= f->bytes.len;
        if (sender->queued == 0 && sim_object_lives(&sender->object))
            sim_later(0, &sender->object, was_drained, NULL, NULL);
    }
    if (!sim_object_lives(o) || c->closed)
        return;
    BUG_ON(c->base.events == NULL);
    sim_mix(o->loop->sim, f->bytes);
    struct file *file = f->file;
    f->file = NULL;
    c->base.events->frame(c->base.ctx, f->bytes, file);
}

static void end_arrives(struct sim_object *o, void *arg)
{
    struct sim_channel *c = of_object(o);

    (void)arg;
    if (c->peer != NULL)
        sim_object_unref(&c->peer->object);
    c->peer = NULL;
    if (!sim_object_lives(o) || c->closed)
        return;
    c->closed = true;
    c->base.events->closed(c->base.ctx, ERR_CLOSED);
}

static uint64_t arrival(struct sim *s, struct sim_channel *c)
{
    uint64_t at = s->now_ms + sim_random(s, CHANNEL_MS_MAX + 1);

    c->last_ms = MAX(at, c->last_ms);
    return c->last_ms;
}

static void sim_send(struct channel *base, struct str frame, struct file *file)
{
    struct sim_channel *c = channel_of(base);
    struct sim *s = sim_loop_of(base->loop)->sim;

    if (c->peer == NULL || c->closed || !sim_object_lives(&c->object))
        return;

    struct sim_frame *f = os_new(sizeof *f);
    char *copy = os_grow(NULL, frame.len + 1, 1);
    if (frame.len > 0)
        memcpy(copy, frame.at, frame.len);
    *f = (struct sim_frame){ { copy, frame.len }, file == NULL ? NULL : file->ops->share(file) };
    c->queued += frame.len;
    sim_later(arrival(s, c), &c->peer->object, frame_arrives, f, drop_frame);
}

/* Memory is shared anyway here: a room is a piece of it that becomes a frame like any other. */
static void give_room(struct channel_room *room)
{
    free(room->at);
}

static bool sim_room_take(struct channel *base, struct channel_room *ret)
{
    (void)base;
    *ret = (struct channel_room){ .at = os_grow(NULL, CHANNEL_ROOM_BYTES, 1), .give = give_room };
    return true;
}

static void sim_room_send(struct channel *base, struct channel_room *room, struct str frame)
{
    sim_send(base, frame, NULL);
    free(room->at);
}

static void sim_allow_rooms(struct channel *base)
{
    (void)base;
}

static size_t sim_queued(const struct channel *base)
{
    return CONTAINER_OF(base, const struct sim_channel, base)->queued;
}

/* This end is no more: the other one hears of it after everything that is on its way. */
static void orphan(struct sim_object *o)
{
    struct sim_channel *c = of_object(o);
    struct sim *s = sim_loop_of(c->base.loop)->sim;

    c->closed = true;
    if (c->peer == NULL)
        return;
    sim_later(arrival(s, c), &c->peer->object, end_arrives, NULL, NULL);
    sim_object_unref(&c->peer->object);
    c->peer = NULL;
}

static void sim_channel_free(struct channel *base)
{
    struct sim_channel *c = channel_of(base);

    orphan(&c->object);
    sim_object_leave(&c->object);
}

static void destroy(struct sim_object *o)
{
    struct sim_channel *c = of_object(o);

    if (c->peer != NULL)
        sim_object_unref(&c->peer->object);
    free(c);
}

static struct sim_channel *new_end(struct loop *l)
{
    struct sim_channel *c = os_new(sizeof *c);

    c->base = (struct channel){ &sim_channel_ops, l, NULL, NULL };
    c->object.destroy = destroy;
    c->object.orphan = orphan;
    sim_object_add(l, &c->object);
    return c;
}

enum err sim_channel_pair(struct loop *a, struct loop *b, struct channel **ret_a,
                          struct channel **ret_b, struct errinfo *why)
{
    struct sim_channel *end_a = new_end(a), *end_b = new_end(b);

    (void)why;
    BUG_ON(sim_loop_of(a)->sim != sim_loop_of(b)->sim);
    sim_object_ref(&end_a->object);
    sim_object_ref(&end_b->object);
    end_a->peer = end_b;
    end_b->peer = end_a;
    *ret_a = &end_a->base;
    *ret_b = &end_b->base;
    return OK;
}

static const struct channel_ops sim_channel_ops = {
    .send = sim_send,
    .queued = sim_queued,
    .free = sim_channel_free,
    .room_take = sim_room_take,
    .room_send = sim_room_send,
    .allow_rooms = sim_allow_rooms,
};
