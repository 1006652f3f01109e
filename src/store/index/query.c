/* store/index/query.c - exact searches: a string's words in the list and in the sieve. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/query.h"

#include "base/utf8.h"
#include "message/coding/charset.h"
#include "message/words/phrases.h"

enum { SIEVE_GRAMS_MAX = 24, FRAGMENTS_MAX = 32, PHRASES_MAX = 16 };

/* A word of the needle. open: it may go on there, being at the needle's edge. */
struct fragment {
    struct token token;
    bool open_left, open_right;
};

/* What is looked for in texts of one class. */
struct looking {
    const struct index_reader *r;
    enum text_class class;
    struct str field; /* its code, or null: in any field */
    const struct fragment *fragments;
    uint32_t count;
};

/* Emails are collected segment by segment, so numbers come in runs. */
struct collect {
    const struct segment *segment;
    roaring_bitmap_t *set;
};

enum err index_open(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem,
                    uint32_t account, struct index_reader *ret, struct errinfo *why)
{
    struct manifest m;
    enum err e = manifest_load(kv, snap, mem, account, &m, why);

    if (e != OK)
        return e;
    *ret = (struct index_reader){ .indexed = m.indexed, .count = m.count };
    ret->segments = ARENA_ARRAY(mem, struct segment, m.count + 1u);
    for (uint32_t i = 0; i < m.count && e == OK; i++)
        e = segment_open(kv, snap, mem, account, m.at[i].number, &ret->segments[i], why);
    return e;
}

static void collect_numbers(void *ctx, struct str term, const uint32_t *numbers, uint32_t count)
{
    struct collect *c = ctx;

    (void)term;
    for (uint32_t done = 0; done < count;) {
        uint32_t emails[512], step = MIN(count - done, (uint32_t)ARRAY_LEN(emails));

        for (uint32_t i = 0; i < step; i++)
            emails[i] = c->segment->emails[numbers[done + i]];
        roaring_bitmap_add_many(c->set, step, emails);
        done += step;
    }
}

static enum err find_pattern(const struct index_reader *r, const struct term_pattern *p,
                             roaring_bitmap_t *set)
{
    enum err e = OK;

    for (uint32_t i = 0; i < r->count && e == OK; i++) {
        struct collect c = { &r->segments[i], set };

        e = segment_find(c.segment, p, collect_numbers, &c);
    }
    return e;
}

/* ---- one word of the needle ---- */

static enum err find_term(const struct index_reader *r, struct str term, roaring_bitmap_t *set)
{
    struct term_pattern p = { .letter = term.at[0], .text = str_skip(term, 1) };

    return find_pattern(r, &p, set);
}

/* Emails with an odd word that may hold these octets: all their pieces are in the sieve. Of a word
 * too short for a piece the sieve knows nothing. */
static enum err find_sieved(const struct index_reader *r, char letter, struct str word,
                            roaring_bitmap_t *set)
{
    size_t grams = word.len < SIEVE_GRAM_BYTES ? 0 : word.len - SIEVE_GRAM_BYTES + 1;
    enum err e = find_term(r, str_from(&letter, 1), set);

    for (size_t i = 0;
         i < MIN(grams, (size_t)SIEVE_GRAMS_MAX) && e == OK && !roaring_bitmap_is_empty(set); i++) {
        roaring_bitmap_t *one = roaring_bitmap_create();
        char term[SIEVE_TERM_BYTES];

        sieve_term(letter, word.at + i, term);
        e = find_term(r, str_from(term, sizeof term), one);
        roaring_bitmap_and_inplace(set, one);
        roaring_bitmap_free(one);
    }
    return e;
}

/* A run stands as its pairs and its last character: what begins with a character has it. */
static enum err find_run(const struct looking *l, struct str run, roaring_bitmap_t *set)
{
    bool first = true;
    enum err e = OK;

    do {
        struct str rest = run;
        roaring_bitmap_t *one = roaring_bitmap_create();
        size_t step;
        uint32_t c;

        (void)utf8_next(&rest, &c);
        step = run.len - rest.len;
        if (rest.len > 0)
            (void)utf8_next(&rest, &c);
        e = find_pattern(l->r,
                         &(struct term_pattern){ text_class_letter(l->class),
                                                 str_take(run, run.len - rest.len), false,
                                                 run.len == step, l->field },
                         one);
        if (first)
            roaring_bitmap_or_inplace(set, one);
        else
            roaring_bitmap_and_inplace(set, one);
        roaring_bitmap_free(one);
        first = false;
        run = str_skip(run, step);
        if (rest.len == 0)
            break; /* the last pair has told of its second character, too */
    } while (e == OK);
    return e;
}

static enum err find_fragment(const struct looking *l, const struct fragment *f,
                              roaring_bitmap_t *listed, roaring_bitmap_t *perhaps)
{
    enum err e;

    if (f->token.kind == TOKEN_RUN)
        e = find_run(l, f->token.text, listed);
    else
        e = find_pattern(l->r,
                         &(struct term_pattern){ text_class_letter(l->class), f->token.text,
                                                 f->open_left, f->open_right, l->field },
                         listed);
    if (e == OK && f->token.kind == TOKEN_WORD)
        e = find_sieved(l->r, sieve_letter(l->class), f->token.text, perhaps);
    roaring_bitmap_or_inplace(perhaps, listed);
    return e;
}

/* ---- the needle ---- */

/* The words of the needle, the longest ones when there are many: the more octets, the fewer emails
 * have them, and leaving some out only makes the answer wider. */
static uint32_t fragments_of(struct str needle, struct fragment *ret)
{
    struct token_reader r = token_reader_of(needle);
    struct token t;
    uint32_t count = 0;

    while (token_next(&r, &t)) {
        struct fragment f = { .token = t,
                              .open_left = t.text.at == needle.at,
                              .open_right = r.at == needle.len };
        uint32_t at = count;

        if (count < FRAGMENTS_MAX) {
            count++;
        } else {
            at = 0;
            for (uint32_t i = 1; i < count; i++)
                if (ret[i].token.text.len < ret[at].token.text.len)
                    at = i;
            if (ret[at].token.text.len >= t.text.len)
                continue;
        }
        ret[at] = f;
    }
    return count;
}

/* Whether a word in the list that has the fragment settles the matter. */
static bool is_exact(const struct fragment *f, struct str needle)
{
    return f->token.text.len == needle.len &&
           (f->token.kind == TOKEN_WORD || f->token.characters <= 2);
}

static void add_all(const struct index_reader *r, roaring_bitmap_t *set)
{
    for (uint32_t i = 0; i < r->count; i++)
        roaring_bitmap_add_many(set, r->segments[i].count, r->segments[i].emails);
}

void index_add_odd(const struct index_reader *r, roaring_bitmap_t *set)
{
    for (uint32_t i = 0; i < r->count; i++)
        for (uint32_t k = 0; k < r->segments[i].odd_count; k++)
            roaring_bitmap_add(set, r->segments[i].emails[r->segments[i].odd[k]]);
}

/* Words and the one that follows, of which one term in a row of letters says "perhaps". */
static enum err find_phrases(const struct index_reader *r, struct str needle, roaring_bitmap_t *set)
{
    struct phrase_reader phrases = phrase_reader_of(needle);
    struct str term;
    enum err e = OK;

    for (uint32_t n = 0; n < PHRASES_MAX && e == OK && !roaring_bitmap_is_empty(set) &&
                         phrase_read(&phrases, &term);
         n++) {
        struct term_pattern p = { .letter = term.at[0],
                                  .text = str_skip(term, 1),
                                  .open_right = term.len < PHRASE_TERM_BYTES };
        roaring_bitmap_t *one = roaring_bitmap_create();

        e = find_pattern(r, &p, one);
        roaring_bitmap_and_inplace(set, one);
        roaring_bitmap_free(one);
    }
    return e;
}

/* All that may be in this class: those in the field, or with any words at all. */
static enum err find_all(const struct looking *l, roaring_bitmap_t *set)
{
    struct term_pattern p = { .letter = text_class_letter(l->class),
                              .text = STR_EMPTY,
                              .field = l->field };

    if (l->field.at != NULL)
        return find_pattern(l->r, &p, set);
    add_all(l->r, set);
    return OK;
}

static enum err find_in_class(const struct looking *l, const struct index_substring *q)
{
    roaring_bitmap_t *all = roaring_bitmap_create();
    bool exact_field = l->field.at == NULL || l->field.len == 1;
    enum err e = find_all(l, all);

    if (e == OK && l->field.at != NULL && exact_field && q->needle.len == 0)
        roaring_bitmap_or_inplace(q->sure, all);
    for (uint32_t i = 0; i < l->count && e == OK && !roaring_bitmap_is_empty(all); i++) {
        roaring_bitmap_t *listed = roaring_bitmap_create(), *perhaps = roaring_bitmap_create();

        e = find_fragment(l, &l->fragments[i], listed, perhaps);
        if (l->count == 1 && exact_field && is_exact(&l->fragments[i], q->needle))
            roaring_bitmap_or_inplace(q->sure, listed);
        roaring_bitmap_and_inplace(all, perhaps);
        roaring_bitmap_free(listed);
        roaring_bitmap_free(perhaps);
    }
    if (e == OK && words_have_phrases(l->class))
        e = find_phrases(l->r, q->needle, all);
    roaring_bitmap_or_inplace(q->maybe, all);
    roaring_bitmap_free(all);
    return e;
}

/* Odd emails may hold anything. */
enum err index_find_substring(const struct index_reader *r, struct index_substring *q)
{
    struct fragment fragments[FRAGMENTS_MAX];
    char code[FIELD_CODE_BYTES_MAX];
    struct looking l = { .r = r, .fragments = fragments };
    enum err e = OK;

    q->sure = roaring_bitmap_create();
    q->maybe = roaring_bitmap_create();
    if (q->field != NULL)
        l.field = str_from(code, field_code(*q->field, code));
    l.count = fragments_of(q->needle, fragments);
    for (l.class = 0; l.class < TEXT_CLASS_COUNT && e == OK; l.class ++)
        if ((q->classes & (1u << l.class)) != 0)
            e = find_in_class(&l, q);
    index_add_odd(r, q->maybe);
    if (e != OK) {
        roaring_bitmap_free(q->sure);
        roaring_bitmap_free(q->maybe);
    }
    return e;
}
