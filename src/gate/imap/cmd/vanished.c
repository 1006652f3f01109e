/* gate/imap/cmd/vanished.c - what vanished while the client was away (RFC 7162 3.2.5, 3.2.6).
 *
 * Keeper's pages of changes are asked for anew from the client's modseq on; of each page what
 * vanished is told at once, so that nothing is collected. What this session still has in its view
 * is left out: that went in this very moment and is told like any other loss. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

#include "proto/imap/reply.h"

struct vanished_task {
    uint64_t since;
    const struct imap_set *known;
    void (*next)(struct imap_session *s);
};

/* The numbers as they are written: of what is gone no view knows any more. */
static void keep_known(const struct imap_set *known, struct uidset *uids)
{
    struct uidset wanted = { 0 };

    for (uint32_t i = 0; i < known->count; i++) {
        uint32_t first = known->at[i].first == SET_STAR ? UINT32_MAX : known->at[i].first;
        uint32_t last = known->at[i].last == SET_STAR ? UINT32_MAX : known->at[i].last;

        uidset_add_range(&wanted, MIN(first, last), MAX(first, last));
    }
    uidset_intersect(uids, &wanted);
    uidset_deinit(&wanted);
}

static enum err tell(struct imap_session *s, const struct vanished_task *t, struct str octets)
{
    struct uidset uids = { 0 };

    if (imap_session_decode_uids(octets, &uids) != OK)
        return ERR_CORRUPT;
    uidset_subtract(&uids, &s->box->view.uids);
    if (t->known->count > 0)
        keep_known(t->known, &uids);
    if (!uidset_empty(&uids)) {
        BUF_ADD(&s->out, "* VANISHED (EARLIER) ");
        uidset_format(&uids, &s->out);
        BUF_ADD(&s->out, "\r\n");
    }
    uidset_deinit(&uids);
    return OK;
}

static void ask(struct imap_session *s);

static void page_known(void *ctx, enum err e, const struct keep_sync_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct vanished_task *t = s->task;

    (void)file;
    s->ticket = 0;
    if (e == OK)
        e = tell(s, t, rep->vanished);
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    t->since = rep->modseq;
    imap_session_when_drained(s, rep->more ? ask : t->next);
}

/* Not `write`: \Recent is SELECT's affair. */
static void ask(struct imap_session *s)
{
    const struct vanished_task *t = s->task;
    struct keep_sync_req req = { .session = s->keeper_session,
                                 .mailbox = s->box->mailbox,
                                 .since = t->since };

    s->ticket = keeper_sync(s->service->keeper, &req, page_known, s);
}

void vanished_since(struct imap_session *s, uint64_t modseq, const struct imap_set *known,
                    void (*next)(struct imap_session *s))
{
    struct vanished_task *t = ARENA_NEW(s->mem, struct vanished_task);

    *t = (struct vanished_task){ modseq, known, next };
    s->task = t;
    ask(s);
}
