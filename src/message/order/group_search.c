/* message/order/group_search.c - a search program against a block of messages, column by column. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/order/group_search.h"

enum { DAY_S = 86400, MINUTE_S = 60 };

static const struct group_bits none;

static struct group_bits all_of(uint32_t count)
{
    struct group_bits b = none;

    for (uint32_t i = 0; i < count / 64; i++)
        b.word[i] = UINT64_MAX;
    if (count % 64 != 0)
        b.word[count / 64] = (1ULL << count % 64) - 1;
    return b;
}

/* ---- numbers ---- */

/* Fills bits from a condition on `i`; the compiler turns each use into one tight loop. */
#define BITS_WHERE(bits, count, condition)                                                         \
    for (uint32_t i = 0; i < (count); i++)                                                         \
    (bits)->word[i / 64] |= (uint64_t)(condition) << (i % 64)

static void match_uids(const struct search_group *g, const struct uidset *uids,
                       struct group_bits *yes)
{
    uint32_t i = 0;

    for (uint32_t r = 0; r < uids->len && i < g->count; r++) {
        const struct uid_range *range = &uids->at[r];

        if (range->last < g->uids[i])
            continue;
        while (i < g->count && g->uids[i] < range->first)
            i++;
        for (; i < g->count && g->uids[i] <= range->last; i++)
            group_set(yes, i);
    }
}

static int64_t day_of(int64_t moment_s, int zone_min)
{
    int64_t local = moment_s + (int64_t)zone_min * MINUTE_S;

    return local / DAY_S - (local % DAY_S < 0 ? 1 : 0);
}

/* Moments and the zones in which their days are counted; null: UTC. */
struct dates {
    const int64_t *moments;
    const int16_t *zones;
};

/* The three keys of a kind of date stand together: BEFORE, ON, SINCE. */
static void match_day(struct dates d, uint32_t count, uint32_t which, int64_t day,
                      struct group_bits *yes)
{
    for (uint32_t i = 0; i < count; i++) {
        int64_t here = day_of(d.moments[i], d.zones == NULL ? 0 : d.zones[i]);
        bool hit = which == 0 ? here < day : which == 1 ? here == day : here >= day;

        yes->word[i / 64] |= (uint64_t)hit << (i % 64);
    }
}

/* RFC 5032: at least, or at most, so many seconds ago. */
static void match_age(const struct search_group *g, const struct search_node *n,
                      struct group_bits *yes)
{
    const int64_t *at = g->arrived_s;
    int64_t now = g->now_s;

    if (n->key == SEARCH_OLDER)
        BITS_WHERE(yes, g->count, now >= at[i] && (uint64_t)(now - at[i]) >= n->number);
    else
        BITS_WHERE(yes, g->count, now < at[i] || (uint64_t)(now - at[i]) <= n->number);
}

/* "E1f" and "T1f" as they are told (RFC 8474): a letter and the number in hexadecimal. */
static void match_id(const uint64_t *ids, uint32_t count, char letter, struct str text,
                     struct group_bits *yes)
{
    for (uint32_t i = 0; i < count; i++) {
        char word[20];
        int len = snprintf(word, sizeof word, "%c%llx", letter, (unsigned long long)ids[i]);

        if (str_eq(text, str_from(word, (size_t)len)))
            group_set(yes, i);
    }
}

/* ---- texts ---- */

/* All texts of a column stand one behind the other, so one search finds the next hit in any of
 * them; a hit that reaches over the end of a text is none. */
static void match_column(const struct key_block *k, enum key_text t, struct str folded,
                         struct group_bits *yes)
{
    const uint32_t *at = k->text[t].at;
    const char *octets = k->text[t].octets;
    size_t from = 0, end = at == NULL ? 0 : at[k->count];
    uint32_t i = 0;

    while (from < end) {
        const char *hit = memmem(octets + from, end - from, folded.at, folded.len);

        if (hit == NULL)
            return;
        from = (size_t)(hit - octets);
        while (at[i + 1] <= from)
            i++;
        if (from + folded.len <= at[i + 1])
            group_set(yes, i);
        from = at[i + 1]; /* what begins later in this text reaches over its end, too */
    }
}

/* An empty text asks whether there is such a field, and line feeds part addresses: search_match
 * knows about these. */
static void match_text(const struct search_group *g, const struct search_node *n, enum key_text t,
                       struct group_verdict *v)
{
    const struct key_block *k = g->keys;

    if (n->text.len == 0 || str_find(n->text, STR("\n")) != STR_NOT_FOUND) {
        v->maybe = all_of(g->count);
        return;
    }
    match_column(k, t, n->text, &v->yes);
    BITS_WHERE(&v->maybe, k->count, k->facts[i] >> t & 1);
}

/* ---- leaves ---- */

/* What the view knows, too. */
static bool match_view_numbers(const struct search_group *g, const struct search_node *n,
                               struct group_bits *yes)
{
    switch (n->key) {
    case SEARCH_LARGER:
        BITS_WHERE(yes, g->count, g->sizes[i] > n->number);
        return true;
    case SEARCH_SMALLER:
        BITS_WHERE(yes, g->count, g->sizes[i] < n->number);
        return true;
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
        match_day((struct dates){ g->arrived_s, g->arrived_zones_min }, g->count,
                  n->key - SEARCH_BEFORE, n->day, yes);
        return true;
    case SEARCH_OLDER:
    case SEARCH_YOUNGER:
        match_age(g, n, yes);
        return true;
    case SEARCH_EMAIL_ID:
        match_id(g->emails, g->count, 'E', n->text, yes);
        return true;
    default:
        return false;
    }
}

static void match_numbers(const struct key_block *k, const struct search_node *n,
                          struct group_bits *yes)
{
    switch (n->key) {
    case SEARCH_SAVED_BEFORE:
    case SEARCH_SAVED_ON:
    case SEARCH_SAVED_SINCE:
        match_day((struct dates){ k->saved_s, NULL }, k->count, n->key - SEARCH_SAVED_BEFORE,
                  n->day, yes);
        break;
    case SEARCH_SENT_BEFORE:
    case SEARCH_SENT_ON:
    case SEARCH_SENT_SINCE:
        match_day((struct dates){ k->sent_s, k->sent_zone_min }, k->count,
                  n->key - SEARCH_SENT_BEFORE, n->day, yes);
        break;
    default:
        match_id(k->thread, k->count, 'T', n->text, yes);
        break;
    }
}

static bool text_of_key(enum search_key key, enum key_text *ret)
{
    switch (key) {
    case SEARCH_SUBJECT:
        *ret = KEY_SUBJECT;
        return true;
    case SEARCH_FROM:
        *ret = KEY_FROM;
        return true;
    case SEARCH_TO:
        *ret = KEY_TO;
        return true;
    case SEARCH_CC:
        *ret = KEY_CC;
        return true;
    case SEARCH_BCC:
        *ret = KEY_BCC;
        return true;
    default:
        return false;
    }
}

static void match_leaf(const struct search_group *g, const struct search_node *n,
                       struct group_verdict *v)
{
    enum key_text t;

    *v = (struct group_verdict){ none, none };
    switch (n->key) {
    case SEARCH_ALL:
        v->yes = all_of(g->count);
        return;
    case SEARCH_FLAG:
        BITS_WHERE(&v->yes, g->count, (g->flags[i] & n->number) == n->number);
        return;
    case SEARCH_KEYWORD:
        return; /* search_bind_keywords did not find it */
    case SEARCH_UIDS:
        match_uids(g, &n->uids, &v->yes);
        return;
    case SEARCH_MODSEQ:
        BITS_WHERE(&v->yes, g->count, g->modseqs[i] >= n->number);
        return;
    default:
        break;
    }
    if (match_view_numbers(g, n, &v->yes))
        return;
    if (search_texts_of(n->key) != 0 && g->candidates != NULL && g->candidates(g->ctx, n, g, v))
        return;
    /* Columns hold texts, not their words. */
    if (n->key >= SEARCH_HEADER || g->keys == NULL || search_is_fuzzy(n))
        v->maybe = all_of(g->count);
    else if (text_of_key(n->key, &t))
        match_text(g, n, t, v);
    else
        match_numbers(g->keys, n, &v->yes);
}

/* ---- trees ---- */

static void negate(struct group_verdict *v, const struct group_bits *all)
{
    for (size_t w = 0; w < GROUP_WORDS; w++)
        v->yes.word[w] = all->word[w] & ~v->yes.word[w] & ~v->maybe.word[w];
}

static void join_and(struct group_verdict *v, const struct group_verdict *with)
{
    for (size_t w = 0; w < GROUP_WORDS; w++) {
        uint64_t could =
            (v->yes.word[w] | v->maybe.word[w]) & (with->yes.word[w] | with->maybe.word[w]);

        v->yes.word[w] &= with->yes.word[w];
        v->maybe.word[w] = could & ~v->yes.word[w];
    }
}

static void join_or(struct group_verdict *v, const struct group_verdict *with)
{
    for (size_t w = 0; w < GROUP_WORDS; w++) {
        v->yes.word[w] |= with->yes.word[w];
        v->maybe.word[w] = (v->maybe.word[w] | with->maybe.word[w]) & ~v->yes.word[w];
    }
}

static bool is_empty(const struct group_verdict *v)
{
    uint64_t any = 0;

    for (size_t w = 0; w < GROUP_WORDS; w++)
        any |= v->yes.word[w] | v->maybe.word[w];
    return any == 0;
}

static void match_node(const struct search_group *g, const struct search_node *n,
                       struct group_verdict *ret)
{
    struct group_bits all = all_of(g->count);

    if (search_operand_of(n->key) != SEARCH_WITH_KEYS) {
        match_leaf(g, n, ret);
        return;
    }
    if (n->key == SEARCH_NOT) {
        match_node(g, n + 1, ret);
        negate(ret, &all);
        return;
    }
    *ret = (struct group_verdict){ n->key == SEARCH_AND ? all : none, none };
    for (uint32_t i = 1; i < n->span; i += n[i].span) {
        struct group_verdict child;

        match_node(g, n + i, &child);
        if (n->key == SEARCH_OR)
            join_or(ret, &child);
        else
            join_and(ret, &child);
        if (n->key == SEARCH_AND && is_empty(ret))
            return;
    }
}

void search_group_match(const struct search *s, const struct search_group *g,
                        struct group_verdict *ret)
{
    match_node(g, s->nodes, ret);
}
