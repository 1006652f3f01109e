/* proto/line_test.c - lines whole, split at every octet, cut, overlong and endless. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/line.h"

#include "testing.h"

enum { MAX = 8 };

/* `want` lists the results: a line as itself, "!" too long, "?" bare newline, each ended by '|'. */
static const struct {
    const char *name;
    struct str in, want;
    bool lf_ends_line;
} cases[] = {
    { "two lines", STR_INIT("ab\r\ncd\r\n"), STR_INIT("ab|cd|"), false },
    { "empty line", STR_INIT("\r\n"), STR_INIT("|"), false },
    { "unfinished", STR_INIT("ab\r\ncd"), STR_INIT("ab|"), false },
    { "exactly the limit", STR_INIT("12345678\r\n"), STR_INIT("12345678|"), false },
    { "one over the limit", STR_INIT("123456789\r\nok\r\n"), STR_INIT("!|ok|"), false },
    { "far over the limit", STR_INIT("1234567890123456789\r\nok\r\n"), STR_INIT("!|ok|"), false },
    { "bare LF", STR_INIT("ab\ncd\r\n"), STR_INIT("?|"), false },
    { "bare CR", STR_INIT("ab\rcd\r\n"), STR_INIT("?|"), false },
    { "CR CR LF", STR_INIT("ab\r\r\n"), STR_INIT("?|"), false },
    { "bare LF far over the limit", STR_INIT("12345678901234\nx\r\n"), STR_INIT("?|"), false },
    { "LF allowed", STR_INIT("ab\ncd\r\n\n"), STR_INIT("ab|cd||"), true },
    { "bare CR where LF is allowed", STR_INIT("a\rb\n"), STR_INIT("?|"), true },
    { "NUL is an octet", STR_INIT("a\0b\r\n"), STR_INIT("a\0b|"), false },
};

static void collect(struct line_reader *r, struct buf *got)
{
    struct str line;

    for (;;)
        switch (line_next(r, MAX, &line)) {
        case LINE_DONE:
            buf_add(got, line);
            buf_add_char(got, '|');
            break;
        case LINE_TOO_LONG:
            BUF_ADD(got, "!|");
            break;
        case LINE_BARE_NEWLINE:
            BUF_ADD(got, "?|");
            (void)line_drop(r);
            return;
        case LINE_FLOOD:
            BUF_ADD(got, "*|");
            (void)line_drop(r);
            return;
        case LINE_MORE:
            return;
        }
}

TEST(every_split_gives_the_same_lines)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t step = 1; step <= cases[i].in.len; step++) {
            struct line_reader r = { .lf_ends_line = cases[i].lf_ends_line };
            struct buf got = { 0 };

            for (size_t at = 0; at < cases[i].in.len; at += step) {
                struct str piece = str_sub(cases[i].in, at, step);

                CHECK_EQ(line_feed(&r, piece), piece.len, "%s", cases[i].name);
                collect(&r, &got);
                if (str_ends(buf_str(&got), STR("?|")))
                    break;
            }
            CHECK_STR(buf_str(&got), cases[i].want, "%s, step %zu", cases[i].name, step);
            buf_deinit(&got);
            line_deinit(&r);
        }
}

TEST(an_endless_line_is_a_flood_and_never_grows_memory)
{
    static const size_t steps[] = { 1, 7, 1000, LINE_PENDING_MAX };

    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        static char xs[LINE_PENDING_MAX];
        struct line_reader r = { 0 };
        struct buf got = { 0 };

        memset(xs, 'x', sizeof(xs));
        for (size_t fed = 0; fed < 3 * LINE_FLOOD_BYTES && got.len == 0; fed += steps[i]) {
            CHECK_EQ(line_feed(&r, str_from(xs, steps[i])), steps[i], "step %zu", steps[i]);
            collect(&r, &got);
            CHECK(r.in.cap <= 2 * LINE_PENDING_MAX, "step %zu", steps[i]);
        }
        CHECK_STR(buf_str(&got), STR("*|"), "step %zu", steps[i]);
        buf_deinit(&got);
        line_deinit(&r);
    }
}

TEST(feeding_stops_at_the_ceiling_and_goes_on_after_reading)
{
    static char lines[2 * LINE_PENDING_MAX];
    struct line_reader r = { 0 };
    struct buf got = { 0 };

    for (size_t i = 0; i < sizeof(lines); i += 4)
        memcpy(lines + i, "ab\r\n", 4);
    CHECK_EQ(line_feed(&r, str_from(lines, sizeof(lines))), LINE_PENDING_MAX, "first half");
    CHECK_EQ(line_feed(&r, str_from(lines, 1)), 0, "full");
    collect(&r, &got);
    CHECK_EQ(got.len, LINE_PENDING_MAX / 4 * 3, "all lines given out");
    CHECK_EQ(line_feed(&r, str_from(lines, sizeof(lines))), LINE_PENDING_MAX, "second half");
    buf_deinit(&got);
    line_deinit(&r);
}

TEST(an_idle_reader_holds_no_memory)
{
    struct line_reader r = { 0 };
    struct str line;

    CHECK_EQ(line_feed(&r, STR("NOOP\r\n")), 6, "one command");
    CHECK_EQ(line_next(&r, MAX, &line), LINE_DONE, "one command");
    CHECK_EQ(line_next(&r, MAX, &line), LINE_MORE, "one command");
    CHECK(r.in.at == NULL, "one command");
}

TEST(dropping_forgets_what_came_ahead)
{
    struct line_reader r = { 0 };
    struct str line;

    CHECK_EQ(line_feed(&r, STR("STARTTLS\r\nMAIL\r\n")), 16, "injected");
    CHECK_EQ(line_next(&r, MAX, &line), LINE_DONE, "injected");
    CHECK_EQ(line_drop(&r), 6, "injected");
    CHECK_EQ(line_next(&r, MAX, &line), LINE_MORE, "injected");
}
