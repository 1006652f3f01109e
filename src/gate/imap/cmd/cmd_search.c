/* gate/imap/cmd/cmd_search.c - SEARCH. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

#include "proto/imap/reply.h"

/* RFC 5182 2.4: MIN and MAX without ALL or COUNT save only those two. */
static void save(struct selected *box, uint32_t returns, const struct uidset *uids)
{
    uidset_deinit(&box->saved);
    if ((returns & (RETURN_MIN | RETURN_MAX)) == 0 || (returns & (RETURN_ALL | RETURN_COUNT)) != 0)
        uidset_copy(&box->saved, uids);
    else if (!uidset_empty(uids)) {
        if ((returns & RETURN_MIN) != 0)
            uidset_add(&box->saved, uidset_first(uids));
        if ((returns & RETURN_MAX) != 0)
            uidset_add(&box->saved, uidset_last(uids));
    }
}

/* The answer NO to a search that was to be saved leaves nothing saved (RFC 5182 2.1). */
static void fail(struct imap_session *s, struct str text)
{
    if ((s->command->search.returns & RETURN_SAVE) != 0)
        uidset_deinit(&s->box->saved);
    imap_session_end(s, text);
}

static void tell(struct imap_session *s, struct uidset *uids, uint64_t modseq)
{
    const struct imap_search_args *a = &s->command->search;
    uint32_t returns = a->returns;
    struct uidset numbers = { 0 };

    if (returns == 0 && imap_session_has(s, IMAP_REV2)) /* RFC 9051 6.4.4 */
        returns = RETURN_ESEARCH | RETURN_ALL;
    uidset_intersect(uids, &s->box->view.uids);
    if ((a->returns & RETURN_SAVE) != 0)
        save(s->box, a->returns, uids);
    if (!s->command->uid) {
        uidset_to_seqs(&s->box->view.uids, uids, &numbers);
        uidset_swap(uids, &numbers);
    }
    if (!a->modseq)
        modseq = 0;
    if (returns == (RETURN_ESEARCH | RETURN_SAVE))
        ; /* what is only saved is not told */
    else if ((returns & RETURN_ESEARCH) != 0)
        reply_esearch_line(
            &s->out, &(struct esearch_line){ s->command->tag, s->command->uid, returns, modseq },
            uids);
    else
        reply_search_line(&s->out, uids, modseq);
    uidset_deinit(&numbers);
    imap_session_ok(s);
}

static void found(void *ctx, enum err e, const struct keep_search_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct uidset uids = { 0 };
    struct reader in;

    (void)file;
    s->ticket = 0;
    if (e == ERR_UNSUPPORTED) {
        fail(s, STR("NO [BADCHARSET (US-ASCII UTF-8)] Unknown charset"));
        return;
    }
    if (e != OK) {
        fail(s, imap_session_error_text(s, e));
        return;
    }
    in = reader_of(rep->uids);
    if (rep->uids.len > 0 && uidset_decode(&in, UINT32_MAX, &uids) != OK)
        fail(s, imap_session_error_text(s, ERR_CORRUPT));
    else
        tell(s, &uids, rep->modseq);
    uidset_deinit(&uids);
}

/* Puts the messages that the sets name into the program. The nodes borrow heap memory until the
 * program is encoded. */
static bool resolve_sets(struct imap_session *s, const struct imap_search_args *a)
{
    for (uint32_t i = 0; i < a->set_count; i++) {
        struct uidset *uids = &a->program.nodes[a->sets[i].node].uids;

        *uids = (struct uidset){ 0 };
        if (!selected_resolve(s->box, &a->sets[i].set, a->sets[i].uid, uids))
            return false;
    }
    return true;
}

static void encode(struct imap_session *s, const struct imap_search_args *a,
                   struct keep_search_req *req)
{
    struct buf octets = { 0 };

    search_encode(&a->program, &octets);
    req->program = arena_copy(s->mem, buf_str(&octets));
    buf_deinit(&octets);
    req->recent_uids = imap_session_encode_uids(s, &s->box->view.recent);
}

void imap_cmd_search(struct imap_session *s, const struct imap_command *c)
{
    const struct imap_search_args *a = &c->search;
    struct keep_search_req req = { .session = s->keeper_session, .mailbox = s->box->mailbox };
    bool ok = resolve_sets(s, a);

    if (ok)
        encode(s, a, &req);
    for (uint32_t i = 0; i < a->set_count; i++)
        uidset_deinit(&a->program.nodes[a->sets[i].node].uids);
    if (a->modseq)
        imap_set_facts(s->machine, IMAP_CONDSTORE, 0);
    if (ok)
        s->ticket = keeper_search(s->service->keeper, &req, found, s);
    else
        imap_session_end(s, STR("BAD No message has that number"));
}
