/* keeper/server_test_world.h - a keeper on a simulated disk, and calls that wait for their answer.
 *
 * For tests alone. One world at a time: keeper on its loop, three clients (gate, courier, control)
 * on another. ask_NAME(client, &req, &rep) runs the world until the answer is there and returns its
 * error; the reply lives in the world's arena. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_TEST_WORLD_H
#define POSTERN_KEEPER_SERVER_TEST_WORLD_H

#include "keeper/client.h"
#include "keeper/server.h"
#include "message/set/flags.h"
#include "message/set/uidset.h"
#include "os/fault.h"
#include "os/sim.h"
#include "testing.h"

struct world {
    struct sim *sim;
    struct sim_disk *disk;
    struct fs *fs; /* of os/fault.h */
    struct loop *keeper_loop, *loop;
    struct keeper *keeper;
    struct keeper_client *gate, *courier, *control;
    struct arena *mem;
    uint32_t changed_notes, due_notes, anew_notes;
    struct buf events; /* one line for each note `event` */
    bool failed, lost;
    struct file *spool_file; /* the last one that came along */
    uint64_t session;        /* alice's */
};

void world_open(struct world *w); /* with crepes.fr, hamburger.edu, alice, bob ("hungry") */
void world_open_empty(struct world *w);
void world_close(struct world *w); /* also checks that the store is without contradictions */
void world_close_unchecked(struct world *w);
/* Power cut and restart: clients and sessions are new. */
void world_restart(struct world *w, bool lose_unsynced);
void world_settle(struct world *w, uint64_t ms);
uint64_t world_login(struct world *w, struct str name, struct str password);

/* Delivers a small message; `extra` are header lines. */
enum err world_deliver(struct world *w, struct str from, struct str to, struct str text);
uint32_t world_check(struct world *w, bool print); /* number of problems */
struct str uids_text(struct world *w, struct str octets);
struct str uids_of(struct world *w, const char *text);

#define WORLD_ASK(name, who)                                                                       \
    enum err ask_##name(struct world *w, struct keeper_client *k,                                  \
                        const struct keep_##name##_req *req, struct keep_##name##_rep *ret);
CONTRACT_CALLS(WORLD_ASK)

#endif
