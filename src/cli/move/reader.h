/* cli/move/reader.h - an account read for export, message by message. Inside cli/ only.
 *
 * reader_open finds the account and its mailboxes; reader_each gives the messages of one in the
 * order of their UIDs, from a UID on, each whole (the largest message is held in memory). visit()
 * returns OK to go on. reader_close prints what was collected in reader.admin.out.
 * Tests: test/e2e/test_move.py. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_MOVE_READER_H
#define POSTERN_CLI_MOVE_READER_H

#include "cli/admin.h"

struct reader_mailbox {
    struct str name;
    bool exists, subscribed;
};

struct reader_message {
    uint32_t uid, flags;
    uint64_t keywords; /* bits of account_reader.keywords */
    int64_t date;
    struct str uidl, bytes;
};

struct account_reader {
    struct admin admin;
    struct context *c;
    struct arena *mem;
    uint64_t session;
    struct reader_mailbox *mailboxes;
    size_t count, cap;

    /* Of the mailbox being read. */
    struct arena *page;
    uint32_t mailbox, uidvalidity, uidnext, exists;
    struct str uids;
    struct str keywords[48];
    size_t keyword_count;
    struct keep_row *rows;
    size_t row_count;
    uint32_t next;
    struct buf whole; /* a message that is longer than a page */
    uint64_t total;
};

MUST_USE enum err reader_open(struct account_reader *r, struct context *c);
MUST_USE enum err reader_select(struct account_reader *r, struct str name);
MUST_USE enum err reader_each(struct account_reader *r, uint32_t from_uid,
                              enum err (*visit)(void *ctx, const struct reader_message *m),
                              void *ctx);
enum err reader_close(struct account_reader *r, enum err e);

#endif
