/* gate/imap/cmd/cmd_list.c - LIST with its extensions, and LSUB.
 *
 * Keeper's pages of names are collected first: what is said of a name depends on the names below
 * it. A name that only stands above others (it is no mailbox itself) is listed as \NonExistent or,
 * for plain clients, \Noselect, when a pattern asks for it (RFC 3501 6.3.8, RFC 5258 3). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/mailbox_text.h"
#include "gate/imap/session.h"

#include "proto/imap/match.h"
#include "proto/imap/reply.h"

enum { MAILBOXES_MAX = 100000 };

struct list_task {
    const struct imap_list_args *args;
    struct str *patterns;
    struct keep_mailbox *boxes;
    size_t count, room;
    struct str next; /* where keeper's next page begins */
    size_t *status;  /* of these a STATUS follows */
    size_t status_count, status_done;
    bool lsub, extended; /* extended: the client knows \NonExistent (RFC 5258 3, RFC 9051 7.3.1) */
};

static bool asked(const struct list_task *t, struct str name)
{
    for (uint32_t i = 0; i < t->args->patterns.count; i++)
        if (match_name(t->patterns[i], name))
            return true;
    return false;
}

/* Does the selection want this name for itself? */
static bool selected(const struct list_task *t, const struct keep_mailbox *m)
{
    uint32_t options = t->args->options;

    if (t->lsub || (options & LIST_SUBSCRIBED) != 0)
        return m->subscribed;
    if ((options & LIST_SPECIAL_USE) != 0)
        return m->special_use != 0;
    return m->exists;
}

static bool is_below(struct str name, struct str parent)
{
    return name.len > parent.len && name.at[parent.len] == MATCH_DELIMITER &&
           str_starts(name, parent);
}

/* RFC 5258 3.5: some name below is subscribed, though the pattern does not reach it. */
static bool child_subscribed(const struct list_task *t, struct str name)
{
    for (size_t i = 0; i < t->count; i++)
        if (is_below(t->boxes[i].name, name) && t->boxes[i].subscribed &&
            !asked(t, t->boxes[i].name))
            return true;
    return false;
}

static void attributes(const struct list_task *t, const struct keep_mailbox *m, struct buf *out)
{
    uint32_t options = t->args->options;

    if (!m->exists)
        buf_add(out, t->extended ? STR(" \\NonExistent") : STR(" \\Noselect"));
    if (!t->lsub)
        buf_add(out, m->has_children ? STR(" \\HasChildren") : STR(" \\HasNoChildren"));
    if (m->subscribed && (options & (LIST_SUBSCRIBED | LIST_RETURN_SUBSCRIBED)) != 0)
        BUF_ADD(out, " \\Subscribed");
    if (!t->lsub)
        mailbox_use_format(m->special_use, out);
}

static void list_line(struct imap_session *s, const struct list_task *t,
                      const struct keep_mailbox *m, bool childinfo)
{
    struct buf words = { 0 };

    attributes(t, m, &words);
    reply_list_begin(&s->out, t->lsub ? STR("LSUB") : STR("LIST"), str_skip(buf_str(&words), 1),
                     m->name, (imap_facts(s->machine) & IMAP_UTF8) != 0);
    if (childinfo)
        BUF_ADD(&s->out, " (\"CHILDINFO\" (\"SUBSCRIBED\"))");
    BUF_ADD(&s->out, "\r\n");
    buf_deinit(&words);
}

static bool is_listed(const struct list_task *t, struct str name)
{
    size_t low = 0, high = t->count;

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_cmp(t->boxes[middle].name, name);

        if (order == 0)
            return selected(t, &t->boxes[middle]);
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

/* The levels above boxes[i] that are asked for but are not listed themselves. Names are sorted, so
 * the levels shared with the name before have been looked at already. */
static void list_parents(struct imap_session *s, const struct list_task *t, size_t i,
                         struct str before)
{
    struct str name = t->boxes[i].name;

    for (size_t at = 0; at < name.len; at++) {
        struct keep_mailbox parent = { .name = str_take(name, at), .has_children = true };

        if (name.at[at] != MATCH_DELIMITER || is_below(before, parent.name) ||
            is_listed(t, parent.name) || !asked(t, parent.name))
            continue;
        list_line(s, t, &parent, (t->args->options & LIST_RECURSIVEMATCH) != 0);
    }
}

/* Plain LIST and LSUB show parents of what they list; LIST with a selection does so only when asked
 * to match recursively. */
static bool shows_parents(const struct list_task *t)
{
    uint32_t options = t->args->options;

    return t->lsub || (options & LIST_RECURSIVEMATCH) != 0 ||
           (options & (LIST_SUBSCRIBED | LIST_SPECIAL_USE)) == 0;
}

static void list_all(struct imap_session *s, struct list_task *t)
{
    struct str before = STR_EMPTY;
    bool recursive = (t->args->options & LIST_RECURSIVEMATCH) != 0;

    t->status = ARENA_ARRAY(s->mem, size_t, t->count);
    for (size_t i = 0; i < t->count; i++) {
        const struct keep_mailbox *m = &t->boxes[i];

        if (!selected(t, m))
            continue;
        if (shows_parents(t))
            list_parents(s, t, i, before);
        before = m->name;
        if (!asked(t, m->name))
            continue;
        list_line(s, t, m, recursive && child_subscribed(t, m->name));
        if (m->exists && (t->args->options & LIST_RETURN_MYRIGHTS) != 0)
            imap_session_my_rights(s, m->name, m->rights);
        if (m->exists && (t->args->options & LIST_RETURN_STATUS) != 0)
            t->status[t->status_count++] = i;
    }
}

/* ---- STATUS of what was listed (RFC 5819) ---- */

static void ask_status(struct imap_session *s);

static void status_known(void *ctx, enum err e, const struct keep_mailbox_status_rep *rep,
                         struct file *file)
{
    struct imap_session *s = ctx;
    struct list_task *t = s->task;

    (void)file;
    s->ticket = 0;
    if (e == OK) /* else it has gone meanwhile, and is left out (RFC 5819 2) */
        mailbox_status_line(s, t->boxes[t->status[t->status_done]].name, t->args->status, rep);
    t->status_done++;
    imap_session_when_drained(s, ask_status);
}

static void ask_status(struct imap_session *s)
{
    struct list_task *t = s->task;

    if (t->status_done == t->status_count) {
        imap_session_ok(s);
        return;
    }

    struct keep_mailbox_status_req req = { s->keeper_session,
                                           t->boxes[t->status[t->status_done]].name,
                                           (t->args->status & STATUS_DELETED_STORAGE) != 0 };
    s->ticket = keeper_mailbox_status(s->service->keeper, &req, status_known, s);
}

/* ---- collecting the names ---- */

static void keep_page(struct imap_session *s, struct list_task *t,
                      const struct keep_mailbox_list_rep *rep)
{
    size_t need = t->count + rep->mailboxes_count;

    if (need > t->room) {
        size_t room = MAX(need, t->room * 2);
        struct keep_mailbox *grown = ARENA_ARRAY(s->mem, struct keep_mailbox, room);

        if (t->count > 0)
            memcpy(grown, t->boxes, t->count * sizeof(*grown));
        t->boxes = grown;
        t->room = room;
    }
    for (size_t i = 0; i < rep->mailboxes_count; i++) {
        t->boxes[t->count] = rep->mailboxes[i];
        t->boxes[t->count].name = arena_copy(s->mem, rep->mailboxes[i].name);
        t->count++;
    }
    t->next = arena_copy(s->mem, rep->next);
}

static void ask_page(struct imap_session *s);

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct keep_mailbox *)a)->name, ((const struct keep_mailbox *)b)->name);
}

static void page_known(void *ctx, enum err e, const struct keep_mailbox_list_rep *rep,
                       struct file *file)
{
    struct imap_session *s = ctx;
    struct list_task *t = s->task;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    keep_page(s, t, rep);
    if (t->next.len > 0 && t->count < MAILBOXES_MAX) {
        ask_page(s);
        return;
    }
    if (t->count > 0)
        qsort(t->boxes, t->count, sizeof(*t->boxes), by_name);
    list_all(s, t);
    imap_session_when_drained(s, ask_status);
}

static void ask_page(struct imap_session *s)
{
    struct list_task *t = s->task;
    struct keep_mailbox_list_req req = { s->keeper_session, t->next };

    s->ticket = keeper_mailbox_list(s->service->keeper, &req, page_known, s);
}

static void list(struct imap_session *s, const struct imap_command *c, bool lsub)
{
    struct list_task *t = ARENA_NEW(s->mem, struct list_task);
    uint32_t count = c->list.patterns.count;

    /* RFC 3501 6.3.8: an empty pattern asks for the delimiter and the root. */
    if (!lsub && !c->list.extended && c->list.patterns.at[0].len == 0) {
        reply_line(&s->out, STR("LIST (\\Noselect) \"/\" \"\""));
        imap_session_ok(s);
        return;
    }
    t->args = &c->list;
    t->lsub = lsub;
    t->extended = !lsub && (c->list.extended || imap_session_has(s, IMAP_REV2));
    t->patterns = ARENA_ARRAY(s->mem, struct str, count);
    for (uint32_t i = 0; i < count; i++)
        t->patterns[i] = match_pattern(s->mem, c->list.reference, c->list.patterns.at[i]);
    t->next = STR_EMPTY;
    s->task = t;
    ask_page(s);
}

void imap_cmd_list(struct imap_session *s, const struct imap_command *c)
{
    list(s, c, false);
}

void imap_cmd_lsub(struct imap_session *s, const struct imap_command *c)
{
    list(s, c, true);
}
