/* os/handover.h - open descriptors that the warden gives to its roles.
 *
 * A descriptor travels beside a frame of the control channel, where it looks like a file. Besides,
 * the socket on which `postern` commands reach the server: the warden listens and accepts there and
 * hands each connection to keeper, so that no role needs the right to accept unknown peers.
 * Real loops only. Errors: ERR_IO, ERR_IN_USE (a server listens there already). Descriptors are
 * close-on-exec; the receiver owns what it takes. Tests: warden/warden_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_HANDOVER_H
#define POSTERN_OS_HANDOVER_H

#include "os/channel.h"

/* Sends `frame` and `fd`, which is closed here. */
void handover_send(struct channel *to, struct str frame, int fd);
/* The descriptor behind a file that came with a frame; the file is gone afterwards. -1 for null. */
int handover_take(struct file *file);

/* A Unix socket at `path`, mode 0600. One left behind by a dead server is replaced; one that
 * answers is ERR_IN_USE. */
MUST_USE enum err handover_listen(struct str path, int *ret_fd, struct errinfo *why);
/* The next connection that waits, or -1. */
int handover_accept(int fd);
/* Connects to such a socket: ERR_NOT_FOUND when there is none, ERR_REFUSED when nobody listens. */
MUST_USE enum err handover_connect(struct str path, int *ret_fd, struct errinfo *why);
/* Removes the socket's name when the server ends. */
void handover_remove(struct str path);

#endif
