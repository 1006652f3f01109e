/* message/text/header_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/header.h"
#include "testing.h"

/* `want` is "name=value;" for each field, and the body behind a "|". */
static const struct {
    struct str in, want;
} rows[] = {
    { STR_INIT("Subject: hi\r\nTo: bob\r\n\r\nbody"), STR_INIT("Subject=hi;To=bob;|body") },
    { STR_INIT("Subject: hi\nTo: bob\n\nbody\n"), STR_INIT("Subject=hi;To=bob;|body\n") },
    { STR_INIT("A: x\r\n\ty\r\n z\r\nB:\r\n\r\n"), STR_INIT("A=x\r\n\ty\r\n z;B=;|") },
    { STR_INIT("A : x\r\nB\t: y\r\n\r\n"), STR_INIT("A=x;B=y;|") },
    { STR_INIT("A: x\r\nno field here\r\nB: y\r\n"), STR_INIT("A=x;|no field here\r\nB: y\r\n") },
    { STR_INIT("A: x"), STR_INIT("A=x;|") },
    { STR_INIT("A: x\r\n \r\nB: y\r\n\r\nz"), STR_INIT("A=x;B=y;|z") },
    { STR_INIT("From alice Mon Jul 17 02:44:25 1996\nA: x\n\nz"), STR_INIT("A=x;|z") },
    { STR_INIT("From: alice\n\nz"), STR_INIT("From=alice;|z") },
    { STR_INIT("\r\nbody"), STR_INIT("|body") },
    { STR_INIT("\nbody"), STR_INIT("|body") },
    { STR_INIT(" lost continuation\r\nA: x\r\n"), STR_INIT("| lost continuation\r\nA: x\r\n") },
    { STR_INIT(": no name\r\n\r\n"), STR_INIT("|: no name\r\n\r\n") },
    { STR_INIT("A: a\rb\r\n\r\nz"), STR_INIT("A=a\rb;|z") },
    { STR_INIT("A: x\0y\r\n\r\n"), STR_INIT("A=x\0y;|") },
    { STR_INIT("A:x:y\r\n\r\n"), STR_INIT("A=x:y;|") },
    { STR_INIT(""), STR_INIT("|") },
};

static void render(struct str in, struct buf *out)
{
    struct header_reader r = header_reader_of(NULL, in);
    struct header_field f;

    while (header_next(&r, &f)) {
        buf_add(out, f.name);
        buf_add_char(out, '=');
        buf_add(out, f.value);
        buf_add_char(out, ';');
    }
    buf_add_char(out, '|');
    buf_add(out, str_skip(in, r.pos));
}

TEST(fields_are_found_in_any_header)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { .at = NULL };

        render(rows[i].in, &out);
        CHECK_STR(buf_str(&out), rows[i].want, "row %zu", i);
        buf_deinit(&out);
    }
}

TEST(a_header_cut_anywhere_gives_slices_of_itself)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut <= rows[i].in.len; cut++) {
            char *exact = malloc(cut + 1);
            struct header_reader r = header_reader_of(NULL, str_from(exact + 1, cut));
            struct header_field f;
            size_t total = 0;

            memcpy(exact + 1, rows[i].in.at, cut);
            while (header_next(&r, &f))
                total += f.whole.len;
            CHECK(total <= r.pos && r.pos <= cut, "row %zu cut %zu", i, cut);
            free(exact);
        }
}

TEST(limits_end_the_reading)
{
    static const struct str text = STR_INIT("A: 1\r\nB: 22\r\nC: 333\r\n\r\n");
    static const struct {
        struct message_limits limits;
        uint32_t fields;
    } limit_rows[] = {
        { { .fields_max = 2, .field_bytes_max = 100, .header_bytes_max = 100 }, 2 },
        { { .fields_max = 9, .field_bytes_max = 7, .header_bytes_max = 100 }, 2 },
        { { .fields_max = 9, .field_bytes_max = 100, .header_bytes_max = 10 }, 1 },
    };

    for (size_t i = 0; i < ARRAY_LEN(limit_rows); i++) {
        struct header_reader r = header_reader_of(&limit_rows[i].limits, text);
        struct header_field f;

        while (header_next(&r, &f))
            ;
        CHECK_EQ(r.fields, limit_rows[i].fields, "row %zu", i);
        CHECK(r.over_limit, "row %zu", i);
        CHECK(!header_next(&r, &f), "it stays ended, row %zu", i);
    }
}

TEST(finding_counting_unfolding_leaving_out)
{
    static const struct str text =
        STR_INIT("Received: 1\r\nBcc: bob\r\n (x)\r\nreceived: 2\r\n\r\nz");
    static const struct str left_out[] = { STR_INIT("bcc"), STR_INIT("return-path") };
    struct arena *mem = arena_new(0);
    struct buf out = { .at = NULL };
    struct header_field f;

    CHECK(header_find(text, STR("RECEIVED"), &f), "first");
    CHECK_STR(f.value, STR("1"), "first");
    CHECK(header_find_last(text, STR("RECEIVED"), &f), "last");
    CHECK_STR(f.value, STR("2"), "last");
    CHECK(!header_find(text, STR("To"), &f), "none");
    CHECK_EQ(header_count(text, STR("received")), 2, "count");
    CHECK_EQ(header_length(text), text.len - 1, "length");
    CHECK(header_find(text, STR("bcc"), &f), "bcc");
    CHECK_STR(header_unfold(mem, f.value), STR("bob (x)"), "unfold");
    CHECK_STR(f.whole, STR("Bcc: bob\r\n (x)\r\n"), "whole");
    header_copy_without(&out, text, left_out, ARRAY_LEN(left_out));
    CHECK_STR(buf_str(&out), STR("Received: 1\r\nreceived: 2\r\n"), "without");
    buf_deinit(&out);
    arena_free(mem);
}
