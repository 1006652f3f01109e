/* gate/imap/sharing/cmd_acl.c - access control lists (RFC 4314) and NAMESPACE (RFC 2342). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

#include "proto/imap/reply.h"

static bool speaks_utf8(const struct imap_session *s)
{
    return imap_session_has(s, IMAP_UTF8);
}

/* "* ACL name", "* MYRIGHTS name" and the like, without the end of the line. */
static void begin_line(struct imap_session *s, struct str response, struct str mailbox)
{
    BUF_ADD(&s->out, "* ");
    buf_add(&s->out, response);
    BUF_ADD(&s->out, " ");
    reply_mailbox(&s->out, mailbox, speaks_utf8(s));
}

/* A set of rights is an astring, and so has quotes when it is empty. */
static void put_rights(struct imap_session *s, uint32_t rights)
{
    struct buf letters = { 0 };

    rights_format(rights, &letters);
    BUF_ADD(&s->out, " ");
    reply_astring(&s->out, buf_str(&letters), false);
    buf_deinit(&letters);
}

static void put_identifier(struct imap_session *s, struct str identifier)
{
    BUF_ADD(&s->out, " ");
    reply_astring(&s->out, identifier, true);
}

void imap_session_my_rights(struct imap_session *s, struct str mailbox, uint32_t rights)
{
    begin_line(s, STR("MYRIGHTS"), mailbox);
    put_rights(s, rights);
    BUF_ADD(&s->out, "\r\n");
}

/* True when the command has failed and is over. An identifier that is empty is bad syntax
 * (RFC 4314 3). */
static bool is_over(struct imap_session *s, enum err e)
{
    s->ticket = 0;
    if (e == ERR_SYNTAX)
        imap_session_end(s, STR("BAD That is no identifier"));
    else if (e == ERR_UNSUPPORTED)
        imap_session_end(s, STR("NO [CANNOT] That identifier has no entry of its own here"));
    else if (e != OK)
        imap_session_fail(s, e);
    return e != OK;
}

/* ---- changing ---- */

static void changed(void *ctx, enum err e, const struct keep_acl_set_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)rep;
    (void)file;
    if (!is_over(s, e))
        imap_session_ok(s);
}

static void change(struct imap_session *s, const struct imap_acl_args *a)
{
    static const uint8_t ops[] = {
        [RIGHTS_SET] = ACL_REPLACE, [RIGHTS_ADD] = ACL_ADD, [RIGHTS_REMOVE] = ACL_REMOVE
    };
    const struct keep_acl_set_req req = { .session = s->keeper_session,
                                          .name = a->mailbox,
                                          .identifier = a->identifier,
                                          .op = ops[a->change.op],
                                          .rights = a->change.rights };

    s->ticket = keeper_acl_set(s->service->keeper, &req, changed, s);
}

void imap_cmd_acl_set(struct imap_session *s, const struct imap_command *c)
{
    change(s, &c->acl);
}

/* An entry without rights is none; the reader left the change empty. */
void imap_cmd_acl_delete(struct imap_session *s, const struct imap_command *c)
{
    change(s, &c->acl);
}

/* ---- reading ---- */

static void list_known(void *ctx, enum err e, const struct keep_acl_list_rep *rep,
                       struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    if (is_over(s, e))
        return;
    begin_line(s, STR("ACL"), s->command->mailbox);
    for (size_t i = 0; i < rep->entries_count; i++) {
        put_identifier(s, rep->entries[i].identifier);
        put_rights(s, rep->entries[i].rights);
    }
    BUF_ADD(&s->out, "\r\n");
    imap_session_ok(s);
}

void imap_cmd_acl_list(struct imap_session *s, const struct imap_command *c)
{
    const struct keep_acl_list_req req = { s->keeper_session, c->mailbox };

    s->ticket = keeper_acl_list(s->service->keeper, &req, list_known, s);
}

/* No rights are tied together, so each stands alone; none is named twice (RFC 4314 3.7). */
static void grantable_known(void *ctx, enum err e, const struct keep_acl_grantable_rep *rep,
                            struct file *file)
{
    struct imap_session *s = ctx;
    struct buf letters = { 0 };

    (void)file;
    if (is_over(s, e))
        return;
    begin_line(s, STR("LISTRIGHTS"), s->command->acl.mailbox);
    put_identifier(s, s->command->acl.identifier);
    put_rights(s, rep->always);
    rights_format(rep->grantable, &letters);
    for (size_t i = 0; i < letters.len; i++) {
        BUF_ADD(&s->out, " ");
        buf_add_char(&s->out, letters.at[i]);
    }
    buf_deinit(&letters);
    BUF_ADD(&s->out, "\r\n");
    imap_session_ok(s);
}

void imap_cmd_acl_grantable(struct imap_session *s, const struct imap_command *c)
{
    const struct keep_acl_grantable_req req = { s->keeper_session, c->acl.mailbox,
                                                c->acl.identifier };

    s->ticket = keeper_acl_grantable(s->service->keeper, &req, grantable_known, s);
}

static void mine_known(void *ctx, enum err e, const struct keep_acl_mine_rep *rep,
                       struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    if (is_over(s, e))
        return;
    imap_session_my_rights(s, s->command->mailbox, rep->rights);
    imap_session_ok(s);
}

void imap_cmd_acl_mine(struct imap_session *s, const struct imap_command *c)
{
    const struct keep_acl_mine_req req = { s->keeper_session, c->mailbox };

    s->ticket = keeper_acl_mine(s->service->keeper, &req, mine_known, s);
}

/* ---- NAMESPACE (RFC 2342 5): personal names have no prefix ---- */

static void put_namespace(struct imap_session *s, struct str prefix)
{
    if (prefix.len == 0) {
        BUF_ADD(&s->out, " NIL");
        return;
    }
    BUF_ADD(&s->out, " ((");
    reply_string(&s->out, arena_join(s->mem, prefix, STR("/")), true);
    BUF_ADD(&s->out, " \"/\"))");
}

static void namespaces_known(void *ctx, enum err e, const struct keep_namespaces_rep *rep,
                             struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    BUF_ADD(&s->out, "* NAMESPACE ((\"\" \"/\"))");
    put_namespace(s, rep->others);
    put_namespace(s, rep->shared);
    BUF_ADD(&s->out, "\r\n");
    imap_session_ok(s);
}

void imap_cmd_namespace(struct imap_session *s, const struct imap_command *c)
{
    const struct keep_namespaces_req req = { s->keeper_session };

    (void)c;
    s->ticket = keeper_namespaces(s->service->keeper, &req, namespaces_known, s);
}
