/* message/words/stems.h - whether a word of a text is one that somebody asked for.
 *
 * Pure. A word asked for fits a word of a text when they are the same, when they have the same stem
 * in one of the languages set (Snowball), or when the text's word begins with it. Both are folded
 * and without accents (words.h). Stems are compared when asked, none are stored, so a change of the
 * languages needs no new index. One thread at a time. Tests: stems_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_STEMS_H
#define POSTERN_MESSAGE_STEMS_H

#include "base/arena.h"
#include "base/err.h"

enum {
    STEMS_LANGUAGES_MAX = 20,
    STEMS_WORD_BYTES_MAX = 64 /* longer words have no stem but themselves */
};

struct stems;

/* Names of languages as Snowball has them ("english", "fr", ...), parted by blanks or commas;
 * empty: none. ERR_SYNTAX when one is not known. */
MUST_USE enum err stems_new(struct str languages, struct stems **ret, struct errinfo *why);
void stems_free(struct stems *s); /* null is allowed */

/* Sets the word that is asked for; copied. */
void stems_ask(struct stems *s, struct str word);

/* How well a word fits, of 100; 0: not at all. */
enum { STEMS_SAME = 100, STEMS_STEM = 80, STEMS_BEGINS = 60 };
unsigned stems_fit(struct stems *s, struct str word);

/* What every word that fits begins with: a piece of the word asked for. */
struct str stems_beginning(const struct stems *s);

#endif
