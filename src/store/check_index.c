/* store/check_index.c - whether the search index is what the messages say. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "message/words/words.h"
#include "store/check.h"
#include "store/index/index.h"
#include "store/table/table.h"

enum { COMPARED_PER_SEGMENT = 20, ACCOUNTS_AT_ONCE = 64 };

struct checking {
    struct kv *kv;
    struct bodies *bodies;
    bool unnamed;
    void (*found)(void *ctx, struct str sentence);
    void *ctx;
    struct check_index_counts *counts;
    struct errinfo *why;
    struct arena *mem; /* of the account at hand */
    uint32_t account;
};

static void wrong(struct checking *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void wrong(struct checking *c, const char *fmt, ...)
{
    char text[200];
    va_list args;
    int len;

    va_start(args, fmt);
    len = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    c->found(c->ctx, str_from(text, MIN((size_t)MAX(len, 0), sizeof text - 1)));
}

/* ---- terms of one email ---- */

struct expecting {
    struct checking *c;
    const struct segment *segment;
    uint32_t number;
    bool missing, here;
    enum err e;
};

static void look_for(void *ctx, struct str term, const uint32_t *numbers, uint32_t count)
{
    struct expecting *x = ctx;

    (void)term;
    for (uint32_t i = 0; i < count && !x->here; i++)
        x->here = numbers[i] == x->number;
}

static void expect_term(void *ctx, struct str term)
{
    struct expecting *x = ctx;
    struct term_pattern p = { term.at[0], str_skip(term, 1), false, false };

    if (x->missing || x->e != OK)
        return;
    x->here = false;
    x->e = segment_find(x->segment, &p, look_for, x);
    if (x->e == OK && !x->here) {
        x->missing = true;
        wrong(x->c, "account %u, index: email %u is not under a word that it has", x->c->account,
              x->segment->emails[x->number]);
    }
}

/* An email that is gone by now is not compared; one whose octets cannot be read is the business of
 * the journal's own check. */
static enum err compare_email(struct checking *c, const struct segment *s, uint32_t number)
{
    struct expecting x = { .c = c, .segment = s, .number = number };
    struct arena *mem = arena_new(0);
    struct buf octets = { 0 };
    struct body *body = NULL;
    struct record record;
    struct errinfo unused;
    struct email row;
    struct str value;
    struct key k;
    bool found;
    enum err e;

    key_of_email(&k, TABLE_EMAIL, c->account, s->emails[number]);
    e = table_find_email(c->kv, mem, &k, &found, &row, c->why);
    if (e == OK && found) {
        k.at[0] = TABLE_RECORD;
        e = table_find_text(c->kv, mem, &k, &found, &value, c->why);
    }
    if (e == OK && found && record_open(value, &record) == OK &&
        body_open(c->bodies, row.body, &body, &unused) == OK &&
        body_read(body, 0, (size_t)body_len(body), &octets, &unused) == OK) {
        (void)words_of_message(&record, buf_str(&octets), expect_term, &x);
        c->counts->emails_compared++;
        e = x.e;
    }
    body_close(body);
    buf_deinit(&octets);
    arena_free(mem);
    return e;
}

static bool is_odd(const struct segment *s, uint32_t number)
{
    for (uint32_t i = 0; i < s->odd_count; i++)
        if (s->odd[i] == number)
            return true;
    return false;
}

static enum err compare_some(struct checking *c, const struct segment *s)
{
    uint32_t step = MAX(s->count / COMPARED_PER_SEGMENT, 1U);
    enum err e = OK;

    for (uint32_t n = 0; n < s->count && e == OK; n += step)
        if (!is_odd(s, n))
            e = compare_email(c, s, n);
    return e;
}

/* ---- segments ---- */

static enum err check_terms(struct checking *c, const struct segment *s)
{
    uint32_t *numbers = malloc((s->count + 1U) * sizeof *numbers), count;
    struct buf last = { 0 };
    struct segment_walk w;
    enum err e = OK;

    if (numbers == NULL)
        BUG("out of memory");
    segment_walk_begin(&w, s, STR("\001"));
    while (e == OK && segment_walk_next(&w)) {
        c->counts->terms++;
        if (last.len > 0 && str_cmp(buf_str(&last), w.term) >= 0)
            wrong(c, "account %u, index segment %u: terms are not in order", c->account, s->number);
        buf_clear(&last);
        buf_add(&last, w.term);
        e = segment_walk_numbers(&w, numbers, &count);
        if (e == OK && count == 0)
            wrong(c, "account %u, index segment %u: a term without emails", c->account, s->number);
    }
    e = e == OK ? w.e : e;
    segment_walk_end(&w);
    buf_deinit(&last);
    free(numbers);
    return e;
}

static enum err check_segment(struct checking *c, const struct manifest *m, uint32_t i,
                              struct segment *s)
{
    const struct manifest_segment *named = &m->at[i];
    struct errinfo damage = { "" };
    enum err e = segment_open(c->kv, NULL, c->mem, c->account, named->number, s, &damage);

    if (e == OK && (s->count != named->emails || s->count == 0 || s->emails[0] != named->first ||
                    s->emails[s->count - 1] != named->last || named->last > m->indexed ||
                    (i > 0 && m->at[i - 1].last >= named->first)))
        wrong(c, "account %u, index segment %u is not what the manifest says", c->account,
              named->number);
    if (e == OK && (e = check_terms(c, s)) == OK)
        e = compare_some(c, s);
    c->counts->segments++;
    c->counts->emails += s->count;
    if (e != ERR_CORRUPT)
        return e;
    wrong(c, "account %u, index segment %u is damaged", c->account, named->number);
    return OK;
}

/* Every email up to `indexed` is in a segment; both ascend. */
static enum err check_emails(struct checking *c, const struct manifest *m,
                             const struct segment *segments)
{
    struct key from, to;
    struct kv_iter *it;
    uint32_t segment = 0, number = 0;
    enum err e;

    key_of_email(&from, TABLE_EMAIL, c->account, 0);
    key_of_email(&to, TABLE_EMAIL, c->account, (uint64_t)m->indexed + 1);
    it = kv_iter_new(c->kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on; on = kv_iter_next(it)) {
        uint32_t email = (uint32_t)load_u64(kv_iter_key(it).at + 5);

        while (segment < m->count &&
               (number == segments[segment].count || segments[segment].emails[number] < email)) {
            bool next = number == segments[segment].count;

            segment += next ? 1 : 0;
            number = next ? 0 : number + 1;
        }
        if (segment == m->count || segments[segment].emails[number] != email)
            wrong(c, "account %u, index: email %u is in no segment", c->account, email);
    }
    e = kv_iter_error(it, c->why);
    kv_iter_free(it);
    return e;
}

static enum err check_unnamed(struct checking *c, const struct manifest *m)
{
    struct kv_batch *batch = kv_batch_new(c->kv);
    bool any = false;
    enum err e = index_leftovers(c->kv, m, 1, batch, &any, c->why);

    if (e == OK && any && c->unnamed)
        wrong(c, "account %u, index: there are rows that no manifest names", c->account);
    kv_batch_free(batch);
    return e;
}

static enum err count_waiting(struct checking *c, const struct manifest *m)
{
    struct counters counters;
    struct key k;
    bool found;
    enum err e;

    key_of_account(&k, TABLE_COUNTERS, c->account);
    e = table_find_counters(c->kv, c->mem, &k, &found, &counters, c->why);
    if (e == OK && found && counters.email_last > m->indexed)
        c->counts->emails_waiting += counters.email_last - m->indexed;
    return e;
}

static enum err check_account(struct checking *c)
{
    struct errinfo damage = { "" };
    struct segment *segments;
    struct manifest m;
    enum err e = manifest_load(c->kv, NULL, c->mem, c->account, &m, &damage);

    if (e == ERR_CORRUPT) {
        wrong(c, "%s", damage.text);
        return OK;
    }
    if (e != OK)
        return e;
    segments = ARENA_ARRAY(c->mem, struct segment, m.count + 1U);
    memset(segments, 0, (m.count + 1U) * sizeof *segments);
    for (uint32_t i = 0; i < m.count && e == OK; i++)
        e = check_segment(c, &m, i, &segments[i]);
    c->counts->bytes += manifest_bytes(&m);
    if (e == OK && (e = check_emails(c, &m, segments)) == OK && (e = check_unnamed(c, &m)) == OK)
        e = count_waiting(c, &m);
    return e;
}

enum err check_index(struct kv *kv, struct bodies *bodies, bool unnamed,
                     void (*found)(void *ctx, struct str sentence), void *ctx,
                     struct check_index_counts *ret, struct errinfo *why)
{
    struct checking c = { .kv = kv,
                          .bodies = bodies,
                          .unnamed = unnamed,
                          .found = found,
                          .ctx = ctx,
                          .counts = ret,
                          .why = why,
                          .mem = arena_new(0) };
    uint32_t accounts[ACCOUNTS_AT_ONCE], count = ACCOUNTS_AT_ONCE;
    enum err e = OK;

    *ret = (struct check_index_counts){ 0 };
    for (uint32_t from = 0; e == OK && count == ACCOUNTS_AT_ONCE;) {
        e = index_accounts(kv, from, ACCOUNTS_AT_ONCE, accounts, &count, why);
        for (uint32_t i = 0; i < count && e == OK; i++) {
            c.account = accounts[i];
            ret->accounts++;
            arena_reset(c.mem);
            e = check_account(&c);
            from = c.account + 1;
        }
    }
    arena_free(c.mem);
    return e;
}
