/* gate/imap/cmd/cmd_select.c - SELECT, EXAMINE, CLOSE, UNSELECT. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/mailbox_text.h"
#include "gate/imap/session.h"

#include "proto/imap/reply.h"

static void unselected(void *ctx, enum err e, const struct keep_unselect_rep *rep,
                       struct file *file)
{
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

/* Keeper may forget the mailbox; nobody waits for its answer. */
static void leave(struct imap_session *s)
{
    if (s->box == NULL)
        return;

    struct keep_unselect_req req = { .session = s->keeper_session, .mailbox = s->box->mailbox };
    (void)keeper_unselect(s->service->keeper, &req, unselected, NULL);
    selected_close(s);
}

static struct selected *box_new(const struct keep_select_rep *rep, bool read_only)
{
    struct selected *box = calloc(1, sizeof(*box));

    if (box == NULL)
        BUG("out of memory");
    box->mailbox = rep->mailbox;
    box->uidvalidity = rep->uidvalidity;
    box->modseq = box->noted = rep->modseq;
    box->read_only = read_only;
    box->rights = rep->rights;
    return box;
}

/* Nothing is \Recent in IMAP4rev2. */
static enum err read_sets(struct selected *box, const struct keep_select_rep *rep, bool rev2)
{
    enum err e = imap_session_decode_uids(rep->uids, &box->view.uids);

    return e != OK || rev2 ? e : imap_session_decode_uids(rep->recent_uids, &box->view.recent);
}

/* RFC 9051 6.3.2: LIST in place of what that revision has given up, RECENT and UNSEEN. */
static void describe_rev2(struct imap_session *s, const struct keep_select_rep *rep)
{
    const struct imap_select_args *a = &s->command->select;

    mailbox_list_line(s, rep->special_use, a->mailbox, a->written);
}

static void describe_rev1(struct imap_session *s, uint32_t unseen)
{
    reply_number_line(&s->out, uidset_count(&s->box->view.recent), STR("RECENT"));
    if (unseen != 0)
        buf_printf(&s->out, "* OK [UNSEEN %u] First unseen\r\n", unseen);
}

/* The responses that RFC 3501 6.3.1 requires, and those of RFC 7162 and RFC 8474. */
static void describe(struct imap_session *s, const struct keep_select_rep *rep)
{
    struct selected *box = s->box;
    uint32_t unseen = view_seq(&box->view, rep->first_unseen_uid);

    selected_keywords(s, rep->keywords, rep->keywords_count);
    selected_announce(s);
    box->described = true;
    reply_number_line(&s->out, view_exists(&box->view), STR("EXISTS"));
    if (imap_session_has(s, IMAP_REV2))
        describe_rev2(s, rep);
    else
        describe_rev1(s, imap_session_has(s, IMAP_UIDONLY) ? 0 : unseen);
    buf_printf(&s->out, "* OK [UIDVALIDITY %u] UIDs valid\r\n", rep->uidvalidity);
    buf_printf(&s->out, "* OK [UIDNEXT %u] Predicted next UID\r\n", rep->uidnext);
    buf_printf(&s->out, "* OK [HIGHESTMODSEQ %llu] Highest\r\n", (unsigned long long)rep->modseq);
    buf_printf(&s->out, "* OK [MAILBOXID (M%llx)] Id\r\n", (unsigned long long)rep->object);
}

static struct str opened_text(const struct imap_session *s)
{
    if (s->command->verb == IMAP_CMD_EXAMINE)
        return STR("OK [READ-ONLY] EXAMINE completed");
    return s->box->read_only ? STR("OK [READ-ONLY] SELECT completed")
                             : STR("OK [READ-WRITE] SELECT completed");
}

/* RFC 7162 3.2.5.1: the same as UID FETCH known-uids (FLAGS) (CHANGEDSINCE modseq VANISHED), whose
 * first half has been told. Matching of numbers with UIDs is not needed where every loss is kept.
 */
static void resync(struct imap_session *s)
{
    const struct imap_select_args *a = &s->command->select;
    struct imap_fetch_args *f = ARENA_NEW(s->mem, struct imap_fetch_args);
    struct uidset uids = { 0 };

    *f = (struct imap_fetch_args){ .item_count = 3, .changed_since = true, .modseq = a->modseq };
    f->items = ARENA_ARRAY(s->mem, struct imap_fetch_item, f->item_count);
    f->items[0].kind = FETCH_UID;
    f->items[1].kind = FETCH_FLAGS;
    f->items[2].kind = FETCH_MODSEQ;
    if (a->known_uids.count == 0)
        uidset_copy(&uids, &s->box->view.uids);
    else if (!view_resolve(&s->box->view, &a->known_uids, true, &uids))
        BUG("a set of UIDs cannot name what is not there");
    fetch_rows(s, f, imap_session_encode_uids(s, &uids), opened_text(s));
    uidset_deinit(&uids);
}

static void opened(void *ctx, enum err e, const struct keep_select_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    bool read_only = s->command->verb == IMAP_CMD_EXAMINE;

    (void)file;
    s->ticket = 0;
    /* RFC 4314 5.2: without any right to change something it is as with EXAMINE. */
    if (e == OK && (rep->rights & RIGHTS_WRITING) == 0)
        read_only = true;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    s->box = box_new(rep, read_only);
    if ((e = read_sets(s->box, rep, imap_session_has(s, IMAP_REV2))) != OK) {
        leave(s);
        imap_session_fail(s, e);
        return;
    }
    describe(s, rep);
    if (s->command->select.condstore)
        imap_set_facts(s->machine, IMAP_CONDSTORE, 0);
    imap_set_facts(s->machine, IMAP_SELECTED | (read_only ? IMAP_READ_ONLY : 0), 0);
    if (s->command->select.qresync && s->command->select.uidvalidity == rep->uidvalidity)
        vanished_since(s, s->command->select.modseq, &s->command->select.known_uids, resync);
    else
        imap_session_end(s, opened_text(s));
}

/* A mailbox that was open is left first, even when the new one cannot be opened. */
static void open_mailbox(struct imap_session *s, const struct imap_command *c)
{
    struct keep_select_req req = { .name = c->select.mailbox, .write = c->verb == IMAP_CMD_SELECT };

    if (c->select.qresync && (imap_facts(s->machine) & IMAP_QRESYNC) == 0) {
        imap_session_end(s, STR("BAD QRESYNC is not enabled"));
        return;
    }
    if (s->box != NULL)
        reply_line(&s->out, STR("OK [CLOSED] The previous mailbox is closed"));
    leave(s);
    req.session = s->keeper_session;
    s->ticket = keeper_select(s->service->keeper, &req, opened, s);
}

void imap_cmd_select(struct imap_session *s, const struct imap_command *c)
{
    open_mailbox(s, c);
}

void imap_cmd_examine(struct imap_session *s, const struct imap_command *c)
{
    open_mailbox(s, c);
}

static void emptied(void *ctx, enum err e, const struct keep_expunge_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)rep;
    (void)file;
    s->ticket = 0;
    leave(s);
    if (e == OK || e == ERR_NOT_FOUND || e == ERR_DENIED) /* RFC 4314 4 */
        imap_session_ok(s);
    else
        imap_session_fail(s, e);
}

/* RFC 3501 6.4.2: what is \Deleted goes, without a word about it; nothing does after EXAMINE. */
void imap_cmd_close(struct imap_session *s, const struct imap_command *c)
{
    struct keep_expunge_req req = { .session = s->keeper_session,
                                    .mailbox = s->box->mailbox,
                                    .deleted_only = true };

    (void)c;
    if (s->box->read_only) {
        leave(s);
        imap_session_ok(s);
        return;
    }
    req.uids = imap_session_all_uids(s);
    s->ticket = keeper_expunge(s->service->keeper, &req, emptied, s);
}

void imap_cmd_unselect(struct imap_session *s, const struct imap_command *c)
{
    (void)c;
    leave(s);
    imap_session_ok(s);
}
