/* os/secret.h - memory for keys: never swapped out, never in a dump, wiped when it goes.
 *
 * Meant for a few keys a process: each takes whole pages. Where locking is not allowed (a limit of
 * the system, the simulator) the memory is still kept out of dumps and wiped. Tests: secret_test.c.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_SECRET_H
#define POSTERN_OS_SECRET_H

#include <stddef.h>

void *secret_new(size_t size); /* zeroed; the process ends when there is no memory */
void secret_free(void *at, size_t size);

#endif
