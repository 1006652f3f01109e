/* store/index/query.c - exact searches: a string's words in the list and in the sieve. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/query.h"

#include "base/utf8.h"
#include "message/coding/charset.h"

enum { SIEVE_GRAMS_MAX = 24, FRAGMENTS_MAX = 32 };

/* A word of the needle. open: it may go on there, being at the needle's edge. */
struct fragment {
    struct token token;
    bool open_left, open_right;
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
    struct term_pattern p = { term.at[0], str_skip(term, 1), false, false };

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
static enum err find_run(const struct index_reader *r, char letter, struct str run,
                         roaring_bitmap_t *set)
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
        e = find_pattern(r,
                         &(struct term_pattern){ letter, str_take(run, run.len - rest.len), false,
                                                 run.len == step },
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

static enum err find_fragment(const struct index_reader *r, enum text_class class,
                              const struct fragment *f, roaring_bitmap_t *listed,
                              roaring_bitmap_t *perhaps)
{
    char letter = text_class_letter(class);
    enum err e;

    if (f->token.kind == TOKEN_RUN)
        e = find_run(r, letter, f->token.text, listed);
    else
        e = find_pattern(
            r, &(struct term_pattern){ letter, f->token.text, f->open_left, f->open_right },
            listed);
    if (e == OK && f->token.kind == TOKEN_WORD)
        e = find_sieved(r, sieve_letter(class), f->token.text, perhaps);
    roaring_bitmap_or_inplace(perhaps, listed);
    return e;
}

/* ---- the needle ---- */

/* The words of the needle, the longest ones when there are many: the more octets, the fewer emails
 * have them, and leaving some out only makes the answer wider. */
static uint32_t fragments_of(struct str needle, bool closed, struct fragment *ret)
{
    struct token_reader r = token_reader_of(needle);
    struct token t;
    uint32_t count = 0;

    while (token_next(&r, &t)) {
        struct fragment f = { .token = t,
                              .open_left = !closed && t.text.at == needle.at,
                              .open_right = !closed && r.at == needle.len };
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

static enum err find_in_class(const struct index_reader *r, enum text_class class,
                              const struct index_substring *q, const struct fragment *f,
                              uint32_t count)
{
    roaring_bitmap_t *all = NULL;
    enum err e = OK;

    for (uint32_t i = 0; i < count && e == OK; i++) {
        roaring_bitmap_t *listed = roaring_bitmap_create(), *perhaps = roaring_bitmap_create();

        e = find_fragment(r, class, &f[i], listed, perhaps);
        if (count == 1 && q->field == NULL && is_exact(&f[i], q->needle))
            roaring_bitmap_or_inplace(q->sure, listed);
        roaring_bitmap_free(listed);
        if (all == NULL) {
            all = perhaps;
        } else {
            roaring_bitmap_and_inplace(all, perhaps);
            roaring_bitmap_free(perhaps);
        }
        if (roaring_bitmap_is_empty(all))
            break;
    }
    if (all != NULL)
        roaring_bitmap_or_inplace(q->maybe, all);
    else
        add_all(r, q->maybe);
    if (all != NULL)
        roaring_bitmap_free(all);
    return e;
}

/* Odd emails may hold anything. The name of a field stands before its value in the same text. */
enum err index_find_substring(const struct index_reader *r, struct index_substring *q)
{
    SCRATCH(tmp, NULL);
    struct fragment fragments[2 * FRAGMENTS_MAX];
    uint32_t count = 0;
    enum err e = OK;

    q->sure = roaring_bitmap_create();
    q->maybe = roaring_bitmap_create();
    if (q->field != NULL)
        count = fragments_of(text_fold_case(tmp, *q->field), true, fragments);
    count += fragments_of(q->needle, false, fragments + count);
    for (enum text_class c = 0; c < TEXT_CLASS_COUNT && e == OK; c++)
        if ((q->classes & (1u << c)) != 0)
            e = find_in_class(r, c, q, fragments, count);
    index_add_odd(r, q->maybe);
    if (e != OK) {
        roaring_bitmap_free(q->sure);
        roaring_bitmap_free(q->maybe);
    }
    return e;
}
