/* warden/warden.h - starts the roles, watches over them, and ends them.
 *
 * The warden binds the ports, forks keeper, courier and the gates (warden/child.h), joins them by
 * channels, and then waits: a role that ends is started again at once, slower when it keeps ending;
 * SIGHUP reads settings and certificate again; SIGTERM and SIGINT stop everything, keeper last. It
 * never reads an octet from a peer. `postern` commands reach keeper through DATA/control.sock.
 * With server.one_process the roles run as callbacks on the warden's own loop, not locked in.
 * Everything in the plan is borrowed until warden_run returns. Errors: what stopped the start, in
 * `why`. Tests: warden_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_WARDEN_WARDEN_H
#define POSTERN_WARDEN_WARDEN_H

#include "config/config.h"
#include "os/role.h"

#define WARDEN_CONTROL_NAME "control.sock"

struct warden_plan {
    const struct role_ops *ops[ROLE_KINDS]; /* [ROLE_GATE], [ROLE_KEEPER], [ROLE_COURIER] */
    struct config *config;
    /* Reads the settings once more, into `mem`; null: SIGHUP reads only the certificate again. */
    enum err (*reload)(void *ctx, struct arena *mem, struct config **ret, struct errinfo *why);
    /* All roles stand; called once. Null is allowed. */
    void (*ready)(void *ctx, struct loop *loop);
    void *ctx;
};

/* Returns when the server has stopped: OK after a signal. */
MUST_USE enum err warden_run(const struct warden_plan *plan, struct errinfo *why);

#endif
