/* gate/imap/events/cmd_notify.c - NOTIFY (RFC 5465).
 *
 * Keeper is told first what to watch, so nothing is missed between the STATUS responses that the
 * client may ask for and the first event. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/events/notify.h"
#include "gate/imap/mailbox_text.h"

struct watched_box {
    struct str name;
    uint32_t items;
};

struct notify_task {
    struct keep_mailbox_list_req list;
    struct watched_box *page; /* of the names of one page, those of which the STATUS is told */
    size_t count, done;
};

/* ---- what was asked for, kept ---- */

static void keep_fetch(struct imap_session *s, struct notify *n, struct str text)
{
    struct scan scan = { .mem = n->mem,
                         .limits = &s->service->settings.limits.scan,
                         .rest = arena_copy(n->mem, text),
                         .utf8 = true };

    n->fetch = ARENA_NEW(n->mem, struct imap_fetch_args);
    scan_fetch_items(&scan, n->fetch);
    BUG_ON(!scan_ok(&scan)); /* it has been read before */
}

static void keep_groups(struct imap_session *s, struct notify *n, const struct imap_notify_args *a)
{
    notify_reset(n);
    n->active = true;
    n->mem = arena_new(0);
    n->groups = ARENA_ARRAY(n->mem, struct imap_notify_group, a->count);
    for (uint32_t i = 0; i < a->count; i++) {
        struct imap_notify_group *g = &n->groups[n->group_count++];
        const struct str_list *names = &a->groups[i].names;

        *g = a->groups[i];
        g->names.at = ARENA_ARRAY(n->mem, struct str, names->count);
        for (uint32_t k = 0; k < names->count; k++)
            g->names.at[k] = arena_copy(n->mem, names->at[k]);
        if (g->where > NOTIFY_SELECTED_DELAYED)
            continue;
        n->selected = g->events;
        n->delayed = g->where == NOTIFY_SELECTED_DELAYED;
        if (g->fetch.len > 0)
            keep_fetch(s, n, g->fetch);
        g->fetch = STR_EMPTY;
    }
}

/* ---- STATUS of what is watched ---- */

static void ask_page(struct imap_session *s);
static void ask_status(struct imap_session *s);

static void status_known(void *ctx, enum err e, const struct keep_mailbox_status_rep *rep,
                         struct file *file)
{
    struct imap_session *s = ctx;
    struct notify_task *t = s->task;

    (void)file;
    s->ticket = 0;
    if (e == OK) /* else it has gone meanwhile */
        mailbox_status_line(s, t->page[t->done].name, t->page[t->done].items, rep);
    t->done++;
    imap_session_when_drained(s, ask_status);
}

static void ask_status(struct imap_session *s)
{
    struct notify_task *t = s->task;
    struct keep_mailbox_status_req req = { .session = s->keeper_session };

    if (t->done < t->count) {
        req.name = t->page[t->done].name;
        s->ticket = keeper_mailbox_status(s->service->keeper, &req, status_known, s);
    } else if (t->list.from.len > 0) {
        ask_page(s);
    } else {
        imap_session_ok(s);
    }
}

static void page_known(void *ctx, enum err e, const struct keep_mailbox_list_rep *rep,
                       struct file *file)
{
    struct imap_session *s = ctx;
    struct notify_task *t = s->task;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    t->page = ARENA_ARRAY(s->mem, struct watched_box, rep->mailboxes_count);
    t->count = t->done = 0;
    for (size_t i = 0; i < rep->mailboxes_count; i++) {
        const struct keep_mailbox *m = &rep->mailboxes[i];
        const struct notify_place place = { m->name, m->subscribed, m->id == 0 };
        uint32_t events = notify_events_for(s->notify, &place);
        uint32_t items = notify_status_items(s, events, true);

        if (m->exists && items != 0 && (s->box == NULL || s->box->mailbox != m->id))
            t->page[t->count++] = (struct watched_box){ arena_copy(s->mem, m->name), items };
    }
    t->list.from = arena_copy(s->mem, rep->next);
    ask_status(s);
}

static void ask_page(struct imap_session *s)
{
    struct notify_task *t = s->task;

    s->ticket = keeper_mailbox_list(s->service->keeper, &t->list, page_known, s);
}

static void watched(void *ctx, enum err e, const struct keep_watch_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)rep;
    (void)file;
    s->ticket = 0;
    if (e != OK) {
        notify_reset(s->notify);
        imap_session_fail(s, e);
        return;
    }
    if (!s->command->notify.status) {
        imap_session_ok(s);
        return;
    }
    s->task = ARENA_NEW(s->mem, struct notify_task);
    ((struct notify_task *)s->task)->list.session = s->keeper_session;
    ask_page(s);
}

void imap_cmd_notify(struct imap_session *s, const struct imap_command *c)
{
    struct keep_watch_req req = { .session = s->keeper_session };

    keep_groups(s, notify_of(s), &c->notify);
    req.kinds = notify_kinds(s);
    s->ticket = keeper_watch(s->service->keeper, &req, watched, s);
}

/* ---- ENABLE METADATA (RFC 5464 4.1) ---- */

static void enabled(void *ctx, enum err e, const struct keep_watch_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)rep;
    (void)file;
    s->ticket = 0;
    if (e == OK)
        imap_session_ok(s);
    else
        imap_session_fail(s, e);
}

void notify_enable(struct imap_session *s)
{
    struct keep_watch_req req = { .session = s->keeper_session };

    (void)notify_of(s);
    req.kinds = notify_kinds(s);
    s->ticket = keeper_watch(s->service->keeper, &req, enabled, s);
}
