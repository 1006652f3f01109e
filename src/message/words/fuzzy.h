/* message/words/fuzzy.h - how well a message fits words that a person typed.
 *
 * Pure. All words asked for must be in the texts looked at, each as it is, in another form, or as
 * the beginning of a longer one (stems.h), without regard to case and accents. A message scores
 * what the word that fits it worst scores: how well the word fits (of 100) by how much the text
 * where it stands counts. Runs of characters that no blanks part fit as they are. The index gives
 * the same scores without the message (store/index/query.h). Spec: RFC 6203 2, 4. Tests:
 * fuzzy_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_FUZZY_H
#define POSTERN_MESSAGE_FUZZY_H

#include "message/words/stems.h"
#include "message/words/words.h"

enum { FUZZY_WORDS_MAX = 16, FUZZY_FULL = 100, FUZZY_STEP = 10 /* scores that are told apart */ };

/* The texts that people wrote: what is left of others is not searched for words. */
#define FUZZY_CLASSES (TEXTS_OF_RECORD | TEXT_BIT(FILENAME) | TEXT_BIT(BODY))

/* The classes of FUZZY_CLASSES for those that an exact search would look into. */
unsigned fuzzy_classes(unsigned classes);
/* Of 100. */
unsigned fuzzy_weight(enum text_class c);

/* The words of `text`, folded and plain, in `mem`; those past FUZZY_WORDS_MAX are left out. */
uint32_t fuzzy_words(struct arena *mem, struct str text, struct token *ret);

/* 0: it does not fit; else 1 to 100. */
unsigned fuzzy_score(const struct record *r, struct str message, unsigned classes,
                     struct stems *stems, struct str text);

#endif
