/* gate/imap/search/cmd_search.c - SEARCH, and CANCELUPDATE. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/search/contexts.h"
#include "gate/imap/search/searching.h"
#include "proto/imap/reply.h"
#include "proto/imap/reply_search.h"

/* "$" and the context get UIDs, whatever the client is told. */
static void keep(struct imap_session *s, const struct imap_search_args *a,
                 const struct uidset *uids, const struct uidset *partial)
{
    if ((a->returns & RETURN_SAVE) != 0)
        searching_save(s->box, a->returns, uids, partial);
    if ((a->returns & RETURN_UPDATE) != 0)
        contexts_keep_set(s, uids);
}

static void to_numbers(struct imap_session *s, struct uidset *uids)
{
    struct uidset numbers = { 0 };

    if (s->command->uid)
        return;
    uidset_to_seqs(&s->box->view.uids, uids, &numbers);
    uidset_swap(uids, &numbers);
    uidset_deinit(&numbers);
}

/* Of those `among` that were found, in order. */
static struct str scores_of(struct imap_session *s, const struct uidset *found, struct str scores,
                            const struct uidset *among)
{
    struct uidset_iter it = uidset_iterate(found);
    char *kept = arena_alloc(s->mem, scores.len + 1);
    size_t count = 0;
    uint32_t uid;

    for (size_t i = 0; i < scores.len && uidset_next(&it, &uid); i++)
        if (uidset_contains(among, uid))
            kept[count++] = scores.at[i];
    return str_from(kept, count);
}

static void tell(struct imap_session *s, struct uidset *uids, uint64_t modseq, struct str scores)
{
    const struct imap_search_args *a = &s->command->search;
    bool rev2 = a->returns == 0 && imap_session_has(s, IMAP_REV2); /* RFC 9051 6.4.4 */
    uint32_t returns = rev2 ? RETURN_ESEARCH | RETURN_ALL : a->returns;
    struct uidset partial = { 0 };
    struct uidset all = { 0 };
    struct esearch_line line = { .tag = s->command->tag,
                                 .uid = s->command->uid,
                                 .returns = returns,
                                 .modseq = a->modseq ? modseq : 0,
                                 .partial = a->partial };

    uidset_copy(&all, uids);
    uidset_intersect(uids, &s->box->view.uids);
    if ((a->returns & RETURN_PARTIAL) != 0)
        reply_partial_set(&a->partial, uids, &partial);
    line.scores = scores_of(s, &all, scores, (a->returns & RETURN_PARTIAL) != 0 ? &partial : uids);
    uidset_deinit(&all);
    keep(s, a, uids, &partial);
    to_numbers(s, uids);
    to_numbers(s, &partial);
    if ((returns & RETURN_ESEARCH) == 0)
        reply_search_line(&s->out, uids, line.modseq);
    else if ((returns & RETURN_DATA) != 0) /* what is only saved is not told */
        reply_esearch_line(&s->out, &line, uids, &partial);
    uidset_deinit(&partial);
    imap_session_ok(s);
}

static void found(void *ctx, enum err e, const struct keep_search_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct uidset uids = { 0 };

    (void)file;
    s->ticket = 0;
    if (e == OK)
        e = imap_session_decode_uids(rep->uids, &uids);
    if (e != OK)
        searching_fail(s, e);
    else
        tell(s, &uids, rep->modseq, rep->scores);
    uidset_deinit(&uids);
}

void imap_cmd_search(struct imap_session *s, const struct imap_command *c)
{
    const struct imap_search_args *a = &c->search;
    struct keep_search_req req = { .session = s->keeper_session, .mailbox = s->box->mailbox };

    if (!searching_program(s, &req.program))
        return;
    if (a->modseq)
        imap_set_facts(s->machine, IMAP_CONDSTORE, 0);
    if ((a->returns & RETURN_UPDATE) != 0 && !contexts_begin(s, req.program, STR_EMPTY))
        return;
    req.with_scores = (a->returns & RETURN_RELEVANCY) != 0;
    req.recent_uids = imap_session_encode_uids(s, &s->box->view.recent);
    s->ticket = keeper_search(s->service->keeper, &req, found, s);
}

void imap_cmd_cancelupdate(struct imap_session *s, const struct imap_command *c)
{
    contexts_cancel(s->box, &c->cancel);
    imap_session_ok(s);
}
