/* store/journal/txn.h - one transaction being built: reads see its own writes, bodies join it.
 *
 * A txn exists only inside a build function that the writer calls (writer.h), on the loop's thread.
 * It reads the committed tables with the changes of earlier builds of the same batch and its own on
 * top. When build returns an error everything the txn did is forgotten. Keys are as in kv.h; keys
 * that begin with 'B', 'R' or 'S' belong to the journal (bodies, their counts, segments) and must
 * not be written here. Removing many rows at once (an account) is done in pages of a few thousand
 * deletes, one submission a page. Results live in the caller's arena. Errors: those of kv.h.
 * Tests: writer_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_TXN_H
#define POSTERN_STORE_JOURNAL_TXN_H

#include "os/file.h"
#include "store/kv/kv.h"

struct txn;

enum txn_op_kind { TXN_PUT, TXN_DELETE };

/* One change, as observers are told of it. */
struct txn_op {
    enum txn_op_kind kind;
    struct str key, value; /* value is empty for TXN_DELETE */
};

MUST_USE enum err txn_get(struct txn *t, struct arena *mem, struct str key, bool *ret_found,
                          struct str *ret);
void txn_put(struct txn *t, struct str key, struct str value); /* both are copied */
void txn_delete(struct txn *t, struct str key);                /* a missing key is fine */

/* The same reads as a table: kv_get and iterators on it (without snapshot) see the overlay, so
 * code that reads can serve committed tables and transactions alike. Valid as long as the txn. An
 * iterator sees the state of the moment when it was made. */
struct kv *txn_kv(struct txn *t);
/* Has a key from `from` on and before `to` been changed since the tables were committed? */
bool txn_touched(const struct txn *t, struct str from, struct str to);
/* Short for kv_iter_new(txn_kv(t), NULL, from, to); free it before build returns. */
struct kv_iter *txn_iter(struct txn *t, struct str from, struct str to);

/* Where the octets of a new body come from: the parts one after the other. They are read on the
 * commit thread, so they must stay unchanged until the submission's done() is called. */
struct body_source {
    struct str prefix;  /* header fields added on top, may be empty */
    struct str bytes;   /* may be empty */
    struct file *spool; /* null when there is none */
    uint64_t spool_at, spool_len;
};

/* A new body with one reference; ids count up from 1 and are never used twice. */
uint64_t txn_body_new(struct txn *t, const struct body_source *source);
/* One reference more or less; without references the body is gone. ERR_NOT_FOUND when there is no
 * such body. */
MUST_USE enum err txn_body_ref(struct txn *t, uint64_t body);
MUST_USE enum err txn_body_unref(struct txn *t, uint64_t body);

uint64_t txn_sequence(const struct txn *t); /* the journal sequence number it will get */

#endif
