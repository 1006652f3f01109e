/* cli/mailbox/mailboxes.c - postern mailbox list, create, delete, rename, acl. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin.h"
#include "message/set/rights.h"

struct mailboxes {
    uint64_t session;
    struct keep_mailbox *at; /* those that exist, in order; in the context's memory */
    size_t count, cap, done;
};

static const struct {
    struct str name;
    uint32_t use;
} uses[] = {
    { STR_INIT("archive"), USE_ARCHIVE }, { STR_INIT("drafts"), USE_DRAFTS },
    { STR_INIT("junk"), USE_JUNK },       { STR_INIT("sent"), USE_SENT },
    { STR_INIT("trash"), USE_TRASH },
};

static struct str use_name(uint32_t use)
{
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (uses[i].use == use)
            return uses[i].name;
    return STR_EMPTY;
}

/* ---- a session of the account ---- */

/* Opens the account that the first word names. On failure everything is closed. */
static enum err open_account(struct admin *s, struct context *c, struct mailboxes *m)
{
    enum err e = admin_open(s, c);

    if (e != OK)
        return e;
    s->more = m;
    e = admin_open_account(s, c->words[0], &m->session);
    return e == OK ? OK : admin_close(s, e);
}

#define PLAIN_DONE(name)                                                                           \
    static void name##_done(void *ctx, enum err e, const struct keep_##name##_rep *rep,            \
                            struct file *file)                                                     \
    {                                                                                              \
        (void)rep;                                                                                 \
        (void)file;                                                                                \
        admin_end(ctx, e);                                                                         \
    }
PLAIN_DONE(mailbox_create)
PLAIN_DONE(mailbox_delete)
PLAIN_DONE(mailbox_rename)
PLAIN_DONE(acl_set)

/* ---- list: the names first, then the figures of one after the other ---- */

static void ask_status(struct admin *s);

static void status_known(void *ctx, enum err e, const struct keep_mailbox_status_rep *rep,
                         struct file *file)
{
    struct admin *s = ctx;
    struct mailboxes *m = s->more;
    const struct keep_mailbox *box = &m->at[m->done++];

    (void)file;
    if (e != OK && e != ERR_NOT_FOUND) { /* not found: it went meanwhile */
        admin_end(s, e);
        return;
    }
    if (e == OK) {
        output_row(&s->out);
        output_str(&s->out, "mailbox", box->name);
        output_num(&s->out, "messages", rep->messages);
        output_num(&s->out, "unseen", rep->unseen);
        output_num(&s->out, "deleted", rep->deleted);
        output_num(&s->out, "bytes", rep->size);
        output_num(&s->out, "uidvalidity", rep->uidvalidity);
        output_num(&s->out, "uidnext", rep->uidnext);
        output_flag(&s->out, "subscribed", box->subscribed);
        output_str(&s->out, "use", use_name(box->special_use));
    }
    ask_status(s);
}

static void ask_status(struct admin *s)
{
    const struct mailboxes *m = s->more;

    if (m->done == m->count)
        admin_end(s, OK);
    else
        (void)keeper_mailbox_status(
            s->client,
            &(struct keep_mailbox_status_req){ .session = m->session, .name = m->at[m->done].name },
            status_known, s);
}

static void keep_mailbox(struct admin *s, const struct keep_mailbox *box)
{
    struct arena *mem = s->context->mem;
    struct mailboxes *m = s->more;

    if (m->count == m->cap) {
        struct keep_mailbox *grown =
            ARENA_ARRAY(mem, struct keep_mailbox, m->cap = 2 * m->cap + 64);

        if (m->count > 0)
            memcpy(grown, m->at, m->count * sizeof *grown);
        m->at = grown;
    }
    m->at[m->count] = *box;
    m->at[m->count++].name = arena_copy(mem, box->name);
}

static void names_known(void *ctx, enum err e, const struct keep_mailbox_list_rep *rep,
                        struct file *file)
{
    struct admin *s = ctx;
    const struct mailboxes *m = s->more;

    (void)file;
    if (e != OK) {
        admin_end(s, e);
        return;
    }
    for (size_t i = 0; i < rep->mailboxes_count; i++)
        if (rep->mailboxes[i].exists)
            keep_mailbox(s, &rep->mailboxes[i]);
    if (rep->next.len == 0)
        ask_status(s);
    else
        (void)keeper_mailbox_list(
            s->client, &(struct keep_mailbox_list_req){ m->session, rep->next }, names_known, s);
}

enum err cli_mailbox_list(struct context *c)
{
    struct mailboxes m = { 0 };
    struct admin s;
    enum err e = open_account(&s, c, &m);

    if (e != OK)
        return e;
    (void)keeper_mailbox_list(s.client, &(struct keep_mailbox_list_req){ .session = m.session },
                              names_known, &s);
    return admin_close(&s, admin_wait(&s));
}

/* ---- create, delete, rename ---- */

static enum err parse_use(struct context *c, uint32_t *ret)
{
    const struct str *word = option_find(c, "use");

    *ret = 0;
    for (size_t i = 0; word != NULL && i < ARRAY_LEN(uses); i++)
        if (str_eq_nocase(*word, uses[i].name))
            *ret = uses[i].use;
    return word == NULL || *ret != 0
               ? OK
               : err_set(&c->why, ERR_SYNTAX,
                         "'%.*s' is none of archive, drafts, junk, sent and trash", STR_ARG(*word));
}

enum err cli_mailbox_create(struct context *c)
{
    struct keep_mailbox_create_req req = { .name = c->words[1] };
    struct mailboxes m = { 0 };
    struct admin s;
    enum err e = parse_use(c, &req.special_use);

    if (e != OK || (e = open_account(&s, c, &m)) != OK)
        return e;
    req.session = m.session;
    (void)keeper_mailbox_create(s.client, &req, mailbox_create_done, &s);
    return admin_close(&s, admin_wait(&s));
}

enum err cli_mailbox_delete(struct context *c)
{
    struct mailboxes m = { 0 };
    struct admin s;
    enum err e = open_account(&s, c, &m);

    if (e != OK)
        return e;
    (void)keeper_mailbox_delete(s.client,
                                &(struct keep_mailbox_delete_req){ m.session, c->words[1] },
                                mailbox_delete_done, &s);
    return admin_close(&s, admin_wait(&s));
}

enum err cli_mailbox_rename(struct context *c)
{
    struct mailboxes m = { 0 };
    struct admin s;
    enum err e = open_account(&s, c, &m);

    if (e != OK)
        return e;
    (void)keeper_mailbox_rename(
        s.client, &(struct keep_mailbox_rename_req){ m.session, c->words[1], c->words[2] },
        mailbox_rename_done, &s);
    return admin_close(&s, admin_wait(&s));
}

/* ---- acl ---- */

static void acl_known(void *ctx, enum err e, const struct keep_acl_list_rep *rep, struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    for (size_t i = 0; e == OK && i < rep->entries_count; i++) {
        struct buf letters = { 0 };

        rights_format(rep->entries[i].rights, &letters);
        output_row(&s->out);
        output_str(&s->out, "identifier", rep->entries[i].identifier);
        output_str(&s->out, "rights", buf_str(&letters));
        buf_deinit(&letters);
    }
    admin_end(s, e);
}

/* "lrs" in place of what was, "+lrs", "-lrs"; "none" takes the entry away. */
static enum err parse_change(struct context *c, struct keep_acl_set_req *ret)
{
    static const enum keep_acl_op ops[] = {
        [RIGHTS_SET] = ACL_REPLACE, [RIGHTS_ADD] = ACL_ADD, [RIGHTS_REMOVE] = ACL_REMOVE
    };
    struct rights_change change;
    struct str word = c->words[3];

    if (str_eq_nocase(word, STR("none")))
        word = STR_EMPTY;
    if (rights_change_parse(word, &change) != OK)
        return err_set(&c->why, ERR_SYNTAX,
                       "'%.*s' is no set of rights: letters of lrswipkxtea, or none",
                       STR_ARG(c->words[3]));
    ret->name = c->words[1];
    ret->identifier = c->words[2];
    ret->op = (uint8_t)ops[change.op];
    ret->rights = change.rights;
    return OK;
}

enum err cli_mailbox_acl(struct context *c)
{
    bool changes = c->word_count > 2;
    struct keep_acl_set_req req = { 0 };
    struct mailboxes m = { 0 };
    struct admin s;
    enum err e;

    if (c->word_count == 3)
        return err_set(&c->why, ERR_SYNTAX, "an identifier goes with rights: letters, or none");
    if ((changes && (e = parse_change(c, &req)) != OK) || (e = open_account(&s, c, &m)) != OK)
        return e;
    req.session = m.session;
    if (changes)
        (void)keeper_acl_set(s.client, &req, acl_set_done, &s);
    else
        (void)keeper_acl_list(s.client, &(struct keep_acl_list_req){ m.session, c->words[1] },
                              acl_known, &s);
    return admin_close(&s, admin_wait(&s));
}
