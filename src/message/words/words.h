/* message/words/words.h - the terms under which a message stands in the index.
 *
 * Pure. words_of_message walks the texts of a message (texts.h), folds and cuts them (tokens.h),
 * and gives terms, the same one any number of times. A term is a letter and octets without NUL:
 *   letter of a class (S F T C B H M N X R) a word of such a text, folded, whole
 *   the same in lower case (s f t c b n x)  a word without its accents, where that differs
 *   1, 2, 3                                 where pieces of odd words are found, see below
 *   4                                       which words follow each other in X and R (phrases.h)
 * The words in the value of a header field (H) end in WORD_FIELD_MARK and the code of the field's
 * name (field_code.h); the mark and the code alone say that there is such a field.
 * A run of characters that no blanks part (tokens.h) stands as its pairs and its last character.
 * Most words are listed. Odd ones - long ones, and those of digits and letters mixed, as in message
 * ids, signatures and tracking links - would fill the index with what is never asked for; of them
 * only the sieve is kept: each three octets in a row, hashed to SIEVE_BITS bits. The sieve says
 * "perhaps", the list says "surely". The letters 1, 2, 3 are the sieves of SUBJECT to BCC, of
 * HEADER, and of the others; the letter alone stands for "has an odd word".
 * So a text that holds a string holds each of the string's words in the list or in the sieve.
 * A message with more than WORDS_TEXT_BYTES_MAX octets of text is not given whole. Results of
 * word_plain live in `mem`, or are the input. Spec: UAX 15 (accents). Tests: words_test.c. Fuzz:
 * words_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_WORDS_H
#define POSTERN_MESSAGE_WORDS_H

#include "message/words/field_code.h"
#include "message/words/texts.h"
#include "message/words/tokens.h"

enum {
    WORD_LETTERS_MAX = 32, /* octets of a listed word of letters */
    WORD_MIXED_MAX = 18,   /* with digits in it */
    WORD_FIELD_MARK = 1,
    WORD_TERM_BYTES_MAX = 1 + WORD_LETTERS_MAX + 1 + FIELD_CODE_BYTES_MAX,
    SIEVE_GRAM_BYTES = 3,
    SIEVE_BITS = 14,
    SIEVE_TERM_BYTES = 3
};
#define WORDS_TEXT_BYTES_MAX ((size_t)32 * 1024 * 1024)

/* False when the message was not given whole: then it may hold anything. */
bool words_of_message(const struct record *r, struct str message,
                      void (*term)(void *ctx, struct str term), void *ctx);

/* Whether a word of a text of this class is listed, else it is in the sieve. */
bool word_is_listed(enum text_class c, const struct token *word);

/* Whether it is kept which words of such a text follow each other. */
bool words_have_phrases(enum text_class c);

char sieve_letter(enum text_class c);
/* Writes the term of the three octets at `gram`. */
void sieve_term(char letter, const char *gram, char ret[SIEVE_TERM_BYTES]);

/* The terms of sieves and phrases have few octets and come most often: the place of such a term
 * among WORD_PLACES, or WORD_NO_PLACE. */
enum { WORD_PLACES = (3 << SIEVE_BITS) + (1 << 16), WORD_NO_PLACE = -1 };
int32_t word_place(struct str term);

/* A folded word without accents and the like: "\xC3\xA9t\xC3\xA9" is "ete". */
struct str word_plain(struct arena *mem, struct str word);

#endif
