/* proto/imap/parse/parse_list.c - arguments of LIST, LSUB and STATUS. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/command.h"

struct word_bit {
    struct str word;
    uint32_t bit;
};

static const struct word_bit status_items[] = {
    { STR_INIT("MESSAGES"), STATUS_MESSAGES },
    { STR_INIT("RECENT"), STATUS_RECENT },
    { STR_INIT("UIDNEXT"), STATUS_UIDNEXT },
    { STR_INIT("UIDVALIDITY"), STATUS_UIDVALIDITY },
    { STR_INIT("UNSEEN"), STATUS_UNSEEN },
    { STR_INIT("HIGHESTMODSEQ"), STATUS_HIGHESTMODSEQ },
    { STR_INIT("SIZE"), STATUS_SIZE },
    { STR_INIT("MAILBOXID"), STATUS_MAILBOXID },
    { STR_INIT("APPENDLIMIT"), STATUS_APPENDLIMIT },
    { STR_INIT("DELETED"), STATUS_DELETED },
    { STR_INIT("DELETED-STORAGE"), STATUS_DELETED_STORAGE },
};

static const struct word_bit select_options[] = {
    { STR_INIT("SUBSCRIBED"), LIST_SUBSCRIBED },
    { STR_INIT("REMOTE"), LIST_REMOTE },
    { STR_INIT("RECURSIVEMATCH"), LIST_RECURSIVEMATCH },
    { STR_INIT("SPECIAL-USE"), LIST_SPECIAL_USE },
};

static const struct word_bit return_options[] = {
    { STR_INIT("SUBSCRIBED"), LIST_RETURN_SUBSCRIBED },
    { STR_INIT("CHILDREN"), LIST_RETURN_CHILDREN },
    { STR_INIT("SPECIAL-USE"), LIST_RETURN_SPECIAL_USE },
    { STR_INIT("STATUS"), LIST_RETURN_STATUS },
    { STR_INIT("MYRIGHTS"), LIST_RETURN_MYRIGHTS },
};

static uint32_t one_of(struct scan *s, const struct word_bit *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (scan_word(s, words[i].word))
            return words[i].bit;
    scan_fail(s, "Unknown item or option");
    return 0;
}

static uint32_t status_att_list(struct scan *s)
{
    uint32_t items = 0;

    scan_char(s, '(');
    do
        items |= one_of(s, status_items, ARRAY_LEN(status_items));
    while (scan_try(s, ' '));
    scan_char(s, ')');
    return items;
}

IMAP_ARGS_FN(status)
{
    scan_space(s);
    c->status.mailbox = scan_mailbox(s);
    scan_space(s);
    c->status.items = status_att_list(s);
}

/* A reference is a prefix for patterns, so INBOX in it keeps its spelling until it is matched. */
static void reference_name(struct scan *s, struct imap_list_args *a)
{
    scan_space(s);
    a->reference = scan_list_mailbox(s);
    scan_space(s);
}

IMAP_ARGS_FN(lsub)
{
    reference_name(s, &c->list);
    c->list.patterns.at = ARENA_NEW(s->mem, struct str);
    c->list.patterns.at[0] = scan_list_mailbox(s);
    c->list.patterns.count = 1;
}

/* list-select-opts: RECURSIVEMATCH needs an option that it can modify (RFC 5258 3.1). */
static void select_opts(struct scan *s, struct imap_list_args *a)
{
    a->extended = true;
    if (scan_try(s, ')'))
        return;
    do
        a->options |= one_of(s, select_options, ARRAY_LEN(select_options));
    while (scan_try(s, ' '));
    scan_char(s, ')');
    if ((a->options & LIST_RECURSIVEMATCH) != 0 &&
        (a->options & (LIST_SUBSCRIBED | LIST_SPECIAL_USE)) == 0)
        scan_fail(s, "RECURSIVEMATCH needs another selection option");
}

/* mbox-or-pat = list-mailbox / "(" list-mailbox *(SP list-mailbox) ")". */
static void mbox_or_pat(struct scan *s, struct imap_list_args *a)
{
    bool many = scan_try(s, '(');
    uint32_t max = many ? s->limits->list_max : 1;

    a->extended |= many;
    a->patterns.at = ARENA_ARRAY(s->mem, struct str, max);
    do {
        if (a->patterns.count == max) {
            scan_refuse(s, "[LIMIT] Too many patterns");
            return;
        }
        a->patterns.at[a->patterns.count++] = scan_list_mailbox(s);
    } while (many && scan_try(s, ' '));
    if (many)
        scan_char(s, ')');
}

/* list-return-opts = "RETURN" SP "(" [return-option *(SP return-option)] ")". */
static void return_opts(struct scan *s, struct imap_list_args *a)
{
    if (!scan_word(s, STR("RETURN")))
        scan_fail(s, "Expected RETURN");
    scan_space(s);
    scan_char(s, '(');
    a->extended = true;
    if (scan_try(s, ')'))
        return;
    do {
        uint32_t option = one_of(s, return_options, ARRAY_LEN(return_options));

        a->options |= option;
        if (option == LIST_RETURN_STATUS) {
            scan_space(s);
            a->status = status_att_list(s);
        }
    } while (scan_try(s, ' '));
    scan_char(s, ')');
}

IMAP_ARGS_FN(list)
{
    if (scan_ok(s) && str_starts(s->rest, STR(" ("))) {
        scan_space(s);
        scan_char(s, '(');
        select_opts(s, &c->list);
    }
    reference_name(s, &c->list);
    mbox_or_pat(s, &c->list);
    if (scan_try(s, ' '))
        return_opts(s, &c->list);
}
