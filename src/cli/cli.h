/* cli/cli.h - the `postern` command: its words, options, output and exit codes.
 *
 * cli_run reads the command line, finds the row of the command in one table (cli.c) and runs it.
 * What needs the server's own rooms (running it, a keeper without a server) comes from main.c
 * through struct cli_host. Administration goes through keeper's contract: to the running server by
 * its control socket, else to a keeper that lives as long as the command.
 * Results go to standard output, errors as one line to standard error. Exit codes are those of
 * sysexits.h (cli/exit.h); `check` ends with 1 when it found something. Tests: cli_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_CLI_H
#define POSTERN_CLI_CLI_H

#include "config/config.h"
#include "os/channel.h"

struct cli_serve {
    /* Reads the settings again; null: they cannot change. */
    enum err (*reload)(void *ctx, struct arena *mem, struct config **ret, struct errinfo *why);
    void (*ready)(void *ctx, struct loop *loop); /* or null */
    void *ctx;
};

struct cli_host {
    const char *version;
    /* Runs the server until a signal ends it. */
    enum err (*serve)(struct config *c, const struct cli_serve *how, struct errinfo *why);
    /* A keeper on `l` for the data folder of the settings; *ret_channel is our end of a channel to
     * it. */
    enum err (*keeper_open)(struct loop *l, const struct config *c, void **ret_keeper,
                            struct channel **ret_channel, struct errinfo *why);
    /* Flushes and frees it; runs the loop meanwhile. */
    void (*keeper_close)(struct loop *l, void *keeper);
};

/* Returns the exit code. */
int cli_run(const struct cli_host *host, int argc, char **argv);

#endif
