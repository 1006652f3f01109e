/* os/real/socket.h - addresses as the kernel writes them, and options every socket gets.
 *
 * Inside os/ only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_REAL_SOCKET_H
#define POSTERN_OS_REAL_SOCKET_H

#include <sys/socket.h>

#include "os/address.h"

/* Returns the length of *ret; 0 for an address without a family. */
socklen_t socket_address_to(const struct address *a, struct sockaddr_storage *ret);
struct address socket_address_from(const struct sockaddr_storage *s);
struct address socket_peer(int fd);
struct address socket_local(int fd);
/* Non-blocking, close-on-exec, no delay for small writes, dead peers are noticed. */
void socket_prepare(int fd);

#endif
