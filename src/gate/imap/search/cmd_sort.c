/* gate/imap/search/cmd_sort.c - SORT and THREAD.
 *
 * A plain SORT and a THREAD write their response page by page as keeper's pages come, so that even
 * the largest needs no more memory than two of them. An ESEARCH response tells the ends and the
 * count of the result, too: for that the list is collected first, four octets a message. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/search/contexts.h"
#include "gate/imap/search/searching.h"
#include "proto/imap/reply.h"
#include "proto/imap/reply_search.h"

struct sort_task {
    struct sorted_pages pages; /* first: sorted_pages.c finds it */
    bool begun;                /* a part of the response is written */
    uint64_t before;           /* THREAD: the last token */
    uint32_t *list;            /* ESEARCH */
    uint32_t count;
};

static struct sort_task *task_of(struct imap_session *s)
{
    return s->task;
}

/* The number by which the client knows a message. */
static uint32_t number_of(const struct imap_session *s, uint32_t uid)
{
    return s->command->uid ? uid : view_seq(&s->box->view, uid);
}

/* A response that has begun must end before the tagged answer. */
static void failed(struct imap_session *s, enum err e)
{
    if (task_of(s)->begun)
        BUF_ADD(&s->out, "\r\n");
    searching_fail(s, e);
}

/* ---- SORT ---- */

static void begin_line(struct imap_session *s, struct str words)
{
    if (!task_of(s)->begun)
        buf_add(&s->out, words);
    task_of(s)->begun = true;
}

static void take_sorted(struct imap_session *s, struct str tokens, bool more)
{
    struct sort_task *t = task_of(s);
    struct reader r = reader_of(tokens);

    begin_line(s, STR("* SORT"));
    while (r.rest.len > 0) {
        BUF_ADD(&s->out, " ");
        buf_add_u64(&s->out, number_of(s, get_varint32(&r)));
    }
    if (more)
        return;
    if (s->command->search.modseq && t->pages.count > 0)
        buf_printf(&s->out, " (MODSEQ %llu)", (unsigned long long)t->pages.modseq);
    BUF_ADD(&s->out, "\r\n");
    imap_session_ok(s);
}

/* ---- SORT RETURN (RFC 5267 3) ---- */

static void save_list(struct imap_session *s, const struct sort_task *t)
{
    const struct imap_search_args *a = &s->command->search;
    struct uidset all = { 0 }, partial = { 0 };
    uint32_t from, count;

    for (uint32_t i = 0; i < t->count; i++)
        uidset_add(&all, t->list[i]);
    if ((a->returns & RETURN_PARTIAL) != 0) {
        from = reply_partial_range(&a->partial, t->count, &count);
        for (uint32_t i = 0; i < count; i++)
            uidset_add(&partial, t->list[from + i]);
    }
    searching_save(s->box, a->returns, &all, &partial);
    uidset_deinit(&all);
    uidset_deinit(&partial);
}

static void tell_list(struct imap_session *s, struct sort_task *t)
{
    const struct imap_search_args *a = &s->command->search;
    const struct esearch_line line = { .tag = s->command->tag,
                                       .uid = s->command->uid,
                                       .returns = a->returns,
                                       .modseq = a->modseq ? t->pages.modseq : 0,
                                       .partial = a->partial };

    if ((a->returns & RETURN_SAVE) != 0)
        save_list(s, t);
    if ((a->returns & RETURN_UPDATE) != 0)
        contexts_keep_list(s, t->list, t->count);
    for (uint32_t i = 0; i < t->count; i++)
        t->list[i] = number_of(s, t->list[i]);
    if ((a->returns & RETURN_DATA) != 0)
        reply_esort_line(&s->out, &line, t->list, t->count);
    imap_session_ok(s);
}

static void take_list(struct imap_session *s, struct str tokens, bool more)
{
    struct sort_task *t = task_of(s);
    struct reader r = reader_of(tokens);

    if (t->list == NULL)
        t->list = ARENA_ARRAY(s->mem, uint32_t, t->pages.count + 1U);
    while (r.rest.len > 0 && t->count < t->pages.count)
        t->list[t->count++] = get_varint32(&r);
    if (!more)
        tell_list(s, t);
}

/* ---- THREAD ---- */

static void take_threads(struct imap_session *s, struct str tokens, bool more)
{
    struct sort_task *t = task_of(s);
    struct reader r = reader_of(tokens);

    begin_line(s, tokens.len == 0 ? STR("* THREAD") : STR("* THREAD "));
    while (r.rest.len > 0) {
        uint64_t token = get_varint(&r);

        if (t->before >= THREAD_UID && token != THREAD_CLOSE)
            BUF_ADD(&s->out, " ");
        if (token >= THREAD_UID)
            buf_add_u64(&s->out, number_of(s, (uint32_t)(token - 1)));
        else
            buf_add_char(&s->out, token == THREAD_OPEN ? '(' : ')');
        t->before = token;
    }
    if (more)
        return;
    BUF_ADD(&s->out, "\r\n");
    imap_session_ok(s);
}

/* ---- the commands ---- */

static void ask(struct imap_session *s, const struct imap_search_args *a, uint8_t thread,
                void (*take)(struct imap_session *s, struct str tokens, bool more))
{
    struct sort_task *t = ARENA_NEW(s->mem, struct sort_task);
    struct keep_sort_req req = { .session = s->keeper_session,
                                 .mailbox = s->box->mailbox,
                                 .thread = thread };
    struct buf criteria = { 0 };

    if (!searching_program(s, &req.program))
        return;
    if (a->modseq)
        imap_set_facts(s->machine, IMAP_CONDSTORE, 0);
    req.recent_uids = imap_session_encode_uids(s, &s->box->view.recent);
    req.uids = imap_session_all_uids(s);
    sort_criteria_encode(&a->criteria, &criteria);
    req.criteria = arena_copy(s->mem, buf_str(&criteria));
    buf_deinit(&criteria);
    t->pages.take = take;
    t->pages.failed = failed;
    if ((a->returns & RETURN_UPDATE) != 0 && !contexts_begin(s, req.program, req.criteria))
        return;
    sorted_pages_ask(s, &t->pages, &req);
}

void imap_cmd_sort(struct imap_session *s, const struct imap_command *c)
{
    bool extended = (c->search.returns & RETURN_ESEARCH) != 0;

    ask(s, &c->search, 0, extended ? take_list : take_sorted);
}

void imap_cmd_thread(struct imap_session *s, const struct imap_command *c)
{
    ask(s, &c->search, (uint8_t)(c->search.algorithm + 1), take_threads);
}
