/* message/record/preview_test.c - the first words of all kinds of messages. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/preview.h"

#include "base/utf8.h"
#include "testing.h"

#define MIXED(first, second)                                                                       \
    "Content-Type: multipart/mixed; boundary=b\n\n--b\n" first "\n--b\n" second "\n--b--\n"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

static const struct {
    const char *name;
    struct str message, want;
} rows[] = {
    { "plain", STR_INIT("\n  Do you\r\n\tlike \1 ketchup? \n\n"),
      STR_INIT("Do you like ketchup?") },
    { "quoted lines are left out", STR_INIT("\n> old\nnew\n>older"), STR_INIT("new") },
    { "quoted-printable",
      STR_INIT("Content-Type: text/plain; charset=iso-8859-1\n"
               "Content-Transfer-Encoding: Quoted-Printable (x)\n\ncr=EA=\npes"),
      STR_INIT("cr\303\252pes") },
    { "base64", STR_INIT("Content-Transfer-Encoding: base64\n\naGFtIGFu\nZCBjaGVlc2U=\n"),
      STR_INIT("ham and cheese") },
    { "unknown charset", STR_INIT("Content-Type: text/plain; charset=ham\n\na\377b"),
      STR_INIT("a\357\277\275b") },
    { "plain before html",
      STR_INIT(MIXED("Content-Type: text/html\n\n<b>no</b>", "Content-Type: text/plain\n\nyes")),
      STR_INIT("yes") },
    { "attachments are passed over",
      STR_INIT(MIXED("Content-Disposition: attachment\n\nno", "\nyes")), STR_INIT("yes") },
    { "empty parts are passed over", STR_INIT(MIXED("\n", "\nyes")), STR_INIT("yes") },
    { "html",
      STR_INIT("Content-Type: text/html\n\n<html><HEAD><title>x</title></HEAD><style>p{}</style>"
               "<!-- <p> --><header>Ham&nbsp;&amp;<br>cheese &lt;3 &unknown; </header>"),
      STR_INIT("Ham & cheese <3 &unknown;") },
    { "html that never ends", STR_INIT("Content-Type: text/html\n\nham <script> x"),
      STR_INIT("ham") },
    { "html with an open tag", STR_INIT("Content-Type: text/html\n\nham <b"), STR_INIT("ham") },
    { "no text", STR_INIT("Content-Type: image/png\n\nAAAA"), STR_INIT("") },
    { "empty", STR_INIT(""), STR_INIT("") },
};

static struct str build(struct arena *mem, struct str message)
{
    struct walk w;
    struct buf out = { 0 };
    struct str preview;

    walk_message(mem, &limits, message, &w);
    preview_build(&w, message, &out);
    preview = arena_copy(mem, buf_str(&out));
    buf_deinit(&out);
    return preview;
}

TEST(previews_are_as_the_rows_say)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *mem = arena_new(0);

        CHECK_STR(build(mem, rows[i].message), rows[i].want, "%s", rows[i].name);
        for (size_t len = 0; len < rows[i].message.len; len++)
            CHECK(utf8_valid(build(mem, str_take(rows[i].message, len))), "%s cut at %zu",
                  rows[i].name, len);
        arena_free(mem);
    }
}

TEST(a_long_text_is_cut_between_characters)
{
    struct arena *mem = arena_new(0);
    struct buf message = { 0 };

    BUF_ADD(&message, "Content-Type: text/plain; charset=utf-8\n\n");
    for (int i = 0; i < 400; i++)
        BUF_ADD(&message, "\303\252 ");

    struct str preview = build(mem, buf_str(&message));

    CHECK(utf8_valid(preview), "well-formed");
    CHECK_EQ(utf8_length(preview), RECORD_PREVIEW_CHARS_MAX - 1, "no blank at the end");
    buf_deinit(&message);
    arena_free(mem);
}
