/* gate/session_bench.c - scripts against sessions; see session_bench.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/session_bench.h"

#include "os/sim.h"
#include "testing.h"

static void on_accept(void *ctx, struct stream *s)
{
    struct session_bench *b = ctx;

    b->accept(b, s);
}

static void on_lost(void *ctx)
{
    struct session_bench *b = ctx;

    if (b->lost != NULL)
        b->lost(b);
}

static const struct keeper_notes notes = { .lost = on_lost };

static void open_tls(struct session_bench *b, enum side side)
{
    static const struct str names[] = { STR_INIT("hamburger.edu") };
    struct str pem[2];

    if (side == SIDE_SIMULATED) {
        b->tls = tls_server_simulated();
        b->tls_client = tls_client_simulated();
        return;
    }
    CHECK_OK(tls_make_self_signed(b->mem, names, 1, 30, pem, NULL), "certificate");
    CHECK_OK(tls_server_new(pem[0], pem[1], &b->tls, NULL), "server");
    CHECK_OK(tls_client_new(false, STR_EMPTY, &b->tls_client, NULL), "client");
}

void session_bench_open(struct session_bench *b,
                        void (*accept)(struct session_bench *b, struct stream *s), enum side side)
{
    struct channel *ours, *theirs;

    *b = (struct session_bench){ .accept = accept, .mem = arena_new(0) };
    bench_open(&b->bench, side);
    open_tls(b, side);
    CHECK_OK(channel_pair(b->bench.b, b->bench.a, &ours, &theirs, NULL), "channel");
    b->keeper = keeper_client_new(b->bench.b, ours, &notes, b);
    fake_keeper_open(&b->fake, theirs);
    if (side == SIDE_SIMULATED) {
        b->disk = sim_disk_new(b->bench.sim);
        fake_keeper_use(&b->fake, sim_fs(b->disk));
    }
    b->at = bench_listen(&b->bench, on_accept, b, &b->listener);
}

void session_bench_close(struct session_bench *b)
{
    session_bench_hang_up(b);
    listener_free(b->listener);
    keeper_client_free(b->keeper);
    fake_keeper_close(&b->fake);
    tls_server_free(b->tls);
    tls_client_free(b->tls_client);
    if (b->disk != NULL)
        sim_disk_free(b->disk);
    bench_close(&b->bench);
    arena_free(b->mem);
}

static size_t on_bytes(void *ctx, struct str bytes)
{
    struct session_bench *b = ctx;

    buf_add(&b->got, bytes);
    return bytes.len;
}

static void on_connected(void *ctx)
{
    ((struct session_bench *)ctx)->connected = true;
}

static void on_secured(void *ctx, enum err e, const struct errinfo *why)
{
    CHECK(e == OK, "handshake: %s", why == NULL ? "" : why->text);
    ((struct session_bench *)ctx)->secured = true;
}

static void on_closed(void *ctx, enum err why)
{
    struct session_bench *b = ctx;

    (void)why;
    b->closed = true;
    stream_free(b->client);
    b->client = NULL;
}

static const struct stream_events events = {
    .bytes = on_bytes, .connected = on_connected, .secured = on_secured, .closed = on_closed
};

static bool is_connected(void *ctx)
{
    return ((struct session_bench *)ctx)->connected;
}

static bool is_secured(void *ctx)
{
    return ((struct session_bench *)ctx)->secured;
}

static bool is_closed(void *ctx)
{
    return ((struct session_bench *)ctx)->closed;
}

static bool has_line(void *ctx)
{
    struct session_bench *b = ctx;

    return str_find_char(str_skip(buf_str(&b->got), b->seen), '\n') != STR_NOT_FOUND || b->closed;
}

void session_bench_connect(struct session_bench *b)
{
    session_bench_hang_up(b);
    b->client = stream_connect(b->bench.a, &b->at, &b->from, 5000);
    stream_set_events(b->client, &events, b);
    CHECK(bench_run(&b->bench, is_connected, b), "connect");
}

void session_bench_hang_up(struct session_bench *b)
{
    if (b->client != NULL)
        stream_free(b->client);
    b->client = NULL;
    buf_deinit(&b->got);
    b->seen = 0;
    b->connected = b->secured = b->closed = false;
}

void session_bench_send(struct session_bench *b, struct str octets)
{
    CHECK(b->client != NULL, "sending when closed: %.*s", STR_ARG(str_take(octets, 60)));
    stream_write(b->client, octets);
}

static struct str next_line(struct session_bench *b, struct str script_line)
{
    struct str rest, line;

    CHECK(bench_run(&b->bench, has_line, b), "waiting for %.*s", STR_ARG(script_line));
    rest = str_skip(buf_str(&b->got), b->seen);
    line = str_split(&rest, '\n');
    b->seen = b->got.len - rest.len;
    return str_trim_crlf(line);
}

static void do_line(struct session_bench *b, struct str line)
{
    struct str text = str_skip(line, 3);

    if (str_starts(line, STR("C: "))) {
        session_bench_send(b, text);
        session_bench_send(b, STR("\r\n"));
    } else if (str_starts(line, STR("S: "))) {
        CHECK_STR(str_take(next_line(b, line), text.len), text, "script");
    } else if (str_starts(line, STR("S* "))) {
        while (!str_starts(next_line(b, line), text))
            CHECK(!b->closed || b->seen < b->got.len, "never came: %.*s", STR_ARG(line));
    } else if (str_eq(line, STR("tls"))) {
        stream_start_tls_client(b->client, b->tls_client, STR("hamburger.edu"));
        CHECK(bench_run(&b->bench, is_secured, b), "handshake");
    } else if (str_eq(line, STR("closed"))) {
        CHECK(bench_run(&b->bench, is_closed, b), "still open");
    } else {
        CHECK(line.len == 0, "what is this: %.*s", STR_ARG(line));
    }
}

void session_bench_talk(struct session_bench *b, struct str script)
{
    while (script.len > 0)
        do_line(b, str_split(&script, '\n'));
}
