/* gate/imap/cmd/cmd_append.c - APPEND: messages, one or many, in one commit (RFC 3501 6.3.11,
 * 3502).
 *
 * Before a client sends its message it is asked whether the mailbox is there, so that a wrong name
 * costs nobody a transfer. The messages are collected one behind the other, in memory while they
 * are few and small, else in an unnamed file that keeper has passed over. Behind each its structure
 * record is built here, where parsers may fail without harm, and joins the manifest: what keeper
 * must know of each message. At the end everything goes to keeper in one call, which puts all of
 * the messages into the mailbox or none, and takes the replaced one away in the same commit.
 * Spec: RFC 3501 6.3.11, RFC 3502, RFC 4469, RFC 8508 3. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/appending.h"

#include "proto/imap/reply.h"

/* The command ends here, before the rest of it was asked for. */
static void refuse(struct imap_session *s, struct str text)
{
    reply_tagged_line(&s->out, s->appending->tag, text);
    imap_append_refuse(s->machine);
    imap_session_forget_command(s);
    imap_session_flush(s);
    stream_resume(s->stream);
    imap_session_pump(s);
}

/* Most often from within the pump, which goes on by itself. */
static void take(struct imap_session *s)
{
    imap_append_take(s->machine);
    if (!s->pumping) {
        stream_resume(s->stream);
        imap_session_pump(s);
    }
}

static void room_made(struct imap_session *s, enum err e)
{
    if (e == OK)
        take(s);
    else
        refuse(s, imap_session_error_text(s, e));
}

static void url_read(struct imap_session *s, struct str refusal)
{
    if (refusal.len == 0)
        take(s);
    else
        refuse(s, refusal);
}

/* The mailbox is there: the next part may come, if there is room for it. */
static void begin_part(struct imap_session *s, const struct imap_append_args *args)
{
    struct appending *a = s->appending;

    if (args->part == 0)
        appending_begin_message(s, args);
    if (args->is_url)
        append_url(s, args->url, url_read);
    else if (args->bytes == 0 && !args->catenate)
        refuse(s, STR("NO [CANNOT] The message is empty"));
    else if (appending_message_bytes(a) + args->bytes >
             s->service->settings.limits.append_bytes_max)
        refuse(s, STR("NO [TOOBIG] Message too large"));
    else if (appending_is_full(a))
        refuse(s, STR("NO [LIMIT] Too much in one APPEND"));
    else
        appending_make_room(s, args->bytes, room_made);
}

static void mailbox_known(void *ctx, enum err e, const struct keep_mailbox_status_rep *rep,
                          struct file *file)
{
    struct imap_session *s = ctx;

    (void)rep;
    (void)file;
    s->ticket = 0;
    if (e == ERR_NOT_FOUND)
        refuse(s, STR("NO [TRYCREATE] No such mailbox"));
    else if (e != OK && e != ERR_DENIED) /* who may insert need not be allowed to count */
        refuse(s, imap_session_error_text(s, e));
    else
        begin_part(s, &s->appending->first);
}

/* The message that REPLACE is to remove; numbers do not change until the command ends. */
static bool find_replaced(struct imap_session *s, const struct imap_command *c)
{
    struct set_range one = { c->append.replaced, c->append.replaced };
    const struct imap_set set = { .at = &one, .count = 1 };
    struct uidset uids = { 0 };
    bool found = selected_resolve(s->box, &set, c->uid, &uids) && !uidset_empty(&uids);

    s->appending->replaced = uidset_first(&uids);
    uidset_deinit(&uids);
    return found;
}

void append_begin(struct imap_session *s, const struct imap_command *c)
{
    if (c->append.index > 0 || c->append.part > 0) {
        begin_part(s, &c->append);
        return;
    }
    imap_session_forget_command(s); /* an APPEND that ended in a syntax error has left its octets */
    s->mem = arena_new(0);
    s->appending = appending_new(s, c);
    if (c->append.replaces && !find_replaced(s, c)) {
        refuse(s, c->uid ? STR("NO [NONEXISTENT] No message has that UID")
                         : STR("BAD No message has that number"));
        return;
    }

    struct keep_mailbox_status_req req = { s->keeper_session, c->append.mailbox };

    s->ticket = keeper_mailbox_status(s->service->keeper, &req, mailbox_known, s);
}

void append_body(struct imap_session *s, struct str octets)
{
    appending_add(s, octets);
}

/* What is wrong with a message is said by the machine when its command ends. */
void append_end(struct imap_session *s, bool whole)
{
    if (whole)
        appending_end_message(s);
    else
        imap_session_forget_command(s);
}

/* ---- the end of the command ---- */

/* RFC 4315 3, RFC 3502; of a REPLACE before it is told that a message went (RFC 8508 4.3). */
static void tell_uids(struct imap_session *s, const struct keep_append_rep *rep)
{
    uint32_t last = rep->uid + rep->count - 1;
    struct str uids = rep->count == 1 ? arena_printf(s->mem, "%u", rep->uid)
                                      : arena_printf(s->mem, "%u:%u", rep->uid, last);
    struct str code =
        arena_printf(s->mem, "OK [APPENDUID %u %.*s]", rep->uidvalidity, STR_ARG(uids));

    if (s->appending->replaced == 0) {
        imap_session_end(s, arena_join(s->mem, code, STR(" APPEND completed")));
        return;
    }
    reply_line(&s->out, arena_join(s->mem, code, STR(" The replacement is there")));
    imap_session_ok(s);
}

static void appended(void *ctx, enum err e, const struct keep_append_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e == OK) {
        s->appending->spool_id = 0; /* used up; after a failure it may not be, and is given back */
        tell_uids(s, rep);
    } else if (e == ERR_CONFLICT && s->appending->replaced != 0) {
        imap_session_end(s, STR("NO [EXPUNGEISSUED] The message to be replaced is gone"));
    } else if (e == ERR_NOT_FOUND) {
        imap_session_end(s, STR("NO [TRYCREATE] No such mailbox"));
    } else {
        imap_session_fail(s, e);
    }
}

static void send(struct imap_session *s, enum err e)
{
    struct appending *a = s->appending;
    struct keep_append_req req = { .session = s->keeper_session, .name = a->mailbox };

    if (a->replaced != 0) {
        req.replace_mailbox = s->box->mailbox;
        req.replace_uid = a->replaced;
    }
    if (e == OK)
        e = appending_finish(s, &req);
    if (e == OK)
        s->ticket = keeper_append(s->service->keeper, &req, appended, s);
    else
        imap_session_fail(s, e);
}

void imap_cmd_append(struct imap_session *s, const struct imap_command *c)
{
    struct appending *a = s->appending;

    (void)c;
    if (a->failed != OK)
        imap_session_fail(s, a->failed);
    else if (a->empty)
        imap_session_end(s, STR("NO [CANNOT] The message is empty"));
    else
        appending_make_room(s, 0, send);
}

void imap_cmd_replace(struct imap_session *s, const struct imap_command *c)
{
    imap_cmd_append(s, c);
}
