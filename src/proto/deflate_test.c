/* proto/deflate_test.c - two links that talk, whole and octet by octet, with rests and without. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/deflate.h"
#include "testing.h"

static void open_all(struct deflate_link *l, struct str in, size_t step, struct buf *plain)
{
    while (in.len > 0) {
        struct str piece;
        size_t used;

        CHECK_OK(deflate_open(l, str_take(in, step), &used, &piece), "open");
        CHECK(used > 0 || piece.len > 0, "it goes on");
        buf_add(plain, piece);
        in = str_skip(in, used);
    }
    for (struct str piece = STR("x"); piece.len > 0;) {
        size_t used;

        CHECK_OK(deflate_open(l, STR_EMPTY, &used, &piece), "what is left");
        buf_add(plain, piece);
    }
}

static const struct str lines[] = {
    STR_INIT("a1 SELECT INBOX\r\n"),
    STR_INIT("a2 FETCH 1:* (FLAGS ENVELOPE)\r\n"),
    STR_INIT("a3 FETCH 1:* (FLAGS ENVELOPE)\r\n"),
    STR_INIT("* 1 FETCH (FLAGS (\\Seen))\r\na3 OK FETCH completed\r\n"),
};

TEST(what_goes_comes_out_in_every_split_with_and_without_rests)
{
    for (size_t step = 1; step < 40; step++)
        for (int rests = 0; rests < 4; rests++) {
            struct deflate_link *a = deflate_new(), *b = deflate_new();

            for (size_t round = 0; round < 3; round++)
                for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
                    struct buf wire = { 0 }, plain = { 0 };

                    deflate_add(a, lines[i], &wire);
                    open_all(b, buf_str(&wire), step, &plain);
                    CHECK_STR(buf_str(&plain), lines[i], "step %zu, rests %d", step, rests);
                    if ((rests & 1) != 0)
                        deflate_rest(a);
                    if ((rests & 2) != 0)
                        deflate_rest(b);
                    buf_deinit(&wire);
                    buf_deinit(&plain);
                }
            deflate_free(a);
            deflate_free(b);
        }
}

TEST(a_link_at_rest_costs_what_was_said_and_little_more)
{
    struct deflate_link *a = deflate_new(), *b = deflate_new();
    struct buf wire = { 0 }, plain = { 0 };
    size_t busy;

    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        deflate_add(a, lines[i], &wire);
    open_all(b, buf_str(&wire), SIZE_MAX, &plain);
    deflate_add(b, STR("a1 OK\r\n"), &wire);
    busy = deflate_held(b);
    CHECK(busy > 50000 && busy < 130000, "%zu octets busy", busy);
    deflate_rest(b);
    CHECK(deflate_held(b) < 100 + plain.len, "%zu octets at rest", deflate_held(b));
    buf_deinit(&wire);
    buf_deinit(&plain);
    deflate_free(a);
    deflate_free(b);
}

TEST(a_bomb_is_opened_a_piece_at_a_time)
{
    struct deflate_link *a = deflate_new(), *b = deflate_new();
    static char zeros[1 << 20];
    struct buf wire = { 0 };
    struct str in, piece;
    size_t used, total = 0;

    for (int i = 0; i < 20; i++)
        deflate_add(a, str_from(zeros, sizeof zeros), &wire);
    CHECK(wire.len < 40000, "%zu octets on the wire", wire.len);
    for (in = buf_str(&wire); in.len > 0; in = str_skip(in, used)) {
        CHECK_OK(deflate_open(b, in, &used, &piece), "open");
        CHECK(piece.len <= DEFLATE_PIECE_BYTES && deflate_held(b) < 100000, "bounded");
        total += piece.len;
    }
    CHECK(total > 19 * sizeof zeros, "%zu octets", total);
    buf_deinit(&wire);
    deflate_free(a);
    deflate_free(b);
}

TEST(what_is_no_deflate_is_an_error)
{
    static const struct str rows[] = { STR_INIT("a1 NOOP\r\n"), STR_INIT("\xff\xff\xff"),
                                       STR_INIT("\x03\x00more") /* ended, and goes on */ };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct deflate_link *l = deflate_new();
        struct str in = rows[i], piece;
        size_t used = 0;
        enum err e = OK;

        while (e == OK && in.len > 0) {
            e = deflate_open(l, in, &used, &piece);
            in = str_skip(in, used);
        }
        CHECK_EQ(e, ERR_CORRUPT, "row %zu", i);
        deflate_free(l);
    }
}
