/* gate/fake_keeper.h - a keeper for tests: canned answers behind the real contract.
 *
 * It stands at the other end of a channel, decodes the frames that the real client sends, and
 * remembers what was asked. Accounts: bob@hamburger.edu (password hungry); hamburger.edu is ours,
 * with the addresses bob, full and off. Its INBOX holds what the test puts there. Errors can be
 * ordered call by call; such an order holds until it is taken back. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_FAKE_KEEPER_H
#define POSTERN_GATE_FAKE_KEEPER_H

#include "keeper/contract.h"
#include "os/channel.h"

enum { FAKE_MESSAGES_MAX = 8 };

struct fake_message {
    uint32_t uid;
    struct str octets;
    bool seen, gone;
};

struct fake_keeper {
    struct channel *channel;
    struct fs *fs; /* for spool files */
    char folder[64];
    enum err error_of[CALL_COUNT]; /* ordered by the test */
    unsigned asked[CALL_COUNT];
    struct fake_message inbox[FAKE_MESSAGES_MAX];
    uint32_t inbox_count;
    uint32_t rows_at_once; /* of a page of sizes; 0: all */
    size_t octets_at_once; /* of a message; 0: all that were asked for */
    unsigned deliveries, spools_dropped;
    struct buf delivered;       /* the last message, trace included */
    uint32_t return_path_bytes; /* of it */
    struct buf record;          /* its structure record */
    struct buf envelope;        /* "from <..> to <..> <..> ret 1 envid x session 77" */
    struct file *spool;
    bool lose_files; /* no descriptor goes along with replies */
};

void fake_keeper_open(struct fake_keeper *k, struct channel *c);
/* Spool files come from here instead of a real folder; takes `fs` over. */
void fake_keeper_use(struct fake_keeper *k, struct fs *fs);
void fake_keeper_close(struct fake_keeper *k);

#endif
