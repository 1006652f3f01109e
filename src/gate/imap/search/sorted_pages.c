/* gate/imap/search/sorted_pages.c - the pages of a sort, one after the other. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/search/searching.h"

static struct sorted_pages *pages_of(struct imap_session *s)
{
    return s->task;
}

static void ask_more(struct imap_session *s);

static void take(struct imap_session *s, struct str tokens, bool more)
{
    struct sorted_pages *p = pages_of(s);

    p->from += tokens.len;
    p->take(s, tokens, more);
    if (more)
        imap_session_when_drained(s, ask_more);
}

static void got_more(void *ctx, enum err e, const struct keep_sort_more_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e != OK)
        pages_of(s)->failed(s, e);
    else
        take(s, rep->tokens, rep->more);
}

static void ask_more(struct imap_session *s)
{
    struct sorted_pages *p = pages_of(s);
    const struct keep_sort_more_req req = { s->keeper_session, p->result, p->from };

    s->ticket = keeper_sort_more(s->service->keeper, &req, got_more, s);
}

static void got_first(void *ctx, enum err e, const struct keep_sort_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct sorted_pages *p = pages_of(s);

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        p->failed(s, e);
        return;
    }
    p->result = rep->result;
    p->count = rep->count;
    p->modseq = rep->modseq;
    take(s, rep->tokens, rep->result != 0);
}

void sorted_pages_ask(struct imap_session *s, struct sorted_pages *pages,
                      const struct keep_sort_req *req)
{
    pages->from = 0;
    s->task = pages;
    s->ticket = keeper_sort(s->service->keeper, req, got_first, s);
}
