/* os/loop.c - what real and simulated loops share: timers, work for later, burials. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/dispatch.h"

enum { FIRST_CAP = 16 };

void *os_new(size_t size)
{
    void *at = calloc(1, size);

    if (at == NULL)
        BUG("out of memory");
    return at;
}

void *os_grow(void *at, size_t count, size_t size)
{
    void *grown = reallocarray(at, count, size);

    if (grown == NULL)
        BUG("out of memory");
    return grown;
}

void loop_free(struct loop *l)
{
    if (l != NULL)
        l->ops->free(l);
}

enum err loop_run(struct loop *l, struct errinfo *why)
{
    return l->ops->run(l, why);
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
}

uint64_t loop_now_ms(struct loop *l)
{
    return l->ops->now_ms(l);
}

int64_t loop_wall_ms(struct loop *l)
{
    return l->ops->wall_ms(l);
}

int64_t loop_wall_s(struct loop *l)
{
    return l->ops->wall_ms(l) / 1000;
}

void loop_random(struct loop *l, void *ret, size_t len)
{
    l->ops->random(l, ret, len);
}

uint64_t loop_random_u64(struct loop *l)
{
    uint64_t value;

    l->ops->random(l, &value, sizeof value);
    return value;
}

/* ---- work for later ---- */

static void add_post(struct loop *l, struct post p)
{
    if (l->post_count == l->post_cap) {
        l->post_cap = MAX(l->post_cap * 2, (size_t)FIRST_CAP);
        l->posts = os_grow(l->posts, l->post_cap, sizeof *l->posts);
    }
    l->posts[l->post_count++] = p;
}

void loop_post(struct loop *l, void (*run)(void *ctx), void *ctx)
{
    add_post(l, (struct post){ run, ctx, false });
}

void loop_bury(struct loop *l, void (*free_it)(void *memory), void *memory)
{
    add_post(l, (struct post){ free_it, memory, true });
}

bool loop_has_posts(const struct loop *l)
{
    return l->post_count != 0;
}

/* Only the posts that were there at the start run now, so that a post that posts itself again does
 * not keep the loop from its sockets. Posts run in order, which is why a burial comes after every
 * older post that names the same memory. */
void loop_run_posts(struct loop *l)
{
    size_t count = l->post_count;

    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++) {
        struct post p = l->posts[i];

        p.run(p.ctx);
    }
    l->post_count -= count;
    memmove(l->posts, l->posts + count, l->post_count * sizeof *l->posts);
}

void loop_deinit(struct loop *l)
{
    for (size_t i = 0; i < l->post_count; i++)
        if (l->posts[i].burial)
            l->posts[i].run(l->posts[i].ctx);
    for (uint32_t i = 1; i <= l->timer_count; i++)
        l->timers[i]->slot = 0;
    free(l->posts);
    free(l->timers);
}

/* ---- timers: a binary heap, each timer knowing its place ---- */

static void place(struct loop *l, struct timer *t, uint32_t slot)
{
    l->timers[slot] = t;
    t->slot = slot;
}

static void sift_up(struct loop *l, struct timer *t, uint32_t slot)
{
    while (slot > 1 && l->timers[slot / 2]->at_ms > t->at_ms) {
        place(l, l->timers[slot / 2], slot);
        slot /= 2;
    }
    place(l, t, slot);
}

static void sift_down(struct loop *l, struct timer *t, uint32_t slot)
{
    for (;;) {
        uint32_t child = slot * 2;

        if (child > l->timer_count)
            break;
        if (child < l->timer_count && l->timers[child + 1]->at_ms < l->timers[child]->at_ms)
            child++;
        if (l->timers[child]->at_ms >= t->at_ms)
            break;
        place(l, l->timers[child], slot);
        slot = child;
    }
    place(l, t, slot);
}

void timer_init(struct timer *t, struct loop *l, void (*fire)(void *ctx), void *ctx)
{
    *t = (struct timer){ .loop = l, .fire = fire, .ctx = ctx };
}

void timer_set(struct timer *t, uint64_t at_ms)
{
    struct loop *l = t->loop;

    timer_cancel(t);
    if (l->timer_count + 1 >= l->timer_cap) {
        l->timer_cap = MAX(l->timer_cap * 2, (uint32_t)FIRST_CAP);
        l->timers = os_grow(l->timers, l->timer_cap, sizeof *l->timers);
    }
    t->at_ms = at_ms;
    sift_up(l, t, ++l->timer_count);
}

void timer_set_in(struct timer *t, uint64_t delay_ms)
{
    timer_set(t, loop_now_ms(t->loop) + delay_ms);
}

void timer_cancel(struct timer *t)
{
    struct loop *l = t->loop;
    uint32_t slot = t->slot;

    if (slot == 0)
        return;
    t->slot = 0;

    struct timer *last = l->timers[l->timer_count--];
    if (last == t)
        return;
    if (slot > 1 && l->timers[slot / 2]->at_ms > last->at_ms)
        sift_up(l, last, slot);
    else
        sift_down(l, last, slot);
}

bool loop_next_timer(const struct loop *l, uint64_t *ret_at_ms)
{
    if (l->timer_count == 0)
        return false;
    *ret_at_ms = l->timers[1]->at_ms;
    return true;
}

/* At most as many fire as were set at the start: a timer that sets itself to "now" waits a turn. */
void loop_run_timers(struct loop *l, uint64_t now_ms)
{
    for (uint32_t left = l->timer_count; left > 0 && l->timer_count > 0; left--) {
        struct timer *t = l->timers[1];

        if (t->at_ms > now_ms)
            return;
        timer_cancel(t);
        t->fire(t->ctx);
    }
}
