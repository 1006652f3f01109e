/* cli/exit.h - exit codes for scripts: those of sysexits.h.
 *
 * Pure. Tests: cli_test.c (every error has a code). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_EXIT_H
#define POSTERN_CLI_EXIT_H

#include "base/err.h"

enum { EXIT_PROBLEMS = 1 }; /* `check` found something */

int exit_code(enum err e);

#endif
