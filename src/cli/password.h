/* cli/password.h - where a command gets a password from. Inside cli/ only.
 *
 * --password, or one line of standard input (--password-stdin), or the terminal, twice. An empty
 * one is refused. The result lives in c->mem. Tests: cli_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_PASSWORD_H
#define POSTERN_CLI_PASSWORD_H

#include "cli/command.h"

MUST_USE enum err password_ask(struct context *c, struct str *ret);

#endif
