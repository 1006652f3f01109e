/* os/machine.h - facts about the machine, and giving a file to a user.
 *
 * Read when a server or a command starts. Results live in `mem`. Errors: as in os/file.h.
 * Tests: path_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_MACHINE_H
#define POSTERN_OS_MACHINE_H

#include "base/arena.h"
#include "base/err.h"
#include "os/address.h"
#include "os/process.h"

/* Processor cores that this process may use; at least 1. */
unsigned machine_cores(void);

/* The machine's own name, fully qualified when it knows a domain; "localhost" when it has none. */
struct str machine_name(struct arena *mem);

/* Whose a file or folder is. */
MUST_USE enum err machine_owner(struct str path, struct process_user *ret, struct errinfo *why);
/* Makes a file or folder belong to a user. Only root can. */
MUST_USE enum err machine_give(struct str path, const struct process_user *to, struct errinfo *why);
/* The same for everything below a folder, without following links. */
MUST_USE enum err machine_give_all(struct str folder, const struct process_user *to,
                                   struct errinfo *why);

/* The first address of a name or of an address in text; asks the system, and waits for it. */
MUST_USE enum err machine_find_address(struct str host, uint16_t port, struct address *ret,
                                       struct errinfo *why);

/* Whether a person sees what is written to this descriptor (2: standard error). */
bool machine_is_terminal(int fd);

/* Reads one line from the terminal with the echo off, or from standard input when that is no
 * terminal (scripts). ERR_CLOSED at the end of input, ERR_LIMIT when the line is too long. */
MUST_USE enum err machine_read_secret(struct arena *mem, struct str prompt, struct str *ret,
                                      struct errinfo *why);

#endif
