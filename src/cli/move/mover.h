/* cli/move/mover.h - one import into one account. Inside cli/ only.
 *
 * mover_open finds the account and loads the marks of what was taken before. For every mailbox of
 * the source: mover_mailbox, then mover_add for each message, and at the end mover_close. Messages
 * go to keeper in batches, each with its marks in one commit, one batch under way while the next is
 * made. Nothing of a message needs to live longer than the call. A message that cannot be taken is
 * passed over by mover_skip, with a line to standard error and the exit code MOVE_SKIPPED; an error
 * that mover_* returns ends the import, which goes on from there when it is run again.
 * Tests: test/e2e/test_move.py. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_MOVE_MOVER_H
#define POSTERN_CLI_MOVE_MOVER_H

#include "cli/admin.h"
#include "cli/move/seen.h"

enum {
    MOVE_SKIPPED = 2, /* exit code: done, but something was passed over */
    MOVE_BATCH_MESSAGES = 500,
    MOVE_BATCH_BYTES = 400 * 1024, /* of bodies and records */
    MOVE_ALONE_BYTES = 200 * 1024, /* larger ones go by a spool file */
    MOVE_KEYWORDS_MAX = 64,        /* of one message */
};
#define MOVE_MESSAGE_BYTES_MAX ((uint64_t)256 * 1024 * 1024)

struct mover_message {
    uint32_t uid; /* 0: none is known */
    uint32_t flags;
    const struct str *keywords;
    size_t keyword_count;
    int64_t date, zone; /* zone: minutes east of UTC */
    struct str uidl;    /* empty: none is known */
    struct str bytes;   /* with CRLF line ends */
    struct seen_id id;
};

struct mover_counts {
    uint64_t imported, known, skipped, bytes, kept;
};

struct mover {
    struct admin admin;
    struct context *c;
    uint64_t session;
    char kind; /* first letter of its marks */
    struct seen seen;
    struct arena *mem; /* of the whole import */
    struct str *names; /* mailboxes that are there */
    size_t name_count, name_cap;

    struct arena *batch;
    struct str mailbox;
    uint32_t uidvalidity, uidnext;
    struct keep_incoming messages[MOVE_BATCH_MESSAGES];
    struct keep_mark marks[MOVE_BATCH_MESSAGES + 1];
    size_t count, mark_count, batch_bytes;
    struct file *spool;
    uint64_t spool_id;
    bool under_way;

    struct mover_counts counts;
    uint64_t expected, begun_ms, shown_ms;
    bool terminal, stepped;
};

/* kind: a letter for the form of the source. */
MUST_USE enum err mover_open(struct mover *m, struct context *c, char kind);
/* The mailbox is made, and subscribed to, when it is missing. expected: messages that will come,
 * for the progress bar. uidvalidity: of the source, 0 when it has none. */
MUST_USE enum err mover_mailbox(struct mover *m, struct str name, uint64_t expected,
                                uint32_t uidvalidity, uint32_t uidnext);
/* ERR_EXISTS never comes out: what is known already is counted and left. */
MUST_USE enum err mover_add(struct mover *m, const struct mover_message *message);
MUST_USE enum err mover_flush(struct mover *m);
void mover_known(struct mover *m); /* counts one that was taken before */
void mover_skip(struct mover *m, struct str what, const char *why_fmt, ...) PRINTF_LIKE(3, 4);
MUST_USE enum err mover_subscribe(struct mover *m, struct str name);
/* Waits for what is under way, prints the rows, and returns the first error. */
enum err mover_close(struct mover *m, enum err e);

/* LF becomes CRLF; a CR that stands alone stays. */
void move_add_crlf(struct buf *out, struct str text);

#endif
