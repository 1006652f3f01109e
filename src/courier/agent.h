/* courier/agent.h - takes leases from the queue and deals them out to destinations.
 *
 * The agent asks keeper for what is due whenever it has room in its hands, and is told when more
 * becomes due. Recipients at a domain of ours (left in the queue because they were unknown, full or
 * switched off when the message came) are asked for again: delivered, deferred or failed by what
 * keeper says now. Everything else goes to the destination of its domain. Long jobs renew their
 * lease. Tests: courier_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_AGENT_H
#define POSTERN_COURIER_AGENT_H

#include "courier/destination.h"

struct agent_settings {
    struct road road;
    struct schedule_settings schedule;
    uint32_t in_hand_max; /* leased entries at one time */
    uint32_t rcpts_max;   /* in one transaction, 1 to PARCEL_RCPTS_MAX */
};

struct agent;

/* Borrows everything in the settings; takes dns. The keeper client is set by agent_connect. */
struct agent *agent_new(const struct agent_settings *settings);
void agent_free(struct agent *a);

/* The client to ask; again after keeper was restarted (jobs in hand are then finished as far as
 * they are, their outcomes lost, and leased anew). */
void agent_connect(struct agent *a, struct keeper_client *keeper);
/* New settings; loop, log, dns and keeper stay as they are. The old ones may go afterwards. */
void agent_set(struct agent *a, const struct agent_settings *settings);
/* Something became due; anew: the administrator wants it to be tried whatever happened before. */
void agent_wake(struct agent *a, bool anew);
/* No new leases; calls done when nothing is in hand. */
void agent_stop(struct agent *a, void (*done)(void *ctx), void *ctx);

#endif
