/* warden/roles.h - the table of rights: what each role may do, and nothing more.
 *
 * The rows are data, applied by role_lock_in inside the role's own process before the first octet
 * from outside (doc/decisions/0002-lock-in-order.md). Static; the functions use os/sandbox.h and
 * its errors. Tests: warden_test.c, from inside locked-in processes. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_WARDEN_ROLES_H
#define POSTERN_WARDEN_ROLES_H

#include "config/config.h"
#include "os/process.h"
#include "os/role.h"
#include "os/sandbox.h"

struct role_row {
    struct str name;
    unsigned calls;           /* enum sandbox_calls */
    bool locked_before_start; /* else between start and the loop's first turn */
    bool sees_all_files;      /* the warden: what it gave up, its children could not have */
    bool sees_data_dir;       /* the data folder, reading and writing; no other file either way */
    size_t user_offset;       /* of the setting with the user's name, in struct config */
    bool lasts;               /* ended last, because the others need it to finish */
};

/* For ROLE_WARDEN, ROLE_GATE, ROLE_KEEPER and ROLE_COURIER. */
const struct role_row *role_row(enum role_kind kind);

/* Do roles of these kinds have a channel to each other? */
bool roles_are_linked(enum role_kind a, enum role_kind b);

/* Becomes the role's user when started by root; keeps the caller's user otherwise. */
MUST_USE enum err role_change_user(enum role_kind kind, const struct config *c,
                                   struct errinfo *why);
MUST_USE enum err role_lock_in(enum role_kind kind, const struct config *c,
                               struct sandbox_report *ret, struct errinfo *why);

#endif
