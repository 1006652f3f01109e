/* message/set/search_match.c - one message against a search program.
 *
 * Every key answers yes, no, or what it lacks; AND, OR and NOT join these answers, so that one
 * certain answer can settle the whole without what the others lack. The program is first tried
 * without the octets of the message even when they are at hand: a cheap no saves decoding a body.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/coding/charset.h"
#include "message/set/search.h"
#include "message/text/header.h"
#include "message/text/word.h"

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

/* "Name <local@domain>" as people read and type it. */
static bool address_matches(struct arena *mem, const struct mail_address *a, struct str folded)
{
    struct buf text = { 0 };
    bool found;

    if (a->name.at != NULL)
        buf_add(&text, word_decode(mem, a->name));
    if (a->kind == ADDRESS_MAILBOX) {
        BUF_ADD(&text, " <");
        buf_add(&text, a->local);
        BUF_ADD(&text, "@");
        buf_add(&text, a->domain);
        BUF_ADD(&text, ">");
    }
    found = contains(mem, buf_str(&text), folded);
    buf_deinit(&text);
    return found;
}

static bool any_address_matches(struct str envelope, enum envelope_field field, struct str folded)
{
    struct envelope_addresses list = envelope_addresses(envelope, field);
    struct mail_address a;

    while (envelope_next(&list, &a)) {
        SCRATCH(tmp, NULL);

        if (address_matches(tmp, &a, folded))
            return true;
    }
    return false;
}

static bool subject_matches(const struct record *r, struct str folded)
{
    SCRATCH(tmp, NULL);
    struct str subject = envelope_text(r->envelope, ENVELOPE_SUBJECT);

    return subject.at != NULL && contains(tmp, word_decode(tmp, subject), folded);
}

/* Fields of a header block: those named `field`, or all with their names when it is null. */
static bool header_matches(struct str header, const struct str *field, struct str folded)
{
    struct header_reader r = header_reader_of(NULL, header);
    struct header_field f;

    while (header_next(&r, &f)) {
        SCRATCH(tmp, NULL);

        if (field != NULL && !str_eq_nocase(f.name, *field))
            continue;
        if (contains(tmp, word_decode(tmp, field != NULL ? f.value : f.whole), folded))
            return true;
    }
    return false;
}

static bool text_part_matches(const struct part *p, struct str octets, struct str folded)
{
    SCRATCH(tmp, NULL);
    struct str charset = string_list_param(p->params, STR("charset")), text;
    struct buf decoded = { 0 };
    bool found;

    if (p->encoding == ENCODING_QP || p->encoding == ENCODING_BASE64) {
        (void)encoding_decode(p->encoding, octets, &decoded);
        octets = buf_str(&decoded);
    }
    if (charset_to_utf8(tmp, charset.at == NULL ? STR_EMPTY : charset, octets, &text) != OK)
        text = octets; /* folding repairs what is not UTF-8 */
    found = contains(tmp, text, folded);
    buf_deinit(&decoded);
    return found;
}

/* The body is all text in it, and the headers of the parts and messages inside. */
static bool body_matches(const struct record *r, struct str message, struct str folded)
{
    struct part_iter it = record_parts(r);
    struct part p;

    if (folded.len == 0)
        return true;
    while (part_next(&it, &p)) {
        if (p.index != 0 &&
            header_matches(str_sub(message, (size_t)p.header_at, (size_t)p.header_bytes), NULL,
                           folded))
            return true;
        if (p.kind == PART_LEAF && str_eq_nocase(p.type, STR("text")) &&
            text_part_matches(&p, str_sub(message, (size_t)p.body_at, (size_t)p.body_bytes),
                              folded))
            return true;
    }
    return false;
}

/* Keys that look into the octets. */
static bool message_matches(const struct search_node *n, const struct search_facts *f)
{
    const struct record *r = &f->meta->record;
    struct str header = str_take(f->message, (size_t)r->header_bytes);

    switch (n->key) {
    case SEARCH_HEADER:
        return header_matches(header, &n->field, n->text);
    case SEARCH_TEXT:
        return header_matches(header, NULL, n->text) || body_matches(r, f->message, n->text);
    default:
        return body_matches(r, f->message, n->text);
    }
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
    case SEARCH_FROM:
        return any_address_matches(m->record.envelope, ENVELOPE_FROM, n->text);
    case SEARCH_TO:
        return any_address_matches(m->record.envelope, ENVELOPE_TO, n->text);
    case SEARCH_CC:
        return any_address_matches(m->record.envelope, ENVELOPE_CC, n->text);
    case SEARCH_BCC:
        return any_address_matches(m->record.envelope, ENVELOPE_BCC, n->text);
    default:
        return subject_matches(&m->record, n->text);
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
    return of_bool(message_matches(n, f));
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
