/* sim/senders.h - the people and servers that bring mail to the gates.
 *
 * Each of SENDERS takes the next message number, connects to a gate if it has no connection, sends
 * it through the machine of proto/smtp_client, and writes the answer into the ledger. Nothing is
 * sent twice. Messages of even numbers go to mailboxes of the town, odd ones to other domains. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_SIM_SENDERS_H
#define POSTERN_SIM_SENDERS_H

#include "sim/town.h"

struct senders;

struct senders *senders_new(struct sim *s, struct town *t, struct ledger *l);
void senders_free(struct senders *s);
bool senders_done(const struct senders *s);

#endif
