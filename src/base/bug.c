/* base/bug.c - the end of a process whose invariants no longer hold.
 *
 * stderr is unbuffered, so the one fprintf is safe enough on this path: nothing follows it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/macros.h"

void bug_at(const char *file, int line, const char *what)
{
    (void)fprintf(stderr, "BUG %s:%d: %s\n", file, line, what);
    abort();
}
