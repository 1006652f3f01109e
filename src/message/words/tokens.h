/* message/words/tokens.h - folded text cut into words.
 *
 * Pure; allocates nothing. A word is a longest run of letters, digits and marks; everything else
 * parts words. Characters of scripts that are written without blanks (Han, Kana, Thai, Lao, Khmer,
 * Burmese) make runs of their own. Every character of a text belongs to one token or to none, which
 * only the character itself decides; so a string that stands in a text has the same tokens there as
 * alone, but for its first and its last, which may be pieces of longer ones. Searching for
 * substrings by words rests on that. Input is UTF-8, folded (text_fold_case); what is malformed
 * parts words. Tokens point into the text. Spec: UAX 29 4.1 in part. Tests: tokens_test.c. Fuzz:
 * words_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_TOKENS_H
#define POSTERN_MESSAGE_TOKENS_H

#include "base/str.h"

enum token_kind {
    TOKEN_WORD,
    TOKEN_RUN /* of characters that are not parted by blanks */
};

struct token {
    enum token_kind kind;
    struct str text;
    uint32_t characters; /* of a run */
    bool ascii, digits;  /* of a word: nothing else; some digit */
};

struct token_reader {
    struct str text;
    size_t at;
};

static inline struct token_reader token_reader_of(struct str text)
{
    return (struct token_reader){ text, 0 };
}

/* False at the end. After true, r->at is behind the token. */
bool token_next(struct token_reader *r, struct token *ret);

#endif
