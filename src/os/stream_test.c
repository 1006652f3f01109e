/* SPDX-License-Identifier: Apache-2.0 */
#include "os/stream.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/os_test.h"
#include "os/process.h"
#include "os/real/socket.h"
#include "os/stream_test.h"

const struct stream_events end_events = { end_bytes, end_drained, end_connected, end_secured,
                                          end_closed };

size_t end_bytes(void *ctx, struct str bytes)
{
    struct end *e = ctx;
    size_t take = MIN(bytes.len, e->take_max);

    e->offers++;
    e->last_offer = bytes.len;
    buf_add(&e->got, str_take(bytes, take));
    e->got_total += take;
    if (e->count_only)
        buf_clear(&e->got);
    if (e->pause_on_bytes)
        stream_pause(e->s);
    if (e->echo)
        stream_write(e->s, str_take(bytes, take));
    if (e->drop_and_start_tls && str_find(buf_str(&e->got), STR("STARTTLS")) != STR_NOT_FOUND) {
        e->drop_and_start_tls = false;
        stream_write(e->s, STR("220 go\r\n"));
        stream_drop_held(e->s);
        stream_start_tls_server(e->s, e->tls_server);
        buf_clear(&e->got);
    }
    if (e->free_in_bytes) {
        stream_free(e->s);
        e->s = NULL;
    }
    return take;
}

void end_drained(void *ctx)
{
    struct end *e = ctx;
    static char block[60000];

    e->drained++;
    if (e->to_send > 0) {
        size_t len = MIN(e->to_send, sizeof block);

        memset(block, 'a' + (int)(e->to_send % 23), len);
        stream_write(e->s, str_from(block, len));
        e->to_send -= len;
    } else if (e->finish_when_sent) {
        stream_finish(e->s, 3000);
    }
}

void end_connected(void *ctx)
{
    struct end *e = ctx;

    e->connected = true;
    if (e->free_in_connected) {
        stream_free(e->s);
        e->s = NULL;
    }
}

void end_secured(void *ctx, enum err why, const struct errinfo *detail)
{
    struct end *e = ctx;

    e->secured = true;
    e->secured_why = why;
    if (why != OK)
        e->secured_detail = *detail;
}

void end_closed(void *ctx, enum err why)
{
    struct end *e = ctx;

    CHECK(!e->closed, "closed() is called once");
    e->closed = true;
    e->why = why;
}

static void on_accept(void *ctx, struct stream *s)
{
    struct wire *w = ctx;

    if (w->server.s != NULL) { /* one is enough for a test */
        stream_set_events(s, &end_events, &w->spare);
        stream_free(s);
        return;
    }
    w->server.s = s;
    stream_set_events(s, &end_events, &w->server);
}

void wire_open(struct wire *w, enum side side)
{
    *w = (struct wire){ .client = { .take_max = SIZE_MAX }, .server = { .take_max = SIZE_MAX } };
    bench_open(&w->bench, side);
    w->at = bench_listen(&w->bench, on_accept, w, &w->listener);
}

void wire_connect(struct wire *w)
{
    w->client.s = stream_connect(w->bench.a, &w->at, NULL, 1000);
    stream_set_events(w->client.s, &end_events, &w->client);
}

void wire_close(struct wire *w)
{
    stream_free(w->client.s);
    stream_free(w->server.s);
    listener_free(w->listener);
    buf_deinit(&w->client.got);
    buf_deinit(&w->server.got);
    bench_close(&w->bench);
}

static bool both_up(void *ctx)
{
    struct wire *w = ctx;

    return w->client.connected && w->server.s != NULL;
}

void wire_up(struct wire *w, enum side side)
{
    wire_open(w, side);
    wire_connect(w);
    CHECK(bench_run(&w->bench, both_up, w), "%s: connects", side_name(side));
}

bool got_enough(void *ctx)
{
    struct end *e = ctx;

    return e->got_total >= e->want;
}

bool end_has_closed(void *ctx)
{
    return ((struct end *)ctx)->closed;
}

#define ON_EACH_SIDE(side) for (enum side side = 0; (side) < SIDE_COUNT; (side)++)

TEST(octets_go_and_come_back)
{
    ON_EACH_SIDE(side)
    {
        struct wire w;

        wire_up(&w, side);
        w.server.echo = true;
        w.client.want = 11;
        stream_write(w.client.s, STR("hello "));
        stream_write(w.client.s, STR("world"));
        CHECK(bench_run(&w.bench, got_enough, &w.client), "%s", side_name(side));
        CHECK_STR(buf_str(&w.client.got), STR("hello world"), "%s", side_name(side));
        CHECK_EQ(stream_peer(w.client.s).port, w.at.port, "%s", side_name(side));
        CHECK(address_is_loopback(
                  &(struct address){ .family = stream_peer(w.server.s).family, .ip = { 127 } }),
              "%s", side_name(side));
        CHECK(!stream_is_secure(w.client.s), "%s", side_name(side));
        CHECK_EQ(stream_tls_version(w.client.s).len, 0, "%s", side_name(side));
        wire_close(&w);
    }
}

TEST(a_peer_may_write_byte_by_byte)
{
    static const char text[] = "MAIL FROM:<alice@crepes.fr>\r\n";

    ON_EACH_SIDE(side)
    {
        struct wire w;

        wire_up(&w, side);
        w.server.take_max = 0; /* everything is held until the line is whole */
        w.server.want = sizeof text - 1;
        for (size_t i = 0; i + 1 < sizeof text; i++) {
            if (i + 2 == sizeof text)
                w.server.take_max = SIZE_MAX;
            stream_write(w.client.s, str_from(text + i, 1));
            bench_pass(&w.bench, 4);
        }
        CHECK(bench_run(&w.bench, got_enough, &w.server), "%s", side_name(side));
        CHECK_STR(buf_str(&w.server.got), str_from_z(text), "%s", side_name(side));
        wire_close(&w);
    }
}

TEST(ten_megabytes_pass_with_back_pressure)
{
    ON_EACH_SIDE(side)
    {
        struct wire w;

        wire_up(&w, side);
        w.client.to_send = 10 * 1024 * 1024;
        w.client.finish_when_sent = true;
        w.server.count_only = true;
        w.server.take_max = 30000; /* leaves a part each time */
        stream_write(w.client.s, STR("x"));
        w.server.want = 10 * 1024 * 1024 + 1 - STREAM_HELD_MAX;
        CHECK(bench_run(&w.bench, got_enough, &w.server), "%s: %zu came", side_name(side),
              w.server.got_total);
        CHECK(w.client.drained > 100, "%s", side_name(side));
        w.server.take_max = SIZE_MAX;
        stream_resume(w.server.s);
        CHECK(bench_run(&w.bench, end_has_closed, &w.server), "%s", side_name(side));
        CHECK_EQ(w.server.got_total, 10 * 1024 * 1024 + 1, "%s", side_name(side));
        CHECK_EQ(w.server.why, ERR_CLOSED, "%s", side_name(side));
        CHECK(bench_run(&w.bench, end_has_closed, &w.client), "%s", side_name(side));
        wire_close(&w);
    }
}

TEST(a_paused_reader_stops_the_writer_and_goes_on_later)
{
    ON_EACH_SIDE(side)
    {
        struct wire w;

        wire_up(&w, side);
        w.server.pause_on_bytes = true;
        w.server.take_max = 3;
        stream_write(w.client.s, STR("abcdef"));
        w.server.want = 3;
        CHECK(bench_run(&w.bench, got_enough, &w.server), "%s", side_name(side));
        stream_write(w.client.s, STR("ghi"));
        bench_pass(&w.bench, 20);
        CHECK_EQ(w.server.got_total, 3, "%s: paused", side_name(side));
        w.server.pause_on_bytes = false;
        w.server.take_max = SIZE_MAX;
        w.server.want = 9;
        stream_resume(w.server.s);
        CHECK(bench_run(&w.bench, got_enough, &w.server), "%s", side_name(side));
        CHECK_STR(buf_str(&w.server.got), STR("abcdefghi"), "%s", side_name(side));
        wire_close(&w);
    }
}

TEST(what_is_held_has_a_limit)
{
    ON_EACH_SIDE(side)
    {
        struct wire w;

        wire_up(&w, side);
        w.server.take_max = 0;
        w.client.to_send = 4 * 1024 * 1024;
        stream_write(w.client.s, STR("x"));
        bench_pass(&w.bench, 100);
        CHECK_EQ(w.server.last_offer, STREAM_HELD_MAX, "%s", side_name(side));
        CHECK_EQ(w.server.got_total, 0, "%s", side_name(side));
        wire_close(&w);
    }
}

TEST(the_last_reply_arrives_before_the_end)
{
    ON_EACH_SIDE(side)
    {
        struct wire w;

        wire_up(&w, side);
        stream_write(w.client.s, STR("more commands that nobody reads\r\n"));
        stream_write(w.server.s, STR("221 bye\r\n"));
        stream_finish(w.server.s, 2000);
        CHECK(bench_run(&w.bench, end_has_closed, &w.client), "%s", side_name(side));
        CHECK_STR(buf_str(&w.client.got), STR("221 bye\r\n"), "%s", side_name(side));
        CHECK_EQ(w.client.why, ERR_CLOSED, "%s", side_name(side));
        stream_free(w.client.s);
        w.client.s = NULL;
        CHECK(bench_run(&w.bench, end_has_closed, &w.server), "%s", side_name(side));
        CHECK_EQ(w.server.why, OK, "%s: the peer has seen it", side_name(side));
        CHECK_EQ(w.server.got_total, 0, "%s: nothing is read after a finish", side_name(side));
        wire_close(&w);
    }
}

TEST(a_finish_flushes_a_long_queue_to_a_slow_and_talkative_peer)
{
    ON_EACH_SIDE(side)
    {
        struct wire w;
        char *big = calloc(1, 3000000);

        wire_up(&w, side);
        w.client.count_only = true;
        stream_pause(w.client.s);
        stream_write(w.server.s, str_from(big, 3000000));
        stream_finish(w.server.s, 4000);
        stream_write(w.client.s, str_from(big, 3000000)); /* which nobody reads */
        bench_pass(&w.bench, 30);
        CHECK(!w.server.closed, "%s", side_name(side));
        stream_resume(w.client.s);
        CHECK(bench_run(&w.bench, end_has_closed, &w.client), "%s", side_name(side));
        CHECK_EQ(w.client.got_total, 3000000, "%s", side_name(side));
        stream_free(w.client.s);
        w.client.s = NULL;
        CHECK(bench_run(&w.bench, end_has_closed, &w.server), "%s", side_name(side));
        CHECK_EQ(w.server.why, OK, "%s", side_name(side));
        free(big);
        wire_close(&w);
    }
}

TEST(a_finish_that_the_peer_ignores_ends_in_time)
{
    ON_EACH_SIDE(side)
    {
        struct wire w;

        wire_up(&w, side);
        w.client.pause_on_bytes = true;
        stream_pause(w.client.s);
        stream_write(w.server.s, STR("221 bye\r\n"));
        stream_finish(w.server.s, 50);
        CHECK(bench_run(&w.bench, end_has_closed, &w.server), "%s", side_name(side));
        CHECK_EQ(w.server.why, ERR_TIMEOUT, "%s", side_name(side));
        wire_close(&w);
    }
}

TEST(nobody_listening_is_a_refusal)
{
    ON_EACH_SIDE(side)
    {
        struct wire w;

        wire_open(&w, side);
        listener_free(w.listener);
        w.listener = NULL;
        bench_pass(&w.bench, 5);
        wire_connect(&w);
        CHECK(bench_run(&w.bench, end_has_closed, &w.client), "%s", side_name(side));
        CHECK_EQ(w.client.why, ERR_REFUSED, "%s", side_name(side));
        CHECK(!w.client.connected, "%s", side_name(side));
        wire_close(&w);
    }
}

TEST(a_stream_may_be_freed_inside_its_events)
{
    ON_EACH_SIDE(side)
    {
        struct wire w;

        wire_up(&w, side);
        w.server.free_in_bytes = true;
        stream_write(w.client.s, STR("abc"));
        CHECK(bench_run(&w.bench, end_has_closed, &w.client), "%s", side_name(side));
        CHECK(w.server.s == NULL && !w.server.closed, "%s: no event after it", side_name(side));
        wire_close(&w);

        wire_open(&w, side);
        w.client.free_in_connected = true;
        wire_connect(&w);
        w.server.want = 0;
        CHECK(bench_run(&w.bench, end_has_closed, &w.server), "%s", side_name(side));
        CHECK(!w.client.closed, "%s", side_name(side));
        wire_close(&w);
    }
}

/* ---- the kernel's own cases ---- */

static int raw_connect(const struct wire *w)
{
    struct sockaddr_storage at;
    socklen_t len = socket_address_to(&w->at, &at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK_EQ(connect(fd, (struct sockaddr *)&at, len), 0, "connect");
    return fd;
}

static bool server_up(void *ctx)
{
    return ((struct wire *)ctx)->server.s != NULL;
}

TEST(a_peer_that_ended_its_side_still_gets_replies)
{
    struct wire w;
    char got[16];

    wire_open(&w, SIDE_REAL);
    w.server.echo = true;
    int fd = raw_connect(&w);
    CHECK_EQ(write(fd, "QUIT\r\n", 6), 6, "write");
    CHECK_EQ(shutdown(fd, SHUT_WR), 0, "half-close");
    CHECK(bench_run(&w.bench, end_has_closed, &w.server), "the end is told");
    CHECK_EQ(w.server.why, ERR_CLOSED, "as such");
    CHECK_EQ(read(fd, got, sizeof got), 6, "the reply");
    (void)close(fd);
    wire_close(&w);
}

/* An owner that takes one octet, does its work, and then asks for the next. */
struct slow_owner {
    struct stream *s;
    size_t taken;
    bool working, closed;
};

static size_t slow_bytes(void *ctx, struct str bytes)
{
    struct slow_owner *o = ctx;

    o->working = !o->working && bytes.len > 0;
    if (!o->working)
        return 0;
    o->taken++;
    stream_write(o->s, str_take(bytes, 1));
    stream_resume(o->s);
    return 1;
}

static void slow_closed(void *ctx, enum err why)
{
    struct slow_owner *o = ctx;

    (void)why;
    o->closed = true;
}

static bool slow_has_closed(void *ctx)
{
    return ((struct slow_owner *)ctx)->closed;
}

TEST(octets_that_were_asked_for_come_before_the_end)
{
    static const struct stream_events slow_events = { .bytes = slow_bytes, .closed = slow_closed };
    struct slow_owner owner = { 0 };
    struct wire w;
    int fd[2];

    wire_open(&w, SIDE_REAL);
    CHECK_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0, "pair");
    CHECK_EQ(write(fd[0], "abc", 3), 3, "write");
    CHECK_EQ(shutdown(fd[0], SHUT_WR), 0, "half-close");
    owner.s = stream_from_fd(w.bench.a, fd[1]);
    stream_set_events(owner.s, &slow_events, &owner);
    CHECK(bench_run(&w.bench, slow_has_closed, &owner), "the end is told");
    CHECK_EQ(owner.taken, 3, "after the octets");
    stream_free(owner.s);
    (void)close(fd[0]);
    wire_close(&w);
}

TEST(a_reset_is_an_end)
{
    struct linger at_once = { 1, 0 };
    struct wire w;

    wire_open(&w, SIDE_REAL);
    int fd = raw_connect(&w);
    CHECK(bench_run(&w.bench, server_up, &w), "up");
    CHECK_EQ(setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0, "linger");
    (void)close(fd);
    CHECK(bench_run(&w.bench, end_has_closed, &w.server), "told");
    CHECK_EQ(w.server.why, ERR_CLOSED, "reset");
    wire_close(&w);
}

TEST(a_connect_that_nobody_answers_times_out)
{
    struct wire w;
    int fd, fill[4];

    wire_open(&w, SIDE_REAL);
    listener_free(w.listener);
    w.listener = NULL;
    CHECK(address_parse(STR("127.0.0.1"), 0, &w.at), "address");
    CHECK_OK(process_listen(&w.at, false, &fd, NULL), "listen");
    CHECK_EQ(listen(fd, 0), 0, "a queue for one");
    w.at = process_bound_to(fd);
    for (size_t i = 0; i < ARRAY_LEN(fill); i++) {
        struct sockaddr_storage at;
        socklen_t len = socket_address_to(&w.at, &at);

        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        (void)connect(fill[i], (struct sockaddr *)&at, len);
    }
    w.client.s = stream_connect(w.bench.a, &w.at, NULL, 80);
    stream_set_events(w.client.s, &end_events, &w.client);
    CHECK(bench_run(&w.bench, end_has_closed, &w.client), "told");
    CHECK_EQ(w.client.why, ERR_TIMEOUT, "timeout");
    for (size_t i = 0; i < ARRAY_LEN(fill); i++)
        (void)close(fill[i]);
    (void)close(fd);
    wire_close(&w);
}

TEST(without_descriptors_accepting_rests_and_goes_on)
{
    struct rlimit old, low;
    struct wire w;

    wire_open(&w, SIDE_REAL);
    int fd = raw_connect(&w);
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0, "limit");
    low = (struct rlimit){ (rlim_t)fd + 1, old.rlim_max };
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &low), 0, "lower");
    bench_pass(&w.bench, 30);
    CHECK(w.server.s == NULL, "no descriptor is left");
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &old), 0, "raise");
    CHECK(bench_run(&w.bench, server_up, &w), "it is accepted later");
    (void)close(fd);
    wire_close(&w);
}
