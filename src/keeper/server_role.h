/* keeper/server_role.h - keeper as a role of the system (os/role.h). Tests: warden's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_ROLE_H
#define POSTERN_KEEPER_SERVER_ROLE_H

#include "config/config.h"
#include "keeper/server.h"
#include "os/role.h"

extern const struct role_ops keeper_role;

/* What the settings file says of the store; also for a keeper that serves one command alone. */
struct keeper_settings keeper_settings_of(const struct config *c);

#endif
