/* keeper/calls/search/server_search.h - a search under way: what SEARCH, SORT and THREAD share.
 *
 * Only files of this folder include this. First the index is asked which messages may hold the
 * texts (server_narrow.h, in a worker). Then a search goes through phases, each only when the one
 * before leaves something open: the view (flags, UIDs and modseqs; on the loop), the mailbox's keys
 * (dates, sizes, decoded subjects and addresses; columns in memory), meta data and structure
 * records of few messages one by one, bodies. All but the first run in slices in worker threads, so
 * that searches of several sessions take turns. `found` and `keys` may be used in `done`;
 * everything is freed with the request. Spec: RFC 3501 6.4.4, RFC 6203 4. Tests:
 * server_mail_test.c, server_sort_test.c, server_narrow_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_SEARCH_H
#define POSTERN_KEEPER_SERVER_SEARCH_H

#include "keeper/calls/search/server_narrow.h"
#include "keeper/sharing/server_place.h"
#include "store/mailbox/mailbox_keys.h"
#include "store/mailbox/mailboxes.h"

struct body;

/* A message that is not decided yet. */
struct candidate {
    uint32_t uid;
    uint64_t flags, modseq;
    bool needs_message;
    struct body *body; /* open during its slice */
};

enum search_phase { SEARCH_LOADS_KEYS, SEARCH_IN_KEYS, SEARCH_IN_RECORDS, SEARCH_IN_BODIES };

struct search_wanted {
    uint64_t session;
    uint32_t mailbox;
    struct str program, recent_uids;
    const struct uidset *among; /* null: all messages */
    bool with_keys;             /* the keys of the whole mailbox are wanted in any case */
    bool with_scores;           /* how well what is found fits the FUZZY keys */
};

/* Of a message that the index did not know. */
struct search_scored {
    uint32_t uid;
    unsigned score;
};

struct searching {
    struct request *j;
    struct search program;
    uint32_t account, mailbox, uidnext;
    uint64_t ids; /* place_ids */
    int64_t now_s;
    void (*done)(struct searching *s); /* on the loop; with `e`, even when the peer is gone */

    enum search_phase phase;
    struct candidate *candidates;
    uint32_t count, cap;
    uint32_t at, end, kept; /* the slice; candidates that the keys did not decide */
    struct kv_snapshot *snap;

    struct mailbox_keys *keys; /* pinned; null: not used */
    uint64_t keys_bytes;
    uint32_t *uids; /* of the whole mailbox, for the keys */
    uint32_t uid_count;
    bool more_keys, must_have_keys;

    struct search_wanted wanted;
    struct narrowing *narrowing; /* what the index says; null: nothing */
    struct stems *stems;         /* null: no FUZZY key */
    struct search_scored *scored;
    uint32_t scored_count, scored_cap;

    struct uidset found, fresh; /* fresh: of this phase */
    uint64_t modseq;
    enum err e;
};

/* server_search.c. Begins; `done` is called once, perhaps before this returns. */
void search_start(struct searching *s, struct request *j, const struct search_wanted *wanted,
                  void (*done)(struct searching *s));
/* The scores of `found`, in order, an octet each; on the loop, in done(). */
struct str search_scores(struct searching *s);
/* Of request->cleanup. */
void search_cleanup(struct searching *s);

/* server_search_slices.c: on a worker thread. */
void search_load_keys_worker(void *ctx);
void search_match_keys_worker(void *ctx);
void search_match_each_worker(void *ctx);
void search_hit(struct searching *s, uint32_t uid, uint64_t modseq);
/* On the loop: opens the bodies of the next few candidates that need them; closes them. */
void search_open_bodies(struct searching *s);
void search_close_bodies(struct searching *s);

/* server_keys.c: writes what is new and final in the keys of a mailbox into the tables, behind the
 * answer. One mailbox at a time; what is passed over is written after a later search. */
void keys_save(struct keeper *k, struct mailbox_keys *keys, uint32_t uidnext);

#endif
