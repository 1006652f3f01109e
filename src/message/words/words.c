/* message/words/words.c - texts to terms. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/words.h"

#include <unicode/uchar.h>
#include <unicode/unorm2.h>
#include <unicode/ustring.h>

#include "base/utf8.h"
#include "message/coding/charset.h"
#include "message/words/field_code.h"
#include "message/words/phrases.h"

enum { PLAIN_UNITS_MAX = 256 };

struct wording {
    void (*term)(void *ctx, struct str term);
    void *ctx;
    size_t bytes;
    char mark[1 + FIELD_CODE_BYTES_MAX]; /* behind each word: of the field it stands in */
    size_t mark_len;
};

/* ---- accents ---- */

/* Letters that people type as others, though Unicode does not take them apart. */
static const struct {
    uint16_t letter;
    char plain[3];
} other_letters[] = {
    { 0x00E6, "ae" }, { 0x00F0, "d" }, { 0x00F8, "o" }, { 0x00FE, "th" }, { 0x0111, "d" },
    { 0x0127, "h" },  { 0x0131, "i" }, { 0x0142, "l" }, { 0x0153, "oe" },
};

static void add_plain(struct buf *out, uint32_t c)
{
    if ((U_GET_GC_MASK((UChar32)c) & U_GC_MN_MASK) != 0)
        return;
    for (size_t i = 0; i < ARRAY_LEN(other_letters); i++)
        if (other_letters[i].letter == c) {
            buf_add(out, str_from_z(other_letters[i].plain));
            return;
        }
    utf8_add(out, c);
}

struct str word_plain(struct arena *mem, struct str word)
{
    UErrorCode status = U_ZERO_ERROR;
    UChar wide[PLAIN_UNITS_MAX], apart[4 * PLAIN_UNITS_MAX];
    int32_t len = 0, apart_len, at = 0;
    const UNormalizer2 *nfd;
    struct buf out = { 0 };
    struct str made;

    if (utf8_is_ascii(word))
        return word;
    nfd = unorm2_getNFDInstance(&status);
    u_strFromUTF8(wide, PLAIN_UNITS_MAX, &len, word.at, (int32_t)MIN(word.len, INT32_MAX), &status);
    if (U_FAILURE(status))
        return word;
    apart_len = unorm2_normalize(nfd, wide, len, apart, 4 * PLAIN_UNITS_MAX, &status);
    if (U_FAILURE(status))
        return word;
    while (at < apart_len) {
        uint32_t c = apart[at++];

        if (U16_IS_LEAD(c) && at < apart_len)
            c = (uint32_t)U16_GET_SUPPLEMENTARY(c, apart[at++]);
        add_plain(&out, c);
    }
    made = out.len == 0 || str_eq(buf_str(&out), word) ? word : arena_copy(mem, buf_str(&out));
    buf_deinit(&out);
    return made;
}

/* ---- listed or sieved ---- */

/* Header fields, those of parts and markup are written by programs: what has digits in it is an id
 * there unless it is short, and a long word of letters is one too. */
static const struct {
    uint8_t letters_max, mixed_max;
} listed[TEXT_CLASS_COUNT] = {
    [TEXT_SUBJECT] = { WORD_LETTERS_MAX, WORD_MIXED_MAX },
    [TEXT_FROM] = { WORD_LETTERS_MAX, WORD_MIXED_MAX },
    [TEXT_TO] = { WORD_LETTERS_MAX, WORD_MIXED_MAX },
    [TEXT_CC] = { WORD_LETTERS_MAX, WORD_MIXED_MAX },
    [TEXT_BCC] = { WORD_LETTERS_MAX, WORD_MIXED_MAX },
    [TEXT_HEADER] = { 20, 5 },
    [TEXT_MIME] = { 20, 5 },
    [TEXT_FILENAME] = { WORD_LETTERS_MAX, WORD_MIXED_MAX },
    [TEXT_BODY] = { WORD_LETTERS_MAX, WORD_MIXED_MAX },
    [TEXT_MARKUP] = { 20, 5 },
};

bool word_is_listed(enum text_class c, const struct token *word)
{
    if (word->kind == TOKEN_RUN)
        return true;
    return word->text.len <= (word->digits ? listed[c].mixed_max : listed[c].letters_max);
}

bool words_have_phrases(enum text_class c)
{
    return c == TEXT_BODY || c == TEXT_MARKUP;
}

char sieve_letter(enum text_class c)
{
    return c < TEXT_HEADER ? '1' : c == TEXT_HEADER ? '2' : '3';
}

void sieve_term(char letter, const char *gram, char ret[SIEVE_TERM_BYTES])
{
    uint32_t octets = (uint32_t)(uint8_t)gram[0] << 16 | (uint32_t)(uint8_t)gram[1] << 8 |
                      (uint32_t)(uint8_t)gram[2];
    uint32_t hash = (octets * 0x9E3779B1u) >> (32 - SIEVE_BITS);

    ret[0] = letter;
    ret[1] = (char)(0x80 | (hash >> 7));
    ret[2] = (char)(0x80 | (hash & 0x7F));
}

int32_t word_place(struct str term)
{
    const uint8_t *at = (const uint8_t *)term.at;

    if (term.len == SIEVE_TERM_BYTES && at[0] >= '1' && at[0] <= '3')
        return (at[0] - '1') << SIEVE_BITS | (at[1] & 0x7F) << 7 | (at[2] & 0x7F);
    if (term.len == PHRASE_TERM_BYTES && at[0] == PHRASE_LETTER)
        return (3 << SIEVE_BITS) +
               ((at[1] & 0x7F) << 9 | (at[2] & 0xF) << PHRASE_THIRD_BITS | (at[3] & 0x1F));
    return WORD_NO_PLACE;
}

/* ---- giving ---- */

static void give(const struct wording *w, char letter, struct str word)
{
    char term[WORD_TERM_BYTES_MAX];

    BUG_ON(1 + word.len + w->mark_len > sizeof term);
    term[0] = letter;
    memcpy(term + 1, word.at, word.len);
    memcpy(term + 1 + word.len, w->mark, w->mark_len);
    w->term(w->ctx, str_from(term, 1 + word.len + w->mark_len));
}

/* The first character of `rest` and the one behind it, if there is one. */
static void give_run(const struct wording *w, char letter, struct str run)
{
    while (run.len > 0) {
        struct str rest = run;
        uint32_t c;
        size_t first;

        (void)utf8_next(&rest, &c);
        first = run.len - rest.len;
        if (rest.len > 0)
            (void)utf8_next(&rest, &c);
        give(w, letter, str_take(run, run.len - rest.len));
        run = str_skip(run, first);
    }
}

static void give_sieve(const struct wording *w, char letter, struct str word)
{
    char term[SIEVE_TERM_BYTES];

    w->term(w->ctx, str_from(&letter, 1));
    for (size_t i = 0; i + SIEVE_GRAM_BYTES <= word.len; i++) {
        sieve_term(letter, word.at + i, term);
        w->term(w->ctx, str_from(term, sizeof term));
    }
}

/* The others are found by what stands in them, but they are no text that people wrote. */
static bool has_plain_words(enum text_class c)
{
    return c != TEXT_HEADER && c != TEXT_MIME && c != TEXT_MARKUP;
}

static void give_word(const struct wording *w, enum text_class c, const struct token *word)
{
    char letter = text_class_letter(c);

    if (word->kind == TOKEN_RUN) {
        give_run(w, letter, word->text);
    } else if (!word_is_listed(c, word)) {
        give_sieve(w, sieve_letter(c), word->text);
    } else {
        give(w, letter, word->text);
        if (!word->ascii && has_plain_words(c)) {
            SCRATCH(tmp, NULL);
            struct str plain = word_plain(tmp, word->text);

            if (plain.at != word->text.at)
                give(w, ascii_lower(letter), str_take(plain, WORD_LETTERS_MAX));
        }
    }
}

static void give_words(const struct wording *w, enum text_class c, struct str folded)
{
    struct token_reader r = token_reader_of(folded);
    struct token word;

    while (token_next(&r, &word))
        give_word(w, c, &word);
}

/* The words of the name are those of no field; the field itself is a word of no letters. */
static void give_field(struct wording *w, const struct text_found *t)
{
    SCRATCH(tmp, NULL);

    give_words(w, t->class, text_fold_case(tmp, t->name));
    w->mark[0] = WORD_FIELD_MARK;
    w->mark_len = 1 + field_code(t->name, w->mark + 1);
    give(w, text_class_letter(t->class), STR_EMPTY);
    give_words(w, t->class, text_fold_case(tmp, text_value(t)));
    w->mark_len = 0;
}

static void give_phrase(const struct wording *w, struct phrase_writer *phrase, struct str word)
{
    char term[PHRASE_TERM_BYTES];

    if (phrase_next(phrase, word, term))
        w->term(w->ctx, str_from(term, sizeof term));
}

static void give_text(const struct wording *w, enum text_class c, struct str folded)
{
    struct token_reader r = token_reader_of(folded);
    struct phrase_writer phrase = { 0 };
    const struct str none = { NULL, 0 };
    struct token word;

    while (token_next(&r, &word)) {
        give_word(w, c, &word);
        give_phrase(w, &phrase, word.kind == TOKEN_WORD ? word.text : none);
    }
    give_phrase(w, &phrase, none);
}

static bool take_text(void *ctx, const struct text_found *t)
{
    struct wording *w = ctx;
    SCRATCH(tmp, NULL);

    w->bytes += t->text.len;
    if (w->bytes > WORDS_TEXT_BYTES_MAX)
        return true;
    if (t->class == TEXT_HEADER)
        give_field(w, t);
    else if (words_have_phrases(t->class))
        give_text(w, t->class, text_fold_case(tmp, t->text));
    else
        give_words(w, t->class, text_fold_case(tmp, t->text));
    return false;
}

bool words_of_message(const struct record *r, struct str message,
                      void (*term)(void *ctx, struct str term), void *ctx)
{
    struct wording w = { .term = term, .ctx = ctx };

    return !texts_each(r, message, TEXTS_ALL, take_text, &w);
}
