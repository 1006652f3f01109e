/* gate/imap/events/filters.c - searches by name (RFC 5466): FILTER in a command.
 *
 * A filter is an annotation of the server. The command is read without it first; then keeper is
 * asked for the values of all names that are not known, private and shared ones at once, and the
 * command is read again, which may show more names inside the values. Each round makes at least
 * one name known, and there are at most FILTERS_MAX. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

struct filter_task {
    struct scan_filter known[FILTERS_MAX];
    uint32_t count, asked; /* asked: those before it have their answer */
    struct keep_metadata_read_req req;
    void (*next)(struct imap_session *s);
};

#define PRIVATE_FILTERS "/private/filters/values/"
#define SHARED_FILTERS "/shared/filters/values/"

static void ask(struct imap_session *s, struct filter_task *t);

static void read_again(struct imap_session *s, struct filter_task *t)
{
    const char *error = imap_use_filters(s->machine, t->known, t->count);

    if (error != NULL) {
        imap_session_end(s, str_from_z(error));
        return;
    }
    if (s->command->filters.count > 0) {
        ask(s, t);
        return;
    }
    s->task = NULL;
    t->next(s);
}

/* The user's own comes before the one shared by all. */
static void take(struct imap_session *s, struct filter_task *t, const struct keep_annotation *n)
{
    bool own = str_starts(n->entry, STR(PRIVATE_FILTERS));
    struct str name =
        str_skip(n->entry, own ? sizeof(PRIVATE_FILTERS) - 1 : sizeof(SHARED_FILTERS) - 1);

    for (uint32_t i = t->asked; i < t->count; i++)
        if (str_eq_nocase(t->known[i].name, name) && (own || !t->known[i].exists)) {
            t->known[i].exists = true;
            t->known[i].value = arena_copy(s->mem, n->value);
        }
}

static void ask_page(struct imap_session *s);

static void page_known(void *ctx, enum err e, const struct keep_metadata_read_rep *rep,
                       struct file *file)
{
    struct imap_session *s = ctx;
    struct filter_task *t = s->task;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    for (size_t i = 0; i < rep->annotations_count; i++)
        take(s, t, &rep->annotations[i]);
    if (rep->next.len == 0) {
        t->asked = t->count;
        read_again(s, t);
        return;
    }
    t->req.from = arena_copy(s->mem, rep->next);
    ask_page(s);
}

static void ask_page(struct imap_session *s)
{
    struct filter_task *t = s->task;

    s->ticket = keeper_metadata_read(s->service->keeper, &t->req, page_known, s);
}

static struct str entry_of(struct imap_session *s, const char *before, struct str name)
{
    struct str entry;

    /* A name that cannot be that of an annotation is that of no filter. */
    if (!entry_name_normalise(s->mem, arena_join(s->mem, str_from_z(before), name), false, &entry))
        return str_from_z(before);
    return entry;
}

static void ask(struct imap_session *s, struct filter_task *t)
{
    const struct str_list *names = &s->command->filters;

    t->req =
        (struct keep_metadata_read_req){ .session = s->keeper_session, .max_size = UINT64_MAX };
    t->req.entries = ARENA_ARRAY(s->mem, struct keep_text, 2 * names->count);
    for (uint32_t i = 0; i < names->count; i++) {
        struct str name = arena_copy(s->mem, names->at[i]);

        t->known[t->count++] = (struct scan_filter){ .name = name };
        t->req.entries[t->req.entries_count++].text = entry_of(s, PRIVATE_FILTERS, name);
        t->req.entries[t->req.entries_count++].text = entry_of(s, SHARED_FILTERS, name);
    }
    ask_page(s);
}

void imap_session_filters(struct imap_session *s, void (*next)(struct imap_session *s))
{
    struct filter_task *t = ARENA_NEW(s->mem, struct filter_task);

    t->next = next;
    s->task = t;
    ask(s, t);
}
