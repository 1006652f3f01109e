/* os/os_bench.c - what an idle connection costs and how fast a channel is.
 *
 * Prints one line a figure. Built on request (ninja src/os/os_bench) without sanitizers, else the
 * figures mean nothing. Both ends of every connection live in this process, so the memory of one
 * end is half of what is counted for plain streams; for TLS the two ends are counted apart by
 * freeing the clients first. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "os/channel.h"
#include "os/process.h"
#include "os/stream.h"
#include "os/tls.h"

enum {
    CONNECTIONS = 5000,
    CALLS_ALONE = 100000,
    CALLS_PIPELINED = 1000000,
    PIPELINE = 1000,
    SETTLE_MS = 300,
    FRAME_BYTES = 100,
    FILES_WANTED = 20000
};

static struct loop *loop;
static struct stream *clients[CONNECTIONS], *servers[CONNECTIONS];
static size_t connected, accepted, secured, echoed;
static struct tls_server *tls_server;
static struct tls_client *tls_client;
static struct address at;

static void must(enum err e, const char *what)
{
    if (e == OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, err_text(e));
    exit(EXIT_FAILURE);
}

static size_t heap_bytes(void)
{
    return mallinfo2().uordblks;
}

static void stop(void *ctx)
{
    loop_stop(ctx);
}

static void settle(uint64_t ms)
{
    struct timer t;

    timer_init(&t, loop, stop, loop);
    timer_set_in(&t, ms);
    must(loop_run(loop, NULL), "run");
}

static size_t on_bytes(void *ctx, struct str bytes)
{
    struct stream **s = ctx;

    if (s >= servers && s < servers + CONNECTIONS)
        stream_write(*s, bytes);
    else
        echoed++;
    return bytes.len;
}

static void on_closed(void *ctx, enum err why)
{
    struct stream **s = ctx;

    (void)why;
    stream_free(*s);
    *s = NULL;
}

static void connect_next(void);

static void on_secured(void *ctx, enum err e, const struct errinfo *why)
{
    struct stream **s = ctx;

    if (e != OK)
        (void)fprintf(stderr, "%s\n", why->text);
    must(e, "handshake");
    secured++;
    if (s >= clients && s < clients + CONNECTIONS) {
        stream_write(*s, STR("EHLO crepes.fr\r\n"));
        connect_next();
    }
}

static void on_connected(void *ctx)
{
    struct stream **s = ctx;

    connected++;
    if (tls_client != NULL) {
        stream_start_tls_client(*s, tls_client, STR("mail.crepes.fr"));
        return;
    }
    stream_write(*s, STR("EHLO crepes.fr\r\n"));
    connect_next();
}

static const struct stream_events events = { on_bytes, NULL, on_connected, on_secured, on_closed };

static void connect_next(void)
{
    static size_t next;

    if (connected == 0)
        next = 0;
    if (next == CONNECTIONS)
        return;
    clients[next] = stream_connect(loop, &at, NULL, 5000);
    stream_set_events(clients[next], &events, &clients[next]);
    next++;
}

static void on_accept(void *ctx, struct stream *s)
{
    (void)ctx;
    servers[accepted] = s;
    stream_set_events(s, &events, &servers[accepted++]);
    if (tls_server != NULL)
        stream_start_tls_server(s, tls_server);
}

static void free_all(struct stream **all)
{
    for (size_t i = 0; i < CONNECTIONS; i++) {
        stream_free(all[i]);
        all[i] = NULL;
    }
}

static void measure_idle(const char *name)
{
    size_t before, both, servers_only;

    connected = accepted = secured = echoed = 0;
    settle(10);
    before = heap_bytes();
    connect_next();
    while (echoed < CONNECTIONS)
        settle(SETTLE_MS);
    settle(SETTLE_MS);
    both = heap_bytes();
    free_all(clients);
    settle(1);
    servers_only = heap_bytes() - before;
    (void)printf("%-22s %6zu octets a server end, %6zu both ends (%d connections)\n", name,
                 servers_only / CONNECTIONS, (both - before) / CONNECTIONS, CONNECTIONS);
    free_all(servers);
    settle(10);
}

static void idle(void)
{
    struct str name = STR("mail.crepes.fr"), pem[2];
    struct arena *mem = arena_new(0);
    struct listener *l;
    uint64_t got;
    int fd;

    must(process_raise_descriptors(FILES_WANTED, &got, NULL), "descriptors");
    must(loop_new_real(&loop, NULL), "loop");
    must(address_parse(STR("127.0.0.1"), 0, &at) ? OK : ERR_SYNTAX, "address");
    must(process_listen(&at, false, &fd, NULL), "listen");
    at = process_bound_to(fd);
    l = listener_from_fd(loop, fd, on_accept, NULL);
    measure_idle("idle plain stream");
    must(tls_make_self_signed(mem, &name, 1, 30, pem, NULL), "certificate");
    must(tls_server_new(pem[0], pem[1], &tls_server, NULL), "server");
    must(tls_client_new(false, STR_EMPTY, &tls_client, NULL), "client");
    measure_idle("idle TLS stream");
    listener_free(l);
    tls_server_free(tls_server);
    tls_client_free(tls_client);
    loop_free(loop);
    arena_free(mem);
}

/* ---- channels between two processes ---- */

static struct channel *channel;
static size_t sent, answered, wanted;
static char frame[FRAME_BYTES];

static void answer(void *ctx, struct str bytes, struct file *file)
{
    (void)ctx;
    (void)file;
    channel_send(channel, bytes, NULL);
}

static void channel_closed(void *ctx, enum err why)
{
    (void)why;
    loop_stop(ctx);
}

static const struct channel_events answer_events = { answer, NULL, channel_closed };

static int serve(int fd)
{
    struct loop *l;

    must(loop_new_real(&l, NULL), "loop");
    channel = channel_from_fd(l, fd);
    channel_set_events(channel, &answer_events, l);
    must(loop_run(l, NULL), "run");
    channel_free(channel);
    loop_free(l);
    return 0;
}

static void on_answer(void *ctx, struct str bytes, struct file *file)
{
    (void)bytes;
    (void)file;
    if (++answered == wanted)
        loop_stop(ctx);
    else if (sent < wanted) {
        channel_send(channel, str_from(frame, sizeof frame), NULL);
        sent++;
    }
}

static const struct channel_events call_events = { on_answer, NULL, channel_closed };

static void measure_calls(const char *name, size_t calls, size_t at_once)
{
    struct timespec start, end;

    sent = answered = 0;
    wanted = calls;
    (void)clock_gettime(CLOCK_MONOTONIC, &start);
    for (; sent < at_once; sent++)
        channel_send(channel, str_from(frame, sizeof frame), NULL);
    must(loop_run(loop, NULL), "run");
    (void)clock_gettime(CLOCK_MONOTONIC, &end);
    double us =
        (double)(end.tv_sec - start.tv_sec) * 1e6 + (double)(end.tv_nsec - start.tv_nsec) / 1e3;
    (void)printf("%-22s %6.2f us a call\n", name, us / (double)calls);
}

static void calls(void)
{
    int fd[2];

    must(process_socket_pair(fd, NULL), "pair");
    (void)fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        process_close(fd[0]);
        _exit(serve(fd[1]));
    }
    process_close(fd[1]);
    must(loop_new_real(&loop, NULL), "loop");
    channel = channel_from_fd(loop, fd[0]);
    channel_set_events(channel, &call_events, loop);
    measure_calls("channel, alone", CALLS_ALONE, 1);
    measure_calls("channel, pipelined", CALLS_PIPELINED, PIPELINE);
    channel_free(channel);
    loop_free(loop);
    (void)waitpid(pid, NULL, 0);
}

int main(void)
{
    calls();
    idle();
    return 0;
}
