/* message/words/tokens_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "message/words/tokens.h"
#include "testing.h"

/* Words in [], runs in {}. */
static const struct {
    struct str in, want;
} rows[] = {
    { STR_INIT(""), STR_INIT("") },
    { STR_INIT(" .,- "), STR_INIT("") },
    { STR_INIT("one"), STR_INIT("[one]") },
    { STR_INIT("one two"), STR_INIT("[one][two]") },
    { STR_INIT("alice@crepes.fr"), STR_INIT("[alice][crepes][fr]") },
    { STR_INIT("a_b-c'd"), STR_INIT("[a][b][c][d]") },
    { STR_INIT("x86 64bit"), STR_INIT("[x86][64bit]") },
    { STR_INIT("cr\303\252pe,\303\251t\303\251"), STR_INIT("[cr\303\252pe][\303\251t\303\251]") },
    { STR_INIT("e\314\201te\314\201"), STR_INIT("[e\314\201te\314\201]") },
    { STR_INIT("\326\207\342\200\224x"), STR_INIT("[\326\207][x]") },
    { STR_INIT("\346\235\261\344\272\254"), STR_INIT("{\346\235\261\344\272\254}") },
    { STR_INIT("abc\346\235\261def"), STR_INIT("[abc]{\346\235\261}[def]") },
    { STR_INIT("\354\225\210\353\205\225 x"), STR_INIT("[\354\225\210\353\205\225][x]") },
    { STR_INIT("a\377b\346\235"), STR_INIT("[a][b]") },
    { STR_INIT("a\0b"), STR_INIT("[a][b]") },
};

static void cut(struct str in, struct buf *out)
{
    struct token_reader r = token_reader_of(in);
    struct token t;

    while (token_next(&r, &t)) {
        buf_add_char(out, t.kind == TOKEN_RUN ? '{' : '[');
        buf_add(out, t.text);
        buf_add_char(out, t.kind == TOKEN_RUN ? '}' : ']');
    }
}

TEST(text_is_cut_into_words)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { 0 };

        cut(rows[i].in, &out);
        CHECK_STR(buf_str(&out), rows[i].want, "%.*s", STR_ARG(rows[i].in));
        buf_deinit(&out);
    }
}

TEST(text_cut_anywhere_is_read_within_its_bounds)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t len = 0; len <= rows[i].in.len; len++) {
            char *exact = malloc(len + 1);
            struct buf out = { 0 };

            memcpy(exact + 1, rows[i].in.at, len);
            cut(str_from(exact + 1, len), &out);
            CHECK(out.len <= 3 * len, "row %zu cut %zu", i, len);
            buf_deinit(&out);
            free(exact);
        }
}

TEST(what_a_word_is_made_of_is_told)
{
    struct token_reader r = token_reader_of(STR("abc a1 \303\251 \346\235\261\344\272\254"));
    struct token t;

    CHECK(token_next(&r, &t) && t.ascii && !t.digits, "letters");
    CHECK(token_next(&r, &t) && t.ascii && t.digits, "a digit");
    CHECK(token_next(&r, &t) && !t.ascii && !t.digits, "not ASCII");
    CHECK(token_next(&r, &t) && t.kind == TOKEN_RUN && t.characters == 2, "two characters");
    CHECK(!token_next(&r, &t), "the end");
}
