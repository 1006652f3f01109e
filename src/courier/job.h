/* courier/job.h - one leased message in hand, and what became of its recipients.
 *
 * A job is made from an entry that keeper leased to us; it owns a copy of everything. Its
 * recipients are dealt out to destinations as parcels (at most PARCEL_RCPTS_MAX recipients of one
 * destination, one SMTP transaction). Every recipient of a parcel gets one job_outcome; when a
 * parcel is finished its destination says job_parcel_done, and when the last one is, the job
 * settles: failures get their next try by policy/schedule or are given up, a report for the sender
 * is written where one is due, and all of it goes back to keeper in one lease_end. Tests:
 * courier_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_JOB_H
#define POSTERN_COURIER_JOB_H

#include "base/list.h"
#include "keeper/client.h"
#include "os/log.h"
#include "policy/schedule.h"
#include "proto/smtp_client/client.h"

enum { PARCEL_RCPTS_MAX = 100, JOB_LEASE_S = 900 };

/* What became of one recipient in this round. */
struct job_outcome {
    bool decided;
    enum smtp_client_verdict verdict;
    bool relayed_without_dsn; /* delivered to a server that will not report success */
    bool local;               /* decided here: a mailbox of ours, or the lack of one */
    bool untried;             /* nothing was done: due again at once, no attempt counted */
    struct str status, reply, host;
};

struct job;

/* What jobs need; one for all of them. */
struct job_shop {
    struct loop *loop;
    struct log *log;
    struct keeper_client *keeper;
    struct str host; /* our name, for reports */
    struct schedule_settings schedule;
    void (*finished)(void *ctx, struct job *job); /* keeper took the outcomes, or never will */
    /* Keeper went away while it was told the outcomes: they are good still, should the entry be
     * leased anew (job_lease_again). */
    void (*unheard)(void *ctx, struct job *job);
    void *ctx;
};

struct parcel {
    struct list link; /* in its destination's queue */
    struct job *job;
    uint32_t count;
    uint32_t *places; /* of its recipients in the job */
    struct smtp_client_rcpt *rcpts;
    struct smtp_client_message message;
};

struct job {
    struct list link; /* the agent's */
    struct job_shop *shop;
    struct arena *mem;
    struct keep_queued entry;
    struct job_outcome *outcomes; /* one a recipient, in the entry's order */
    uint32_t open;                /* parcels not yet done, and one while they are being dealt */
    uint64_t renewed_ms;
    struct settling *settling; /* outcomes for keeper, once all are decided */
    bool is_unheard;
    uint64_t unheard_ms;
    uint64_t ticket;           /* of lease_end, or of the read before it */
    struct local_round *local; /* while it is under way */
};

/* Copies the entry. Recipients that keeper has settled by itself (delivered here at once, given up
 * by the administrator) are decided already: they are only to be reported. */
struct job *job_new(struct job_shop *shop, const struct keep_queued *entry);
/* The entry of a job in hand was leased anew, because keeper had forgotten the lease: the job goes
 * on under the new one. False when keeper has heard the job's outcomes after all: then the job is
 * over and the new lease is another's. */
MUST_USE bool job_lease_again(struct job *j, const struct keep_queued *entry);
void job_free(struct job *j);

/* Makes a parcel of the recipients at `places`; it lives as long as the job. */
struct parcel *job_parcel(struct job *j, const uint32_t *places, uint32_t count);

/* Texts are copied. Deciding twice is a BUG. */
void job_decide(struct job *j, uint32_t place, const struct job_outcome *outcome);
/* All recipients of the parcel that are not decided yet. */
void parcel_decide_rest(struct parcel *p, const struct job_outcome *outcome);
void job_parcel_done(struct parcel *p);
/* The parcels have been dealt: settles at once when there were none. */
void job_dealt(struct job *j);

/* The domain of an address, lower-cased by keeper already; empty when it has none. */
struct str address_domain(struct str address);

#endif
