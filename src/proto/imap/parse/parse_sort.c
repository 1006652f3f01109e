/* proto/imap/parse/parse_sort.c - SORT, THREAD and the RETURN options that searching commands
 * share.
 *
 * The search program itself is read by parse_search.c. Spec: RFC 5256 5, RFC 5267 5, RFC 5957 5,
 * RFC 9394 4. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/command.h"
#include "proto/imap/parse/search_grammar.h"

/* partial-range: both numbers count from the first result, or both, with "-", from the last. */
struct imap_partial scan_partial_range(struct scan *s)
{
    struct imap_partial p = { .from_end = scan_try(s, '-') };

    p.first = scan_nz_number(s);
    scan_char(s, ':');
    if (p.from_end)
        scan_char(s, '-');
    p.last = scan_nz_number(s);
    return p;
}

/* search-return-opts: "RETURN" SP "(" [option *(SP option)] ")", of which the word has been read;
 * none means ALL (RFC 4731 3.1). */
void scan_search_returns(struct scan *s, struct imap_search_args *a)
{
    static const struct {
        struct str word;
        uint32_t bit;
    } options[] = {
        { STR_INIT("MIN"), RETURN_MIN },
        { STR_INIT("MAX"), RETURN_MAX },
        { STR_INIT("ALL"), RETURN_ALL },
        { STR_INIT("COUNT"), RETURN_COUNT },
        { STR_INIT("SAVE"), RETURN_SAVE },
        { STR_INIT("PARTIAL"), RETURN_PARTIAL },
        { STR_INIT("CONTEXT"), RETURN_CONTEXT },
        { STR_INIT("UPDATE"), RETURN_UPDATE },
        { STR_INIT("RELEVANCY"), RETURN_RELEVANCY },
    };

    scan_space(s);
    scan_char(s, '(');
    a->returns = RETURN_ESEARCH;
    while (!scan_at_end(s) && !scan_peek(s, ')')) {
        uint32_t before = a->returns;

        for (size_t i = 0; i < ARRAY_LEN(options); i++)
            if (a->returns == before && scan_word(s, options[i].word))
                a->returns |= options[i].bit;
        if ((a->returns & ~before) == RETURN_PARTIAL) {
            scan_space(s);
            a->partial = scan_partial_range(s);
        }
        if (a->returns == before || (!scan_try(s, ' ') && !scan_peek(s, ')')))
            scan_fail(s, "Unknown or repeated RETURN option");
    }
    scan_char(s, ')');
    scan_space(s);
    if ((a->returns & ~(uint32_t)(RETURN_CONTEXT | RETURN_UPDATE)) == RETURN_ESEARCH &&
        a->returns == RETURN_ESEARCH)
        a->returns |= RETURN_ALL;
    /* RFC 9394 3.1: one of the two at most. */
    if ((a->returns & RETURN_ALL) != 0 && (a->returns & RETURN_PARTIAL) != 0)
        scan_fail(s, "PARTIAL and ALL exclude each other");
}

/* sort-criterion = ["REVERSE" SP] sort-key */
static void sort_criterion(struct scan *s, struct sort_criteria *c)
{
    static const struct {
        struct str word;
        enum sort_key key;
    } keys[] = {
        { STR_INIT("ARRIVAL"), SORT_ARRIVAL },
        { STR_INIT("CC"), SORT_CC },
        { STR_INIT("DATE"), SORT_DATE },
        { STR_INIT("DISPLAYFROM"), SORT_DISPLAYFROM },
        { STR_INIT("DISPLAYTO"), SORT_DISPLAYTO },
        { STR_INIT("FROM"), SORT_FROM },
        { STR_INIT("SIZE"), SORT_SIZE },
        { STR_INIT("SUBJECT"), SORT_SUBJECT },
        { STR_INIT("TO"), SORT_TO },
    };
    bool reverse = scan_word(s, STR("REVERSE"));

    if (reverse)
        scan_space(s);
    if (c->count == SORT_CRITERIA_MAX) {
        scan_refuse(s, "[LIMIT] Too many sort criteria");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (scan_word(s, keys[i].word)) {
            c->at[c->count++] = (struct sort_criterion){ keys[i].key, reverse };
            return;
        }
    scan_fail(s, "Unknown sort criterion");
}

/* search-criteria = charset 1*(SP search-key): here the charset must stand. */
static void search_criteria(struct scan *s, struct imap_command *c)
{
    scan_space(s);
    scan_search_charset(s);
    scan_search_program(s, c);
}

IMAP_ARGS_FN(sort)
{
    struct imap_search_args *a = &c->search;

    scan_space(s);
    if (scan_word(s, STR("RETURN")))
        scan_search_returns(s, a);
    scan_char(s, '(');
    do
        sort_criterion(s, &a->criteria);
    while (scan_try(s, ' '));
    scan_char(s, ')');
    if ((a->returns & RETURN_RELEVANCY) != 0)
        scan_fail(s, "Scores are told by SEARCH alone");
    search_criteria(s, c);
}

IMAP_ARGS_FN(thread)
{
    static const struct {
        struct str word;
        enum thread_algorithm algorithm;
    } words[] = {
        { STR_INIT("ORDEREDSUBJECT"), THREAD_ORDEREDSUBJECT },
        { STR_INIT("REFERENCES"), THREAD_REFERENCES },
        { STR_INIT("REFS"), THREAD_REFS },
    };
    size_t i = 0;

    scan_space(s);
    while (i < ARRAY_LEN(words) && !scan_word(s, words[i].word))
        i++;
    if (i == ARRAY_LEN(words))
        scan_fail(s, "Unknown threading algorithm");
    else
        c->search.algorithm = words[i].algorithm;
    search_criteria(s, c);
}

/* source-mbox of one specifier; "subtree-one" is ESEARCH's own (RFC 7377 2.2). */
static void source(struct scan *s, struct imap_search_args *a)
{
    struct imap_notify_group *g = &a->sources[a->source_count];

    if (a->source_count == NOTIFY_GROUPS_MAX) {
        scan_refuse(s, "[LIMIT] Too many mailbox specifiers");
        return;
    }
    a->source_count++;
    if (scan_word(s, STR("SUBTREE-ONE"))) {
        g->where = NOTIFY_SUBTREE_ONE;
        scan_space(s);
        scan_mailboxes(s, &g->names);
        return;
    }
    scan_mailbox_selector(s, g);
    if (g->where == NOTIFY_SELECTED_DELAYED)
        scan_fail(s, "SELECTED-DELAYED is not for searches");
}

/* "IN" SP "(" source-mbox [SP "(" scope-options ")"] ")"; no scope option is defined. */
static void sources(struct scan *s, struct imap_search_args *a)
{
    a->sources = ARENA_ARRAY(s->mem, struct imap_notify_group, NOTIFY_GROUPS_MAX + 1U);
    scan_space(s);
    scan_char(s, '(');
    do
        source(s, a);
    while (scan_try(s, ' '));
    scan_char(s, ')');
    scan_space(s);
}

/* RFC 7377 2.1: message numbers mean nothing in many mailboxes, nor does "$". */
static void check_sets(struct scan *s, const struct imap_search_args *a)
{
    for (uint32_t i = 0; scan_ok(s) && i < a->set_count; i++)
        if (!a->sets[i].uid || a->sets[i].set.saved)
            scan_fail(s, "ESEARCH knows messages by UID alone");
}

IMAP_ARGS_FN(esearch)
{
    struct imap_search_args *a = &c->search;

    scan_space(s);
    if (scan_word(s, STR("IN")))
        sources(s, a);
    if (scan_word(s, STR("RETURN")))
        scan_search_returns(s, a);
    else
        a->returns = RETURN_ESEARCH | RETURN_ALL;
    if ((a->returns & RETURN_RELEVANCY) != 0)
        scan_fail(s, "Scores are told by SEARCH alone");
    if (scan_word(s, STR("CHARSET"))) {
        scan_space(s);
        scan_search_charset(s);
    }
    scan_search_program(s, c);
    check_sets(s, a);
}

/* "CANCELUPDATE" 1*(SP quoted) (RFC 5267 4.3.5). */
IMAP_ARGS_FN(cancelupdate)
{
    c->cancel.at = ARENA_ARRAY(s->mem, struct str, s->limits->list_max);
    scan_space(s);
    do {
        if (c->cancel.count == s->limits->list_max)
            scan_refuse(s, "[LIMIT] Too many tags");
        else
            c->cancel.at[c->cancel.count++] = scan_string(s);
    } while (scan_ok(s) && scan_try(s, ' '));
}
