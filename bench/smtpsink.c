/* bench/smtpsink.c - takes every message and keeps none: the other end of relay measurements.
 *
 *   smtpsink PORT
 *
 * One thread, epoll, on 127.0.0.1; offers PIPELINING, SIZE and 8BITMIME. A connection to PORT + 1
 * gets one line, the number of messages taken so far. Ends with its standard input. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"

struct peer {
    int fd;
    int in_data;
    char in[65536];
    size_t len;
};

static long taken;

static int listen_on(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int one = 1, fd = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(fd, 512) < 0) {
        perror("smtpsink");
        exit(1);
    }
    return fd;
}

static void add(int ep, int fd, struct peer *p)
{
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = p };

    epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
}

static void tell(int fd, const char *text)
{
    (void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* Commands of one read are answered in one write. */
static void command(struct peer *p, const char *line, char *replies, size_t room)
{
    const char *reply = "250 2.0.0 ok\r\n";

    if (strncasecmp(line, "EHLO", 4) == 0)
        reply = "250-sink\r\n250-PIPELINING\r\n250-SIZE 100000000\r\n250 8BITMIME\r\n";
    else if (strncasecmp(line, "DATA", 4) == 0) {
        reply = "354 go\r\n";
        p->in_data = 1;
    } else if (strncasecmp(line, "QUIT", 4) == 0)
        reply = "221 bye\r\n";
    size_t used = strlen(replies);
    (void)snprintf(replies + used, room - used, "%s", reply);
}

/* Uses what it can; what is left stays for the next read. */
static void use(struct peer *p)
{
    char replies[8192] = "";
    size_t at = 0;

    while (at < p->len) {
        char *rest = p->in + at;
        size_t len = p->len - at;

        if (p->in_data) {
            int whole_line = at == 0 || rest[-1] == '\n';
            char *dot = whole_line && len >= 3 && memcmp(rest, ".\r\n", 3) == 0
                            ? rest - 2
                            : memmem(rest, len, "\r\n.\r\n", 5);

            if (dot == NULL) {
                at = p->len > 4 ? MAX(at, p->len - 4) : at;
                break;
            }
            at = (size_t)(dot - p->in) + 5;
            p->in_data = 0;
            taken++;
            (void)snprintf(replies + strlen(replies), sizeof(replies) - strlen(replies),
                           "250 2.0.0 taken\r\n");
            continue;
        }
        char *end = memchr(rest, '\n', len);
        if (end == NULL)
            break;
        command(p, rest, replies, sizeof(replies));
        at = (size_t)(end - p->in) + 1;
    }
    p->len -= at;
    memmove(p->in, p->in + at, p->len);
    if (replies[0] != '\0')
        tell(p->fd, replies);
}

int main(int argc, char **argv)
{
    int port = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 0, ep = epoll_create1(0);
    struct peer mail = { .fd = listen_on(port) }, count = { .fd = listen_on(port + 1) },
                end = { 0 };

    add(ep, mail.fd, &mail);
    add(ep, count.fd, &count);
    add(ep, 0, &end);
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(ep, events, 64, -1);

        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;

            if (p == &end)
                return 0;
            if (p == &mail || p == &count) {
                int one = 1, fd = accept4(p->fd, NULL, NULL, p == &mail ? SOCK_NONBLOCK : 0);

                if (fd < 0)
                    continue;
                if (p == &count) {
                    char text[32];

                    (void)snprintf(text, sizeof(text), "%ld\n", taken);
                    tell(fd, text);
                    close(fd);
                    continue;
                }
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
                struct peer *fresh = malloc(sizeof(*fresh));
                fresh->fd = fd;
                fresh->in_data = 0;
                fresh->len = 0;
                add(ep, fd, fresh);
                tell(fd, "220 sink\r\n");
                continue;
            }
            ssize_t got = recv(p->fd, p->in + p->len, sizeof(p->in) - p->len, 0);
            if (got <= 0) {
                close(p->fd);
                free(p);
                continue;
            }
            p->len += (size_t)got;
            use(p);
        }
    }
}
