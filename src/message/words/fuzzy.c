/* message/words/fuzzy.c - each word asked for against each word of each text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/fuzzy.h"

#include "message/coding/charset.h"

struct scoring {
    struct stems *stems;
    struct token words[FUZZY_WORDS_MAX];
    unsigned best[FUZZY_WORDS_MAX];
    uint32_t count;
};

/* A field of the header is looked at in its own class, not among all others. */
unsigned fuzzy_classes(unsigned classes)
{
    if ((classes & TEXT_BIT(HEADER)) != 0)
        classes |= TEXTS_OF_RECORD;
    return classes & FUZZY_CLASSES;
}

unsigned fuzzy_weight(enum text_class c)
{
    static const unsigned char weights[TEXT_CLASS_COUNT] = {
        [TEXT_SUBJECT] = 100, [TEXT_FROM] = 100, [TEXT_TO] = 90,       [TEXT_CC] = 90,
        [TEXT_BCC] = 90,      [TEXT_BODY] = 75,  [TEXT_FILENAME] = 80,
    };

    return weights[c];
}

uint32_t fuzzy_words(struct arena *mem, struct str text, struct token *ret)
{
    struct token_reader r = token_reader_of(text_fold_case(mem, text));
    uint32_t count = 0;

    while (count < FUZZY_WORDS_MAX && token_next(&r, &ret[count])) {
        if (ret[count].kind == TOKEN_WORD)
            ret[count].text = word_plain(mem, ret[count].text);
        count++;
    }
    return count;
}

static unsigned fit(struct scoring *s, const struct token *asked, struct str word)
{
    stems_ask(s->stems, asked->text);
    return stems_fit(s->stems, word);
}

static bool score_text(void *ctx, const struct text_found *t)
{
    struct scoring *s = ctx;
    SCRATCH(tmp, NULL);
    struct str folded = text_fold_case(tmp, t->text);
    struct token_reader r = token_reader_of(folded);
    struct token word;

    for (uint32_t i = 0; i < s->count; i++)
        if (s->words[i].kind == TOKEN_RUN && str_find(folded, s->words[i].text) != STR_NOT_FOUND)
            s->best[i] = MAX(s->best[i], fuzzy_weight(t->class));
    while (token_next(&r, &word)) {
        struct str plain = word.kind == TOKEN_WORD ? word_plain(tmp, word.text) : STR_EMPTY;

        for (uint32_t i = 0; i < s->count && plain.len > 0; i++)
            if (s->words[i].kind == TOKEN_WORD && s->best[i] < fuzzy_weight(t->class))
                s->best[i] = MAX(s->best[i],
                                 fit(s, &s->words[i], plain) * fuzzy_weight(t->class) / FUZZY_FULL);
    }
    return false;
}

unsigned fuzzy_score(const struct record *r, struct str message, unsigned classes,
                     struct stems *stems, struct str text)
{
    struct arena *mem = arena_new(0);
    struct scoring s = { .stems = stems };
    unsigned score = FUZZY_FULL;

    s.count = fuzzy_words(mem, text, s.words);
    (void)texts_each(r, message, fuzzy_classes(classes), score_text, &s);
    for (uint32_t i = 0; i < s.count; i++)
        score = MIN(score, s.best[i]);
    arena_free(mem);
    return s.count == 0 ? 0 : score;
}
