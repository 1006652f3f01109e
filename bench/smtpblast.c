/* bench/smtpblast.c - sends many messages over many connections and says how fast they were taken.
 *
 *   smtpblast HOST PORT CONNECTIONS MESSAGES SIZE PER_CONNECTION RCPT_FORMAT
 *
 * One thread, epoll. Each message is MAIL, RCPT, DATA, text, dot, one command at a time, as most
 * senders do. RCPT_FORMAT holds one %d, which runs through 0..RCPTS-1 (environment RCPTS, default
 * 1). Prints: seconds, messages a second, and the 50th and 99th percentile of the time from the dot
 * to its 250, in milliseconds. Any other reply than expected ends it with an error. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "blast.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum phase { BANNER, EHLO, MAIL, RCPT, DATA, DOT, QUIT };

struct client {
    int fd;
    enum phase phase;
    int left; /* messages still to be sent over this connection */
    double dot_at;
    char in[2048];
    size_t in_len;
    const char *out; /* what is still to be written */
    size_t out_len;
    char line[512];
};

static struct sockaddr_in target;
static const char *rcpt_format;
static char *body;
static size_t body_len;
static int total, started, finished, per_connection, rcpts, epoll_fd;
static double *times;

static void flush_out(struct client *c)
{
    while (c->out_len > 0) {
        ssize_t n = send(c->fd, c->out, c->out_len, MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            die("send");
        c->out += n;
        c->out_len -= (size_t)n;
    }
    struct epoll_event e = { .events = EPOLLIN | (c->out_len > 0 ? (unsigned)EPOLLOUT : 0U),
                             .data.ptr = c };
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

static void say(struct client *c, const char *octets, size_t len)
{
    c->out = octets;
    c->out_len = len;
    flush_out(c);
}

static void say_line(struct client *c, const char *fmt, int number)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int len = snprintf(c->line, sizeof(c->line), fmt, number);
#pragma GCC diagnostic pop
    say(c, c->line, (size_t)len);
}

static void open_client(struct client *c)
{
    int one = 1;

    *c = (struct client){ .left = per_connection };
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (struct sockaddr *)&target, sizeof(target)) < 0 && errno != EINPROGRESS)
        die("connect");
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
}

static void close_client(struct client *c)
{
    close(c->fd);
    c->fd = -1;
}

static void next_message(struct client *c)
{
    if (started < total && c->left > 0) {
        started++;
        c->left--;
        c->phase = MAIL;
        say_line(c, "MAIL FROM:<alice@crepes.fr>\r\n", 0);
    } else {
        c->phase = QUIT;
        say_line(c, "QUIT\r\n", 0);
    }
}

static void reply(struct client *c, const char *line)
{
    static const char *const want[] = { "220", "250", "250", "250", "354", "250", "221" };
    char rcpt_line[300];

    if (strncmp(line, want[c->phase], 3) != 0) {
        (void)fprintf(stderr, "smtpblast: in phase %d: %s\n", (int)c->phase, line);
        exit(1);
    }
    if (line[3] == '-')
        return;
    switch (c->phase) {
    case BANNER:
        c->phase = EHLO;
        say_line(c, "EHLO crepes.fr\r\n", 0);
        break;
    case EHLO:
        next_message(c);
        break;
    case MAIL:
        c->phase = RCPT;
        (void)snprintf(rcpt_line, sizeof(rcpt_line), "RCPT TO:<%s>\r\n", rcpt_format);
        say_line(c, rcpt_line, started % rcpts);
        break;
    case RCPT:
        c->phase = DATA;
        say_line(c, "DATA\r\n", 0);
        break;
    case DATA:
        c->phase = DOT;
        c->dot_at = now();
        say(c, body, body_len);
        break;
    case DOT:
        times[finished++] = now() - c->dot_at;
        next_message(c);
        break;
    case QUIT:
        close_client(c);
        if (started < total)
            open_client(c);
        break;
    }
}

static void readable(struct client *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len - 1, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die("connection ended");
    c->in_len += (size_t)n;
    for (;;) {
        char *end = memchr(c->in, '\n', c->in_len);
        int fd = c->fd;

        if (end == NULL)
            return;
        *end = '\0';
        size_t used = (size_t)(end - c->in) + 1;
        char line[sizeof(c->in)];
        memcpy(line, c->in, used);
        c->in_len -= used;
        memmove(c->in, c->in + used, c->in_len);
        reply(c, line);
        if (c->fd != fd)
            return;
    }
}

static void make_body(size_t size)
{
    static const char head[] =
        "From: alice@crepes.fr\r\nTo: bob@hamburger.edu\r\nSubject: ketchup\r\n"
        "Date: Sun, 1 Mar 2026 10:00:00 +0000\r\n"
        "Message-ID: <blast@crepes.fr>\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\n";
    body = malloc(size + sizeof(head) + LINE_ROOM);
    memcpy(body, head, sizeof(head) - 1);
    body_len = add_words(body, sizeof(head) - 1, size);
    memcpy(body + body_len, ".\r\n", 3);
    body_len += 3;
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        (void)fprintf(stderr, "usage: smtpblast HOST PORT CONNECTIONS MESSAGES SIZE "
                              "PER_CONNECTION RCPT_FORMAT\n");
        return 64;
    }
    int connections = (int)strtol(argv[3], NULL, 10);
    total = (int)strtol(argv[4], NULL, 10);
    per_connection = (int)strtol(argv[6], NULL, 10);
    rcpt_format = argv[7];
    rcpts = getenv("RCPTS") == NULL ? 1 : (int)strtol(getenv("RCPTS"), NULL, 10);
    if (!read_target(argv + 1, &target))
        die("address");
    make_body((size_t)strtol(argv[5], NULL, 10));
    times = calloc((size_t)total, sizeof(*times));
    epoll_fd = epoll_create1(0);

    struct client *clients = calloc((size_t)connections, sizeof(*clients));
    double start = now();
    for (int i = 0; i < connections; i++)
        open_client(&clients[i]);
    while (finished < total) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, 60000);

        if (n == 0) {
            errno = ETIMEDOUT;
            die("no reply for a minute");
        }
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;

            if (events[i].events & EPOLLOUT)
                flush_out(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                readable(c);
        }
    }
    double seconds = now() - start;
    (void)printf("%.4f %.1f %.2f %.2f\n", seconds, total / seconds,
                 time_within(times, (size_t)total, 0.5) * 1e3,
                 time_within(times, (size_t)total, 0.99) * 1e3);
    return 0;
}
