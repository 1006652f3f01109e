/* message/words/phrases_test.c - what a text has, its pieces ask for, and mostly no more. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/phrases.h"

#include "base/buf.h"
#include "testing.h"

/* A NUL around each. */
static void terms_of(struct str text, struct buf *out)
{
    struct token_reader r = token_reader_of(text);
    struct phrase_writer w = { 0 };
    struct str none = { NULL, 0 };
    char term[PHRASE_TERM_BYTES];
    struct token t;

    buf_add_char(out, '\0');
    while (token_next(&r, &t))
        if (phrase_next(&w, t.kind == TOKEN_WORD ? t.text : none, term)) {
            buf_add(out, str_from(term, sizeof term));
            buf_add_char(out, '\0');
        }
    if (phrase_next(&w, none, term)) {
        buf_add(out, str_from(term, sizeof term));
        buf_add_char(out, '\0');
    }
}

static uint32_t asked(struct str needle, const struct buf *terms, uint32_t *ret_missing)
{
    struct phrase_reader r = phrase_reader_of(needle);
    struct str term;
    uint32_t count = 0;

    *ret_missing = 0;
    while (phrase_read(&r, &term)) {
        struct buf wanted = { 0 };

        buf_add_char(&wanted, '\0');
        buf_add(&wanted, term);
        if (term.len == PHRASE_TERM_BYTES)
            buf_add_char(&wanted, '\0');
        if (str_find(buf_str(terms), buf_str(&wanted)) == STR_NOT_FOUND)
            ++*ret_missing;
        buf_deinit(&wanted);
        count++;
    }
    return count;
}

static const struct str texts[] = {
    STR_INIT("the ketchup mustard tomato, and the onion"),
    STR_INIT("a b c dd ee fff ggg  "),
    STR_INIT("cr\303\252pe et confiture \346\235\261\344\272\254 trois mots ici"),
    STR_INIT("one"),
    STR_INIT("\346\235\261\344\272\254 one \346\235\261 two three"),
    STR_INIT(""),
};

TEST(every_piece_of_a_text_asks_for_what_the_text_has)
{
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct buf terms = { 0 };
        uint32_t missing;

        terms_of(texts[i], &terms);
        for (size_t from = 0; from < texts[i].len; from++)
            for (size_t len = 1; len <= texts[i].len - from; len++) {
                struct str piece = str_sub(texts[i], from, len);

                if ((piece.at[0] & 0xC0) == 0x80 ||
                    (from + len < texts[i].len && (texts[i].at[from + len] & 0xC0) == 0x80))
                    continue; /* needles are whole characters */
                (void)asked(piece, &terms, &missing);
                CHECK_EQ(missing, 0, "'%.*s'", STR_ARG(piece));
            }
        buf_deinit(&terms);
    }
}

static const struct {
    struct str needle;
    uint32_t count, missing; /* in the first text */
} rows[] = {
    { STR_INIT("ketchup"), 0, 0 },
    { STR_INIT("ketchup mustard"), 1, 0 },
    { STR_INIT("chup mus"), 1, 0 },
    { STR_INIT("up mustard"), 0, 0 },
    { STR_INIT("up mustard tomato"), 1, 0 },
    { STR_INIT("ketchup mustard tomato"), 2, 0 },
    { STR_INIT("ketchup mustard to"), 1, 0 },
    { STR_INIT("mustard ketchup"), 1, 1 },
    { STR_INIT("ketchup mustard onion"), 2, 2 },
    { STR_INIT("tomato. and"), 1, 0 },
};

TEST(words_in_another_order_ask_for_something_else)
{
    struct buf terms = { 0 };

    terms_of(texts[0], &terms);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uint32_t missing;

        CHECK_EQ(asked(rows[i].needle, &terms, &missing), rows[i].count, "'%.*s'",
                 STR_ARG(rows[i].needle));
        CHECK_EQ(missing, rows[i].missing, "'%.*s'", STR_ARG(rows[i].needle));
    }
    buf_deinit(&terms);
}

/* The octets are on disk. */
TEST(terms_stay_what_they_are)
{
    char term[PHRASE_TERM_BYTES];

    phrase_term(STR("ketchup"), STR("mustard"), STR("tomato"), term);
    for (size_t i = 1; i < sizeof term; i++)
        CHECK((term[i] & 0x80) != 0, "octet %zu", i);
    CHECK_EQ(term[0], PHRASE_LETTER, "%s", "letter");
}
