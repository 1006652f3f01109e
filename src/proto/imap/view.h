/* proto/imap/view.h - the selected mailbox as its client knows it.
 *
 * Pure (memory only); sets are uidsets, so a mailbox without holes costs a few octets. The store
 * may be ahead of the client: what vanished stays in the view, under its sequence number, until the
 * client may be told (never while FETCH, STORE or SEARCH by sequence number run: RFC 3501 7.4.1);
 * what arrived gets its sequence number when EXISTS is sent.
 * Zero-initialise; end with view_deinit. Spec: RFC 3501 2.3.1, 5.5, 7.3, 7.4.1; RFC 7162 3.2.10.
 * Tests: view_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_VIEW_H
#define POSTERN_PROTO_IMAP_VIEW_H

#include "message/set/uidset.h"
#include "proto/imap/parse/scan.h"

struct view {
    struct uidset uids;    /* what has a sequence number */
    struct uidset recent;  /* of them, those with \Recent in this session */
    struct uidset arrived; /* not yet told */
    struct uidset vanished;
    bool recent_changed;
};

void view_deinit(struct view *v);

/* What the store reports. UIDs arrived are above all that were there. */
void view_arrive(struct view *v, const struct uidset *uids, const struct uidset *recent);
void view_vanish(struct view *v, const struct uidset *uids);

/* Appends "* n EXPUNGE" lines (with `vanished_form` one "* VANISHED set") if `may_expunge`, then
 * "* n EXISTS" and "* n RECENT" if those changed. The view is then what the client knows. */
void view_report(struct view *v, bool may_expunge, bool vanished_form, struct buf *out);

static inline uint32_t view_exists(const struct view *v)
{
    return uidset_count(&v->uids);
}
/* The sequence number, or 0 when the view has no such UID. */
uint32_t view_seq(const struct view *v, uint32_t uid);

/* The UIDs that a command names; *ret is replaced. `uid`: the numbers are UIDs, and those that are
 * not there are left out (RFC 3501 6.4.8). False when a sequence number does not exist. "*" is the
 * last message; in an empty mailbox it stands for nothing. */
MUST_USE bool view_resolve(const struct view *v, const struct imap_set *set, bool uid,
                           struct uidset *ret);

#endif
