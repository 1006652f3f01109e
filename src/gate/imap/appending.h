/* gate/imap/appending.h - the messages of an APPEND, collected until they are all there.
 *
 * Used by cmd_append.c. The octets of all messages stand one behind the other: in session->hold
 * while they are fewer than APPENDING_HELD_BYTES, else in a spool file of keeper, whose end is
 * still in `hold`. The manifest says what keeper must know of each. Memory: `hold` up to twice that
 * size, the manifest up to KEEP_MANIFEST_BYTES_MAX, and for a message that went into the file in
 * pieces its octets once more while its record is made. Lives on the heap from the first message to
 * the end of the command (imap_session_forget_command). Tests: imap_session_test.c,
 * test/session/imap_append.txt, imap_multiappend.txt. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_APPENDING_H
#define POSTERN_GATE_IMAP_APPENDING_H

#include "gate/imap/session.h"

enum { APPENDING_HELD_BYTES = 256 * 1024, APPENDING_MANIFEST_HELD_BYTES = 384 * 1024 };
#define APPENDING_TOTAL_BYTES_MAX ((uint64_t)1 << 30)        /* before the last message */
#define APPENDING_MANIFEST_MAX (KEEP_MANIFEST_BYTES_MAX / 2) /* the same */

struct appending {
    struct str tag, mailbox;       /* in the command's memory */
    struct imap_append_args first; /* while keeper is asked for the mailbox */
    struct keep_new_message now;   /* the message that is coming in */
    struct arena_mark mark;        /* the command's memory before it */
    uint64_t written;              /* octets in the file; `hold` comes behind them */
    uint64_t message_at;           /* where `now` begins */
    struct buf manifest;
    struct file *spool;
    uint64_t spool_id;
    uint32_t replaced;           /* UID of the message that REPLACE removes, or 0 */
    struct append_url *from_url; /* the part that is being read; in the command's memory */
    struct buf header;           /* of that part's message */
    enum err failed;             /* of the file */
    bool empty;                  /* a message was put together from nothing */
    void (*roomy)(struct imap_session *s, enum err e);
};

struct appending *appending_new(struct imap_session *s, const struct imap_command *c);

void appending_begin_message(struct imap_session *s, const struct imap_append_args *args);
/* Octets of the message that is coming in, so far. */
uint64_t appending_message_bytes(const struct appending *a);
/* Are the messages so far as many as one command may bring? */
bool appending_is_full(const struct appending *a);
/* Makes sure that so many octets more, or the manifest as it is, have a place: asks keeper for a
 * file when memory has none. then(s, OK) may be called at once. */
void appending_make_room(struct imap_session *s, uint64_t bytes,
                         void (*then)(struct imap_session *s, enum err e));
void appending_add(struct imap_session *s, struct str octets);
void appending_end_message(struct imap_session *s);
/* Reads what a URL names to the end of the message that is coming in (append_url.c). done(s, text)
 * may be called at once; `text` is the answer that ends the command, or empty. */
typedef void (*append_url_done)(struct imap_session *s, struct str refusal);
void append_url(struct imap_session *s, struct str text, append_url_done done);
/* Everything is there: fills in what keeper is to be told. *ret points into the session until the
 * command ends. */
MUST_USE enum err appending_finish(struct imap_session *s, struct keep_append_req *ret);

#endif
