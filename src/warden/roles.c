/* warden/roles.c - the rows, and how they are applied. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "warden/roles.h"

/* The warden must be allowed whatever a role needs until it has locked itself in, because seccomp
 * is inherited; only running programs is taken from it, and so from everybody. */
static const struct role_row rows[] = {
    [ROLE_WARDEN] = { .name = STR_INIT("warden"),
                      .calls = SANDBOX_BASE | SANDBOX_THREADS | SANDBOX_FILES | SANDBOX_ACCEPT |
                               SANDBOX_CONNECT | SANDBOX_LISTEN | SANDBOX_SPAWN,
                      .sees_all_files = true },
    [ROLE_GATE] = { .name = STR_INIT("gate"),
                    .calls = SANDBOX_BASE | SANDBOX_ACCEPT,
                    .user_offset = offsetof(struct config, server.gate_user) },
    [ROLE_KEEPER] = { .name = STR_INIT("keeper"),
                      .calls = SANDBOX_BASE | SANDBOX_THREADS | SANDBOX_FILES,
                      .locked_before_start = true,
                      .sees_data_dir = true,
                      .user_offset = offsetof(struct config, server.keeper_user),
                      .lasts = true },
    [ROLE_COURIER] = { .name = STR_INIT("courier"),
                       .calls = SANDBOX_BASE | SANDBOX_THREADS | SANDBOX_CONNECT,
                       .user_offset = offsetof(struct config, server.courier_user) },
};

const struct role_row *role_row(enum role_kind kind)
{
    BUG_ON(kind >= ARRAY_LEN(rows));
    return &rows[kind];
}

bool roles_are_linked(enum role_kind a, enum role_kind b)
{
    enum role_kind low = MIN(a, b), high = MAX(a, b);

    return (low == ROLE_GATE && high == ROLE_KEEPER) ||
           (low == ROLE_GATE && high == ROLE_COURIER) ||
           (low == ROLE_KEEPER && high == ROLE_COURIER);
}

enum err role_change_user(enum role_kind kind, const struct config *c, struct errinfo *why)
{
    const struct role_row *row = role_row(kind);
    struct str name = *(const struct str *)(const void *)((const char *)c + row->user_offset);
    struct process_user user;
    enum err e;

    if (!process_is_root() || name.len == 0)
        return OK;
    if ((e = process_find_user(name, &user, why)) != OK)
        return e;
    return process_become(&user, why);
}

enum err role_lock_in(enum role_kind kind, const struct config *c, struct sandbox_report *ret,
                      struct errinfo *why)
{
    const struct role_row *row = role_row(kind);
    struct sandbox_path data = { .path = c->server.data_dir, .rights = SANDBOX_WRITE };
    struct sandbox s = { .name = row->name,
                         .calls = row->calls,
                         .answer = SANDBOX_REFUSE,
                         .all_files = row->sees_all_files,
                         .paths = &data,
                         .path_count = row->sees_data_dir ? 1 : 0 };
    enum err e = process_no_new_rights(why);

    return e != OK ? e : sandbox_enter(&s, ret, why);
}
