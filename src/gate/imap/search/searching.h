/* gate/imap/search/searching.h - what SEARCH, SORT and THREAD share in the gate.
 *
 * One search command at a time a session. Functions end the command when they say so. Results are
 * UIDs of messages that the client knows, as a set in mailbox order or as a list in a requested
 * one. Spec: RFC 3501 6.4.4, RFC 4731, RFC 5182, RFC 5256, RFC 5267, RFC 9394. Tests:
 * imap_session_test.c (test/session/imap_sort.txt, imap_partial.txt, imap_context.txt). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_SEARCHING_H
#define POSTERN_GATE_IMAP_SEARCHING_H

#include "gate/imap/session.h"

/* Puts the messages that the command's sets name into its program and encodes that into the
 * command's memory; false when a set names a message that is not there: the command has then been
 * ended. */
MUST_USE bool searching_program(struct imap_session *s, struct str *ret);

/* Ends the command with what keeper's error means. A search whose result was to be saved leaves
 * nothing saved (RFC 5182 2.1). */
void searching_fail(struct imap_session *s, enum err e);

/* What "$" means from now on; `partial` are the messages of the PARTIAL result (RFC 9394 3.2). */
void searching_save(struct selected *box, uint32_t returns, const struct uidset *uids,
                    const struct uidset *partial);

/* Octets of a thread or sort result, all pages one after the other. take() gets each page and false
 * in `more` with the last one, in the order of the pages and not before the peer has taken most of
 * what was written. */
struct sorted_pages {
    void (*take)(struct imap_session *s, struct str tokens, bool more);
    void (*failed)(struct imap_session *s, enum err e);
    uint64_t result, from, modseq;
    uint32_t count;
};
void sorted_pages_ask(struct imap_session *s, struct sorted_pages *pages,
                      const struct keep_sort_req *req);

#endif
