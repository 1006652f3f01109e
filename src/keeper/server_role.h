/* keeper/server_role.h - keeper as a role of the system (os/role.h). Tests: warden's. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_SERVER_ROLE_H
#define POSTERN_KEEPER_SERVER_ROLE_H

#include "os/role.h"

extern const struct role_ops keeper_role;

#endif
