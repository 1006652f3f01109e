/* gate/imap/cmd/cmd_mailbox.c - CREATE, DELETE, RENAME, SUBSCRIBE, UNSUBSCRIBE, STATUS. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/mailbox_text.h"
#include "gate/imap/session.h"

#include "proto/imap/reply.h"

static void created(void *ctx, enum err e, const struct keep_mailbox_create_rep *rep,
                    struct file *file)
{
    struct imap_session *s = ctx;
    const struct imap_create_args *a = &s->command->create;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    notify_own(s, rep->modseq);
    if (imap_session_has(s, IMAP_REV2) && !str_eq(a->mailbox, a->written))
        mailbox_list_line(s, 0, a->mailbox, a->written); /* RFC 9051 6.3.4 */
    imap_session_end(s, arena_printf(s->mem, "OK [MAILBOXID (M%llx)] CREATE completed",
                                     (unsigned long long)rep->object));
}

void imap_cmd_create(struct imap_session *s, const struct imap_command *c)
{
    struct keep_mailbox_create_req req = { .session = s->keeper_session,
                                           .name = c->create.mailbox };

    for (uint32_t i = 0; i < c->create.uses.count; i++) {
        uint32_t use = mailbox_use_find(c->create.uses.at[i]);

        if (use == 0) {
            imap_session_end(s, STR("NO [USEATTR] That use is not known here"));
            return;
        }
        req.special_use |= use;
    }
    s->ticket = keeper_mailbox_create(s->service->keeper, &req, created, s);
}

/* The same end for the calls that only succeed or fail. */
static void plain_end(struct imap_session *s, enum err e)
{
    s->ticket = 0;
    if (e == OK)
        imap_session_ok(s);
    else
        imap_session_fail(s, e);
}

/* Whether it was the open mailbox shows when that is asked for news: names may have changed. */
static void deleted(void *ctx, enum err e, const struct keep_mailbox_delete_rep *rep,
                    struct file *file)
{
    (void)file;
    if (e == OK)
        notify_own(ctx, rep->modseq);
    plain_end(ctx, e);
}

void imap_cmd_delete(struct imap_session *s, const struct imap_command *c)
{
    struct keep_mailbox_delete_req req = { s->keeper_session, c->mailbox };

    if (str_eq(c->mailbox, STR("INBOX")))
        imap_session_end(s, STR("NO [CANNOT] INBOX cannot be deleted"));
    else
        s->ticket = keeper_mailbox_delete(s->service->keeper, &req, deleted, s);
}

static void renamed(void *ctx, enum err e, const struct keep_mailbox_rename_rep *rep,
                    struct file *file)
{
    struct imap_session *s = ctx;
    const struct imap_rename_args *a = &s->command->rename;

    (void)file;
    if (e == OK)
        notify_own(s, rep->modseq);
    if (e == OK && imap_session_has(s, IMAP_REV2) &&
        (!str_eq(a->from, a->from_written) || !str_eq(a->to, a->to_written)))
        mailbox_list_line(s, 0, a->to, a->from_written); /* RFC 9051 6.3.6 */
    plain_end(ctx, e);
}

void imap_cmd_rename(struct imap_session *s, const struct imap_command *c)
{
    struct keep_mailbox_rename_req req = { s->keeper_session, c->rename.from, c->rename.to };

    s->ticket = keeper_mailbox_rename(s->service->keeper, &req, renamed, s);
}

static void subscribed(void *ctx, enum err e, const struct keep_mailbox_subscribe_rep *rep,
                       struct file *file)
{
    (void)file;
    if (e == OK)
        notify_own(ctx, rep->modseq);
    plain_end(ctx, e);
}

static void subscribe(struct imap_session *s, struct str name, bool on)
{
    struct keep_mailbox_subscribe_req req = { s->keeper_session, name, on };

    s->ticket = keeper_mailbox_subscribe(s->service->keeper, &req, subscribed, s);
}

void imap_cmd_subscribe(struct imap_session *s, const struct imap_command *c)
{
    subscribe(s, c->mailbox, true);
}

void imap_cmd_unsubscribe(struct imap_session *s, const struct imap_command *c)
{
    subscribe(s, c->mailbox, false);
}

static void status_known(void *ctx, enum err e, const struct keep_mailbox_status_rep *rep,
                         struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    if (e == OK)
        mailbox_status_line(s, s->command->status.mailbox, s->command->status.items, rep);
    plain_end(s, e);
}

void imap_cmd_status(struct imap_session *s, const struct imap_command *c)
{
    struct keep_mailbox_status_req req = { s->keeper_session, c->status.mailbox,
                                           (c->status.items & STATUS_DELETED_STORAGE) != 0 };

    if ((c->status.items & STATUS_HIGHESTMODSEQ) != 0)
        imap_set_facts(s->machine, IMAP_CONDSTORE, 0);
    s->ticket = keeper_mailbox_status(s->service->keeper, &req, status_known, s);
}
