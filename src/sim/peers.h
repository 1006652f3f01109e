/* sim/peers.h - the mail servers of other domains, and the DNS.
 *
 *   good.example    takes everything          moody.example  says 451, or hangs up, now and then
 *   firm.example    refuses every recipient   dead.example   has an address where nobody listens
 *   absent.example  does not exist            lying.example  answers of the DNS can not be relied
 * on
 *
 * What arrives is written into the ledger. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_SIM_PEERS_H
#define POSTERN_SIM_PEERS_H

#include "sim/town.h"

struct peers;

struct peers *peers_new(struct sim *s, struct loop *outside, struct ledger *l);
struct loop *peers_free(struct peers *p); /* returns its loop, to be freed after the town */
/* No more moods and lies: the DNS tells the truth, servers take mail. */
void peers_calm(struct peers *p);

/* For town_events. */
struct dns *peers_dns(struct peers *p, struct loop *l);

#endif
