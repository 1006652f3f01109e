/* base/banned.h - calls that do not compile in this house.
 *
 * Included ahead of every file by the build. They are the calls whose misuse C programs are
 * famous for: unbounded copies, hidden state, silent truncation. Use struct str and struct buf. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_BANNED_H
#define POSTERN_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#pragma GCC poison strcpy strcat strncpy strncat strtok strtok_r sprintf vsprintf gets
#pragma GCC poison atoi atol atoll atof asctime ctime gmtime localtime

#endif
