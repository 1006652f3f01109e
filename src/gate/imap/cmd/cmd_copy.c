/* gate/imap/cmd/cmd_copy.c - COPY, MOVE and EXPUNGE. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

#include "proto/imap/reply.h"

/* RFC 4315 3 and RFC 6851 4.3: COPY says COPYUID in its tagged answer, MOVE in an untagged one
 * before the EXPUNGE responses. */
static void tell(struct imap_session *s, uint32_t uidvalidity, const struct uidset *source,
                 const struct uidset *target)
{
    struct buf text = { 0 };
    bool move = s->command->verb == IMAP_CMD_MOVE;

    if (uidset_empty(source)) {
        imap_session_end(s, STR("OK No messages"));
        return;
    }
    BUF_ADD(&text, "OK ");
    reply_copyuid(&text, uidvalidity, source, target);
    if (move) {
        BUF_ADD(&text, " Moved");
        reply_line(&s->out, buf_str(&text));
        view_vanish(&s->box->view, source);
        imap_session_ok(s);
    } else {
        BUF_ADD(&text, " COPY completed");
        imap_session_end(s, buf_str(&text));
    }
    buf_deinit(&text);
}

static void copied(void *ctx, enum err e, const struct keep_copy_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct uidset source = { 0 }, target = { 0 };

    (void)file;
    s->ticket = 0;
    if (e == ERR_NOT_FOUND) {
        imap_session_end(s, STR("NO [TRYCREATE] No such mailbox"));
        return;
    }
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    if ((e = imap_session_decode_uids(rep->source, &source)) != OK ||
        (e = imap_session_decode_uids(rep->target, &target)) != OK)
        imap_session_fail(s, e);
    else
        tell(s, rep->uidvalidity, &source, &target);
    uidset_deinit(&source);
    uidset_deinit(&target);
}

static void copy(struct imap_session *s, const struct imap_command *c)
{
    struct keep_copy_req req = { .session = s->keeper_session,
                                 .mailbox = s->box->mailbox,
                                 .target = c->copy.mailbox,
                                 .move = c->verb == IMAP_CMD_MOVE };

    if (imap_session_uids(s, &c->copy.set, &req.uids))
        s->ticket = keeper_copy(s->service->keeper, &req, copied, s);
}

void imap_cmd_copy(struct imap_session *s, const struct imap_command *c)
{
    copy(s, c);
}

void imap_cmd_move(struct imap_session *s, const struct imap_command *c)
{
    copy(s, c);
}

static void expunged(void *ctx, enum err e, const struct keep_expunge_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct uidset gone = { 0 };

    (void)file;
    s->ticket = 0;
    if (e == OK)
        e = imap_session_decode_uids(rep->expunged, &gone);
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    view_vanish(&s->box->view, &gone);
    if (uidset_empty(&gone)) {
        imap_session_ok(s);
        return;
    }
    selected_made(s->box, rep->before, rep->modseq);
    notify_own(s, rep->modseq);
    uidset_deinit(&gone);
    if (imap_session_has(s, IMAP_QRESYNC)) /* RFC 7162 3.2.7, 3.2.9 */
        imap_session_end(s, arena_printf(s->mem, "OK [HIGHESTMODSEQ %llu] %sEXPUNGE completed",
                                         (unsigned long long)rep->modseq,
                                         s->command->uid ? "UID " : ""));
    else
        imap_session_ok(s);
}

/* EXPUNGE is of all messages, UID EXPUNGE (RFC 4315 2.1) of those named; \Deleted in both. */
void imap_cmd_expunge(struct imap_session *s, const struct imap_command *c)
{
    struct keep_expunge_req req = { .session = s->keeper_session,
                                    .mailbox = s->box->mailbox,
                                    .deleted_only = true };

    if (!c->uid)
        req.uids = imap_session_all_uids(s);
    else if (!imap_session_uids(s, &c->expunge, &req.uids))
        return;
    s->ticket = keeper_expunge(s->service->keeper, &req, expunged, s);
}
