/* base/macros.h - the few words C lacks.
 *
 * Pure. No functions with state; everything here is a macro or an attribute.
 * BUG() and BUG_ON() are always on, in release builds too: a broken invariant must stop
 * the process before it can touch mail. Tests: none needed. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_MACROS_H
#define POSTERN_BASE_MACROS_H

#include <stddef.h>

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MUST_USE __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Stops the process with file, line and reason on standard error. */
NORETURN void bug_at(const char *file, int line, const char *what);

#define BUG(what) bug_at(__FILE__, __LINE__, what)
#define BUG_ON(condition)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!!(condition), 0))                                                    \
            bug_at(__FILE__, __LINE__, #condition);                                                \
    } while (0)

#endif
