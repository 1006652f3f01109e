/* proto/imap/parse/parse_notify.c - arguments of NOTIFY. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/command.h"
#include "proto/imap/parse/search_grammar.h"

static const struct {
    struct str word;
    uint32_t event;
} events[] = {
    { STR_INIT("MessageNew"), NOTIFY_MESSAGE_NEW },
    { STR_INIT("MessageExpunge"), NOTIFY_MESSAGE_EXPUNGE },
    { STR_INIT("FlagChange"), NOTIFY_FLAG_CHANGE },
    { STR_INIT("MailboxName"), NOTIFY_MAILBOX_NAME },
    { STR_INIT("SubscriptionChange"), NOTIFY_SUBSCRIPTION },
    { STR_INIT("MailboxMetadataChange"), NOTIFY_MAILBOX_METADATA },
    { STR_INIT("ServerMetadataChange"), NOTIFY_SERVER_METADATA },
};

static const struct {
    struct str word;
    enum imap_notify_where where;
    bool names;
} selectors[] = {
    { STR_INIT("SELECTED-DELAYED"), NOTIFY_SELECTED_DELAYED, false },
    { STR_INIT("SELECTED"), NOTIFY_SELECTED, false },
    { STR_INIT("INBOXES"), NOTIFY_INBOXES, false },
    { STR_INIT("PERSONAL"), NOTIFY_PERSONAL, false },
    { STR_INIT("SUBSCRIBED"), NOTIFY_SUBSCRIBED, false },
    { STR_INIT("SUBTREE"), NOTIFY_SUBTREE, true },
    { STR_INIT("MAILBOXES"), NOTIFY_MAILBOXES, true },
};

static bool is_selected(const struct imap_notify_group *g)
{
    return g->where == NOTIFY_SELECTED || g->where == NOTIFY_SELECTED_DELAYED;
}

/* one-or-more-mailbox = mailbox / "(" mailbox *(SP mailbox) ")" */
void scan_mailboxes(struct scan *s, struct str_list *names)
{
    bool many = scan_try(s, '(');

    names->at = ARENA_ARRAY(s->mem, struct str, many ? s->limits->list_max : 1U);
    do {
        if (names->count == s->limits->list_max) {
            scan_refuse(s, "[NOTIFICATIONOVERFLOW] Too many mailboxes");
            return;
        }
        names->at[names->count++] = scan_mailbox(s);
    } while (many && scan_try(s, ' '));
    if (many)
        scan_char(s, ')');
}

void scan_mailbox_selector(struct scan *s, struct imap_notify_group *g)
{
    for (size_t i = 0; i < ARRAY_LEN(selectors); i++) {
        if (!scan_word(s, selectors[i].word))
            continue;
        g->where = selectors[i].where;
        if (selectors[i].names) {
            scan_space(s);
            scan_mailboxes(s, &g->names);
        }
        return;
    }
    scan_fail(s, "Unknown mailbox specifier");
}

/* "MessageNew" [SP "(" fetch-att *(SP fetch-att) ")"]: the text is read once more when it is used,
 * for it lives longer than the command. */
static void fetch_atts(struct scan *s, struct imap_notify_group *g)
{
    struct imap_fetch_args unused = { 0 };
    struct str before = str_skip(s->rest, 1);

    if (!scan_ok(s) || !str_starts(s->rest, STR(" (")))
        return;
    scan_space(s);
    scan_fetch_items(s, &unused);
    if (scan_ok(s))
        g->fetch = str_take(before, before.len - s->rest.len);
    if (scan_ok(s) && !is_selected(g))
        scan_fail(s, "What to fetch is said for the selected mailbox alone");
}

/* RFC 5465 3.1: an event that is not known is refused with a list of those that are. */
static void event(struct scan *s, struct imap_notify_group *g)
{
    for (size_t i = 0; i < ARRAY_LEN(events); i++)
        if (scan_word(s, events[i].word)) {
            g->events |= events[i].event;
            if (events[i].event == NOTIFY_MESSAGE_NEW)
                fetch_atts(s, g);
            return;
        }
    (void)scan_atom(s);
    if (scan_ok(s))
        scan_refuse(s, "[BADEVENT (MessageNew MessageExpunge FlagChange MailboxName "
                       "SubscriptionChange MailboxMetadataChange ServerMetadataChange)] "
                       "Unknown event");
}

/* RFC 5465 5, 6.1. */
static void check_events(struct scan *s, const struct imap_notify_group *g)
{
    uint32_t both = NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE;

    if (!scan_ok(s))
        return;
    if ((g->events & NOTIFY_MESSAGE_EVENTS) != 0 && (g->events & both) != both)
        scan_fail(s, "MessageNew and MessageExpunge go together, and with FlagChange");
    else if (is_selected(g) && (g->events & ~(uint32_t)NOTIFY_MESSAGE_EVENTS) != 0)
        scan_fail(s, "The selected mailbox has message events alone");
}

/* event-group = "(" filter-mailboxes SP events ")"; events = "(" event *(SP event) ")" / "NONE".
 * The examples of RFC 5465 3.1 leave the inner parentheses out. */
static void event_group(struct scan *s, struct imap_notify_group *g)
{
    bool many;

    scan_char(s, '(');
    scan_mailbox_selector(s, g);
    scan_space(s);
    if (!scan_word(s, STR("NONE"))) {
        many = scan_try(s, '(');
        do
            event(s, g);
        while (scan_try(s, ' '));
        if (many)
            scan_char(s, ')');
    }
    scan_char(s, ')');
    check_events(s, g);
}

/* notify = "NOTIFY" SP ("SET" [SP "STATUS"] SP event-groups / "NONE") (RFC 5465 8). */
IMAP_ARGS_FN(notify)
{
    struct imap_notify_args *a = &c->notify;
    bool selected = false;

    scan_space(s);
    if (scan_word(s, STR("NONE")))
        return;
    if (!scan_word(s, STR("SET")))
        scan_fail(s, "Expected SET or NONE");
    scan_space(s);
    a->status = scan_word(s, STR("STATUS"));
    if (a->status)
        scan_space(s);
    a->groups = ARENA_ARRAY(s->mem, struct imap_notify_group, NOTIFY_GROUPS_MAX);
    do {
        struct imap_notify_group *g = &a->groups[a->count];

        if (a->count == NOTIFY_GROUPS_MAX) {
            scan_refuse(s, "[NOTIFICATIONOVERFLOW] Too many groups of events");
            return;
        }
        event_group(s, g);
        if (scan_ok(s) && is_selected(g) && selected)
            scan_fail(s, "The selected mailbox is specified twice");
        selected = selected || is_selected(g);
        a->count++;
    } while (scan_try(s, ' '));
}
