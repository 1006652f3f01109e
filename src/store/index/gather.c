/* store/index/gather.c - a table of terms, and pairs of term and email, sorted at the end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/gather.h"

#include <stdlib.h>

#include "message/words/words.h"

enum {
    SLOTS_FIRST = 1 << 10,       /* mostly one message or two have come */
    SLOTS_WITH_PLACES = 1 << 13, /* with so many slots, terms with a place are found by it */
    NO_EMAIL = UINT16_MAX
};

/* text: behind the length octet, in the arena. */
struct term {
    const char *text;
    uint32_t hash;
    uint8_t len;
};

struct gather {
    struct siphash_key key;
    struct arena *mem;
    struct term *terms;
    uint32_t term_count, term_cap;
    uint32_t *slots; /* numbers of terms, from 1; 0: empty */
    uint32_t slot_count;
    uint32_t *places; /* the same, by word_place; null while there are few terms */
    uint16_t *last;   /* of each term: the email that had it last, or NO_EMAIL */
    uint32_t *pairs;  /* terms of one email after the other */
    size_t pair_count, pair_cap;
    size_t *starts; /* where those of each email begin */
    uint32_t *emails, *odd;
    uint32_t email_count, odd_count;
    bool last_is_odd;
};

static void *grown(void *at, size_t count, size_t size)
{
    at = reallocarray(at, count, size);
    if (at == NULL)
        BUG("out of memory");
    return at;
}

static void *zeroed(size_t count, size_t size)
{
    void *at = grown(NULL, count, size);

    memset(at, 0, count * size);
    return at;
}

struct gather *gather_new(struct siphash_key key)
{
    struct gather *g = calloc(1, sizeof *g);

    if (g == NULL)
        BUG("out of memory");
    g->key = key;
    g->mem = arena_new(0);
    g->slot_count = SLOTS_FIRST;
    g->slots = zeroed(g->slot_count, sizeof *g->slots);
    g->starts = grown(NULL, GATHER_EMAILS_MAX + 1, sizeof *g->starts);
    g->emails = grown(NULL, GATHER_EMAILS_MAX, sizeof *g->emails);
    g->odd = grown(NULL, GATHER_EMAILS_MAX, sizeof *g->odd);
    return g;
}

void gather_free(struct gather *g)
{
    if (g == NULL)
        return;
    arena_free(g->mem);
    free(g->terms);
    free(g->slots);
    free(g->places);
    free(g->last);
    free(g->pairs);
    free(g->starts);
    free(g->emails);
    free(g->odd);
    free(g);
}

uint32_t gather_count(const struct gather *g)
{
    return g->email_count;
}

void gather_bounds(const struct gather *g, uint32_t *ret_first, uint32_t *ret_last)
{
    *ret_first = g->emails[0];
    *ret_last = g->emails[g->email_count - 1];
}

bool gather_is_full(const struct gather *g)
{
    return g->email_count == GATHER_EMAILS_MAX || g->pair_count >= GATHER_PAIRS_MAX;
}

void gather_email(struct gather *g, uint32_t email)
{
    BUG_ON(g->email_count == GATHER_EMAILS_MAX);
    g->emails[g->email_count++] = email;
    g->starts[g->email_count - 1] = g->pair_count;
    g->last_is_odd = false;
}

void gather_odd(struct gather *g)
{
    if (g->last_is_odd)
        return;
    g->last_is_odd = true;
    g->odd[g->odd_count++] = g->email_count - 1;
    g->pair_count = g->starts[g->email_count - 1];
}

/* ---- the table ---- */

static void place(struct gather *g, uint32_t number)
{
    uint32_t at = g->terms[number].hash & (g->slot_count - 1);

    while (g->slots[at] != 0)
        at = (at + 1) & (g->slot_count - 1);
    g->slots[at] = number + 1;
}

static void widen(struct gather *g)
{
    g->slot_count *= 2;
    free(g->slots);
    g->slots = zeroed(g->slot_count, sizeof *g->slots);
    if (g->slot_count == SLOTS_WITH_PLACES)
        g->places = zeroed(WORD_PLACES, sizeof *g->places);
    for (uint32_t i = 0; i < g->term_count; i++)
        place(g, i);
}

static uint32_t term_add(struct gather *g, struct str text, uint32_t hash)
{
    if (g->term_count == g->term_cap) {
        g->term_cap = g->term_cap == 0 ? SLOTS_FIRST / 2 : 2 * g->term_cap;
        g->terms = grown(g->terms, g->term_cap, sizeof *g->terms);
        g->last = grown(g->last, g->term_cap, sizeof *g->last);
    }
    g->last[g->term_count] = NO_EMAIL;
    g->terms[g->term_count] = (struct term){ .text = arena_copy(g->mem, text).at,
                                             .hash = hash,
                                             .len = (uint8_t)text.len };
    if (2 * (g->term_count + 1) > g->slot_count) {
        g->term_count++;
        widen(g);
    } else {
        place(g, g->term_count);
        g->term_count++;
    }
    return g->term_count - 1;
}

static uint32_t term_number(struct gather *g, struct str text)
{
    uint32_t hash = (uint32_t)siphash(g->key, text), at = hash & (g->slot_count - 1);

    for (; g->slots[at] != 0; at = (at + 1) & (g->slot_count - 1)) {
        const struct term *t = &g->terms[g->slots[at] - 1];

        if (t->hash == hash && t->len == text.len && memcmp(t->text, text.at, text.len) == 0)
            return g->slots[at] - 1;
    }
    return term_add(g, text, hash);
}

static uint32_t find_or_add(struct gather *g, struct str text)
{
    int32_t place = g->places == NULL ? WORD_NO_PLACE : word_place(text);

    if (place == WORD_NO_PLACE)
        return term_number(g, text);
    if (g->places[place] == 0)
        g->places[place] = term_number(g, text) + 1;
    return g->places[place] - 1;
}

void gather_term(struct gather *g, struct str text)
{
    uint16_t email = (uint16_t)(g->email_count - 1);
    uint32_t number;

    BUG_ON(g->email_count == 0 || text.len == 0 || text.len > UINT8_MAX);
    if (g->last_is_odd)
        return;
    number = find_or_add(g, text);
    if (g->last[number] == email)
        return;
    if (g->pair_count - g->starts[email] >= GATHER_TERMS_PER_EMAIL) {
        gather_odd(g);
        return;
    }
    g->last[number] = email;
    if (g->pair_count == g->pair_cap) {
        g->pair_cap = g->pair_cap == 0 ? 4096 : 2 * g->pair_cap;
        g->pairs = grown(g->pairs, g->pair_cap, sizeof *g->pairs);
    }
    g->pairs[g->pair_count++] = number;
}

/* ---- writing ---- */

static int by_text(const void *a, const void *b, void *ctx)
{
    const struct gather *g = ctx;
    const struct term *s = &g->terms[*(const uint32_t *)a], *t = &g->terms[*(const uint32_t *)b];

    return str_cmp(str_from(s->text, s->len), str_from(t->text, t->len));
}

/* Of each term where its numbers end; they begin where those of the term before end. */
static uint32_t *count_numbers(const struct gather *g)
{
    uint32_t *ends = zeroed(g->term_count + 1, sizeof *ends), sum = 0;

    for (size_t i = 0; i < g->pair_count; i++)
        ends[g->pairs[i]]++;
    for (uint32_t i = 0; i < g->term_count; i++) {
        uint32_t count = ends[i];

        ends[i] = sum; /* the beginning, until all are handed out */
        sum += count;
    }
    return ends;
}

/* Pairs came in the order of emails, so handing them out to their terms keeps that order. */
static uint32_t *numbers_by_term(struct gather *g, uint32_t *ends)
{
    uint32_t *numbers = grown(NULL, g->pair_count + 1, sizeof *numbers);

    g->starts[g->email_count] = g->pair_count;
    for (uint32_t email = 0; email < g->email_count; email++)
        for (size_t i = g->starts[email]; i < g->starts[email + 1]; i++)
            numbers[ends[g->pairs[i]]++] = email;
    return numbers;
}

void gather_write(struct gather *g, struct kv_batch *batch, uint32_t account, uint32_t number,
                  uint64_t *ret_bytes)
{
    uint32_t *ends = count_numbers(g), *numbers = numbers_by_term(g, ends);
    uint32_t *order = grown(NULL, g->term_count + 1, sizeof *order);
    struct segment_writer w;

    for (uint32_t i = 0; i < g->term_count; i++)
        order[i] = i;
    qsort_r(order, g->term_count, sizeof *order, by_text, g);
    segment_write_begin(&w, batch, account, number, g->email_count);
    for (uint32_t i = 0; i < g->term_count; i++) {
        const struct term *t = &g->terms[order[i]];
        uint32_t from = order[i] == 0 ? 0 : ends[order[i] - 1], count = ends[order[i]] - from;

        if (count > 0)
            segment_write_term(&w, str_from(t->text, t->len), numbers + from, count);
    }
    segment_write_end(&w, g->emails, g->odd, g->odd_count);
    *ret_bytes = w.bytes;
    free(ends);
    free(order);
    free(numbers);
}
