/* os/log.h - one line an event, key=value, for people and programs.
 *
 * A line is begun, given its fields, and ended; between begin and end nothing else may use the log.
 * Values are quoted when they hold anything but plain characters, so no peer can forge a line or a
 * field. Lines are collected and written at the end of the loop's turn, errors at once; what a
 * slow reader cannot take is dropped and counted ("log.dropped"). On a simulated loop lines go
 * into the world's digest and trace (sim_note) instead. Owned by its role. Tests: log_test.c.
 *
 *   log_begin(g, LOG_INFO, "smtp.accepted");
 *   log_str(g, "session", id);  log_num(g, "size", size);
 *   log_end(g);
 *   => 2026-03-01T10:20:30.123Z info gate smtp.accepted session=a1 size=512 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_LOG_H
#define POSTERN_OS_LOG_H

#include "os/address.h"
#include "os/loop.h"

struct log;

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

#define LOG_VALUE_BYTES_MAX ((size_t)1000) /* a longer value is cut and ends in "..." */

/* `fd` is borrowed (2: standard error); `role` is copied. Lines above `level` are not written. */
struct log *log_new(struct loop *l, struct str role, int fd, enum log_level level);
void log_free(struct log *g); /* writes what is left; null is allowed */
void log_set_level(struct log *g, enum log_level level);
bool log_is_on(const struct log *g, enum log_level level);

void log_begin(struct log *g, enum log_level level, const char *event);
void log_str(struct log *g, const char *key, struct str value);
void log_num(struct log *g, const char *key, int64_t value);
void log_address(struct log *g, const char *key, const struct address *value);
void log_err(struct log *g, enum err e, const struct errinfo *why); /* error=, why= */
void log_end(struct log *g);

#endif
