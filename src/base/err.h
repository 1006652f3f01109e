/* base/err.h - the operational errors of the whole house, and room for their detail.
 *
 * Pure. An `enum err` says what kind of failure it was, in terms that a session can turn into a
 * reply (gate/error_map.c); `struct errinfo` carries one sentence for the administrator. It is
 * written only on failure and never shown to a peer. "Not found" where absence is a normal answer
 * and "need more bytes" are not errors and have their own results. Tests: err_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_ERR_H
#define POSTERN_BASE_ERR_H

#include "base/macros.h"

#define ERR_ROWS(ROW)                                                                              \
    ROW(OK, "ok")                                                                                  \
    ROW(ERR_SYNTAX, "syntax error")                                                                \
    ROW(ERR_LIMIT, "over a limit")                                                                 \
    ROW(ERR_NOT_FOUND, "not found")                                                                \
    ROW(ERR_EXISTS, "exists already")                                                              \
    ROW(ERR_DENIED, "permission denied")                                                           \
    ROW(ERR_AUTH, "authentication failed")                                                         \
    ROW(ERR_STATE, "not possible now")                                                             \
    ROW(ERR_IN_USE, "in use by another session")                                                   \
    ROW(ERR_QUOTA, "over quota")                                                                   \
    ROW(ERR_UNSUPPORTED, "not supported")                                                          \
    ROW(ERR_IO, "input/output error")                                                              \
    ROW(ERR_NO_SPACE, "no space left")                                                             \
    ROW(ERR_CORRUPT, "damaged data")                                                               \
    ROW(ERR_TIMEOUT, "timed out")                                                                  \
    ROW(ERR_CLOSED, "connection closed")                                                           \
    ROW(ERR_REFUSED, "connection refused")                                                         \
    ROW(ERR_TLS, "TLS failure")                                                                    \
    ROW(ERR_UNAVAILABLE, "temporarily unavailable")                                                \
    ROW(ERR_CONFLICT, "changed meanwhile")

#define ERR_ENUM(name, text) name,
enum err { ERR_ROWS(ERR_ENUM) ERR_COUNT };
#undef ERR_ENUM

#define ERRINFO_BYTES_MAX 240

/* Detail of one failure: NUL-terminated, cut at a character boundary when it would not fit (it is
 * for people, so this is the one place where cutting is right). Zero-initialise. */
struct errinfo {
    char text[ERRINFO_BYTES_MAX];
};

/* A short English name for `e`, static; "unknown error" for a number out of range. */
const char *err_text(enum err e);

/* Writes the detail and returns `e`, so that a caller can say `return err_set(why, ERR_IO, ...)`.
 * `why` may be null when the caller has no use for the detail. */
enum err err_set(struct errinfo *why, enum err e, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
