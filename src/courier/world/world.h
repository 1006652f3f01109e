/* courier/world/world.h - a small world for the courier: keeper, DNS and other servers, scripted.
 *
 * One simulated loop holds the agent, a keeper that answers over a channel from an array of
 * entries, a scripted DNS, and SMTP servers that say at each phase what their row tells them to.
 * Everything belongs to the world and dies with world_free. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_WORLD_WORLD_H
#define POSTERN_COURIER_WORLD_WORLD_H

#include "courier/agent.h"
#include "courier/dns/dns_script.h"
#include "os/sim.h"
#include "os/stream.h"
#include "testing.h"

/* ---- other servers ---- */

enum phase {
    P_BANNER,
    P_EHLO,
    P_STARTTLS,
    P_SHAKE,
    P_AUTH,
    P_MAIL,
    P_RCPT,
    P_DATA,
    P_MID,
    P_END,
    P_RSET,
    P_QUIT,
    PHASES
};

/* What a server says at a phase; null: what a good one says. Without final CRLF. */
#define SAY_CLOSE "close" /* closes instead */
#define SAY_HANG "hang"   /* nothing at all */

struct other {
    struct str address; /* where it listens */
    uint16_t port;
    const char *say[PHASES];
    const char *extensions; /* EHLO lines behind the first, each with "250-" and CRLF */
    uint32_t rcpts_max;     /* then 452; 0: none */
    bool tls_at_once;

    /* what came of it */
    struct world *world;
    struct listener *listener;
    struct list guests;
    uint32_t connections, open, open_most, messages, rcpts, secure_messages;
    struct buf last_message, commands;
};

struct world;
void other_start(struct other *o, struct world *w);
void other_stop_listening(struct other *o);
void other_drop_guests(struct other *o);
void other_end(struct other *o);

/* ---- keeper ---- */

enum { ENTRIES_MAX = 60, RCPTS_OF_ENTRY_MAX = 250 };

struct row_rcpt {
    struct keep_queued_rcpt r;
    bool gone;
};

struct entry {
    struct keep_queued q; /* without rcpts */
    struct str message;
    struct row_rcpt rcpts[RCPTS_OF_ENTRY_MAX];
    size_t rcpt_count;
    uint64_t lease; /* 0: free */
    uint32_t ends;  /* leases that ended well */
};

struct world {
    struct sim *sim;
    struct loop *loop;
    struct arena *mem;
    struct log *log;
    struct agent *agent;
    struct keeper_client *client;
    struct channel *keeper; /* our end */
    struct timer hello;
    struct agent_settings settings;
    struct other *others;
    size_t other_count;

    struct entry entries[ENTRIES_MAX];
    size_t entry_count;
    uint64_t last_lease;
    struct buf reports; /* all of them, one behind the other */
    uint32_t report_count, lease_calls, renewals, deliveries, local_rcpts, conflicts;
    struct buf delivered; /* the last message delivered here */
    struct sim_disk *disk;
    struct fs *fs;
    struct file *spool; /* keeper's end of the last spool file */
    uint32_t spools_open;
    bool spool_fails, deliver_fails;
    bool lose_lease_end; /* the next lease_end is carried out or not, and keeper dies */
    bool carry_out_first;
    bool read_fails, mute_reads, stopped;
};

void world_init(struct world *w, struct other *others, size_t count);
void world_free(struct world *w);
/* Runs for so many milliseconds. */
void world_run(struct world *w, uint64_t ms);
/* The connection to keeper breaks, its leases are forgotten, and it comes back at once. */
void world_restart_keeper(struct world *w);
/* An entry that is due now; rcpts: addresses with blanks between. */
struct entry *world_add(struct world *w, const char *from, const char *rcpts, struct str message);
/* Tells courier that something is due. */
void world_due(struct world *w);
/* Keeper says so because the administrator wants it. */
void world_retry(struct world *w);
/* The recipient's state, or -1 when its address is not in the entry. */
int entry_state(const struct entry *e, const char *address);

#endif
