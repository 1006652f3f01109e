/* warden/ports.h - from the settings to bound, listening sockets.
 *
 * Every service listens on every address of the settings; each gate gets sockets of its own for all
 * of them and the kernel spreads connections over the gates. Sockets stay open in the warden, so
 * that a restarted gate finds the connections that came meanwhile. A socket of another server on
 * the same port is found before ours are shared. Without a certificate the services that begin with
 * TLS are left out. An IPv6 address is passed over on a machine without IPv6. Errors: ERR_SYNTAX (a
 * bad address or port), ERR_IN_USE, ERR_DENIED, ERR_UNAVAILABLE, with the service and address in
 * `why`. Results live in `mem`. Tests: ports_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_WARDEN_PORTS_H
#define POSTERN_WARDEN_PORTS_H

#include "config/config.h"
#include "os/role.h"

struct ports {
    struct role_listener *listeners; /* those of gate g: [g * each, (g + 1) * each) */
    size_t each, gates;
};

MUST_USE enum err ports_open(struct arena *mem, const struct config *c, size_t gates,
                             struct ports *ret, struct errinfo *why);
void ports_close(struct ports *p);

/* What would be opened, for `postern config check` and tests: addresses alone, fd -1. */
MUST_USE enum err ports_plan(struct arena *mem, const struct config *c, struct ports *ret,
                             struct errinfo *why);

#endif
