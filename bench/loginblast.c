/* bench/loginblast.c - logs in over IMAP again and again and says how fast that goes.
 *
 *   loginblast HOST PORT CONNECTIONS LOGINS MECHANISM USER_FORMAT USERS PASSWORD
 *
 * One thread, epoll. Each log-in has a connection of its own: the greeting, the log-in, LOGOUT, the
 * end. MECHANISM: login (the command LOGIN), plain, scram (SCRAM-SHA-256). USER_FORMAT holds one
 * %d, which runs through 0..USERS-1. Every user has logged in once before the clock starts, so
 * neither a server's first look at a password nor SCRAM's slow key (which a client keeps, RFC 5802
 * 5.1) is measured. Prints: seconds, log-ins a second, and the 50th and 99th percentile of the time
 * from the command to its OK, in milliseconds. Any other reply than expected ends it with an error.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "blast.h"

#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum phase { GREETING, SENT, PROOF, LAST_WORD, LOGOUT };
enum mechanism { LOGIN, PLAIN, SCRAM };
enum { HASH = 32, NAME_ROOM = 128, WORD_MAX = 512 };

/* What SCRAM keeps of a password for one salt. */
struct keys {
    char salt[WORD_MAX]; /* base64, as the server wrote it; empty: nothing is kept yet */
    int iterations;
    unsigned char client_key[HASH], stored_key[HASH];
};

struct client {
    int fd;
    enum phase phase;
    int user;
    double said_at;
    char in[4096];
    size_t in_len;
    char first[WORD_MAX]; /* SCRAM: client-first-message-bare */
};

static struct sockaddr_in target;
static const char *user_format, *password;
static enum mechanism mechanism;
static int users, warm, wanted, started, finished, timed, epoll_fd;
static double *times, clock_from;
static struct keys *keys;

static void name_of(int user, char *ret, size_t size)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    (void)snprintf(ret, size, user_format, user);
#pragma GCC diagnostic pop
}

/* Lines are short and sockets empty: what does not go at once is an error. */
static void say(struct client *c, const char *line)
{
    size_t len = strlen(line);

    if (send(c->fd, line, len, MSG_NOSIGNAL) != (ssize_t)len)
        die("send");
}

static void base64(const void *octets, size_t len, char *ret)
{
    EVP_EncodeBlock((unsigned char *)ret, octets, (int)len);
}

/* Octets made, or -1. EVP counts padding as octets. */
static int unbase64(const char *text, size_t len, char *ret, size_t size)
{
    int made = len / 4 * 3 < size
                   ? EVP_DecodeBlock((unsigned char *)ret, (const unsigned char *)text, (int)len)
                   : -1;

    for (; made > 0 && len > 0 && text[len - 1] == '='; len--)
        made--;
    if (made >= 0)
        ret[made] = '\0';
    return made;
}

static void hmac(const unsigned char *key, const char *text, size_t len, unsigned char *ret)
{
    unsigned made = HASH;

    HMAC(EVP_sha256(), key, HASH, (const unsigned char *)text, len, ret, &made);
}

/* ---- connections ---- */

static void open_client(struct client *c)
{
    struct linger none = { .l_onoff = 1 };
    int one = 1;

    *c = (struct client){ .user = started++ % users };
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none)); /* ports are free at once */
    if (connect(c->fd, (struct sockaddr *)&target, sizeof(target)) < 0 && errno != EINPROGRESS)
        die("connect");
    struct epoll_event e = { .events = EPOLLIN, .data.ptr = c };
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, c->fd, &e);
}

static void begin_login(struct client *c)
{
    char name[NAME_ROOM], text[WORD_MAX], word[2 * WORD_MAX], line[3 * WORD_MAX];
    unsigned char nonce[12];
    size_t len;

    name_of(c->user, name, sizeof(name));
    switch (mechanism) {
    case LOGIN:
        (void)snprintf(line, sizeof(line), "a LOGIN %s %s\r\n", name, password);
        break;
    case PLAIN:
        len = (size_t)snprintf(text, sizeof(text), "%c%s%c%s", 0, name, 0, password);
        base64(text, len, word);
        (void)snprintf(line, sizeof(line), "a AUTHENTICATE PLAIN %s\r\n", word);
        break;
    case SCRAM:
        RAND_bytes(nonce, sizeof(nonce));
        base64(nonce, sizeof(nonce), word);
        (void)snprintf(c->first, sizeof(c->first), "n=%s,r=%s", name, word);
        (void)snprintf(text, sizeof(text), "n,,%s", c->first);
        base64(text, strlen(text), word);
        (void)snprintf(line, sizeof(line), "a AUTHENTICATE SCRAM-SHA-256 %s\r\n", word);
        break;
    }
    c->phase = mechanism == SCRAM ? PROOF : SENT;
    c->said_at = now();
    say(c, line);
}

/* The keys of one salt, made when it is new (RFC 5802 3). */
static const struct keys *keys_for(int user, const char *salt, size_t salt_len, int iterations)
{
    struct keys *k = &keys[user];
    unsigned char salted[HASH];
    char octets[WORD_MAX];
    int len;

    if (strlen(k->salt) == salt_len && memcmp(k->salt, salt, salt_len) == 0 &&
        k->iterations == iterations)
        return k;
    len = unbase64(salt, salt_len, octets, sizeof(octets));
    if (len <= 0 || salt_len >= sizeof(k->salt))
        die("salt");
    PKCS5_PBKDF2_HMAC(password, (int)strlen(password), (const unsigned char *)octets, len,
                      iterations, EVP_sha256(), HASH, salted);
    hmac(salted, "Client Key", 10, k->client_key);
    EVP_Digest(k->client_key, HASH, k->stored_key, NULL, EVP_sha256(), NULL);
    memcpy(k->salt, salt, salt_len);
    k->salt[salt_len] = '\0';
    k->iterations = iterations;
    return k;
}

static void prove(struct client *c, const char *challenge)
{
    char first[WORD_MAX], bare[WORD_MAX], auth[3 * WORD_MAX], text[2 * WORD_MAX];
    char word[3 * WORD_MAX], line[4 * WORD_MAX];
    unsigned char proof[HASH];
    const struct keys *k;

    if (unbase64(challenge, strlen(challenge), first, sizeof(first)) < 0)
        die("challenge");
    const char *salt = strstr(first, ",s="), *count = strstr(first, ",i=");
    if (strncmp(first, "r=", 2) != 0 || salt == NULL || count == NULL || count < salt)
        die("challenge");
    k = keys_for(c->user, salt + 3, (size_t)(count - salt) - 3, (int)strtol(count + 3, NULL, 10));
    (void)snprintf(bare, sizeof(bare), "c=biws,%.*s", (int)(salt - first), first);
    (void)snprintf(auth, sizeof(auth), "%s,%s,%s", c->first, first, bare);
    hmac(k->stored_key, auth, strlen(auth), proof);
    for (size_t i = 0; i < HASH; i++)
        proof[i] ^= k->client_key[i];
    base64(proof, HASH, word);
    (void)snprintf(text, sizeof(text), "%s,p=%s", bare, word);
    base64(text, strlen(text), word);
    (void)snprintf(line, sizeof(line), "%s\r\n", word);
    say(c, line);
}

static void close_client(struct client *c)
{
    close(c->fd);
    c->fd = -1;
    finished++;
    if (finished == warm)
        clock_from = now();
}

static void unexpected(const struct client *c, const char *line)
{
    (void)fprintf(stderr, "loginblast: in phase %d: %s\n", (int)c->phase, line);
    exit(1);
}

static void reply(struct client *c, const char *line)
{
    bool asks = strncmp(line, "+ ", 2) == 0;

    switch (c->phase) {
    case GREETING:
        if (strncmp(line, "* OK", 4) != 0)
            unexpected(c, line);
        begin_login(c);
        return;
    case PROOF:
        if (!asks)
            unexpected(c, line);
        c->phase = LAST_WORD;
        prove(c, line + 2);
        return;
    case LAST_WORD:
        c->phase = SENT;
        if (!asks)
            unexpected(c, line);
        say(c, "\r\n");
        return;
    case SENT:
        if (strncmp(line, "a OK", 4) != 0) {
            if (strncmp(line, "* ", 2) != 0)
                unexpected(c, line);
            return;
        }
        if (finished >= warm)
            times[timed++] = now() - c->said_at;
        c->phase = LOGOUT;
        say(c, "b LOGOUT\r\n");
        return;
    case LOGOUT:
        if (strncmp(line, "b OK", 4) == 0)
            close_client(c);
        return;
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
        char line[sizeof(c->in)];

        if (end == NULL || c->fd < 0)
            return;

        size_t used = (size_t)(end - c->in) + 1;
        memcpy(line, c->in, used);
        line[used >= 2 && line[used - 2] == '\r' ? used - 2 : used - 1] = '\0';
        c->in_len -= used;
        memmove(c->in, c->in + used, c->in_len);
        reply(c, line);
    }
}

/* Log-ins until `until` are through, at most `at_once` at a time. */
static void run(struct client *clients, int at_once, int until)
{
    for (int i = 0; i < at_once && started < until; i++)
        open_client(&clients[i]);
    while (finished < until) {
        struct epoll_event events[64];
        int n = epoll_wait(epoll_fd, events, 64, 60000);

        if (n == 0) {
            errno = ETIMEDOUT;
            die("no reply for a minute");
        }
        for (int i = 0; i < n; i++) {
            struct client *c = events[i].data.ptr;

            readable(c);
            if (c->fd < 0 && started < until)
                open_client(c);
        }
    }
}

int main(int argc, char **argv)
{
    static const char *const names[] = { "login", "plain", "scram" };
    int connections, which = 0;

    while (argc == 9 && which < 3 && strcmp(argv[5], names[which]) != 0)
        which++;
    if (argc != 9 || which == 3) {
        (void)fprintf(stderr, "usage: loginblast HOST PORT CONNECTIONS LOGINS login|plain|scram "
                              "USER_FORMAT USERS PASSWORD\n");
        return 64;
    }
    mechanism = (enum mechanism)which;
    connections = (int)strtol(argv[3], NULL, 10);
    wanted = (int)strtol(argv[4], NULL, 10);
    user_format = argv[6];
    warm = users = (int)strtol(argv[7], NULL, 10);
    password = argv[8];
    if (!read_target(argv + 1, &target))
        die("address");
    times = calloc((size_t)wanted, sizeof(*times));
    keys = calloc((size_t)users, sizeof(*keys));
    epoll_fd = epoll_create1(0);

    struct client *clients = calloc((size_t)connections, sizeof(*clients));
    run(clients, connections < 4 ? connections : 4, warm);
    run(clients, connections, warm + wanted);
    double seconds = now() - clock_from;
    (void)printf("%.4f %.1f %.2f %.2f\n", seconds, wanted / seconds,
                 time_within(times, (size_t)wanted, 0.5) * 1e3,
                 time_within(times, (size_t)wanted, 0.99) * 1e3);
    return 0;
}
