/* store/index/gather.c - a table of terms, and pairs of term and email, sorted at the end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/gather.h"

#include <stdlib.h>

enum {
    SLOTS_FIRST = 1 << 10, /* mostly one message or two have come */
    NO_EMAIL = -1,
    SHORT_BYTES = 4,
    SHORT_SLOTS_MAX = 1 << 16
};

/* text: behind the length octet, in the arena. */
struct term {
    const char *text;
    uint32_t hash, count; /* emails that have it */
    int32_t last;         /* the email that had it last, or NO_EMAIL */
    uint8_t len;
};

struct pair {
    uint32_t term, email;
};

/* Terms of at most SHORT_BYTES octets: nearly all pieces and phrases, which come most often. */
struct short_term {
    uint32_t octets, number; /* number: from 1; 0: none */
};

struct gather {
    struct siphash_key key;
    struct arena *mem;
    struct term *terms;
    uint32_t term_count, term_cap;
    uint32_t *slots; /* numbers of terms, from 1; 0: empty */
    uint32_t slot_count;
    struct short_term *shorts; /* what was asked for last, by a hash */
    uint32_t short_count;
    struct pair *pairs;
    size_t pair_count, pair_cap, email_pairs; /* email_pairs: where those of the last email begin */
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
    g->short_count = SLOTS_FIRST;
    g->slots = zeroed(g->slot_count, sizeof *g->slots);
    g->shorts = zeroed(g->short_count, sizeof *g->shorts);
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
    free(g->shorts);
    free(g->pairs);
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
    g->email_pairs = g->pair_count;
    g->last_is_odd = false;
}

void gather_odd(struct gather *g)
{
    if (g->last_is_odd)
        return;
    g->last_is_odd = true;
    g->odd[g->odd_count++] = g->email_count - 1;
    for (; g->pair_count > g->email_pairs; g->pair_count--)
        g->terms[g->pairs[g->pair_count - 1].term].count--;
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
    if (g->short_count < SHORT_SLOTS_MAX) {
        g->short_count *= 2;
        free(g->shorts);
        g->shorts = zeroed(g->short_count, sizeof *g->shorts);
    }
    for (uint32_t i = 0; i < g->term_count; i++)
        place(g, i);
}

static uint32_t term_add(struct gather *g, struct str text, uint32_t hash)
{
    if (g->term_count == g->term_cap) {
        g->term_cap = g->term_cap == 0 ? SLOTS_FIRST / 2 : 2 * g->term_cap;
        g->terms = grown(g->terms, g->term_cap, sizeof *g->terms);
    }
    g->terms[g->term_count] = (struct term){ .text = arena_copy(g->mem, text).at,
                                             .hash = hash,
                                             .last = NO_EMAIL,
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

static struct short_term *short_slot(struct gather *g, uint32_t octets)
{
    return &g->shorts[octets * 0x9E3779B1u >> 16 & (g->short_count - 1)];
}

/* Terms have no NUL, so octets that are missing are told from those that are there. */
static uint32_t short_number(struct gather *g, struct str text)
{
    uint32_t octets = 0, number;
    const struct short_term *s;

    memcpy(&octets, text.at, text.len);
    s = short_slot(g, octets);
    if (s->number != 0 && s->octets == octets)
        return s->number - 1;
    number = term_number(g, text); /* which may make the slots anew */
    *short_slot(g, octets) = (struct short_term){ octets, number + 1 };
    return number;
}

void gather_term(struct gather *g, struct str text)
{
    int32_t email = (int32_t)g->email_count - 1;
    uint32_t number;

    BUG_ON(g->email_count == 0 || text.len == 0 || text.len > UINT8_MAX);
    if (g->last_is_odd)
        return;
    number = text.len <= SHORT_BYTES ? short_number(g, text) : term_number(g, text);
    if (g->terms[number].last == email)
        return;
    if (g->pair_count - g->email_pairs >= GATHER_TERMS_PER_EMAIL) {
        gather_odd(g);
        return;
    }
    g->terms[number].last = email;
    g->terms[number].count++;
    if (g->pair_count == g->pair_cap) {
        g->pair_cap = g->pair_cap == 0 ? 4096 : 2 * g->pair_cap;
        g->pairs = grown(g->pairs, g->pair_cap, sizeof *g->pairs);
    }
    g->pairs[g->pair_count++] = (struct pair){ number, (uint32_t)email };
}

/* ---- writing ---- */

static int by_text(const void *a, const void *b, void *ctx)
{
    const struct gather *g = ctx;
    const struct term *s = &g->terms[*(const uint32_t *)a], *t = &g->terms[*(const uint32_t *)b];

    return str_cmp(str_from(s->text, s->len), str_from(t->text, t->len));
}

/* Pairs came in the order of emails, so handing them out to their terms keeps that order. */
static uint32_t *numbers_by_term(const struct gather *g, uint32_t *starts)
{
    uint32_t *numbers = grown(NULL, g->pair_count + 1, sizeof *numbers), at = 0;

    for (uint32_t i = 0; i < g->term_count; i++) {
        starts[i] = at;
        at += g->terms[i].count;
    }
    for (size_t i = 0; i < g->pair_count; i++)
        numbers[starts[g->pairs[i].term]++] = g->pairs[i].email;
    return numbers;
}

void gather_write(struct gather *g, struct kv_batch *batch, uint32_t account, uint32_t number,
                  uint64_t *ret_bytes)
{
    uint32_t *ends = grown(NULL, g->term_count + 1, sizeof *ends);
    uint32_t *order = grown(NULL, g->term_count + 1, sizeof *order);
    uint32_t *numbers = numbers_by_term(g, ends); /* which moves each start to its end */
    struct segment_writer w;

    for (uint32_t i = 0; i < g->term_count; i++)
        order[i] = i;
    qsort_r(order, g->term_count, sizeof *order, by_text, g);
    segment_write_begin(&w, batch, account, number, g->email_count);
    for (uint32_t i = 0; i < g->term_count; i++) {
        const struct term *t = &g->terms[order[i]];

        if (t->count > 0)
            segment_write_term(&w, str_from(t->text, t->len), numbers + (ends[order[i]] - t->count),
                               t->count);
    }
    segment_write_end(&w, g->emails, g->odd, g->odd_count);
    *ret_bytes = w.bytes;
    free(ends);
    free(order);
    free(numbers);
}
