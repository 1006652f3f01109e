/* os/sim.h - the simulated side of os/: one clock, one network, one disk, one seed.
 *
 * A world holds loops (one a role), disks and the links between them, and runs all of them on one
 * thread: it takes the earliest event, moves the clock there, and calls its owner. Everything that
 * is random (latency, faults, what a power cut takes) comes from the seed, so a run can be repeated
 * octet by octet; events of the same time happen in the order of their birth; sim_digest() sums up
 * the run for that comparison. Tests: sim_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_SIM_H
#define POSTERN_OS_SIM_H

#include "os/file.h"
#include "os/loop.h"

struct sim;

struct sim_faults {
    /* Chances in 1/10,000 each time the thing is done. */
    unsigned connect_refused, stream_dropped, stream_stalled;
    unsigned write_short, write_full, sync_failed;
    uint32_t latency_ms_max; /* each delivery of octets takes 0..max */
    uint32_t work_ms_max;    /* each worker job takes 0..max */
};

struct sim *sim_new(uint64_t seed, const struct sim_faults *faults);
void sim_free(struct sim *s); /* after its loops and disks */
void sim_set_faults(struct sim *s, const struct sim_faults *faults);

struct loop *sim_loop(struct sim *s, struct str name);
/* The role dies: no callback of its loop runs any more, its streams and channels break for the
 * other side, its jobs vanish. What its code had allocated through os/ is freed by loop_free. */
void sim_kill_loop(struct loop *l);

/* A disk; several struct fs may be opened on it, one after the other (restart of a role). */
struct sim_disk;
struct sim_disk *sim_disk_new(struct sim *s);
void sim_disk_free(struct sim_disk *d);
struct fs *sim_fs(struct sim_disk *d);
/* Call it when the roles that use the disk have been killed and have closed their files.
 * Power cut: what was not synced is lost in part or whole, chosen by the seed, ranges of one
 * unsynced write independently; unsynced names likewise. */
void sim_disk_lose_unsynced(struct sim_disk *d);
void sim_disk_set_free(struct sim_disk *d, uint64_t bytes); /* writes past it: ERR_NO_SPACE */

/* Runs until nothing is left to do or `until_ms` (the clock stands there afterwards); false when
 * nothing was left. The clock starts at 1,000 ms and 2026-01-01. */
bool sim_run(struct sim *s, uint64_t until_ms);
uint64_t sim_now_ms(const struct sim *s);
uint64_t sim_random(struct sim *s, uint64_t below);
uint64_t sim_digest(const struct sim *s);      /* of every event run so far */
void sim_note(struct sim *s, struct str what); /* goes into the digest; printed when tracing */
void sim_set_trace(struct sim *s, bool on);

#endif
