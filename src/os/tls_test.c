/* SPDX-License-Identifier: Apache-2.0 */
#include "os/tls.h"

#include <unistd.h>

#include "os/stream_test.h"

struct keys {
    struct arena *mem;
    struct str pem[2];
    struct tls_server *server;
    struct tls_client *client;
};

static void keys_open(struct keys *k, enum side side, bool verify)
{
    static const struct str names[] = { STR_INIT("mail.crepes.fr"), STR_INIT("127.0.0.1") };

    *k = (struct keys){ .mem = arena_new(0) };
    if (side == SIDE_SIMULATED) {
        k->server = tls_server_simulated();
        k->client = tls_client_simulated();
        return;
    }
    CHECK_OK(tls_make_self_signed(k->mem, names, 2, 30, k->pem, NULL), "certificate");
    CHECK_OK(tls_server_new(k->pem[0], k->pem[1], &k->server, NULL), "server");
    CHECK_OK(tls_client_new(verify, k->pem[0], &k->client, NULL), "client");
}

static void keys_close(struct keys *k)
{
    tls_server_free(k->server);
    tls_client_free(k->client);
    arena_free(k->mem);
}

static bool both_secured(void *ctx)
{
    struct wire *w = ctx;

    return w->client.secured && w->server.secured;
}

static bool client_secured(void *ctx)
{
    return ((struct wire *)ctx)->client.secured;
}

static void secure(struct wire *w, struct keys *k)
{
    stream_start_tls_server(w->server.s, k->server);
    stream_start_tls_client(w->client.s, k->client, STR("mail.crepes.fr"));
    CHECK(bench_run(&w->bench, both_secured, w), "%s", side_name(w->bench.side));
    CHECK_EQ(w->client.secured_why, OK, "%s", w->client.secured_detail.text);
    CHECK_EQ(w->server.secured_why, OK, "%s", w->server.secured_detail.text);
}

/* Both ends must come to the same octets without a word about them. */
static void check_bindings(struct wire *w, enum side side)
{
    struct arena *mem = arena_new(0);
    struct stream_bindings ours, theirs;

    stream_tls_bindings(w->server.s, mem, &ours);
    stream_tls_bindings(w->client.s, mem, &theirs);
    CHECK(ours.tls_exporter.len > 0, "%s", side_name(side));
    CHECK(ours.tls_server_end_point.len > 0, "%s", side_name(side));
    CHECK_STR(ours.tls_exporter, theirs.tls_exporter, "%s", side_name(side));
    CHECK_STR(ours.tls_server_end_point, theirs.tls_server_end_point, "%s", side_name(side));
    CHECK_EQ(ours.tls_unique.len, 0, "TLS 1.3 has none");
    arena_free(mem);
}

TEST(tls_carries_octets_both_ways)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct keys k;
        struct wire w;

        keys_open(&k, side, true);
        wire_up(&w, side);
        secure(&w, &k);
        CHECK(stream_is_secure(w.client.s) && stream_is_secure(w.server.s), "%s", side_name(side));
        CHECK_STR(stream_tls_version(w.server.s), STR("TLSv1.3"), "%s", side_name(side));
        CHECK(stream_tls_cipher(w.server.s).len > 0, "%s", side_name(side));
        check_bindings(&w, side);
        w.server.echo = true;
        w.client.want = 5;
        stream_write(w.client.s, STR("hello"));
        CHECK(bench_run(&w.bench, got_enough, &w.client), "%s", side_name(side));
        CHECK_STR(buf_str(&w.client.got), STR("hello"), "%s", side_name(side));
        stream_write(w.server.s, STR("bye"));
        stream_finish(w.server.s, 1000);
        CHECK(bench_run(&w.bench, end_has_closed, &w.client), "%s", side_name(side));
        CHECK_STR(buf_str(&w.client.got), STR("hellobye"), "%s", side_name(side));
        CHECK_EQ(w.client.why, ERR_CLOSED, "%s", side_name(side));
        wire_close(&w);
        keys_close(&k);
    }
}

TEST(megabytes_pass_through_tls_with_back_pressure)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct keys k;
        struct wire w;

        keys_open(&k, side, false);
        wire_up(&w, side);
        secure(&w, &k);
        w.client.to_send = 3 * 1024 * 1024;
        w.client.finish_when_sent = true;
        w.server.count_only = true;
        w.server.take_max = 7000;
        stream_write(w.client.s, STR("x"));
        bench_pass(&w.bench, 200);
        w.server.take_max = SIZE_MAX;
        stream_resume(w.server.s);
        CHECK(bench_run(&w.bench, end_has_closed, &w.server), "%s: %zu", side_name(side),
              w.server.got_total);
        CHECK_EQ(w.server.got_total, 3 * 1024 * 1024 + 1, "%s", side_name(side));
        wire_close(&w);
        keys_close(&k);
    }
}

TEST(plaintext_behind_starttls_is_dropped)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct keys k;
        struct wire w;

        keys_open(&k, side, false);
        wire_up(&w, side);
        w.server.drop_and_start_tls = true;
        w.server.tls_server = k.server;
        w.server.take_max = 10; /* the command alone; the rest is held */
        w.client.want = 8;
        stream_write(w.client.s, STR("STARTTLS\r\nMAIL FROM:<bob@hamburger.edu>\r\n"));
        CHECK(bench_run(&w.bench, got_enough, &w.client), "%s", side_name(side));
        CHECK_STR(buf_str(&w.client.got), STR("220 go\r\n"), "%s", side_name(side));
        stream_start_tls_client(w.client.s, k.client, STR("mail.crepes.fr"));
        CHECK(bench_run(&w.bench, both_secured, &w), "%s", side_name(side));
        CHECK_EQ(w.server.secured_why, OK, "%s: %s", side_name(side), w.server.secured_detail.text);
        w.server.want = 14;
        stream_write(w.client.s, STR("EHLO"));
        CHECK(bench_run(&w.bench, got_enough, &w.server), "%s", side_name(side));
        CHECK_STR(buf_str(&w.server.got), STR("EHLO"), "%s: the injected one", side_name(side));
        wire_close(&w);
        keys_close(&k);
    }
}

static bool server_secured(void *ctx)
{
    return ((struct wire *)ctx)->server.secured;
}

TEST(nonsense_in_place_of_a_handshake_is_told)
{
    for (enum side side = 0; side < SIDE_COUNT; side++) {
        struct keys k;
        struct wire w;

        keys_open(&k, side, false);
        wire_up(&w, side);
        stream_start_tls_server(w.server.s, k.server);
        stream_write(w.client.s, STR("EHLO crepes.fr\r\nMAIL FROM:<alice@crepes.fr>\r\n"));
        CHECK(bench_run(&w.bench, server_secured, &w), "%s", side_name(side));
        CHECK_EQ(w.server.secured_why, ERR_TLS, "%s", side_name(side));
        CHECK(w.server.secured_detail.text[0] != '\0', "%s", side_name(side));
        CHECK(!w.server.closed, "%s: secured() alone tells it", side_name(side));
        wire_close(&w);
        keys_close(&k);
    }
}

TEST(a_wrong_name_or_an_unknown_root_is_refused)
{
    struct keys k, other;
    struct wire w;

    keys_open(&k, SIDE_REAL, true);
    keys_open(&other, SIDE_REAL, true);
    for (int row = 0; row < 2; row++) {
        wire_up(&w, SIDE_REAL);
        stream_start_tls_server(w.server.s, k.server);
        stream_start_tls_client(w.client.s, row == 0 ? k.client : other.client,
                                row == 0 ? STR("mail.hamburger.edu") : STR("mail.crepes.fr"));
        CHECK(bench_run(&w.bench, client_secured, &w), "row %d", row);
        CHECK_EQ(w.client.secured_why, ERR_TLS, "row %d", row);
        CHECK(str_find(str_from_z(w.client.secured_detail.text), STR("verify failed")) !=
                  STR_NOT_FOUND,
              "row %d: %s", row, w.client.secured_detail.text);
        wire_close(&w);
    }
    keys_close(&other);
    keys_close(&k);
}

TEST(bad_keys_are_told_when_they_are_loaded)
{
    struct arena *mem = arena_new(0);
    struct str name = STR("mail.crepes.fr"), one[2], two[2], bad_name = STR("a,DNS:b");
    struct tls_server *t;
    struct errinfo why = { .text = "" };

    CHECK_OK(tls_make_self_signed(mem, &name, 1, 30, one, &why), "%s", why.text);
    CHECK_OK(tls_make_self_signed(mem, &name, 1, 30, two, &why), "%s", why.text);
    CHECK_EQ(tls_server_new(one[0], two[1], &t, &why), ERR_TLS, "another's key");
    CHECK_EQ(tls_server_new(STR("nonsense"), two[1], &t, &why), ERR_TLS, "no certificate");
    CHECK_EQ(tls_server_new(one[0], STR_EMPTY, &t, &why), ERR_TLS, "no key");
    CHECK_EQ(tls_make_self_signed(mem, &bad_name, 1, 30, one, &why), ERR_TLS, "a forged name");
    CHECK_EQ(tls_client_new(true, STR("no roots"), &(struct tls_client *){ NULL }, &why), ERR_TLS,
             "no roots");
    arena_free(mem);
}

static bool handshake_has_ended(void *ctx)
{
    const struct end *e = ctx;

    return e->secured || e->secured_why != OK;
}

/* The last certificate may be taken away by a reload while somebody is asking for TLS. */
TEST(without_a_certificate_a_handshake_fails)
{
    struct wire w;

    wire_up(&w, SIDE_REAL);
    stream_start_tls_server(w.server.s, NULL);
    CHECK(bench_run(&w.bench, handshake_has_ended, &w.server), "told");
    CHECK_EQ(w.server.secured_why, ERR_TLS, "failed");
    wire_close(&w);
}
