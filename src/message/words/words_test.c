/* message/words/words_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/words.h"

#include "message/words/phrases.h"
#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

static void take(void *ctx, struct str term)
{
    struct buf *out = ctx;

    buf_add_char(out, ' ');
    buf_add(out, term);
    buf_add_char(out, ' ');
}

static bool words_of(struct str message, struct buf *out)
{
    struct buf record = { 0 };
    struct record r;
    bool whole;

    record_build(message, &limits, &record);
    CHECK_EQ(record_open(buf_str(&record), &r), OK, "%s", "its own record");
    whole = words_of_message(&r, message, take, out);
    buf_deinit(&record);
    return whole;
}

static bool has(const struct buf *out, const char *term)
{
    struct arena *mem = arena_new(0);
    struct str want = arena_printf(mem, " %s ", term);
    bool found = str_find(buf_str(out), want) != STR_NOT_FOUND;

    arena_free(mem);
    return found;
}

TEST(a_message_stands_under_its_words)
{
    static const char *const want[] = {
        "Sinvoice",
        "Scr\303\252pes",
        "screpes",
        "Falice",
        "Fcrepes",
        "Ffr",
        "Hsubject",
        "Hinvoice\001\203",
        "Halice\001\201",
        "H\001\203",
        "Xhello",
        "Xworld",
        "X2026",
        "Xab12",
        "X\346\235\261\344\272\254",
        "X\344\272\254",
        "2",
        "3",
    };
    static const char *const unwanted[] = { "Hcontent1",     "hcrepes",
                                            "X\346\235\261", "1",
                                            "Halice",        "Halice\001\203",
                                            "H\001\215",     "Habcdef0123456789abcdef0123456789" };
    struct buf out = { 0 };

    CHECK(words_of(STR("From: Alice <alice@crepes.fr>\r\nSubject: Invoice cr\303\252pes\r\n"
                       "Message-ID: <abcdef0123456789abcdef0123456789@crepes.fr>\r\n"
                       "Content-Type: text/plain; charset=utf-8\r\n\r\n"
                       "Hello, WORLD 2026 ab12 \346\235\261\344\272\254 "
                       "0123456789abcdef0123456789\r\n"),
                   &out),
          "%s", "whole");
    for (size_t i = 0; i < ARRAY_LEN(want); i++)
        CHECK(has(&out, want[i]), "%s", want[i]);
    for (size_t i = 0; i < ARRAY_LEN(unwanted); i++)
        CHECK(!has(&out, unwanted[i]), "%s", unwanted[i]);
    buf_deinit(&out);
}

TEST(words_of_the_body_that_follow_each_other_are_told_together)
{
    char term[PHRASE_TERM_BYTES + 1] = { 0 };
    struct buf out = { 0 };

    CHECK(words_of(STR("Subject: one two three\r\n\r\nKetchup,\r\nmustard tomato\r\n"), &out), "%s",
          "whole");
    phrase_term(STR("ketchup"), STR("mustard"), STR("tomato"), term);
    CHECK(has(&out, term), "%s", "three words");
    phrase_term(STR("mustard"), STR("tomato"), (struct str){ NULL, 0 }, term);
    CHECK(has(&out, term), "%s", "the last two");
    phrase_term(STR("one"), STR("two"), STR("three"), term);
    CHECK(!has(&out, term), "%s", "not of the header");
    buf_deinit(&out);
}

TEST(odd_words_are_in_the_sieve_piece_by_piece)
{
    struct str odd = STR("0123456789abcdef0123456789");
    struct buf out = { 0 };

    CHECK(words_of(STR("\r\n0123456789abcdef0123456789\r\n"), &out), "%s", "whole");
    for (size_t i = 0; i + SIEVE_GRAM_BYTES <= odd.len; i++) {
        char term[SIEVE_TERM_BYTES + 1] = { 0 };

        sieve_term('3', odd.at + i, term);
        CHECK(has(&out, term), "gram %zu", i);
    }
    buf_deinit(&out);
}

TEST(a_message_with_too_much_text_is_not_given_whole)
{
    struct buf message = { 0 }, out = { 0 };

    BUF_ADD(&message, "\r\n");
    memset(buf_reserve(&message, WORDS_TEXT_BYTES_MAX + 1), ' ', WORDS_TEXT_BYTES_MAX + 1);
    message.len += WORDS_TEXT_BYTES_MAX + 1;
    CHECK(!words_of(buf_str(&message), &out), "%s", "too much");
    buf_deinit(&message);
    buf_deinit(&out);
}

static const struct {
    struct str in, want;
} plain[] = {
    { STR_INIT("plain"), STR_INIT("plain") },
    { STR_INIT("\303\251t\303\251"), STR_INIT("ete") },
    { STR_INIT("e\314\201"), STR_INIT("e") },
    { STR_INIT("sm\303\270rrebr\303\270d"), STR_INIT("smorrebrod") },
    { STR_INIT("\305\202\303\263d\305\272"), STR_INIT("lodz") },
    { STR_INIT("\320\271"), STR_INIT("\320\270") },
    { STR_INIT("\346\235\261"), STR_INIT("\346\235\261") },
};

TEST(words_lose_their_accents)
{
    for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
        struct arena *mem = arena_new(0);

        CHECK_STR(word_plain(mem, plain[i].in), plain[i].want, "%.*s", STR_ARG(plain[i].in));
        arena_free(mem);
    }
}
