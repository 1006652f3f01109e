/* os/sim/world.h - the simulated world as its streams, channels, workers and disks see it.
 *
 * Inside os/sim only. Everything that happens later is an event of one object. An object is
 * counted: by its loop while it is in use, by each event that names it, by its other end. When its
 * owner frees it, when its loop is freed, or when its role dies, it is dead: events still come up
 * in their time, and find that there is nobody to tell. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_SIM_WORLD_H
#define POSTERN_OS_SIM_WORLD_H

#include "os/dispatch.h"
#include "os/sim.h"

struct sim_loop;

struct sim_object {
    struct sim *sim;
    struct sim_loop *loop; /* null once it was taken from its loop */
    struct sim_object *next, *previous;
    unsigned refs;
    void (*destroy)(struct sim_object *o); /* frees the memory when nobody counts it any more */
    void (*orphan)(struct sim_object *o);  /* the role died or the loop goes: tell the other end */
};

struct sim_event {
    uint64_t at_ms, number; /* the order: time, then birth */
    struct sim_object *object;
    void (*run)(struct sim_object *o, void *arg);
    void *arg;
    void (*drop)(void *arg); /* frees `arg`, also after run */
};

struct sim_loop {
    struct loop base;
    struct sim *sim;
    char name[32];
    bool dead;
    struct sim_object *objects, *last_object;
    struct sim_loop *next;
};

struct sim_listener;

struct sim {
    uint64_t random[2];
    uint64_t now_ms, digest, numbers;
    struct sim_faults faults;
    bool trace;
    struct sim_event *events; /* a binary heap from place 0 */
    size_t event_count, event_cap;
    struct sim_loop *loops;
    struct sim_listener *listeners;
    uint16_t next_port;
};

struct sim_loop *sim_loop_of(struct loop *l);
void sim_object_add(struct loop *l, struct sim_object *o);
/* Its owner is done with it. */
void sim_object_leave(struct sim_object *o);
void sim_object_ref(struct sim_object *o);
void sim_object_unref(struct sim_object *o);
/* False when nothing may be told to its owner any more. */
bool sim_object_lives(const struct sim_object *o);

void sim_later(uint64_t at_ms, struct sim_object *o, void (*run)(struct sim_object *o, void *arg),
               void *arg, void (*drop)(void *arg));
bool sim_chance(struct sim *s, unsigned of_ten_thousand);
void sim_mix(struct sim *s, struct str octets); /* into the digest */

struct stream *sim_stream_connect(struct loop *l, const struct address *to,
                                  const struct address *from, uint64_t timeout_ms);
enum err sim_channel_pair(struct loop *a, struct loop *b, struct channel **ret_a,
                          struct channel **ret_b, struct errinfo *why);
enum err sim_workers_new(struct loop *l, unsigned threads, struct workers **ret,
                         struct errinfo *why);

#endif
