/* message/set/search_match.c - one message against a search program.
 *
 * Every key answers yes, no, or what it lacks; AND, OR and NOT join these answers, so that one
 * certain answer can settle the whole without what the others lack. The program is first tried
 * without the octets of the message even when they are at hand: a cheap no saves decoding a body.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/coding/charset.h"
#include "message/set/search.h"
#include "message/words/texts.h"

enum { DAY_S = 86400, MINUTE_S = 60 };

static bool contains(struct arena *mem, struct str text, struct str folded)
{
    return folded.len == 0 || str_find(text_fold_case(mem, text), folded) != STR_NOT_FOUND;
}

/* The day of a moment as a clock in that zone shows it; before 1970 too. */
static int64_t day_of(int64_t moment_s, int zone_min)
{
    int64_t local = moment_s + (int64_t)zone_min * MINUTE_S;

    return local / DAY_S - (local % DAY_S < 0 ? 1 : 0);
}

static bool day_matches(enum search_key key, enum search_key before, int64_t day, int64_t asked)
{
    /* The three keys of a kind of date stand together: BEFORE, ON, SINCE. */
    if (key == before)
        return day < asked;
    return key == before + 1 ? day == asked : day >= asked;
}

/* RFC 5256 2.2: a message without a usable Date was sent when it arrived. */
static int64_t sent_day(const struct search_meta *m)
{
    if ((m->record.facts & RECORD_HAS_DATE) != 0)
        return day_of(m->record.date_s, m->record.date_zone_min);
    return day_of(m->internal_date_s, m->internal_zone_min);
}

/* ---- substrings ---- */

/* HEADER looks into the values of fields of one name, the other keys into whole texts. */
static bool text_matches(void *ctx, const struct text_found *t)
{
    const struct search_node *n = ctx;
    SCRATCH(tmp, NULL);

    if (n->key != SEARCH_HEADER)
        return contains(tmp, t->text, n->text);
    return str_eq_nocase(t->name, n->field) && contains(tmp, text_value(t), n->text);
}

/* The texts that a key looks into. */
unsigned search_texts_of(enum search_key key)
{
    switch (key) {
    case SEARCH_FROM:
        return TEXT_BIT(FROM);
    case SEARCH_TO:
        return TEXT_BIT(TO);
    case SEARCH_CC:
        return TEXT_BIT(CC);
    case SEARCH_BCC:
        return TEXT_BIT(BCC);
    case SEARCH_SUBJECT:
        return TEXT_BIT(SUBJECT);
    case SEARCH_HEADER:
        return TEXT_BIT(HEADER);
    case SEARCH_BODY:
        return TEXTS_IN_BODY;
    case SEARCH_TEXT:
        return TEXTS_IN_MESSAGE;
    default:
        return 0;
    }
}

static unsigned score_words(const struct search_node *n, const struct search_facts *f)
{
    struct errinfo unused;
    struct stems *none = NULL;
    unsigned score;

    if (f->stems == NULL && stems_new(STR_EMPTY, &none, &unused) != OK)
        return 0;
    score = fuzzy_score(&f->meta->record, f->message, search_texts_of(n->key),
                        f->stems == NULL ? none : f->stems, n->text);
    stems_free(none);
    return score;
}

unsigned search_score(const struct search *s, const struct search_facts *facts)
{
    unsigned best = 0;

    for (uint32_t i = 0; i < s->count && facts->meta != NULL; i++)
        if (search_is_fuzzy(&s->nodes[i]))
            best = MAX(best, score_words(&s->nodes[i], facts));
    return best;
}

/* The empty string is in every body and in every text, also where there is none. */
static bool substring_matches(const struct search_node *n, const struct search_facts *f)
{
    if (search_is_fuzzy(n))
        return score_words(n, f) > 0;
    if (n->text.len == 0 && (n->key == SEARCH_BODY || n->key == SEARCH_TEXT))
        return true;
    return texts_each(&f->meta->record, f->message, search_texts_of(n->key), text_matches,
                      (void *)(uintptr_t)n);
}

/* Keys that the meta data and the record answer. */
static bool meta_matches(const struct search_node *n, const struct search_facts *f)
{
    const struct search_meta *m = f->meta;

    switch (n->key) {
    case SEARCH_LARGER:
        return m->size_bytes > n->number;
    case SEARCH_SMALLER:
        return m->size_bytes < n->number;
    case SEARCH_BEFORE:
    case SEARCH_ON:
    case SEARCH_SINCE:
        return day_matches(n->key, SEARCH_BEFORE, day_of(m->internal_date_s, m->internal_zone_min),
                           n->day);
    case SEARCH_SAVED_BEFORE:
    case SEARCH_SAVED_ON:
    case SEARCH_SAVED_SINCE:
        return day_matches(n->key, SEARCH_SAVED_BEFORE, day_of(m->save_date_s, 0), n->day);
    case SEARCH_SENT_BEFORE:
    case SEARCH_SENT_ON:
    case SEARCH_SENT_SINCE:
        return day_matches(n->key, SEARCH_SENT_BEFORE, sent_day(m), n->day);
    case SEARCH_OLDER:
        return f->now_s >= m->internal_date_s &&
               (uint64_t)(f->now_s - m->internal_date_s) >= n->number;
    case SEARCH_YOUNGER:
        return f->now_s < m->internal_date_s ||
               (uint64_t)(f->now_s - m->internal_date_s) <= n->number;
    case SEARCH_EMAIL_ID:
        return str_eq(m->email_id, n->text);
    case SEARCH_THREAD_ID:
        return str_eq(m->thread_id, n->text);
    default:
        return substring_matches(n, f);
    }
}

static enum search_verdict of_bool(bool yes)
{
    return yes ? SEARCH_YES : SEARCH_NO;
}

/* Keys are rows in the order of their price: the view knows those before LARGER, the meta data
 * those before HEADER. */
static enum search_verdict match_leaf(const struct search_node *n, const struct search_facts *f)
{
    switch (n->key) {
    case SEARCH_ALL:
        return SEARCH_YES;
    case SEARCH_FLAG:
        return of_bool((f->flags & n->number) == n->number);
    case SEARCH_KEYWORD:
        return SEARCH_NO; /* search_bind_keywords did not find it */
    case SEARCH_UIDS:
        return of_bool(uidset_contains(&n->uids, f->uid));
    case SEARCH_MODSEQ:
        return of_bool(f->modseq >= n->number);
    default:
        break;
    }
    if (f->meta == NULL)
        return SEARCH_NEEDS_META;
    if (n->key < SEARCH_HEADER)
        return of_bool(meta_matches(n, f));
    if (f->message.at == NULL)
        return SEARCH_NEEDS_MESSAGE;
    return of_bool(substring_matches(n, f));
}

/* What is needed first when two answers both lack something. */
static enum search_verdict join_needs(enum search_verdict a, enum search_verdict b)
{
    if (a < SEARCH_NEEDS_META)
        return b;
    return b < SEARCH_NEEDS_META ? a : MIN(a, b);
}

/* Goes down one call a level; SEARCH_DEPTH_MAX levels at most. */
static enum search_verdict match_node(const struct search_node *n, const struct search_facts *f)
{
    enum search_verdict settled = n->key == SEARCH_OR ? SEARCH_YES : SEARCH_NO;
    enum search_verdict otherwise = n->key == SEARCH_OR ? SEARCH_NO : SEARCH_YES;

    if (search_operand_of(n->key) != SEARCH_WITH_KEYS)
        return match_leaf(n, f);
    if (n->key == SEARCH_NOT) {
        enum search_verdict inside = match_node(n + 1, f);

        return inside == SEARCH_YES ? SEARCH_NO : inside == SEARCH_NO ? SEARCH_YES : inside;
    }
    for (uint32_t i = 1; i < n->span; i += n[i].span) {
        enum search_verdict v = match_node(n + i, f);

        if (v == settled)
            return settled;
        otherwise = join_needs(otherwise, v);
    }
    return otherwise;
}

enum search_verdict search_match(const struct search *s, const struct search_facts *facts)
{
    struct search_facts cheap = *facts;
    enum search_verdict v;

    cheap.message = (struct str){ NULL, 0 };
    v = match_node(s->nodes, &cheap);
    if (v == SEARCH_NEEDS_MESSAGE && facts->message.at != NULL)
        v = match_node(s->nodes, facts);
    return v;
}
