/* message/words/tokens.c - what belongs to a word. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/tokens.h"

#include <unicode/uchar.h>

#include "base/utf8.h"

enum piece { PIECE_NONE, PIECE_WORD, PIECE_RUN };

/* Blocks of scripts without blanks between words; sorted. */
static const struct {
    uint32_t first, last;
} run_blocks[] = {
    { 0x0E00, 0x0EFF },   /* Thai, Lao             */
    { 0x1000, 0x109F },   /* Burmese               */
    { 0x1780, 0x17FF },   /* Khmer                 */
    { 0x3005, 0x3007 },   /* ideographic marks     */
    { 0x3040, 0x312F },   /* Kana, Bopomofo        */
    { 0x31A0, 0x31BF },   /* Bopomofo              */
    { 0x31F0, 0x31FF },   /* Kana                  */
    { 0x3400, 0x4DBF },   /* Han                   */
    { 0x4E00, 0x9FFF },   /* Han                   */
    { 0xF900, 0xFAFF },   /* Han                   */
    { 0xFF66, 0xFF9F },   /* Kana, half wide       */
    { 0x1B000, 0x1B16F }, /* Kana                  */
    { 0x20000, 0x3FFFF }, /* Han                   */
};

static bool is_of_run(uint32_t c)
{
    for (size_t i = 0; i < ARRAY_LEN(run_blocks) && c >= run_blocks[i].first; i++)
        if (c <= run_blocks[i].last)
            return true;
    return false;
}

static enum piece piece_of(uint32_t c)
{
    if (!u_isalnum((UChar32)c) && (U_GET_GC_MASK((UChar32)c) & U_GC_M_MASK) == 0)
        return PIECE_NONE;
    return is_of_run(c) ? PIECE_RUN : PIECE_WORD;
}

static bool is_ascii_word(char c)
{
    return (c >= 'a' && c <= 'z') || ascii_is_digit(c) || (c >= 'A' && c <= 'Z');
}

/* The piece at `at` and how long its character is; PIECE_NONE at the end. */
static enum piece piece_at(struct str text, size_t at, size_t *len)
{
    struct str rest = str_skip(text, at);
    uint32_t c;

    *len = 0;
    if (rest.len == 0)
        return PIECE_NONE;
    *len = 1;
    if ((unsigned char)rest.at[0] < 0x80)
        return is_ascii_word(rest.at[0]) ? PIECE_WORD : PIECE_NONE;
    if (!utf8_next(&rest, &c)) {
        *len = text.len - at - rest.len;
        return PIECE_NONE;
    }
    *len = text.len - at - rest.len;
    return piece_of(c);
}

bool token_next(struct token_reader *r, struct token *ret)
{
    enum piece kind = PIECE_NONE;
    size_t len, start;

    /* Nearly all text is ASCII, so that is looked at by itself. */
    while (r->at < r->text.len) {
        kind = piece_at(r->text, r->at, &len);
        if (kind != PIECE_NONE)
            break;
        r->at += len;
    }
    if (kind == PIECE_NONE)
        return false;
    start = r->at;
    *ret = (struct token){ .kind = kind == PIECE_RUN ? TOKEN_RUN : TOKEN_WORD, .ascii = true };
    while (r->at < r->text.len) {
        char c = r->text.at[r->at];

        if ((unsigned char)c < 0x80) {
            if (kind == PIECE_RUN || !is_ascii_word(c))
                break;
            ret->digits = ret->digits || ascii_is_digit(c);
            r->at++;
            continue;
        }
        if (piece_at(r->text, r->at, &len) != kind)
            break;
        ret->ascii = false;
        ret->characters++;
        r->at += len;
    }
    ret->text = str_sub(r->text, start, r->at - start);
    return true;
}
