/* cli/admin.h - one conversation with keeper, asked in order. Inside cli/ only.
 *
 * admin_open reaches the running server by its control socket, or starts a keeper for this
 * command when none runs. A command sends a request with the client and calls admin_wait, which
 * runs the loop until a done() called admin_end. Tests: cli_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_ADMIN_H
#define POSTERN_CLI_ADMIN_H

#include "cli/command.h"
#include "cli/output.h"
#include "keeper/client.h"

struct admin {
    struct context *context;
    struct loop *loop;
    const struct config *config;
    struct keeper_client *client;
    void *keeper; /* our own; null when a server runs */
    struct output out;
    enum err result;
    uint64_t session; /* of admin_open_account */
    void *more;       /* for the command */
};

MUST_USE enum err admin_open(struct admin *s, struct context *c);
/* For commands that already have their settings. */
MUST_USE enum err admin_open_with(struct admin *s, struct context *c, const struct config *config);
/* From a done(): the conversation is over, or (OK and more to ask) goes on when not called. */
void admin_end(struct admin *s, enum err e);
MUST_USE enum err admin_wait(struct admin *s);
/* A session of the account with this address, for calls that want one. Waits. */
MUST_USE enum err admin_open_account(struct admin *s, struct str address, uint64_t *ret_session);
/* Prints what was collected in s->out (when `e` is OK), closes everything and returns `e`. */
enum err admin_close(struct admin *s, enum err e);

#endif
