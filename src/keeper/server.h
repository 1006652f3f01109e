/* keeper/server.h - keeper itself: the store behind channels.
 *
 * One struct keeper on one loop owns the writer, the tables, the views of hot mailboxes, the
 * sessions and the leases. It answers the calls of contract.def on every channel that it was given;
 * who stands at the other end is said by whoever adds the channel, never by the frames. It is
 * started alike by the role (server_role.h), by a command that serves itself while nothing runs,
 * by --one-process and by the simulator.
 * A channel that sends what cannot be read is closed. When the disk fails (a failed sync) every
 * waiting request is answered with its error and failed() is called: the process must end then, and
 * the next start finds out from the journal what is true. Errors: as enum err; detail in errinfo.
 * Tests: server_*_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_H
#define POSTERN_KEEPER_SERVER_H

#include "keeper/contract.h"
#include "os/channel.h"

struct keeper;

#define KEEPER_LANGUAGES STR("english french german")

struct keeper_settings {
    bool tables_in_memory; /* tests, the simulator; also taken when `fs` is simulated */
    char separator;        /* of sub-addresses; 0: '+'; '\1': none                    */
    /* What stands before the names of mailboxes that others share. Copied; at most 100 octets, no
     * slash at the end. at null: "Other Users"; empty: they are not shown. */
    struct str others_prefix;
    /* The same of public mailboxes, which are those of the account with the address public_owner;
     * it need not be there. Without both there are none. */
    struct str public_prefix, public_owner;
    bool share_with_anyone; /* users may give rights to anyone; else only administrators */

    /* Passwords: argon2id (RFC 9106 4). */
    uint32_t argon2_kib;       /* 0: 19,456                                                     */
    uint32_t argon2_passes;    /* 0: 2                                                          */
    unsigned auth_threads;     /* verifications at the same time; 0: 2                          */
    uint32_t auth_cache_s;     /* how long a verified password is believed; 0: 600              */
    bool certificates;         /* gates may vouch for certificates that TLS has verified */
    uint32_t pop3_delay_s;     /* between two log-ins of an account by POP3; 0: none    */
    bool no_scram;             /* make no SCRAM keys; known ones are of no use then    */
    uint32_t scram_iterations; /* of PBKDF2, for keys made from now on; 0: 15,000      */

    uint64_t view_bytes_max;    /* memory for hot mailboxes; 0: 64 MiB                     */
    uint64_t key_bytes_max;     /* memory for sort and search keys of mailboxes; 0: 128 MiB */
    uint32_t requests_max;      /* requests under way, of all channels; 0: 20,000          */
    uint64_t queued_bytes_max;  /* replies that one peer has not taken; 0: 8 MiB           */
    uint64_t message_bytes_max; /* one message; 0: 1 GiB                                   */
    uint64_t free_bytes_min;    /* deliver refuses when the disk has less; 0: 16 MiB       */

    uint64_t sort_page_bytes; /* of a sort's answer, at most KEEP_PAGE_BYTES; 0: that        */
    uint64_t segment_bytes;   /* of the journal; 0: the writer's own default                 */
    uint64_t cache_bytes;     /* for blocks of the tables; 0: scaled to the host's memory    */
    uint32_t compact_below;   /* percent of live octets; 0: 50                               */
    bool no_compaction;
    bool no_sync;  /* answers do not wait for the disk: a power cut loses mail    */
    bool no_index; /* searches read every message                               */
    /* Whose forms of words FUZZY knows, by Snowball's names; null `at`: KEEPER_LANGUAGES. Copied.
     */
    struct str languages;
    bool no_training; /* no compression dictionary: runs that must repeat            */
    /* Expunged messages can be brought back for so long (0: not at all), as long as those of one
     * account have no more octets than that (0: any). */
    uint64_t undelete_s, undelete_bytes;

    /* One line for the log: "key=value ..." without a newline. May be null. */
    void (*log)(void *ctx, struct str line);
    /* The disk failed; called once, after the waiting requests were answered. May be null. */
    void (*failed)(void *ctx, struct str why);
    void *ctx;
};

/* Opens or creates the store below `fs` (the data folder, which stays the caller's) and replays the
 * journal. Blocks meanwhile. */
MUST_USE enum err keeper_start(struct loop *l, struct fs *fs,
                               const struct keeper_settings *settings, struct keeper **ret,
                               struct errinfo *why);

/* Takes the channel over; must be called before the loop's next turn. who: one bit of keep_who. */
void keeper_add_channel(struct keeper *k, struct channel *c, enum keep_who who);

/* What may change while it runs: separator, certificates and pop3_delay_s of `settings`. */
void keeper_reload(struct keeper *k, const struct keeper_settings *settings);

/* Answers new requests with ERR_UNAVAILABLE, finishes those under way, flushes, then calls done
 * once. */
void keeper_stop(struct keeper *k, void (*done)(void *ctx), void *ctx);

/* Frees everything at any time; no callback afterwards. What was acknowledged is in the journal. */
void keeper_free(struct keeper *k);

#endif
