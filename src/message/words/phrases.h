/* message/words/phrases.h - which words follow each other, hashed to few bits.
 *
 * Pure; allocates nothing. Each word of a text that another word follows gives one term: of the
 * pair, PHRASE_PAIR_BITS bits of a hash of the end of the first word and the beginning of the
 * second; of what comes then, PHRASE_THIRD_BITS bits of a hash of the second word and the beginning
 * of the third. So a pair is a range of terms, and three words in a row are one term. Only
 * PHRASE_EDGE_BYTES octets of the words at the ends take part, because a string that is searched
 * for may begin and end within a word. Characters that no blanks part (tokens.h) end a phrase.
 * A text that holds a string has the terms of the string, which says "perhaps": words that hash
 * alike have the same ones. Tests: phrases_test.c, store/index/query_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_PHRASES_H
#define POSTERN_MESSAGE_PHRASES_H

#include "message/words/tokens.h"

enum {
    PHRASE_LETTER = '4',
    PHRASE_EDGE_BYTES = 3,
    PHRASE_PAIR_BITS = 11,
    PHRASE_THIRD_BITS = 5,
    PHRASE_TERM_BYTES = 4,
    PHRASE_PAIR_BYTES = 3 /* what the terms of a pair begin with */
};

/* The term of `first` and `second`, and of `third`, whose `at` is null when no word follows. */
void phrase_term(struct str first, struct str second, struct str third,
                 char ret[PHRASE_TERM_BYTES]);

/* Gives the term for each word of a text that another one follows. */
struct phrase_writer {
    struct str first, second; /* `at` is null: there is none */
};
/* The next word, or the end of the phrase (at is null). True when *ret is a term. */
bool phrase_next(struct phrase_writer *w, struct str word, char ret[PHRASE_TERM_BYTES]);

/* Gives what a text must have under PHRASE_LETTER that holds `needle`, which is folded: whole terms
 * and, of PHRASE_PAIR_BYTES octets, beginnings of terms. *ret points into the reader. */
struct phrase_reader {
    struct str needle;
    struct token_reader tokens;
    struct token window[3]; /* words; text.at null: none */
    bool begun;
    char term[PHRASE_TERM_BYTES];
};
static inline struct phrase_reader phrase_reader_of(struct str needle)
{
    return (struct phrase_reader){ .needle = needle, .tokens = token_reader_of(needle) };
}
bool phrase_read(struct phrase_reader *r, struct str *ret);

#endif
