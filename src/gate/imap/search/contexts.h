/* gate/imap/search/contexts.h - searches whose results are kept up to date (RFC 5267).
 *
 * A context is a SEARCH or SORT with UPDATE: its program, and its result as the client knows it.
 * When the mailbox has changed, the search is made once more at the end of the command (or during
 * IDLE) and the difference is told. What is expunged leaves the results before the EXPUNGE is told,
 * so that message numbers hold (RFC 5267 4.3.4). The order of two messages never changes, because
 * what they are sorted by does not.
 * At most CONTEXTS_MAX a session; results are twelve octets a range of UIDs, or four a message when
 * sorted, and a sorted one of more than CONTEXT_LIST_MAX messages is not kept. Contexts live in
 * heap memory until the mailbox is closed. Spec: RFC 5267 4. Tests: test/session/imap_context.txt.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_CONTEXTS_H
#define POSTERN_GATE_IMAP_CONTEXTS_H

#include "gate/imap/session.h"

enum { CONTEXTS_MAX = 8, CONTEXT_LIST_MAX = 200000 };

/* The command under way is to be a context; criteria: empty for a search. False when its tag is one
 * already: the command has then been ended. When there are too many, the client is told and the
 * search goes on without. */
MUST_USE bool contexts_begin(struct imap_session *s, struct str program, struct str criteria);
/* Its result, in mailbox order or sorted; nothing when it was refused. */
void contexts_keep_set(struct imap_session *s, const struct uidset *uids);
void contexts_keep_list(struct imap_session *s, const uint32_t *uids, uint32_t count);
/* The search failed. */
void contexts_give_up(struct imap_session *s);

/* "* NO [NOUPDATE "tag"]" */
void contexts_refuse(struct imap_session *s, struct str tag);

void contexts_cancel(struct selected *box, const struct str_list *tags);
void contexts_free(struct selected *box);

/* Tells which results lose the messages that are about to be told as expunged. */
void contexts_tell_vanished(struct imap_session *s);
/* Has the mailbox changed since the results were told? */
bool contexts_are_stale(const struct imap_session *s);
/* Searches again and tells the differences, then calls next. */
void contexts_refresh(struct imap_session *s, void (*next)(struct imap_session *s));

#endif
