/* bench/imapblast.c - many IMAP clients that do what people's clients do, all at once, and how many
 * commands a server answered.
 *
 *   imapblast HOST PORT CLIENTS SECONDS PER_SESSION USER_FORMAT PASSWORD
 *
 * One thread, epoll. Each client logs in, selects INBOX and goes through the table `mix`: it
 * appends, lists the newest messages, reads one, marks one, searches, deletes what it appended
 * before and expunges, one command at a time. After PER_SESSION commands (0: never) it logs out and
 * begins anew. USER_FORMAT holds one %d, which runs through 0..USERS-1 (environment USERS, default
 * 20): with more clients than users several share a mailbox. Counting begins when all are logged
 * in. Prints: commands a second, the 50th and 99th percentile of the time from a command to its
 * tagged reply in milliseconds, how many were refused (NO), and how many were answered. A BAD, or
 * an end that was not asked for, ends it with an error. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "blast.h"

#include <netinet/tcp.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 64 * 1024, OUT_MAX = 16 * 1024, OWN_MAX = 64, TIMES_MAX = 4 << 20 };
enum step {
    GREETING,
    LOGIN,
    SELECT,
    APPEND,
    LIST,
    READ,
    MARK,
    SEARCH,
    WORD,
    DELETE,
    EXPUNGE,
    LOGOUT
};

/* Of 20 commands 3 append, 3 delete one, 2 expunge, 4 list, 4 read, 2 mark, 2 search. */
static const enum step mix[] = {
    LIST, READ,   APPEND, READ, MARK,   LIST, DELETE, EXPUNGE, SEARCH, APPEND,
    LIST, DELETE, READ,   WORD, APPEND, LIST, MARK,   DELETE,  READ,   EXPUNGE,
};

struct client {
    int fd, number, ready;
    enum step step;
    unsigned at;              /* the next row of mix */
    int left;                 /* commands still to come in this session */
    unsigned seed;            /* of which messages are taken: the same on every server */
    uint32_t newest;          /* the largest UID known */
    uint32_t own[OWN_MAX];    /* UIDs of what it appended, a ring */
    unsigned own_in, own_out; /* how many were put in and taken out */
    double sent;
    size_t literal; /* octets of a literal still to be passed over */
    size_t in_len, out_len, out_at;
    char *in;
    char *out;
};

static struct sockaddr_in target;
static const char *user_format, *password;
static int users, per_session, epoll_fd, clients_ready;
static char body[4096];
static double *times;
static uint64_t answered, refused, in_time;
static double counting_from;

static unsigned next_random(struct client *c)
{
    c->seed = c->seed * 1103515245 + 12345;
    return c->seed >> 12;
}

static void flush_out(struct client *c)
{
    while (c->out_at < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);

        if (n < 0 && (errno == EAGAIN || errno == ENOTCONN))
            break;
        if (n < 0)
            die_of("send", strerror(errno));
        c->out_at += (size_t)n;
    }
    struct epoll_event e = { .events = EPOLLIN | (c->out_at < c->out_len ? (unsigned)EPOLLOUT : 0U),
                             .data.ptr = c };
    epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &e);
}

static void open_client(struct client *c)
{
    int one = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0)
        die_of("socket", strerror(errno));
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(c->fd, (struct sockaddr *)&target, sizeof(target)) < 0 && errno != EINPROGRESS)
        die_of("connect", strerror(errno));
    c->step = GREETING;
    c->in_len = c->literal = c->out_len = c->out_at = 0;
    c->left = per_session;
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
}

/* One of the newest 100 messages; it may be gone, which UID commands allow. */
static uint32_t some_uid(struct client *c)
{
    uint32_t back = next_random(c) % 100;

    return c->newest > back ? c->newest - back : 1;
}

static int write_command(struct client *c, enum step step)
{
    char user[200];
    uint32_t uid = some_uid(c);

    switch (step) {
    case LOGIN:
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(user, sizeof(user), user_format, c->number % users);
#pragma GCC diagnostic pop
        return snprintf(c->out, OUT_MAX, "t LOGIN %s %s\r\n", user, password);
    case SELECT:
        return snprintf(c->out, OUT_MAX, "t SELECT INBOX\r\n");
    case APPEND:
        return snprintf(c->out, OUT_MAX, "t APPEND INBOX {%zu+}\r\n%s\r\n", strlen(body), body);
    case LIST:
        return snprintf(c->out, OUT_MAX, "t UID FETCH %u:* (UID FLAGS RFC822.SIZE ENVELOPE)\r\n",
                        c->newest > 20 ? c->newest - 20 : 1);
    case READ:
        return snprintf(c->out, OUT_MAX, "t UID FETCH %u (BODY.PEEK[])\r\n", uid);
    case MARK:
        return snprintf(c->out, OUT_MAX, "t UID STORE %u %cFLAGS (\\Seen)\r\n", uid,
                        next_random(c) % 2 == 0 ? '+' : '-');
    case SEARCH:
        return snprintf(c->out, OUT_MAX, "t UID SEARCH UNSEEN\r\n");
    case WORD:
        return snprintf(c->out, OUT_MAX, "t UID SEARCH SUBJECT ketchup\r\n");
    case DELETE:
        return snprintf(c->out, OUT_MAX, "t UID STORE %u +FLAGS.SILENT (\\Deleted)\r\n",
                        c->own_out < c->own_in ? c->own[c->own_out++ % OWN_MAX] : 1);
    case EXPUNGE:
        return snprintf(c->out, OUT_MAX, "t EXPUNGE\r\n");
    default:
        return snprintf(c->out, OUT_MAX, "t LOGOUT\r\n");
    }
}

static void say(struct client *c, enum step step)
{
    int len = write_command(c, step);

    if (len < 0 || len >= OUT_MAX)
        die_of("command", "too long");
    c->step = step;
    c->out_len = (size_t)len;
    c->out_at = 0;
    c->sent = now();
    flush_out(c);
}

/* What a line tells besides its end: the UIDs of new messages. */
static void learn(struct client *c, const char *line)
{
    const char *appended = strstr(line, "[APPENDUID ");
    const char *next = strstr(line, "[UIDNEXT ");
    uint32_t uid = 0;

    if (appended != NULL) {
        char *rest;

        (void)strtoul(appended + 11, &rest, 10);
        uid = (uint32_t)strtoul(rest, NULL, 10);
        if (c->own_in - c->own_out < OWN_MAX)
            c->own[c->own_in++ % OWN_MAX] = uid;
    } else if (next != NULL) {
        uid = (uint32_t)strtoul(next + 9, NULL, 10) - 1;
    }
    if (uid > c->newest)
        c->newest = uid;
}

static void next_command(struct client *c)
{
    if (per_session != 0 && c->left-- == 0)
        say(c, LOGOUT);
    else
        say(c, mix[c->at++ % (sizeof(mix) / sizeof(mix[0]))]);
}

static void count(struct client *c)
{
    if (counting_from == 0)
        return;
    answered++;
    if (in_time < TIMES_MAX)
        times[in_time++] = now() - c->sent;
}

static void line_read(struct client *c, const char *line)
{
    learn(c, line);
    if (c->step == GREETING) {
        if (strncmp(line, "* OK", 4) != 0)
            die_of("greeting", line);
        say(c, LOGIN);
        return;
    }
    if (line[0] != 't')
        return;
    if (strncmp(line, "t OK", 4) != 0) {
        if (strncmp(line, "t NO", 4) != 0 || c->step < APPEND)
            die_of(c->out, line);
        refused++;
    }
    count(c);
    if (c->step == LOGIN) {
        say(c, SELECT);
    } else if (c->step == LOGOUT) {
        close(c->fd);
        open_client(c);
    } else {
        clients_ready += c->step == SELECT && !c->ready;
        c->ready |= c->step == SELECT;
        next_command(c);
    }
}

/* Length of the literal that a line announces at its end, else 0. */
static size_t announced(const char *line, size_t len)
{
    size_t at = len;

    if (len < 3 || line[len - 1] != '}')
        return 0;
    while (at > 0 && line[at - 1] != '{')
        at--;
    return at == 0 ? 0 : strtoul(line + at, NULL, 10);
}

/* Takes lines and literals off what has come. */
static void taken(struct client *c)
{
    size_t at = 0;

    while (at < c->in_len) {
        if (c->literal > 0) {
            size_t part = c->in_len - at < c->literal ? c->in_len - at : c->literal;

            c->literal -= part;
            at += part;
            continue;
        }
        char *end = memchr(c->in + at, '\n', c->in_len - at);
        if (end == NULL)
            break;
        size_t len = (size_t)(end - (c->in + at));
        len -= len > 0 && end[-1] == '\r';
        c->in[at + len] = '\0';
        c->literal = announced(c->in + at, len);
        char *line = c->in + at;
        at = (size_t)(end - c->in) + 1;
        line_read(c, line);
        if (c->in_len == 0)
            return; /* it has begun anew */
    }
    c->in_len -= at;
    memmove(c->in, c->in + at, c->in_len);
}

static void readable(struct client *c)
{
    ssize_t n = recv(c->fd, c->in + c->in_len, LINE_MAX_BYTES - c->in_len, 0);

    if (n < 0 && errno == EAGAIN)
        return;
    if (n <= 0)
        die_of("connection ended", n == 0 ? c->out : strerror(errno));
    c->in_len += (size_t)n;
    taken(c);
    if (c->in_len == LINE_MAX_BYTES)
        die_of("reply", "a line is too long");
}

static void make_body(void)
{
    size_t len = (size_t)snprintf(body, sizeof(body),
                                  "From: alice@crepes.fr\r\nTo: bob@hamburger.edu\r\n"
                                  "Subject: ketchup and pickles\r\n"
                                  "Date: Sun, 1 Mar 2026 10:00:00 +0000\r\n"
                                  "Message-ID: <blast@crepes.fr>\r\nMIME-Version: 1.0\r\n"
                                  "Content-Type: text/plain; charset=utf-8\r\n\r\n");

    body[add_words(body, len, sizeof(body) - LINE_ROOM)] = '\0';
}

static void serve(double until)
{
    struct epoll_event events[64];
    int n = epoll_wait(epoll_fd, events, 64, until == 0 ? 60000 : 1000);

    if (n == 0 && until == 0)
        die_of("log-in", "no reply for a minute");
    for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;

        if (events[i].events & EPOLLOUT)
            flush_out(c);
        if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
            readable(c);
    }
}

int main(int argc, char **argv)
{
    if (argc != 8) {
        (void)fprintf(stderr, "usage: imapblast HOST PORT CLIENTS SECONDS PER_SESSION USER_FORMAT "
                              "PASSWORD\n");
        return 64;
    }
    int clients = (int)strtol(argv[3], NULL, 10);
    double seconds = strtod(argv[4], NULL);
    per_session = (int)strtol(argv[5], NULL, 10);
    user_format = argv[6];
    password = argv[7];
    users = getenv("USERS") == NULL ? 20 : (int)strtol(getenv("USERS"), NULL, 10);
    if (!read_target(argv + 1, &target) || clients < 1 || users < 1)
        die_of("arguments", "no address, client or user");
    make_body();
    times = calloc(TIMES_MAX, sizeof(*times));
    epoll_fd = epoll_create1(0);

    struct client *all = calloc((size_t)clients, sizeof(*all));
    for (int i = 0; i < clients; i++) {
        all[i] = (struct client){ .number = i, .at = (unsigned)i * 7, .seed = (unsigned)i + 1 };
        all[i].in = malloc(LINE_MAX_BYTES);
        all[i].out = malloc(OUT_MAX);
        open_client(&all[i]);
    }
    while (clients_ready < clients)
        serve(0);
    counting_from = now();
    double until = counting_from + seconds, ended;
    while ((ended = now()) < until)
        serve(until);
    if (in_time == 0)
        die_of("counting", "nothing was answered");
    (void)printf("%.1f %.3f %.3f %llu %llu\n", (double)answered / (ended - counting_from),
                 time_within(times, in_time, 0.5) * 1e3, time_within(times, in_time, 0.99) * 1e3,
                 (unsigned long long)refused, (unsigned long long)answered);
    return 0;
}
