/* gate/crowd.h - how many connections come from one address.
 *
 * A session enters when it is accepted and leaves when it ends; entering costs one look into a map,
 * however many sessions there are. An IPv6 address counts by its first 64 bits, which is what one
 * customer usually has. Loopback and Unix sockets are our own house and are not counted.
 * Memory: one small struct an address. Tests: crowd_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_CROWD_H
#define POSTERN_GATE_CROWD_H

#include "base/map.h"
#include "os/address.h"
#include "os/loop.h"

struct crowd_place;

struct crowd {
    struct map places;
};

void crowd_init(struct crowd *c, struct loop *l);
void crowd_deinit(struct crowd *c); /* everybody must have left */

/* Null for those who are not counted. */
struct crowd_place *crowd_enter(struct crowd *c, const struct address *peer);
/* Everybody from there, oneself included; 0 for null. */
uint32_t crowd_size(const struct crowd_place *place);
void crowd_leave(struct crowd *c, struct crowd_place *place); /* or null */

#endif
