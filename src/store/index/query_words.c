/* store/index/query_words.c - searches for words, with scores. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/fuzzy.h"
#include "store/index/query.h"

struct collect_scored {
    const struct segment *segment;
    struct stems *stems; /* null: every term fits whole */
    unsigned weight;
    roaring_bitmap_t **sets;
};

/* Adds to the set of the score; the sets below it are made from those above at the end. */
static void collect_scored(void *ctx, struct str term, const uint32_t *numbers, uint32_t count)
{
    struct collect_scored *c = ctx;
    unsigned fit = c->stems == NULL ? FUZZY_FULL : stems_fit(c->stems, str_skip(term, 1));
    unsigned step = fit * c->weight / FUZZY_FULL / FUZZY_STEP;

    if (fit == 0)
        return;
    for (uint32_t i = 0; i < count; i++)
        roaring_bitmap_add(c->sets[step == 0 ? 0 : step - 1], c->segment->emails[numbers[i]]);
}

static enum err find_scored(const struct index_reader *r, const struct term_pattern *p,
                            struct collect_scored *c)
{
    enum err e = OK;

    for (uint32_t i = 0; i < r->count && e == OK; i++) {
        c->segment = &r->segments[i];
        e = segment_find(c->segment, p, collect_scored, c);
    }
    return e;
}

/* A word stands as it is under the letter of its class, and without accents under the small one. */
static enum err find_word(const struct index_reader *r, const struct index_words *q,
                          enum text_class class, const struct token *word, roaring_bitmap_t **sets)
{
    struct collect_scored c = { .stems = q->stems, .weight = fuzzy_weight(class), .sets = sets };
    char letter = text_class_letter(class);
    struct term_pattern p = { letter, stems_beginning(q->stems), false, true };
    enum err e = find_scored(r, &p, &c);

    (void)word;
    p.letter = ascii_lower(letter);
    return e == OK ? find_scored(r, &p, &c) : e;
}

static enum err find_run_or_odd(const struct index_reader *r, enum text_class class,
                                const struct token *word, roaring_bitmap_t **sets)
{
    struct index_substring exact = { .classes = 1u << class, .needle = word->text };
    unsigned step = fuzzy_weight(class) / FUZZY_STEP;
    enum err e = index_find_substring(r, &exact);

    if (e != OK)
        return e;
    roaring_bitmap_or_inplace(sets[step == 0 ? 0 : step - 1], exact.maybe);
    roaring_bitmap_free(exact.sure);
    roaring_bitmap_free(exact.maybe);
    return OK;
}

static enum err find_one(const struct index_reader *r, const struct index_words *q,
                         const struct token *word, roaring_bitmap_t **sets)
{
    unsigned classes = fuzzy_classes(q->classes);
    enum err e = OK;

    stems_ask(q->stems, word->text);
    for (enum text_class c = 0; c < TEXT_CLASS_COUNT && e == OK; c++) {
        if ((classes & (1u << c)) == 0)
            continue;
        if (word->kind == TOKEN_RUN || !word_is_listed(c, word))
            e = find_run_or_odd(r, c, word, sets);
        else
            e = find_word(r, q, c, word, sets);
    }
    for (int i = INDEX_SCORES - 1; i > 0; i--)
        roaring_bitmap_or_inplace(sets[i - 1], sets[i]);
    return e;
}

void index_words_free(struct index_words *q)
{
    for (int i = 0; i < INDEX_SCORES; i++)
        if (q->scores[i] != NULL)
            roaring_bitmap_free(q->scores[i]);
    memset(q->scores, 0, sizeof q->scores);
}

enum err index_find_words(const struct index_reader *r, struct index_words *q)
{
    SCRATCH(tmp, NULL);
    struct token words[FUZZY_WORDS_MAX];
    uint32_t count = fuzzy_words(tmp, q->text, words);
    enum err e = OK;

    for (int i = 0; i < INDEX_SCORES; i++)
        q->scores[i] = roaring_bitmap_create();
    for (uint32_t n = 0; n < count && e == OK; n++) {
        struct index_words one = { 0 };

        for (int i = 0; i < INDEX_SCORES; i++)
            one.scores[i] = roaring_bitmap_create();
        e = find_one(r, q, &words[n], one.scores);
        for (int i = 0; i < INDEX_SCORES; i++)
            if (n == 0)
                roaring_bitmap_or_inplace(q->scores[i], one.scores[i]);
            else
                roaring_bitmap_and_inplace(q->scores[i], one.scores[i]);
        index_words_free(&one);
    }
    if (e != OK)
        index_words_free(q);
    return e;
}
