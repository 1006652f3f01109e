/* os/real/socket.c - addresses as the kernel writes them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/real/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

enum { KEEPALIVE_IDLE_S = 600, KEEPALIVE_EVERY_S = 60, KEEPALIVE_TRIES = 5 };

socklen_t socket_address_to(const struct address *a, struct sockaddr_storage *ret)
{
    struct sockaddr_in in4 = { .sin_family = AF_INET, .sin_port = htons(a->port) };
    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(a->port) };

    *ret = (struct sockaddr_storage){ .ss_family = AF_UNSPEC };
    if (a->family == ADDRESS_IP4) {
        memcpy(&in4.sin_addr, a->ip, sizeof in4.sin_addr);
        memcpy(ret, &in4, sizeof in4);
        return sizeof in4;
    }
    if (a->family == ADDRESS_IP6) {
        memcpy(&in6.sin6_addr, a->ip, sizeof in6.sin6_addr);
        memcpy(ret, &in6, sizeof in6);
        return sizeof in6;
    }
    return 0;
}

struct address socket_address_from(const struct sockaddr_storage *s)
{
    struct address a = { .family = ADDRESS_NONE };
    struct sockaddr_in in4;
    struct sockaddr_in6 in6;

    switch (s->ss_family) {
    case AF_INET:
        memcpy(&in4, s, sizeof in4);
        a.family = ADDRESS_IP4;
        a.port = ntohs(in4.sin_port);
        memcpy(a.ip, &in4.sin_addr, sizeof in4.sin_addr);
        break;
    case AF_INET6:
        memcpy(&in6, s, sizeof in6);
        a.port = ntohs(in6.sin6_port);
        a.family = ADDRESS_IP6;
        memcpy(a.ip, &in6.sin6_addr, sizeof in6.sin6_addr);
        if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
            a.family = ADDRESS_IP4;
            memset(a.ip, 0, sizeof a.ip);
            memcpy(a.ip, in6.sin6_addr.s6_addr + 12, 4);
        }
        break;
    case AF_UNIX:
        a.family = ADDRESS_LOCAL;
        break;
    default:
        break;
    }
    return a;
}

struct address socket_peer(int fd)
{
    struct sockaddr_storage s = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof s;

    if (fd < 0 || getpeername(fd, (struct sockaddr *)&s, &len) != 0)
        s.ss_family = AF_UNSPEC;
    return socket_address_from(&s);
}

struct address socket_local(int fd)
{
    struct sockaddr_storage s = { .ss_family = AF_UNSPEC };
    socklen_t len = sizeof s;

    if (fd < 0 || getsockname(fd, (struct sockaddr *)&s, &len) != 0)
        s.ss_family = AF_UNSPEC;
    return socket_address_from(&s);
}

static void set(int fd, int level, int option, int value)
{
    (void)setsockopt(fd, level, option, &value, sizeof value);
}

/* The options fail on Unix sockets, which need none of them. */
void socket_prepare(int fd)
{
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_EVERY_S);
    set(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_TRIES);
}
