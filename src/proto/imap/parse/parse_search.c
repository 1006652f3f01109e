/* proto/imap/parse/parse_search.c - SEARCH: keys become a program for keeper.
 *
 * The keys stand in one table: what is read behind the word, and what the program gets. Sets are
 * put in empty and listed, because only the session can turn sequence numbers into UIDs. Recursion
 * is bounded by search_depth_max. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "proto/imap/command.h"
#include "proto/imap/parse/search_grammar.h"

struct search_parse {
    struct search_builder b;
    struct imap_search_args *args;
    uint32_t keys, sets_max;
};

enum reads { NOTHING, FLAG, NO_FLAG, DAY, NUMBER, NZ_NUMBER, STRING, WORD };

static const struct {
    struct str word;
    enum reads reads;
    enum search_key key;
    uint64_t flag;
} keys[] = {
    { STR_INIT("ALL"), NOTHING, SEARCH_ALL, 0 },
    { STR_INIT("ANSWERED"), FLAG, SEARCH_FLAG, FLAG_ANSWERED },
    { STR_INIT("BCC"), STRING, SEARCH_BCC, 0 },
    { STR_INIT("BEFORE"), DAY, SEARCH_BEFORE, 0 },
    { STR_INIT("BODY"), STRING, SEARCH_BODY, 0 },
    { STR_INIT("CC"), STRING, SEARCH_CC, 0 },
    { STR_INIT("DELETED"), FLAG, SEARCH_FLAG, FLAG_DELETED },
    { STR_INIT("DRAFT"), FLAG, SEARCH_FLAG, FLAG_DRAFT },
    { STR_INIT("EMAILID"), WORD, SEARCH_EMAIL_ID, 0 },
    { STR_INIT("FLAGGED"), FLAG, SEARCH_FLAG, FLAG_FLAGGED },
    { STR_INIT("FROM"), STRING, SEARCH_FROM, 0 },
    { STR_INIT("LARGER"), NUMBER, SEARCH_LARGER, 0 },
    { STR_INIT("OLD"), NO_FLAG, SEARCH_FLAG, FLAG_RECENT },
    { STR_INIT("OLDER"), NZ_NUMBER, SEARCH_OLDER, 0 },
    { STR_INIT("ON"), DAY, SEARCH_ON, 0 },
    { STR_INIT("RECENT"), FLAG, SEARCH_FLAG, FLAG_RECENT },
    { STR_INIT("SAVEDATESUPPORTED"), NOTHING, SEARCH_ALL, 0 },
    { STR_INIT("SAVEDBEFORE"), DAY, SEARCH_SAVED_BEFORE, 0 },
    { STR_INIT("SAVEDON"), DAY, SEARCH_SAVED_ON, 0 },
    { STR_INIT("SAVEDSINCE"), DAY, SEARCH_SAVED_SINCE, 0 },
    { STR_INIT("SEEN"), FLAG, SEARCH_FLAG, FLAG_SEEN },
    { STR_INIT("SENTBEFORE"), DAY, SEARCH_SENT_BEFORE, 0 },
    { STR_INIT("SENTON"), DAY, SEARCH_SENT_ON, 0 },
    { STR_INIT("SENTSINCE"), DAY, SEARCH_SENT_SINCE, 0 },
    { STR_INIT("SINCE"), DAY, SEARCH_SINCE, 0 },
    { STR_INIT("SMALLER"), NUMBER, SEARCH_SMALLER, 0 },
    { STR_INIT("SUBJECT"), STRING, SEARCH_SUBJECT, 0 },
    { STR_INIT("TEXT"), STRING, SEARCH_TEXT, 0 },
    { STR_INIT("THREADID"), WORD, SEARCH_THREAD_ID, 0 },
    { STR_INIT("TO"), STRING, SEARCH_TO, 0 },
    { STR_INIT("UNANSWERED"), NO_FLAG, SEARCH_FLAG, FLAG_ANSWERED },
    { STR_INIT("UNDELETED"), NO_FLAG, SEARCH_FLAG, FLAG_DELETED },
    { STR_INIT("UNDRAFT"), NO_FLAG, SEARCH_FLAG, FLAG_DRAFT },
    { STR_INIT("UNFLAGGED"), NO_FLAG, SEARCH_FLAG, FLAG_FLAGGED },
    { STR_INIT("UNSEEN"), NO_FLAG, SEARCH_FLAG, FLAG_SEEN },
    { STR_INIT("YOUNGER"), NZ_NUMBER, SEARCH_YOUNGER, 0 },
};

static void add_no_flag(struct search_parse *p, uint64_t flag)
{
    search_open(&p->b, SEARCH_NOT);
    search_add_number(&p->b, SEARCH_FLAG, flag);
    search_close(&p->b);
}

/* The strings of a search are UTF-8 whatever was announced: US-ASCII is a part of it. */
static struct str search_string(struct scan *s)
{
    struct str text = scan_astring(s);

    if (!utf8_valid(text))
        scan_refuse(s, "[BADCHARSET (US-ASCII UTF-8)] The text is not in that charset");
    return text;
}

static void one_word_key(struct scan *s, struct search_parse *p, size_t i)
{
    if (keys[i].reads >= DAY)
        scan_space(s);
    switch (keys[i].reads) {
    case NOTHING:
        search_add(&p->b, keys[i].key);
        break;
    case FLAG:
        search_add_number(&p->b, SEARCH_FLAG, keys[i].flag);
        break;
    case NO_FLAG:
        add_no_flag(p, keys[i].flag);
        break;
    case DAY:
        search_add_day(&p->b, keys[i].key, scan_date(s));
        break;
    case NUMBER:
        search_add_number(&p->b, keys[i].key, scan_number64(s));
        break;
    case NZ_NUMBER:
        search_add_number(&p->b, keys[i].key, scan_nz_number(s));
        break;
    case STRING:
        search_add_text(&p->b, keys[i].key, search_string(s));
        break;
    case WORD:
        search_add_text(&p->b, keys[i].key, scan_astring(s));
        break;
    }
}

/* "KEYWORD" SP flag-keyword: a registered keyword is a bit like the system flags. */
static void keyword(struct scan *s, struct search_parse *p, bool with)
{
    scan_space(s);

    struct str name = scan_atom(s);
    uint64_t bit = flag_bit_find(name);

    if (!with)
        search_open(&p->b, SEARCH_NOT);
    if (bit != 0)
        search_add_number(&p->b, SEARCH_FLAG, bit);
    else
        search_add_text(&p->b, SEARCH_KEYWORD, name);
    if (!with)
        search_close(&p->b);
}

static void set_key(struct scan *s, struct search_parse *p, bool uid)
{
    static const struct uidset none;
    struct imap_search_args *a = p->args;
    struct imap_set set = scan_sequence_set(s);

    if (s->uid_only && !uid && !set.saved)
        scan_fail(s, IMAP_UID_REQUIRED);
    search_add_uids(&p->b, &none);
    a->sets[a->set_count++] = (struct imap_search_set){ p->b.count - 1, uid, set };
}

/* "MODSEQ" [SP entry-name SP entry-type-req] SP mod-sequence-valzer: flags have no modseqs of their
 * own here, so the entry makes no difference (RFC 7162 3.1.5). */
static void modseq(struct scan *s, struct search_parse *p)
{
    scan_space(s);
    if (scan_peek(s, '"')) {
        (void)scan_string(s);
        scan_space(s);
        (void)scan_atom(s);
        scan_space(s);
    }
    p->args->modseq = true;
    search_add_number(&p->b, SEARCH_MODSEQ, scan_number64(s));
}

/* A name that is not known is remembered; the command is read once more when it is. */
static bool find_filter(struct scan *s, struct str name, const struct scan_filter **ret)
{
    for (uint32_t i = 0; i < s->filter_count; i++)
        if (str_eq_nocase(s->filters[i].name, name)) {
            *ret = &s->filters[i];
            return true;
        }
    for (uint32_t i = 0; i < s->unknown.count; i++)
        if (str_eq_nocase(s->unknown.at[i], name))
            return false;
    if (s->unknown.at == NULL)
        s->unknown.at = ARENA_ARRAY(s->mem, struct str, FILTERS_MAX);
    if (s->unknown.count + s->filter_count == FILTERS_MAX)
        scan_refuse(s, "[LIMIT] Too many filters");
    else
        s->unknown.at[s->unknown.count++] = name;
    return false;
}

static void search_key(struct scan *s, struct search_parse *p, uint32_t depth);

/* The keys of a filter stand where its name stands, as if they were in parentheses: a filter is a
 * whole criterion, also behind OR and NOT (RFC 5466 3.1). What is wrong in it is not the command's
 * fault. */
static void filter_keys(struct scan *s, struct search_parse *p, struct str value, uint32_t depth)
{
    struct str rest = s->rest;
    bool was_ok = scan_ok(s);

    s->rest = value;
    s->nesting++;
    search_open(&p->b, SEARCH_AND);
    do
        search_key(s, p, depth + 1);
    while (scan_try(s, ' '));
    scan_end(s);
    search_close(&p->b);
    s->nesting--;
    s->rest = rest;
    if (was_ok && !scan_ok(s) && !s->refused) {
        s->error = "[CANNOT] A filter in the search is not a search";
        s->refused = true;
    }
}

/* "FILTER" SP filter-name (RFC 5466 4). */
static void filter(struct scan *s, struct search_parse *p, uint32_t depth)
{
    const struct scan_filter *f;
    struct str name;

    scan_space(s);
    name = scan_atom(s);
    if (str_find_char(name, '/') != STR_NOT_FOUND)
        scan_fail(s, "That is not the name of a filter");
    if (!scan_ok(s))
        return;
    if (!find_filter(s, name, &f))
        search_add(&p->b, SEARCH_ALL);
    else if (f->exists && s->nesting < FILTER_NESTING_MAX)
        filter_keys(s, p, f->value, depth);
    else
        scan_refuse(s, arena_printf(s->mem, "[UNDEFINED-FILTER %.*s] There is no such filter",
                                    STR_ARG(name))
                           .at);
}

static void header(struct scan *s, struct search_parse *p)
{
    scan_space(s);
    struct str field = scan_astring(s);

    scan_space(s);
    search_add_header(&p->b, field, search_string(s));
}

static void new_messages(struct search_parse *p)
{
    search_open(&p->b, SEARCH_AND);
    search_add_number(&p->b, SEARCH_FLAG, FLAG_RECENT);
    add_no_flag(p, FLAG_SEEN);
    search_close(&p->b);
}

static void inner_keys(struct scan *s, struct search_parse *p, enum search_key key, uint32_t depth)
{
    search_open(&p->b, key);
    if (key == SEARCH_AND) {
        do
            search_key(s, p, depth + 1);
        while (scan_try(s, ' '));
        scan_char(s, ')');
    } else {
        scan_space(s);
        search_key(s, p, depth + 1);
    }
    if (key == SEARCH_OR) {
        scan_space(s);
        search_key(s, p, depth + 1);
    }
    search_close(&p->b);
}

static bool starts_set(const struct scan *s)
{
    return !scan_at_end(s) &&
           (ascii_is_digit(s->rest.at[0]) || scan_peek(s, '*') || scan_peek(s, '$'));
}

/* "FUZZY" SP search-key (RFC 6203 7): the texts in it are words. Of other keys fuzziness has no
 * meaning here (RFC 6203 5). */
static void fuzzy(struct scan *s, struct search_parse *p, uint32_t depth)
{
    bool before = p->b.fuzzy;

    scan_space(s);
    p->b.fuzzy = true;
    p->args->fuzzy = true;
    search_key(s, p, depth + 1);
    p->b.fuzzy = before;
}

/* The keys that are more than a word and one argument. */
static bool special_key(struct scan *s, struct search_parse *p, uint32_t depth)
{
    if (starts_set(s))
        set_key(s, p, false);
    else if (scan_try(s, '('))
        inner_keys(s, p, SEARCH_AND, depth);
    else if (scan_word(s, STR("NOT")))
        inner_keys(s, p, SEARCH_NOT, depth);
    else if (scan_word(s, STR("OR")))
        inner_keys(s, p, SEARCH_OR, depth);
    else if (scan_word(s, STR("KEYWORD")))
        keyword(s, p, true);
    else if (scan_word(s, STR("UNKEYWORD")))
        keyword(s, p, false);
    else if (scan_word(s, STR("HEADER")))
        header(s, p);
    else if (scan_word(s, STR("NEW")))
        new_messages(p);
    else if (scan_word(s, STR("MODSEQ")))
        modseq(s, p);
    else if (scan_word(s, STR("FUZZY")))
        fuzzy(s, p, depth);
    else if (scan_word(s, STR("FILTER")))
        filter(s, p, depth);
    else if (scan_word(s, STR("UID"))) {
        scan_space(s);
        set_key(s, p, true);
    } else {
        return false;
    }
    return true;
}

static void search_key(struct scan *s, struct search_parse *p, uint32_t depth)
{
    if (++p->keys > s->limits->search_keys_max || depth > s->limits->search_depth_max) {
        scan_refuse(s, "[LIMIT] The search has too many keys");
        return;
    }
    if (!scan_ok(s) || special_key(s, p, depth))
        return;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (scan_word(s, keys[i].word)) {
            one_word_key(s, p, i);
            return;
        }
    scan_fail(s, "Unknown search key");
}

void scan_search_charset(struct scan *s)
{
    struct str name = scan_astring(s);
    if (!str_eq_nocase(name, STR("US-ASCII")) && !str_eq_nocase(name, STR("UTF-8")))
        scan_refuse(s, "[BADCHARSET (US-ASCII UTF-8)] Unknown charset");
    scan_space(s);
}

void scan_search_program(struct scan *s, struct imap_command *c)
{
    struct search_parse p = { .args = &c->search };

    c->search.sets = ARENA_ARRAY(s->mem, struct imap_search_set, s->limits->search_keys_max + 1U);
    search_begin(&p.b, s->mem);
    do
        search_key(s, &p, 0);
    while (scan_try(s, ' '));
    if (scan_ok(s) && search_finish(&p.b, &c->search.program) != OK)
        scan_refuse(s, "[LIMIT] The search is too large");
}

IMAP_ARGS_FN(search)
{
    scan_space(s);
    if (scan_word(s, STR("RETURN")))
        scan_search_returns(s, &c->search);
    if (scan_word(s, STR("CHARSET"))) {
        scan_space(s);
        scan_search_charset(s);
    }
    scan_search_program(s, c);
    if ((c->search.returns & RETURN_RELEVANCY) != 0 && !c->search.fuzzy)
        scan_fail(s, "RELEVANCY needs a FUZZY key"); /* RFC 6203 4 */
}

bool command_is_search(struct arena *mem, const struct scan_limits *limits, struct str text)
{
    struct scan s = { .mem = mem, .limits = limits, .rest = text, .utf8 = true };
    struct imap_search_args args = { 0 };
    struct search_parse p = { .args = &args };

    args.sets = ARENA_ARRAY(mem, struct imap_search_set, limits->search_keys_max + 1U);
    search_begin(&p.b, mem);
    do
        search_key(&s, &p, 0);
    while (scan_try(&s, ' '));
    scan_end(&s);
    return scan_ok(&s) && search_finish(&p.b, &args.program) == OK;
}
