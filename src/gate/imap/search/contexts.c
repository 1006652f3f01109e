/* gate/imap/search/contexts.c - searches whose results are kept up to date (RFC 5267). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/search/contexts.h"

#include "gate/imap/search/searching.h"
#include "proto/imap/reply.h"
#include "proto/imap/reply_search.h"

struct context {
    struct str tag, program, criteria; /* heap; criteria: empty for a search */
    bool uid;
    struct uidset set; /* of a search */
    uint32_t *list;    /* of a sort */
    uint32_t count;
    uint64_t modseq; /* of the mailbox when the result was told */
};

struct contexts {
    struct context at[CONTEXTS_MAX];
    uint32_t count;
    bool begun;             /* the last one still waits for its first result */
    uint32_t now;           /* refreshing: this one */
    uint32_t *fresh, taken; /* of a sort, as its pages come */
    struct sorted_pages pages;
    void (*next)(struct imap_session *s);
};

/* ---- their life ---- */

static struct str heap_copy(struct str s)
{
    char *at = malloc(s.len + 1);

    if (at == NULL)
        BUG("out of memory");
    memcpy(at, s.at, s.len);
    return str_from(at, s.len);
}

static void heap_free(struct str s)
{
    free((char *)(uintptr_t)s.at);
}

static void context_drop(struct contexts *c, uint32_t i)
{
    struct context *x = &c->at[i];

    heap_free(x->tag);
    heap_free(x->program);
    heap_free(x->criteria);
    uidset_deinit(&x->set);
    free(x->list);
    c->count--;
    memmove(x, x + 1, (c->count - i) * sizeof *x);
}

void contexts_free(struct selected *box)
{
    struct contexts *c = box->contexts;

    if (c == NULL)
        return;
    while (c->count > 0)
        context_drop(c, c->count - 1);
    free(c->fresh);
    free(c);
    box->contexts = NULL;
}

void contexts_refuse(struct imap_session *s, struct str tag)
{
    BUF_ADD(&s->out, "* NO [NOUPDATE ");
    reply_string(&s->out, tag, false);
    BUF_ADD(&s->out, "] The result is not kept up to date\r\n");
}

bool contexts_begin(struct imap_session *s, struct str program, struct str criteria)
{
    struct contexts *c = s->box->contexts;
    struct str tag = s->command->tag;

    for (uint32_t i = 0; c != NULL && i < c->count; i++)
        if (str_eq(c->at[i].tag, tag)) {
            imap_session_end(s, STR("BAD Tag reuse"));
            return false;
        }
    if (c == NULL) {
        c = s->box->contexts = calloc(1, sizeof *c);
        if (c == NULL)
            BUG("out of memory");
    }
    c->begun = c->count < CONTEXTS_MAX;
    if (!c->begun) {
        contexts_refuse(s, tag);
        return true;
    }
    c->at[c->count++] = (struct context){ .tag = heap_copy(tag),
                                          .program = heap_copy(program),
                                          .criteria = heap_copy(criteria),
                                          .uid = s->command->uid };
    return true;
}

/* The context that waits for its result. */
static struct context *pending(struct imap_session *s)
{
    struct contexts *c = s->box->contexts;

    if (c == NULL || !c->begun)
        return NULL;
    c->begun = false;
    c->at[c->count - 1].modseq = s->box->modseq;
    return &c->at[c->count - 1];
}

void contexts_keep_set(struct imap_session *s, const struct uidset *uids)
{
    struct context *x = pending(s);

    if (x != NULL)
        uidset_copy(&x->set, uids);
}

static uint32_t *new_list(uint32_t count)
{
    uint32_t *list = malloc((count + 1U) * sizeof *list);

    if (list == NULL)
        BUG("out of memory");
    return list;
}

void contexts_keep_list(struct imap_session *s, const uint32_t *uids, uint32_t count)
{
    struct context *x = pending(s);

    if (x == NULL)
        return;
    if (count > CONTEXT_LIST_MAX) {
        contexts_refuse(s, x->tag);
        context_drop(s->box->contexts, s->box->contexts->count - 1);
        return;
    }
    x->list = new_list(count);
    x->count = count;
    memcpy(x->list, uids, count * sizeof *uids);
}

void contexts_give_up(struct imap_session *s)
{
    if (pending(s) != NULL)
        context_drop(s->box->contexts, s->box->contexts->count - 1);
}

void contexts_cancel(struct selected *box, const struct str_list *tags)
{
    struct contexts *c = box->contexts;

    for (uint32_t t = 0; c != NULL && t < tags->count; t++)
        for (uint32_t i = c->count; i > 0; i--)
            if (str_eq(c->at[i - 1].tag, tags->at[t]))
                context_drop(c, i - 1);
}

/* ---- telling differences ---- */

static void begin_update(struct imap_session *s, const struct context *x, bool *begun)
{
    if (*begun)
        return;
    *begun = true;
    BUF_ADD(&s->out, "* ESEARCH (TAG ");
    reply_string(&s->out, x->tag, false);
    buf_add(&s->out, x->uid ? STR(") UID") : STR(")"));
}

/* " ADDTO (0 set)": position 0, because mailbox order needs none (RFC 5267 4.3.3). */
static void put_set(struct imap_session *s, const struct context *x, const char *word,
                    const struct uidset *uids, bool *begun)
{
    struct uidset numbers = { 0 };

    if (uidset_empty(uids))
        return;
    begin_update(s, x, begun);
    buf_printf(&s->out, " %s (0 ", word);
    if (!x->uid)
        uidset_to_seqs(&s->box->view.uids, uids, &numbers);
    uidset_format(x->uid ? uids : &numbers, &s->out);
    BUF_ADD(&s->out, ")");
    uidset_deinit(&numbers);
}

/* The result of a search becomes `now`. */
static void tell_set(struct imap_session *s, struct context *x, struct uidset *now)
{
    struct uidset gone = { 0 }, come = { 0 };
    bool begun = false;

    uidset_copy(&gone, &x->set);
    uidset_subtract(&gone, now);
    uidset_copy(&come, now);
    uidset_subtract(&come, &x->set);
    put_set(s, x, "REMOVEFROM", &gone, &begun);
    put_set(s, x, "ADDTO", &come, &begun);
    if (begun)
        BUF_ADD(&s->out, "\r\n");
    uidset_swap(&x->set, now);
    uidset_deinit(&gone);
    uidset_deinit(&come);
}

/* "position set" for the run list[from..to). */
static void put_run(struct imap_session *s, const struct context *x, const uint32_t *list,
                    uint32_t from, uint32_t to)
{
    uint32_t *numbers = new_list(to - from);

    for (uint32_t i = from; i < to; i++)
        numbers[i - from] = x->uid ? list[i] : view_seq(&s->box->view, list[i]);
    buf_printf(&s->out, "%u ", from + 1);
    reply_ordered_set(&s->out, numbers, to - from);
    free(numbers);
}

/* The word before the first run, a space before each other one. */
static void begin_run(struct imap_session *s, const char *word, bool *any)
{
    if (*any)
        BUF_ADD(&s->out, " ");
    else
        buf_printf(&s->out, " %s (", word);
    *any = true;
}

/* From the end, so that the positions that follow stay what they were. */
static void put_removed(struct imap_session *s, const struct context *x, const struct uidset *kept,
                        bool *begun)
{
    bool any = false;

    for (uint32_t to = x->count; to > 0;) {
        uint32_t from = to;

        while (from > 0 && !uidset_contains(kept, x->list[from - 1]))
            from--;
        if (from < to) {
            begin_update(s, x, begun);
            begin_run(s, "REMOVEFROM", &any);
            put_run(s, x, x->list, from, to);
        }
        to = from < to ? from : to - 1;
    }
    if (any)
        BUF_ADD(&s->out, ")");
}

/* From the beginning: the positions are those in the new list. */
static void put_added(struct imap_session *s, const struct context *x, const uint32_t *list,
                      uint32_t count, const struct uidset *old)
{
    bool any = false;

    for (uint32_t from = 0; from < count;) {
        uint32_t to = from;

        while (to < count && !uidset_contains(old, list[to]))
            to++;
        if (to > from) {
            begin_run(s, "ADDTO", &any);
            put_run(s, x, list, from, to);
        }
        from = to > from ? to : from + 1;
    }
    if (any)
        BUF_ADD(&s->out, ")");
}

static void set_of_list(const uint32_t *list, uint32_t count, struct uidset *ret)
{
    for (uint32_t i = 0; i < count; i++)
        uidset_add(ret, list[i]);
}

static bool has_all(const struct uidset *set, const uint32_t *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (!uidset_contains(set, list[i]))
            return false;
    return true;
}

/* The result of a sort becomes `list`, which the context takes over. */
static void tell_list(struct imap_session *s, struct context *x, uint32_t *list, uint32_t count)
{
    struct uidset old = { 0 }, now = { 0 };
    bool begun = false;

    set_of_list(x->list, x->count, &old);
    set_of_list(list, count, &now);
    put_removed(s, x, &now, &begun);
    if (!has_all(&old, list, count)) {
        begin_update(s, x, &begun);
        put_added(s, x, list, count, &old);
    }
    if (begun)
        BUF_ADD(&s->out, "\r\n");
    uidset_deinit(&old);
    uidset_deinit(&now);
    free(x->list);
    x->list = list;
    x->count = count;
}

/* ---- expunged messages ---- */

static void drop_from_list(struct imap_session *s, struct context *x, const struct uidset *gone)
{
    uint32_t *left = new_list(x->count), count = 0;

    for (uint32_t i = 0; i < x->count; i++)
        if (!uidset_contains(gone, x->list[i]))
            left[count++] = x->list[i];
    tell_list(s, x, left, count);
}

void contexts_tell_vanished(struct imap_session *s)
{
    struct contexts *c = s->box->contexts;
    const struct uidset *gone = &s->box->view.vanished;

    for (uint32_t i = 0; c != NULL && i < c->count && !uidset_empty(gone); i++) {
        struct context *x = &c->at[i];
        struct uidset left = { 0 };

        if (x->criteria.len > 0) {
            drop_from_list(s, x, gone);
            continue;
        }
        uidset_copy(&left, &x->set);
        uidset_subtract(&left, gone);
        tell_set(s, x, &left);
        uidset_deinit(&left);
    }
}

/* ---- searching again ---- */

bool contexts_are_stale(const struct imap_session *s)
{
    const struct contexts *c = s->box->contexts;

    for (uint32_t i = 0; c != NULL && i < c->count; i++)
        if (c->at[i].modseq != s->box->modseq)
            return true;
    return false;
}

static void refresh_next(struct imap_session *s);

/* A context whose search fails cannot be kept up to date any more. */
static void refresh_failed(struct imap_session *s, enum err e)
{
    struct contexts *c = s->box->contexts;

    (void)e;
    contexts_refuse(s, c->at[c->now].tag);
    context_drop(c, c->now);
    refresh_next(s);
}

static void searched(void *ctx, enum err e, const struct keep_search_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct contexts *c = s->box->contexts;
    struct uidset now = { 0 };

    (void)file;
    s->ticket = 0;
    if (e == OK)
        e = imap_session_decode_uids(rep->uids, &now);
    if (e != OK) {
        refresh_failed(s, e);
        return;
    }
    uidset_intersect(&now, &s->box->view.uids);
    tell_set(s, &c->at[c->now++], &now);
    uidset_deinit(&now);
    refresh_next(s);
}

static void take_sorted(struct imap_session *s, struct str tokens, bool more)
{
    struct contexts *c = s->box->contexts;
    struct reader r = reader_of(tokens);

    if (c->fresh == NULL)
        c->fresh = new_list(c->pages.count);
    while (r.rest.len > 0 && c->taken < c->pages.count)
        c->fresh[c->taken++] = get_varint32(&r);
    if (more)
        return;
    tell_list(s, &c->at[c->now++], c->fresh, c->taken);
    c->fresh = NULL;
    refresh_next(s);
}

static void search_again(struct imap_session *s, const struct context *x)
{
    struct contexts *c = s->box->contexts;
    struct str recent = imap_session_encode_uids(s, &s->box->view.recent);
    const struct keep_search_req search = { .session = s->keeper_session,
                                            .mailbox = s->box->mailbox,
                                            .program = x->program,
                                            .recent_uids = recent };
    const struct keep_sort_req sort = { .session = s->keeper_session,
                                        .mailbox = s->box->mailbox,
                                        .program = x->program,
                                        .recent_uids = recent,
                                        .uids = imap_session_all_uids(s),
                                        .criteria = x->criteria };

    if (x->criteria.len == 0) {
        s->ticket = keeper_search(s->service->keeper, &search, searched, s);
        return;
    }
    free(c->fresh);
    c->fresh = NULL;
    c->taken = 0;
    c->pages = (struct sorted_pages){ .take = take_sorted, .failed = refresh_failed };
    sorted_pages_ask(s, &c->pages, &sort);
}

static void refresh_next(struct imap_session *s)
{
    struct contexts *c = s->box->contexts;

    while (c->now < c->count && c->at[c->now].modseq == s->box->modseq)
        c->now++;
    if (c->now == c->count) {
        s->task = NULL;
        c->next(s);
        return;
    }
    c->at[c->now].modseq = s->box->modseq;
    search_again(s, &c->at[c->now]);
}

void contexts_refresh(struct imap_session *s, void (*next)(struct imap_session *s))
{
    struct contexts *c = s->box->contexts;

    if (s->mem == NULL)
        s->mem = arena_new(0); /* IDLE */
    c->next = next;
    c->now = 0;
    refresh_next(s);
}
