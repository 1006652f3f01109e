/* gate/imap/cmd/cmd_store.c - STORE. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

struct store_task {
    struct str uids;
};

/* "OK [MODIFIED 7,9] STORE completed": what was left alone (RFC 7162 3.1.3). */
static struct str final_text(struct imap_session *s, const struct uidset *modified)
{
    struct buf numbers = { 0 };
    struct uidset seqs = { 0 };
    struct str text;

    if (uidset_empty(modified))
        return s->command->uid ? STR("OK UID STORE completed") : STR("OK STORE completed");
    if (s->command->uid) {
        uidset_format(modified, &numbers);
    } else {
        uidset_to_seqs(&s->box->view.uids, modified, &seqs);
        uidset_format(&seqs, &numbers);
    }
    text = arena_printf(s->mem, "OK [MODIFIED %.*s] Conditional STORE completed in part",
                        STR_ARG(buf_str(&numbers)));
    uidset_deinit(&seqs);
    buf_deinit(&numbers);
    return text;
}

/* The new flags are told (RFC 3501 6.4.6), of a silent STORE only the modseq, and that only to
 * clients that know what it is. */
static void tell(struct imap_session *s, struct uidset *changed, struct str final)
{
    struct store_task *t = s->task;
    const struct imap_store_args *a = &s->command->store;
    bool modseq = imap_session_has(s, IMAP_CONDSTORE);
    struct imap_fetch_args *items = ARENA_NEW(s->mem, struct imap_fetch_args);

    items->items = ARENA_ARRAY(s->mem, struct imap_fetch_item, 3);
    if (!a->silent)
        items->items[items->item_count++].kind = FETCH_FLAGS;
    if ((s->command->uid || modseq) && !imap_session_has(s, IMAP_UIDONLY)) /* RFC 7162 3.2.4 */
        items->items[items->item_count++].kind = FETCH_UID;
    if (modseq)
        items->items[items->item_count++].kind = FETCH_MODSEQ;
    if (a->silent && !modseq)
        imap_session_end(s, final);
    else
        fetch_rows(s, items, a->silent ? imap_session_encode_uids(s, changed) : t->uids, final);
}

static void stored(void *ctx, enum err e, const struct keep_store_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct uidset changed = { 0 }, modified = { 0 };

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    if ((e = imap_session_decode_uids(rep->changed, &changed)) != OK ||
        (e = imap_session_decode_uids(rep->modified, &modified)) != OK) {
        imap_session_fail(s, e);
    } else {
        selected_keywords(s, rep->keywords, rep->keywords_count);
        if (!uidset_empty(&changed))
            selected_made(s->box, rep->before, rep->modseq);
        if (!s->command->store.silent)
            selected_told(s->box, &changed, rep->modseq);
        tell(s, &changed, final_text(s, &modified));
    }
    uidset_deinit(&changed);
    uidset_deinit(&modified);
}

void imap_cmd_store(struct imap_session *s, const struct imap_command *c)
{
    static const uint8_t ops[] = {
        [FLAGS_REPLACE] = STORE_SET, [FLAGS_ADD] = STORE_ADD, [FLAGS_REMOVE] = STORE_REMOVE
    };
    const struct imap_store_args *a = &c->store;
    struct store_task *t = ARENA_NEW(s->mem, struct store_task);
    struct keep_store_req req = { .session = s->keeper_session, .mailbox = s->box->mailbox };

    s->task = t;
    if (!imap_session_uids(s, &a->set, &t->uids))
        return;
    if (a->unchanged_since)
        imap_set_facts(s->machine, IMAP_CONDSTORE, 0);
    req.uids = t->uids;
    req.op = ops[a->mode];
    req.flags = imap_session_flag_names(s, &a->flags, &req.keywords, &req.keywords_count);
    req.unchanged_since = a->unchanged_since ? a->modseq : UNCHANGED_SINCE_UNSAID;
    s->ticket = keeper_store(s->service->keeper, &req, stored, s);
}
