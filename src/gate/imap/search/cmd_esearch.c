/* gate/imap/search/cmd_esearch.c - ESEARCH: one search in many mailboxes (RFC 7377).
 *
 * First the list of mailboxes is read page by page and those that are meant are kept; then keeper
 * searches one after the other, each answered when the peer has taken most of what came before. A
 * mailbox without matches, and one that is gone or may not be read, is passed over in silence. At
 * most ESEARCH_MAILBOXES_MAX take part. UPDATE is refused with NOUPDATE, as RFC 5267 4.3.1 allows.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/events/notify.h"
#include "gate/imap/search/contexts.h"
#include "gate/imap/search/searching.h"
#include "proto/imap/reply_search.h"

enum { ESEARCH_MAILBOXES_MAX = 10000 };

struct source {
    uint32_t id, uidvalidity;
    struct str name;
};

struct esearch_task {
    struct keep_mailbox_list_req list;
    struct source *at;
    uint32_t count, cap, now;
    struct str program;
};

static void search_next(struct imap_session *s);

/* Without sources the selected mailbox is meant (RFC 7377 2.2). */
static bool is_source(const struct imap_session *s, const struct keep_mailbox *m)
{
    const struct imap_search_args *a = &s->command->search;
    const struct notify_place place = { m->name, m->subscribed, m->id == 0 };
    bool selected = s->box != NULL && s->box->mailbox == m->id;

    if (!m->exists || m->id == 0)
        return false;
    if (a->source_count == 0)
        return selected;
    for (uint32_t i = 0; i < a->source_count; i++)
        if ((a->sources[i].where == NOTIFY_SELECTED && selected) ||
            notify_group_covers(&a->sources[i], &place))
            return true;
    return false;
}

static void add_source(struct imap_session *s, struct esearch_task *t, const struct keep_mailbox *m)
{
    if (t->count == t->cap) {
        uint32_t cap = t->cap == 0 ? 16 : 2 * t->cap;
        struct source *grown = ARENA_ARRAY(s->mem, struct source, cap);

        if (t->count > 0)
            memcpy(grown, t->at, t->count * sizeof *grown);
        t->at = grown;
        t->cap = cap;
    }
    t->at[t->count++] = (struct source){ m->id, m->uidvalidity, arena_copy(s->mem, m->name) };
}

/* ---- one mailbox after the other ---- */

/* "$" is what the selected mailbox gave, the only one that may be searched then. */
static void tell(struct imap_session *s, const struct source *m, struct uidset *uids,
                 uint64_t modseq)
{
    const struct imap_search_args *a = &s->command->search;
    struct uidset partial = { 0 };
    const struct esearch_line line = { .tag = s->command->tag,
                                       .uid = true,
                                       .returns = a->returns,
                                       .modseq = a->modseq ? modseq : 0,
                                       .partial = a->partial,
                                       .utf8 = imap_session_has(s, IMAP_UTF8 | IMAP_REV2),
                                       .mailbox = m->name,
                                       .uidvalidity = m->uidvalidity };

    if ((a->returns & RETURN_PARTIAL) != 0)
        reply_partial_set(&a->partial, uids, &partial);
    if ((a->returns & RETURN_SAVE) != 0)
        searching_save(s->box, a->returns, uids, &partial);
    if (!uidset_empty(uids) && (a->returns & RETURN_DATA) != 0)
        reply_esearch_line(&s->out, &line, uids, &partial);
    uidset_deinit(&partial);
}

static void searched(void *ctx, enum err e, const struct keep_search_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct esearch_task *t = s->task;
    struct uidset uids = { 0 };

    (void)file;
    s->ticket = 0;
    if (e == OK)
        e = imap_session_decode_uids(rep->uids, &uids);
    if (e == OK)
        tell(s, &t->at[t->now], &uids, rep->modseq);
    uidset_deinit(&uids);
    t->now++;
    if (e == OK || e == ERR_NOT_FOUND || e == ERR_DENIED)
        imap_session_when_drained(s, search_next);
    else
        imap_session_fail(s, e);
}

static void search_next(struct imap_session *s)
{
    struct esearch_task *t = s->task;
    struct keep_search_req req = { .session = s->keeper_session, .program = t->program };

    if (t->now == t->count) {
        imap_session_ok(s);
        return;
    }
    req.mailbox = t->at[t->now].id;
    if (s->box != NULL && s->box->mailbox == req.mailbox)
        req.recent_uids = imap_session_encode_uids(s, &s->box->view.recent);
    s->ticket = keeper_search(s->service->keeper, &req, searched, s);
}

/* ---- which mailboxes ---- */

static void ask_page(struct imap_session *s);

static void listed(void *ctx, enum err e, const struct keep_mailbox_list_rep *rep,
                   struct file *file)
{
    struct imap_session *s = ctx;
    struct esearch_task *t = s->task;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    for (size_t i = 0; i < rep->mailboxes_count; i++)
        if (is_source(s, &rep->mailboxes[i]))
            add_source(s, t, &rep->mailboxes[i]);
    t->list.from = arena_copy(s->mem, rep->next);
    if (t->count > ESEARCH_MAILBOXES_MAX)
        imap_session_end(s, STR("NO [LIMIT] Too many mailboxes to search"));
    else if (t->list.from.len > 0)
        ask_page(s);
    else
        search_next(s);
}

static void ask_page(struct imap_session *s)
{
    struct esearch_task *t = s->task;

    s->ticket = keeper_mailbox_list(s->service->keeper, &t->list, listed, s);
}

/* ---- the command ---- */

/* UIDs in other mailboxes are numbers alone: "*" is the largest there can be. */
static struct str encode_program(struct imap_session *s, const struct imap_search_args *a)
{
    struct buf octets = { 0 };
    struct str copy;

    for (uint32_t i = 0; i < a->set_count; i++) {
        struct uidset *uids = &a->program.nodes[a->sets[i].node].uids;
        const struct imap_set *set = &a->sets[i].set;

        *uids = (struct uidset){ 0 };
        for (uint32_t r = 0; r < set->count; r++) {
            uint32_t first = set->at[r].first == SET_STAR ? UINT32_MAX : set->at[r].first;
            uint32_t last = set->at[r].last == SET_STAR ? UINT32_MAX : set->at[r].last;

            uidset_add_range(uids, MIN(first, last), MAX(first, last));
        }
    }
    search_encode(&a->program, &octets);
    for (uint32_t i = 0; i < a->set_count; i++)
        uidset_deinit(&a->program.nodes[a->sets[i].node].uids);
    copy = arena_copy(s->mem, buf_str(&octets));
    buf_deinit(&octets);
    return copy;
}

/* RFC 7377 2.2: what needs a selected mailbox, and what only that may have. */
static const char *refusal(const struct imap_session *s, const struct imap_search_args *a)
{
    bool selected = a->source_count == 0;

    for (uint32_t i = 0; i < a->source_count; i++)
        selected = selected || a->sources[i].where == NOTIFY_SELECTED;
    if (selected && s->box == NULL)
        return "BAD No mailbox is selected";
    if ((a->returns & RETURN_SAVE) != 0 && (!selected || a->source_count > 1))
        return "BAD Only a search in the selected mailbox can be saved";
    return NULL;
}

void imap_cmd_esearch(struct imap_session *s, const struct imap_command *c)
{
    const struct imap_search_args *a = &c->search;
    const char *no = refusal(s, a);
    struct esearch_task *t;

    if (no != NULL) {
        imap_session_end(s, str_from_z(no));
        return;
    }
    if ((a->returns & RETURN_UPDATE) != 0)
        contexts_refuse(s, c->tag);
    t = ARENA_NEW(s->mem, struct esearch_task);
    t->list.session = s->keeper_session;
    t->program = encode_program(s, a);
    s->task = t;
    ask_page(s);
}
