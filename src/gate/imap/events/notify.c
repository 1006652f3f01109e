/* gate/imap/events/notify.c - telling clients what they have asked to be told. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/events/notify.h"

#include "gate/imap/mailbox_text.h"
#include "proto/imap/reply.h"

struct notify *notify_of(struct imap_session *s)
{
    if (s->notify == NULL) {
        s->notify = calloc(1, sizeof(*s->notify));
        if (s->notify == NULL)
            BUG("out of memory");
    }
    return s->notify;
}

void notify_reset(struct notify *n)
{
    arena_free(n->mem);
    n->mem = NULL;
    n->groups = NULL;
    n->group_count = 0;
    n->selected = 0;
    n->delayed = false;
    n->fetch = NULL;
    uidset_deinit(&n->fresh);
}

void notify_free(struct imap_session *s)
{
    if (s->notify == NULL)
        return;
    notify_reset(s->notify);
    buf_deinit(&s->notify->pending);
    free(s->notify);
    s->notify = NULL;
}

void notify_own(struct imap_session *s, uint64_t modseq)
{
    if (s->notify != NULL)
        s->notify->own_modseq = modseq;
}

uint32_t notify_kinds(const struct imap_session *s)
{
    static const struct {
        uint32_t events, kind;
    } rows[] = {
        { NOTIFY_MESSAGE_EVENTS, EVENT_MESSAGES },
        { NOTIFY_MAILBOX_NAME, EVENT_NAME },
        { NOTIFY_SUBSCRIPTION, EVENT_SUBSCRIPTION },
        { NOTIFY_MAILBOX_METADATA | NOTIFY_SERVER_METADATA, EVENT_METADATA },
    };
    const struct notify *n = s->notify;
    uint32_t events = 0, kinds = 0;

    for (uint32_t i = 0; n != NULL && i < n->group_count; i++)
        if (n->groups[i].where > NOTIFY_SELECTED_DELAYED)
            events |= n->groups[i].events;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if ((events & rows[i].events) != 0)
            kinds |= 1U << rows[i].kind;
    if (imap_session_has(s, IMAP_METADATA))
        kinds |= 1U << EVENT_METADATA;
    return kinds;
}

/* ---- which mailboxes ---- */

static bool is_within(struct str name, struct str top)
{
    return str_eq(name, top) ||
           (name.len > top.len && str_starts(name, top) && name.at[top.len] == '/');
}

static bool is_child(struct str name, struct str top)
{
    return is_within(name, top) && name.len > top.len &&
           str_find(str_skip(name, top.len + 1), STR("/")) == STR_NOT_FOUND;
}

/* Mail is delivered to INBOX alone (RFC 5465 6.3). */
bool notify_group_covers(const struct imap_notify_group *g, const struct notify_place *p)
{
    struct str name = p->name;

    switch (g->where) {
    case NOTIFY_SELECTED:
    case NOTIFY_SELECTED_DELAYED:
        return false;
    case NOTIFY_INBOXES:
        return str_eq(name, STR("INBOX"));
    case NOTIFY_PERSONAL:
        return !p->of_others;
    case NOTIFY_SUBSCRIBED:
        return p->subscribed;
    case NOTIFY_SUBTREE:
    case NOTIFY_SUBTREE_ONE:
    case NOTIFY_MAILBOXES:
        break;
    }
    for (uint32_t i = 0; i < g->names.count; i++)
        if (str_eq(name, g->names.at[i]) ||
            (g->where == NOTIFY_SUBTREE && is_within(name, g->names.at[i])) ||
            (g->where == NOTIFY_SUBTREE_ONE && is_child(name, g->names.at[i])))
            return true;
    return false;
}

uint32_t notify_events_for(const struct notify *n, const struct notify_place *p)
{
    uint32_t events = 0;

    for (uint32_t i = 0; i < n->group_count; i++)
        if (notify_group_covers(&n->groups[i], p))
            events |= n->groups[i].events;
    return events;
}

/* RFC 5465 6: annotations of the server belong to no mailbox. */
static bool wants_server_metadata(const struct notify *n)
{
    for (uint32_t i = 0; i < n->group_count; i++)
        if ((n->groups[i].events & NOTIFY_SERVER_METADATA) != 0)
            return true;
    return false;
}

/* ---- responses ---- */

uint32_t notify_status_items(const struct imap_session *s, uint32_t events, bool at_first)
{
    bool condstore = imap_session_has(s, IMAP_CONDSTORE);
    uint32_t items = 0;

    if ((events & (NOTIFY_MESSAGE_NEW | NOTIFY_MESSAGE_EXPUNGE)) != 0)
        items |= STATUS_MESSAGES | STATUS_UIDNEXT | (condstore ? STATUS_HIGHESTMODSEQ : 0U) |
                 (at_first ? STATUS_UIDVALIDITY : 0U);
    if ((events & NOTIFY_FLAG_CHANGE) != 0)
        items |= STATUS_UIDVALIDITY | STATUS_UNSEEN |
                 (condstore || at_first ? STATUS_HIGHESTMODSEQ : 0U);
    return items;
}

static void put_status(struct imap_session *s, const struct keep_event_note *note, uint32_t events)
{
    struct keep_mailbox_status_rep numbers = { .messages = note->messages,
                                               .uidnext = note->uidnext,
                                               .uidvalidity = note->uidvalidity,
                                               .unseen = note->unseen,
                                               .modseq = note->highest };
    uint32_t happened = ((note->what & WHAT_ARRIVED) != 0 ? NOTIFY_MESSAGE_NEW : 0U) |
                        ((note->what & WHAT_GONE) != 0 ? NOTIFY_MESSAGE_EXPUNGE : 0U) |
                        ((note->what & WHAT_FLAGS) != 0 ? NOTIFY_FLAG_CHANGE : 0U);

    if ((happened & events) != 0)
        mailbox_status_line(s, note->name, notify_status_items(s, happened & events, false),
                            &numbers);
}

static void put_list(struct imap_session *s, const struct keep_event_note *note)
{
    bool utf8 = imap_session_has(s, IMAP_UTF8);
    struct buf words = { 0 };

    if (!note->exists)
        BUF_ADD(&words, " \\NonExistent");
    buf_add(&words, note->has_children ? STR(" \\HasChildren") : STR(" \\HasNoChildren"));
    if (note->subscribed)
        BUF_ADD(&words, " \\Subscribed");
    mailbox_use_format(note->special_use, &words);
    reply_list_begin(&s->out, STR("LIST"), str_skip(buf_str(&words), 1), note->name, utf8);
    if (note->old_name.len > 0) {
        BUF_ADD(&s->out, " (\"OLDNAME\" (");
        reply_mailbox(&s->out, note->old_name, utf8);
        BUF_ADD(&s->out, "))");
    }
    BUF_ADD(&s->out, "\r\n");
    buf_deinit(&words);
}

/* RFC 5464 4.4.2: names without values. */
static void put_metadata(struct imap_session *s, const struct keep_event_note *note)
{
    BUF_ADD(&s->out, "* METADATA ");
    reply_mailbox(&s->out, note->name, imap_session_has(s, IMAP_UTF8));
    for (size_t i = 0; i < note->entries_count; i++) {
        BUF_ADD(&s->out, " ");
        reply_astring(&s->out, note->entries[i].text, false);
    }
    BUF_ADD(&s->out, "\r\n");
}

static void put_note(struct imap_session *s, const struct keep_event_note *note)
{
    const struct notify *n = s->notify;
    struct notify_place place = { note->name, note->subscribed, note->of_others };
    uint32_t events = notify_events_for(n, &place);
    bool is_open = s->box != NULL && s->box->mailbox == note->mailbox;

    if (note->old_name.len > 0) {
        place.name = note->old_name;
        events |= notify_events_for(n, &place);
        place.name = note->name;
    }
    if (note->kind == EVENT_MESSAGES && !is_open) {
        put_status(s, note, events);
    } else if (note->kind == EVENT_NAME && (events & NOTIFY_MAILBOX_NAME) != 0) {
        put_list(s, note);
    } else if (note->kind == EVENT_SUBSCRIPTION) {
        place.subscribed = true;
        events |= notify_events_for(n, &place);
        if ((events & NOTIFY_SUBSCRIPTION) != 0)
            put_list(s, note);
    } else if (note->kind == EVENT_METADATA) {
        bool wanted =
            note->mailbox == 0 ? wants_server_metadata(n) : (events & NOTIFY_MAILBOX_METADATA) != 0;

        if (wanted || imap_session_has(s, IMAP_METADATA))
            put_metadata(s, note);
    }
}

/* ---- between the responses of others ---- */

static void unwatched(void *ctx, enum err e, const struct keep_watch_rep *rep, struct file *file)
{
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

/* RFC 5465 5.8: as if NOTIFY NONE had come. Who has only enabled METADATA goes on hearing of that.
 */
static void overflow(struct imap_session *s)
{
    struct notify *n = s->notify;
    struct keep_watch_req req = { .session = s->keeper_session };

    buf_deinit(&n->pending);
    if (n->active) {
        BUF_ADD(&n->pending, "* OK [NOTIFICATIONOVERFLOW] Too much happened; NOTIFY is off\r\n");
        notify_reset(n);
    }
    req.kinds = notify_kinds(s);
    (void)keeper_watch(s->service->keeper, &req, unwatched, NULL);
}

static bool is_between(const struct imap_session *s)
{
    return s->mem == NULL && s->command == NULL && s->ticket == 0 && s->resume == NULL &&
           !s->closing && !s->handshake;
}

void notify_event(struct imap_session *s, const struct keep_event_note *note)
{
    struct notify *n = s->notify;
    struct buf out = s->out;

    if (n == NULL || s->closing)
        return;
    if (note->kind == EVENT_OVERFLOW) {
        overflow(s);
    } else if (note->several || note->modseq != n->own_modseq) {
        /* The responses are written where they can wait. */
        s->out = n->pending;
        put_note(s, note);
        n->pending = s->out;
        s->out = out;
        if (n->pending.len > NOTIFY_PENDING_MAX)
            overflow(s);
    }
    notify_push(s);
}

void notify_flush(struct imap_session *s)
{
    struct notify *n = s->notify;

    if (n == NULL || n->pending.len == 0)
        return;
    buf_add(&s->out, buf_str(&n->pending));
    buf_deinit(&n->pending);
}

/* ---- the open mailbox ---- */

uint32_t notify_selected(const struct imap_session *s)
{
    return s->notify == NULL || !s->notify->active ? (uint32_t)NOTIFY_MESSAGE_EVENTS
                                                   : s->notify->selected;
}

bool notify_is_active(const struct imap_session *s)
{
    return s->notify != NULL && s->notify->active;
}

void notify_arrived(struct imap_session *s)
{
    if (s->notify != NULL && s->notify->fetch != NULL)
        uidset_union(&s->notify->fresh, &s->box->view.arrived);
}

/* A FETCH whose command NOTIFY gave: it has no tag, and ends without an answer. */
static void push_fetch(struct imap_session *s)
{
    struct notify *n = s->notify;
    struct imap_command *c;
    struct str uids;

    s->mem = arena_new(0);
    c = ARENA_NEW(s->mem, struct imap_command);
    c->verb = IMAP_CMD_FETCH;
    c->uid = !n->delayed; /* what went meanwhile may be told with it */
    s->command = c;
    s->pushing = true;
    uidset_intersect(&n->fresh, &s->box->view.uids);
    uids = imap_session_encode_uids(s, &n->fresh);
    uidset_deinit(&n->fresh);
    fetch_rows(s, n->fetch, uids, STR_EMPTY);
}

static void push_ends(struct imap_session *s)
{
    s->pushing = false;
    stream_resume(s->stream);
    notify_push(s);
}

static void push_synced(struct imap_session *s)
{
    if (s->box != NULL)
        selected_report(s, !s->notify->delayed || s->idling);
    imap_session_when_drained(s, push_ends);
}

void notify_push(struct imap_session *s)
{
    const struct notify *n = s->notify;

    if (n == NULL || s->pushing || !is_between(s) || imap_session_is_full(s))
        return;
    notify_flush(s);
    imap_session_flush(s);
    if (!n->active || n->selected == 0 || s->box == NULL)
        return;
    if (!uidset_empty(&n->fresh)) {
        push_fetch(s);
    } else if (s->box->noted > s->box->modseq) {
        s->pushing = true;
        imap_session_sync(s, push_synced);
    }
}
