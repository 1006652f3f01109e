/* sim/inspector.h - reads the mailboxes all the while, as a gate would, and at the end counts.
 *
 * What it has once seen must stay so: UIDVALIDITY, the message behind a UID, flags that it set
 * itself; UIDNEXT and the change counter never go back, whatever died meanwhile. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_SIM_INSPECTOR_H
#define POSTERN_SIM_INSPECTOR_H

#include "sim/town.h"

struct inspector;

/* Makes the domains and accounts first; ready() when they stand. searches: each visit looks for a
 * message that it has seen by what only that one says, and must find it alone. */
struct inspector *inspector_new(struct sim *s, struct town *t, struct ledger *l, bool searches);
void inspector_free(struct inspector *i);
bool inspector_ready(const struct inspector *i);
/* Sessions are gone: begins anew. */
void inspector_keeper_up(struct inspector *i);

/* Counts every mailbox into the ledger and asks keeper to check itself; done when it says so. */
void inspector_count(struct inspector *i);
bool inspector_counted(const struct inspector *i);
/* Asks how many entries the queue has; UINT32_MAX until the answer came. */
void inspector_ask_queue(struct inspector *i);
uint32_t inspector_queue(const struct inspector *i);

#endif
