/* gate/imap/cmd/cmd_append.c - APPEND.
 *
 * Before a client sends its message it is asked whether the mailbox is there, so that a wrong name
 * costs nobody a transfer. A small message is collected in memory, a larger one in an unnamed file
 * that keeper has passed over; at the end the structure record is built here, where parsers may
 * fail without harm, and everything goes to keeper in one call. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

#include "message/record/record.h"
#include "proto/imap/reply.h"

enum { SPOOL_ABOVE_BYTES = 256 * 1024, SPOOL_PIECE_BYTES = 64 * 1024 };

struct append_task {
    struct imap_append_args args;
    struct str tag;
    uint64_t spooled; /* octets in the file */
    enum err failed;
};

static void dropped(void *ctx, enum err e, const struct keep_spool_drop_rep *rep, struct file *file)
{
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

void append_drop(struct imap_session *s)
{
    file_close(s->spool);
    s->spool = NULL;
    if (s->spool_id != 0) {
        struct keep_spool_drop_req req = { s->spool_id };

        (void)keeper_spool_drop(s->service->keeper, &req, dropped, NULL);
    }
    s->spool_id = 0;
}

/* The command ends here, before the message was asked for. */
static void refuse(struct imap_session *s, struct str text)
{
    struct append_task *t = s->task;

    reply_tagged_line(&s->out, t->tag, text);
    imap_session_forget_command(s);
    imap_append_refuse(s->machine);
    imap_session_flush(s);
    stream_resume(s->stream);
    imap_session_pump(s);
}

static void take(struct imap_session *s)
{
    imap_append_take(s->machine);
    stream_resume(s->stream);
    imap_session_pump(s);
}

static void spool_known(void *ctx, enum err e, const struct keep_spool_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    s->ticket = 0;
    if (e == OK)
        s->spool_id = rep->spool;
    if (e == OK && file == NULL)
        e = ERR_UNAVAILABLE;
    if (e != OK) {
        refuse(s, imap_session_error_text(s, e));
        return;
    }
    s->spool = file;
    take(s);
}

static void mailbox_known(void *ctx, enum err e, const struct keep_mailbox_status_rep *rep,
                          struct file *file)
{
    struct imap_session *s = ctx;
    struct append_task *t = s->task;

    (void)rep;
    (void)file;
    s->ticket = 0;
    if (e == ERR_NOT_FOUND) {
        refuse(s, STR("NO [TRYCREATE] No such mailbox"));
    } else if (e != OK) {
        refuse(s, imap_session_error_text(s, e));
    } else if (t->args.bytes > SPOOL_ABOVE_BYTES) {
        struct keep_spool_req req = { t->args.bytes };

        s->ticket = keeper_spool(s->service->keeper, &req, spool_known, s);
    } else {
        take(s);
    }
}

void append_begin(struct imap_session *s, const struct imap_command *c)
{
    imap_session_forget_command(s); /* an APPEND that ended in a syntax error has left its octets */
    s->mem = arena_new(0);

    struct append_task *t = ARENA_NEW(s->mem, struct append_task);
    struct keep_mailbox_status_req req = { s->keeper_session, c->append.mailbox };

    t->args = c->append;
    t->tag = c->tag;
    s->task = t;
    if (c->append.bytes == 0)
        refuse(s, STR("NO [CANNOT] The message is empty"));
    else
        s->ticket = keeper_mailbox_status(s->service->keeper, &req, mailbox_known, s);
}

static void spool_hold(struct imap_session *s, struct append_task *t)
{
    if (t->failed == OK)
        t->failed = file_pwrite(s->spool, t->spooled, buf_str(&s->hold), NULL);
    t->spooled += s->hold.len;
    buf_clear(&s->hold);
}

void append_body(struct imap_session *s, struct str octets)
{
    struct append_task *t = s->task;

    buf_add(&s->hold, octets);
    if (s->spool != NULL && s->hold.len >= SPOOL_PIECE_BYTES)
        spool_hold(s, t);
}

/* What is wrong with a message is said by the machine when its command ends. */
void append_end(struct imap_session *s, bool whole)
{
    if (!whole)
        imap_session_forget_command(s);
}

static void appended(void *ctx, enum err e, const struct keep_append_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e == OK) {
        s->spool_id = 0; /* used up; after a failure it may not be, and is given back */
        imap_session_end(s, arena_printf(s->mem, "OK [APPENDUID %u %u] APPEND completed",
                                         rep->uidvalidity, rep->uid));
    } else if (e == ERR_NOT_FOUND) {
        imap_session_end(s, STR("NO [TRYCREATE] No such mailbox"));
    } else {
        imap_session_fail(s, e);
    }
}

/* The walk needs the message in one piece; a large one is read back for the moment that takes. */
static enum err build_record(struct imap_session *s, struct append_task *t, struct buf *record)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct buf whole = { 0 };
    enum err e = OK;

    if (s->spool == NULL) {
        record_build(buf_str(&s->hold), &limits, record);
        return OK;
    }
    spool_hold(s, t);
    buf_deinit(&s->hold);
    if ((e = t->failed) != OK)
        return e;

    char *at = buf_reserve(&whole, t->spooled);
    e = file_pread(s->spool, 0, at, t->spooled, NULL);
    if (e == OK)
        record_build(str_from(at, t->spooled), &limits, record);
    buf_deinit(&whole);
    return e;
}

void imap_cmd_append(struct imap_session *s, const struct imap_command *c)
{
    struct append_task *t = s->task;
    struct keep_append_req req = { .session = s->keeper_session, .name = t->args.mailbox };
    struct buf record = { 0 };
    enum err e = build_record(s, t, &record);

    (void)c;
    if (e == OK) {
        req.flags = imap_session_flag_names(s, &t->args.flags, &req.keywords, &req.keywords_count);
        req.internal_date = t->args.has_date ? t->args.date_s : loop_wall_s(s->service->loop);
        req.record = buf_str(&record);
        req.bytes = s->spool == NULL ? buf_str(&s->hold) : STR_EMPTY;
        req.spool = s->spool_id;
        req.spool_bytes = t->spooled;
        s->ticket = keeper_append(s->service->keeper, &req, appended, s);
        buf_deinit(&s->hold);
    }
    buf_deinit(&record);
    if (e != OK)
        imap_session_fail(s, e);
}
