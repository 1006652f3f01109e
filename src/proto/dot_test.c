/* proto/dot_test.c - dot-stuffing, whole and in every split. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dot.h"

#include "testing.h"

static const struct {
    const char *name;
    struct str in, want;
    enum dot_status status;
} cases[] = {
    { "plain line", STR_INIT("hi\r\n.\r\n"), STR_INIT("hi\r\n"), DOT_END },
    { "no line at all", STR_INIT(".\r\n"), STR_INIT(""), DOT_END },
    { "stuffed dot", STR_INIT("..hi\r\n.\r\n"), STR_INIT(".hi\r\n"), DOT_END },
    { "a line of one dot", STR_INIT("..\r\n.\r\n"), STR_INIT(".\r\n"), DOT_END },
    { "dot that needed no stuffing", STR_INIT(".hi\r\n.\r\n"), STR_INIT("hi\r\n"), DOT_END },
    { "dot inside a line", STR_INIT("a.b.\r\n.\r\n"), STR_INIT("a.b.\r\n"), DOT_END },
    { "empty lines", STR_INIT("\r\n\r\n.\r\n"), STR_INIT("\r\n\r\n"), DOT_END },
    { "NUL and 8 bit", STR_INIT("\0\xff\r\n.\r\n"), STR_INIT("\0\xff\r\n"), DOT_END },
    { "smuggled LF dot CRLF", STR_INIT("hi\n.\r\n"), STR_INIT("hi"), DOT_BARE_NEWLINE },
    { "smuggled LF dot LF", STR_INIT("hi\n.\n"), STR_INIT("hi"), DOT_BARE_NEWLINE },
    { "smuggled CRLF dot LF", STR_INIT("hi\r\n.\n"), STR_INIT("hi\r\n"), DOT_BARE_NEWLINE },
    { "smuggled CRLF dot CR", STR_INIT("hi\r\n.\rx"), STR_INIT("hi\r\n"), DOT_BARE_NEWLINE },
    { "smuggled CR dot CR", STR_INIT("hi\r.\r"), STR_INIT("hi\r"), DOT_BARE_NEWLINE },
    { "smuggled dot CR CR LF", STR_INIT("\r\n.\r\r\n"), STR_INIT("\r\n"), DOT_BARE_NEWLINE },
    { "CR CR LF", STR_INIT("hi\r\r\n.\r\n"), STR_INIT("hi\r"), DOT_BARE_NEWLINE },
    { "LF first", STR_INIT("\n.\r\n"), STR_INIT(""), DOT_BARE_NEWLINE },
    { "needs more", STR_INIT("hi\r\n."), STR_INIT("hi\r\n"), DOT_MORE },
    { "needs more after the CR", STR_INIT("hi\r\n.\r"), STR_INIT("hi\r\n"), DOT_MORE },
};

/* Feeds `in` in pieces of `step` octets, decoding in place, until it ends or runs out. */
static enum dot_status feed_in_steps(struct str in, size_t step, char *out, size_t *ret_made,
                                     size_t *ret_used)
{
    struct dot_reader r = { 0 };
    enum dot_status status = DOT_MORE;

    *ret_made = *ret_used = 0;
    while (status == DOT_MORE && *ret_used < in.len) {
        char piece[64];
        struct str part = str_sub(in, *ret_used, step);
        size_t used, made;

        memcpy(piece, part.at, part.len);
        status = dot_feed(&r, str_from(piece, part.len), piece, &used, &made);
        memcpy(out + *ret_made, piece, made);
        *ret_made += made;
        *ret_used += used;
    }
    return status;
}

TEST(every_split_gives_the_same_answer)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t step = 1; step <= cases[i].in.len; step++) {
            char out[64];
            size_t made, used;
            enum dot_status got = feed_in_steps(cases[i].in, step, out, &made, &used);

            CHECK_EQ(got, cases[i].status, "%s, step %zu", cases[i].name, step);
            CHECK_STR(((struct str){ out, made }), cases[i].want, "%s", cases[i].name);
        }
}

TEST(every_truncation_asks_for_more_or_refuses)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t len = 0; len < cases[i].in.len; len++) {
            char out[64];
            size_t made, used;
            enum dot_status got =
                feed_in_steps(str_take(cases[i].in, len), cases[i].in.len, out, &made, &used);

            CHECK(got != DOT_END, "%s cut to %zu", cases[i].name, len);
            CHECK(str_starts(cases[i].want, str_from(out, made)), "%s cut", cases[i].name);
        }
}

TEST(the_rest_after_the_end_is_left_alone)
{
    char out[64];
    size_t made, used;
    struct str in = STR("hi\r\n.\r\nQUIT\r\n");

    CHECK_EQ(feed_in_steps(in, in.len, out, &made, &used), DOT_END, "pipelined QUIT");
    CHECK_STR(str_skip(in, used), STR("QUIT\r\n"), "pipelined QUIT");
}

static const struct {
    struct str in, want;
} writes[] = {
    { STR_INIT(""), STR_INIT(".\r\n") },
    { STR_INIT("hi\r\n"), STR_INIT("hi\r\n.\r\n") },
    { STR_INIT("hi"), STR_INIT("hi\r\n.\r\n") },
    { STR_INIT(".\r\n..\r\n"), STR_INIT("..\r\n...\r\n.\r\n") },
    { STR_INIT("a\n.b\n"), STR_INIT("a\r\n..b\r\n.\r\n") },
    { STR_INIT("a\r.b"), STR_INIT("a\r\n..b\r\n.\r\n") },
    { STR_INIT("a\r"), STR_INIT("a\r\n.\r\n") },
    { STR_INIT("a\r\r\nb\r\n"), STR_INIT("a\r\n\r\nb\r\n.\r\n") },
    { STR_INIT("\n\n"), STR_INIT("\r\n\r\n.\r\n") },
    { STR_INIT("a\r\nb\r\n.c\r\n\rd\r\n..\r\ne"),
      STR_INIT("a\r\nb\r\n..c\r\n\r\nd\r\n...\r\ne\r\n.\r\n") },
    { STR_INIT("a\r\n\r\nb\rc\r\n.\r\n"), STR_INIT("a\r\n\r\nb\r\nc\r\n..\r\n.\r\n") },
};

/* Lines about as long as one look is, and stretches of lone CRs and LFs. */
TEST(long_lines_are_written_like_short_ones)
{
    for (size_t len = 1000; len < 1060; len++) {
        struct buf in = { 0 }, whole = { 0 }, single = { 0 };
        struct dot_writer a = { 0 }, b = { 0 };

        for (int line = 0; line < 3; line++) {
            for (size_t i = 0; i < len; i++)
                buf_add_char(&in, i == 0 ? '.' : 'x');
            buf_add(&in, line == 1 ? STR("\r\r\n\n") : STR("\r\n"));
        }
        dot_write(&a, buf_str(&in), &whole);
        for (size_t i = 0; i < in.len; i++)
            dot_write(&b, str_sub(buf_str(&in), i, 1), &single);
        CHECK_STR(buf_str(&whole), buf_str(&single), "lines of %zu", len);
        CHECK_EQ(whole.len, in.len + 3 + 2, "three dots, two line ends made whole");
        buf_deinit(&in);
        buf_deinit(&whole);
        buf_deinit(&single);
    }
}

TEST(writing_in_every_split_gives_the_same_octets)
{
    for (size_t i = 0; i < ARRAY_LEN(writes); i++)
        for (size_t step = 1; step <= writes[i].in.len + 1; step++) {
            struct dot_writer w = { 0 }, measured = { 0 };
            struct buf out = { 0 };
            size_t size = 0, dots = 0;

            for (size_t at = 0; at < writes[i].in.len; at += step) {
                dot_write(&w, str_sub(writes[i].in, at, step), &out);
                size += dot_measure(&measured, str_sub(writes[i].in, at, step));
            }
            dot_finish(&w, &out);
            CHECK_STR(buf_str(&out), writes[i].want, "row %zu, step %zu", i, step);
            for (size_t at = 0; at < out.len; at++)
                dots += out.at[at] == '.' && (at == 0 || out.at[at - 1] == '\n');
            CHECK_EQ(size + dot_measure_end(&measured), out.len - dots - 2, "row %zu, step %zu", i,
                     step);
            buf_deinit(&out);
        }
}
