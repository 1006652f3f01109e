/* courier/courier.h - the role that carries mail out.
 *
 * Reads the queue through keeper, finds the hosts of each domain in the DNS, delivers, and reports
 * back. It opens no file and accepts no connection. What it can be tested with: courier_start_with
 * takes another DNS (a script) than libunbound. Spec: RFC 5321 4.5.4. Tests: courier_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_COURIER_COURIER_H
#define POSTERN_COURIER_COURIER_H

#include "courier/dns/dns.h"
#include "os/role.h"

extern const struct role_ops courier_role;

/* As courier_role.start, with a DNS of the caller's choice, which the role then owns. */
MUST_USE enum err courier_start_with(const struct role_start *start, struct dns *dns,
                                     void **ret_role, struct errinfo *why);

/* "relay.example.org:587", "192.0.2.1:587", "[2001:db8::1]:587", or any of them without port. */
void courier_split_smarthost(struct str text, struct str *ret_host, uint16_t *ret_port);

#endif
