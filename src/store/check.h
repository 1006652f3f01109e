/* store/check.h - proves that the tables do not contradict themselves, or names where they do.
 *
 * Looks at every row of every table of this room: names and numbers that point at each other,
 * counts, sums and quotas, UIDs and modseqs within their bounds, references of emails, bodies that
 * must exist, access control lists, the queue and its index. found() gets one sentence for each
 * thing that is wrong. Reads only; blocks while it runs. Errors are those of reading; what is wrong
 * is no error here. Journal against tables is writer_check (store/journal/writer.h), views against
 * rows views_check (store/mailbox/view.h). Tests: keeper/calls/server_check_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_CHECK_H
#define POSTERN_STORE_CHECK_H

#include "store/journal/bodies.h"
#include "store/mailbox/view.h"

struct check_counts {
    uint64_t accounts, mailboxes, messages, emails, bytes, queued, annotations;
};

MUST_USE enum err check_tables(struct kv *kv, struct bodies *bodies,
                               void (*found)(void *ctx, struct str sentence), void *ctx,
                               struct check_counts *ret, struct errinfo *why);
/* A part of it (check_acl.c): lists without a mailbox, entries for nobody, an index that differs.
 */
MUST_USE enum err check_acl(struct kv *kv, struct arena *mem,
                            void (*found)(void *ctx, struct str sentence), void *ctx,
                            struct errinfo *why);

/* The search index (check_index.c; not a part of check_tables): manifests and segments, that every
 * email is where it must be, and of some emails of each account that all their terms are there.
 * unnamed: rows that no manifest names are wrong, too (while the index is being written there are
 * some). */
struct check_index_counts {
    uint64_t accounts, segments, emails, emails_waiting, emails_compared, terms, bytes;
};
MUST_USE enum err check_index(struct kv *kv, struct bodies *bodies, bool unnamed,
                              void (*found)(void *ctx, struct str sentence), void *ctx,
                              struct check_index_counts *ret, struct errinfo *why);

#endif
