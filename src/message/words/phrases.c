/* message/words/phrases.c - hashes of words that follow each other. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/phrases.h"

enum { WHOLE_BYTES = 8, NO_WORD = 0xFFFFFF };
#define SPREAD UINT64_C(0x9E3779B97F4A7C15) /* odd; 2^64 by the golden ratio */
#define SPREAD_MORE UINT64_C(0xC2B2AE3D27D4EB4F)

static uint64_t octets_of(const char *at, size_t len)
{
    uint64_t octets = 0;

    for (size_t i = 0; i < len; i++)
        octets = octets << 8 | (uint8_t)at[i];
    return octets;
}

static uint64_t beginning(struct str word)
{
    return octets_of(word.at, MIN(word.len, (size_t)PHRASE_EDGE_BYTES));
}

static uint64_t ending(struct str word)
{
    size_t len = MIN(word.len, (size_t)PHRASE_EDGE_BYTES);

    return octets_of(word.at + (word.len - len), len);
}

/* Of a long word its beginning and its length are enough. */
static uint64_t whole(struct str word)
{
    return octets_of(word.at, MIN(word.len, (size_t)WHOLE_BYTES)) + word.len;
}

/* The octets behind the letter have their high bit set, so none of them is a NUL. */
void phrase_term(struct str first, struct str second, struct str third, char ret[PHRASE_TERM_BYTES])
{
    uint64_t pair = (ending(first) << 24 | beginning(second)) * SPREAD;
    uint64_t next = third.at == NULL ? NO_WORD : beginning(third);
    uint64_t more = (whole(second) * SPREAD_MORE ^ next) * SPREAD;

    pair >>= 64 - PHRASE_PAIR_BITS;
    ret[0] = PHRASE_LETTER;
    ret[1] = (char)(0x80 | pair >> 4);
    ret[2] = (char)(0x80 | (pair & 0xF));
    ret[3] = (char)(0x80 | more >> (64 - PHRASE_THIRD_BITS));
}

bool phrase_next(struct phrase_writer *w, struct str word, char ret[PHRASE_TERM_BYTES])
{
    bool made = w->first.at != NULL && w->second.at != NULL;

    if (made)
        phrase_term(w->first, w->second, word, ret);
    w->first = word.at == NULL ? word : w->second;
    w->second = word;
    return made;
}

/* ---- of what is searched for ---- */

/* The next token as a word; none at the end and when it is no word. */
static bool shift(struct phrase_reader *r)
{
    struct token t = { 0 };
    bool more = token_next(&r->tokens, &t);

    if (!more || t.kind != TOKEN_WORD)
        t.text = (struct str){ NULL, 0 };
    r->window[0] = r->window[1];
    r->window[1] = r->window[2];
    r->window[2] = t;
    return more;
}

/* At the edge of the needle a word may be a piece of a longer one: then enough of it must be here.
 */
static bool ends_here(const struct phrase_reader *r, struct str word)
{
    return word.at != r->needle.at || word.len >= PHRASE_EDGE_BYTES;
}

static bool begins_here(const struct phrase_reader *r, struct str word)
{
    return word.at + word.len != r->needle.at + r->needle.len || word.len >= PHRASE_EDGE_BYTES;
}

/* What follows the second word is known when a word or a run begins within the needle; where the
 * needle ends, anything may follow. */
bool phrase_read(struct phrase_reader *r, struct str *ret)
{
    if (!r->begun) {
        r->begun = true;
        (void)shift(r);
        (void)shift(r);
    }
    while (r->window[1].text.at != NULL || r->tokens.at < r->needle.len) {
        (void)shift(r);

        struct str a = r->window[0].text, b = r->window[1].text, c = r->window[2].text;

        if (a.at == NULL || b.at == NULL || !ends_here(r, a) || !begins_here(r, b))
            continue;
        phrase_term(a, b, c, r->term);
        *ret = str_from(r->term,
                        c.at != NULL && begins_here(r, c) ? PHRASE_TERM_BYTES : PHRASE_PAIR_BYTES);
        return true;
    }
    return false;
}
