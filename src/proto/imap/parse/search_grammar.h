/* proto/imap/parse/search_grammar.h - the productions that SEARCH, SORT, THREAD and ESEARCH share.
 *
 * Pure; for the parse_*.c files. As all readers they do nothing after the first error (scan.h).
 * Spec: RFC 3501 9, RFC 4466 2.6, RFC 9394 4. Tests: parse_test.c. Fuzz: machine_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_SEARCH_GRAMMAR_H
#define POSTERN_PROTO_IMAP_SEARCH_GRAMMAR_H

#include "proto/imap/command.h"

/* Behind "RETURN"; takes the space that follows the options. */
void scan_search_returns(struct scan *s, struct imap_search_args *a);
struct imap_partial scan_partial_range(struct scan *s);
/* The name, and the space behind it. */
void scan_search_charset(struct scan *s);
/* search-key *(SP search-key), into c->search. */
void scan_search_program(struct scan *s, struct imap_command *c);

/* filter-mailboxes (RFC 5465 8), and the names in it. */
void scan_mailbox_selector(struct scan *s, struct imap_notify_group *g);
void scan_mailboxes(struct scan *s, struct str_list *names);

#endif
