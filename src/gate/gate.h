/* gate/gate.h - the role that speaks with clients and other servers.
 *
 * Joins listeners to services (SMTP, POP3, IMAP) and passes on what keeper says unasked. It opens
 * no file and connects nowhere. Sessions are in the services; the role itself holds settings and
 * the one client of keeper. Tests: the services' own, test/e2e. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_GATE_H
#define POSTERN_GATE_GATE_H

#include "os/role.h"

extern const struct role_ops gate_role;

#endif
