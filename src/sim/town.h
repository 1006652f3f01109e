/* sim/town.h - keeper, gates and courier on simulated loops, and everything that can befall them.
 *
 * The town starts roles as the warden does, wires them with channels, and restarts what dies. All
 * randomness is the world's. Nothing here knows what the mail is. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_SIM_TOWN_H
#define POSTERN_SIM_TOWN_H

#include "config/config.h"
#include "courier/dns/dns.h"
#include "keeper/client.h"
#include "os/address.h"
#include "os/sim.h"
#include "sim/ledger.h"

enum { TOWN_GATES = 2, TOWN_PORT = 25 };

struct town;

struct town_events {
    /* The courier (re)starts: the DNS that it shall ask. */
    struct dns *(*dns)(void *ctx, struct loop *l);
    /* Keeper (re)started; the client's sessions are gone. */
    void (*keeper_up)(void *ctx);
};

/* indexed: keeper keeps its search index, which costs more than everything else together. */
struct town *town_new(struct sim *s, struct ledger *ledger, const struct town_events *events,
                      void *ctx, bool indexed);
void town_free(struct town *t);

/* The loop of everybody outside, who never dies. */
struct loop *town_outside(struct town *t);
struct address town_gate_address(const struct town *t, size_t gate);
/* Clients of keeper that the town reconnects by itself: a gate's rights, an administrator's. */
struct keeper_client *town_reader(struct town *t);
struct keeper_client *town_admin(struct town *t);

/* Misfortune, chosen by the world's randomness: a role dies, the power fails, the disk is full for
 * a while. Until town_calm. */
void town_begin_misfortune(struct town *t);
void town_calm(struct town *t);
uint32_t town_deaths(const struct town *t);

#endif
