/* warden/child.h - the first lines of a role in a process of its own.
 *
 * child_main takes the user and the rights of its row, starts the role, says so to the warden, and
 * runs the loop until it is told to stop, the warden is gone, or SIGTERM comes. Everything in the
 * plan was copied by the fork. Results: exit status of sysexits.h; a failure is one line on
 * standard error. Tests: warden_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_WARDEN_CHILD_H
#define POSTERN_WARDEN_CHILD_H

#include "config/config.h"
#include "os/role.h"

struct child_plan {
    enum role_kind kind;
    uint32_t index;
    const struct role_ops *ops;
    const struct config *config;
    struct str certificate, key; /* PEM; empty: none. Wiped where the role needs no key. */
    struct str clients;          /* authorities of clients' certificates, PEM; empty: none */
    const struct role_listener *listeners;
    size_t listener_count;
    int control_fd;
};

int child_main(void *plan);

/* What gates encrypt with; from `config` comes how clients' certificates are read. */
MUST_USE enum err gate_tls_new(struct str certificate, struct str key, struct str clients,
                               const struct config *config, struct tls_server **ret,
                               struct errinfo *why);

#endif
