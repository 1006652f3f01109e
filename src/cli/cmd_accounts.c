/* cli/cmd_accounts.c - domains, accounts, aliases, tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin.h"
#include "cli/password.h"
#include "config/value.h"

/* Most calls have an empty reply (or one that nobody needs): their done() only ends the session. */
#define PLAIN_DONE(name)                                                                           \
    static void name##_done(void *ctx, enum err e, const struct keep_##name##_rep *rep,            \
                            struct file *file)                                                     \
    {                                                                                              \
        (void)rep;                                                                                 \
        (void)file;                                                                                \
        admin_end(ctx, e);                                                                         \
    }

/* Opens a session, makes one call, waits, closes. */
#define RUN_PLAIN(c, name, request)                                                                \
    struct admin s;                                                                                \
    enum err e = admin_open(&s, c);                                                                \
    if (e != OK)                                                                                   \
        return e;                                                                                  \
    (void)keeper_##name(s.client, request, name##_done, &s);                                       \
    return admin_close(&s, admin_wait(&s))

PLAIN_DONE(domain_add)
PLAIN_DONE(domain_remove)
PLAIN_DONE(account_add)
PLAIN_DONE(account_remove)
PLAIN_DONE(account_password)
PLAIN_DONE(account_quota)
PLAIN_DONE(account_enable)
PLAIN_DONE(account_administrator)
PLAIN_DONE(alias_add)
PLAIN_DONE(alias_remove)
PLAIN_DONE(token_revoke)

enum err cli_domain_add(struct context *c)
{
    struct keep_domain_add_req req = { .name = c->words[0] };

    RUN_PLAIN(c, domain_add, &req);
}

enum err cli_domain_remove(struct context *c)
{
    struct keep_domain_remove_req req = { .name = c->words[0] };

    RUN_PLAIN(c, domain_remove, &req);
}

/* A list goes on from where its page ended. */
static void domain_list_done(void *ctx, enum err e, const struct keep_domain_list_rep *rep,
                             struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    if (e != OK) {
        admin_end(s, e);
        return;
    }
    for (size_t i = 0; i < rep->domains_count; i++) {
        output_row(&s->out);
        output_str(&s->out, "domain", rep->domains[i].name);
        output_num(&s->out, "accounts", rep->domains[i].accounts);
    }
    if (rep->next.len == 0)
        admin_end(s, OK);
    else
        (void)keeper_domain_list(s->client, &(struct keep_domain_list_req){ .from = rep->next },
                                 domain_list_done, s);
}

enum err cli_domain_list(struct context *c)
{
    struct keep_domain_list_req req = { .from = STR_EMPTY };

    RUN_PLAIN(c, domain_list, &req);
}

struct quota_words {
    const struct str *bytes, *messages, *mailboxes; /* null: not given */
};
struct quota {
    uint64_t bytes, messages, mailboxes; /* 0: no limit */
};

static enum err parse_number(struct context *c, const struct str *word, uint64_t *ret)
{
    if (word != NULL && !str_to_u64(*word, INT64_MAX, ret))
        return err_set(&c->why, ERR_SYNTAX, "'%.*s' is no number", STR_ARG(*word));
    return OK;
}

static enum err parse_quota(struct context *c, const struct quota_words *words, struct quota *ret)
{
    enum err e;

    *ret = (struct quota){ 0 };
    if (words->bytes != NULL && !size_parse(*words->bytes, &ret->bytes))
        return err_set(&c->why, ERR_SYNTAX, "'%.*s' is no size such as 2GB",
                       STR_ARG(*words->bytes));
    e = parse_number(c, words->messages, &ret->messages);
    return e == OK ? parse_number(c, words->mailboxes, &ret->mailboxes) : e;
}

enum err cli_account_add(struct context *c)
{
    struct keep_account_add_req req = { .address = c->words[0] };
    const struct quota_words words = { option_find(c, "quota"), option_find(c, "quota-messages"),
                                       option_find(c, "quota-mailboxes") };
    struct quota quota;
    enum err bad = parse_quota(c, &words, &quota);

    if (bad != OK || (bad = password_ask(c, &req.password)) != OK)
        return bad;
    req.quota_bytes = quota.bytes;
    req.quota_messages = quota.messages;
    req.quota_mailboxes = quota.mailboxes;
    RUN_PLAIN(c, account_add, &req);
}

enum err cli_account_remove(struct context *c)
{
    struct keep_account_remove_req req = { .address = c->words[0] };

    RUN_PLAIN(c, account_remove, &req);
}

static void account_list_done(void *ctx, enum err e, const struct keep_account_list_rep *rep,
                              struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    if (e != OK) {
        admin_end(s, e);
        return;
    }
    for (size_t i = 0; i < rep->accounts_count; i++) {
        const struct keep_account *a = &rep->accounts[i];

        output_row(&s->out);
        output_str(&s->out, "account", a->address);
        output_flag(&s->out, "enabled", a->enabled);
        output_num(&s->out, "messages", a->messages);
        output_num(&s->out, "bytes", a->bytes);
        output_num(&s->out, "quota_messages", a->quota_messages);
        output_num(&s->out, "quota_bytes", a->quota_bytes);
        output_num(&s->out, "quota_mailboxes", a->quota_mailboxes);
        output_flag(&s->out, "administrator", a->administrator);
    }
    if (rep->next.len == 0)
        admin_end(s, OK);
    else
        (void)keeper_account_list(s->client, &(struct keep_account_list_req){ .from = rep->next },
                                  account_list_done, s);
}

enum err cli_account_list(struct context *c)
{
    struct keep_account_list_req req = { .from = STR_EMPTY };

    RUN_PLAIN(c, account_list, &req);
}

enum err cli_account_password(struct context *c)
{
    struct keep_account_password_req req = { .address = c->words[0] };
    enum err bad = password_ask(c, &req.password);

    if (bad != OK)
        return bad;
    RUN_PLAIN(c, account_password, &req);
}

enum err cli_account_quota(struct context *c)
{
    struct keep_account_quota_req req = { .address = c->words[0] };
    const struct quota_words words = { &c->words[1], c->word_count > 2 ? &c->words[2] : NULL,
                                       c->word_count > 3 ? &c->words[3] : NULL };
    struct quota quota;
    enum err bad = parse_quota(c, &words, &quota);

    if (bad != OK)
        return bad;
    req.quota_bytes = quota.bytes;
    req.quota_messages = quota.messages;
    req.quota_mailboxes = quota.mailboxes;
    RUN_PLAIN(c, account_quota, &req);
}

enum err cli_account_administrator(struct context *c)
{
    struct keep_account_administrator_req req = { .address = c->words[0],
                                                  .on = str_eq(c->words[1], STR("on")) };

    if (!req.on && !str_eq(c->words[1], STR("off")))
        return err_set(&c->why, ERR_SYNTAX, "'%.*s' is neither on nor off", STR_ARG(c->words[1]));
    RUN_PLAIN(c, account_administrator, &req);
}

static enum err set_enabled(struct context *c, bool on)
{
    struct keep_account_enable_req req = { .address = c->words[0], .on = on };

    RUN_PLAIN(c, account_enable, &req);
}

enum err cli_account_enable(struct context *c)
{
    return set_enabled(c, true);
}

enum err cli_account_disable(struct context *c)
{
    return set_enabled(c, false);
}

enum err cli_alias_add(struct context *c)
{
    struct keep_alias_add_req req = { .address = c->words[0] };

    req.targets_count = c->word_count - 1;
    req.targets = ARENA_ARRAY(c->mem, struct keep_text, req.targets_count);
    for (size_t i = 0; i < req.targets_count; i++)
        req.targets[i].text = c->words[i + 1];
    RUN_PLAIN(c, alias_add, &req);
}

enum err cli_alias_remove(struct context *c)
{
    struct keep_alias_remove_req req = { .address = c->words[0] };

    RUN_PLAIN(c, alias_remove, &req);
}

static void alias_list_done(void *ctx, enum err e, const struct keep_alias_list_rep *rep,
                            struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    if (e != OK) {
        admin_end(s, e);
        return;
    }
    for (size_t i = 0; i < rep->aliases_count; i++) {
        SCRATCH(tmp, NULL);
        const struct keep_alias *a = &rep->aliases[i];
        struct str *targets = ARENA_ARRAY(tmp, struct str, a->targets_count + 1);

        for (size_t t = 0; t < a->targets_count; t++)
            targets[t] = a->targets[t].text;
        output_row(&s->out);
        output_str(&s->out, "alias", a->address);
        output_texts(&s->out, "targets", targets, a->targets_count);
    }
    if (rep->next.len == 0)
        admin_end(s, OK);
    else
        (void)keeper_alias_list(s->client, &(struct keep_alias_list_req){ .from = rep->next },
                                alias_list_done, s);
}

enum err cli_alias_list(struct context *c)
{
    struct keep_alias_list_req req = { .from = STR_EMPTY };

    RUN_PLAIN(c, alias_list, &req);
}

/* ---- tokens ---- */

static const struct {
    struct str name;
    uint32_t scope;
} scopes[] = { { STR_INIT("imap"), KEEP_SCOPE_IMAP },
               { STR_INIT("pop"), KEEP_SCOPE_POP },
               { STR_INIT("smtp"), KEEP_SCOPE_SMTP } };

/* Words with commas between; without any, all. */
static enum err parse_scope(struct context *c, const struct str *text, uint32_t *ret)
{
    struct str rest = text != NULL ? *text : STR("imap,pop,smtp");
    uint32_t found = 0;

    while (rest.len > 0) {
        struct str word = str_split(&rest, ',');
        size_t i = 0;

        while (i < ARRAY_LEN(scopes) && !str_eq(word, scopes[i].name))
            i++;
        if (i == ARRAY_LEN(scopes))
            return err_set(&c->why, ERR_SYNTAX, "'%.*s' is none of imap, pop and smtp",
                           STR_ARG(word));
        found |= scopes[i].scope;
    }
    *ret = found;
    return OK;
}

static void token_add_done(void *ctx, enum err e, const struct keep_token_add_rep *rep,
                           struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    if (e == OK) {
        output_row(&s->out);
        output_str(&s->out, "id", rep->id);
        output_str(&s->out, "token", rep->token);
    }
    admin_end(s, e);
}

enum err cli_token_add(struct context *c)
{
    struct keep_token_add_req req = { .address = c->words[0] };
    const struct str *expires = option_find(c, "expires"), *note = option_find(c, "note");
    uint64_t ms = 0;
    enum err bad = parse_scope(c, option_find(c, "scope"), &req.scope);

    if (bad != OK)
        return bad;
    if (expires != NULL && (!duration_parse(*expires, &ms) || ms < 1000))
        return err_set(&c->why, ERR_SYNTAX, "'%.*s' is no duration such as 90d", STR_ARG(*expires));
    req.life_s = ms / 1000;
    req.note = note != NULL ? *note : STR_EMPTY;
    RUN_PLAIN(c, token_add, &req);
}

static void token_list_done(void *ctx, enum err e, const struct keep_token_list_rep *rep,
                            struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    for (size_t i = 0; e == OK && i < rep->tokens_count; i++) {
        SCRATCH(tmp, NULL);
        const struct keep_token *t = &rep->tokens[i];
        struct str *names = ARENA_ARRAY(tmp, struct str, ARRAY_LEN(scopes));
        size_t count = 0;

        for (size_t k = 0; k < ARRAY_LEN(scopes); k++)
            if ((t->scope & scopes[k].scope) != 0)
                names[count++] = scopes[k].name;
        output_row(&s->out);
        output_str(&s->out, "id", t->id);
        output_texts(&s->out, "scope", names, count);
        output_time(&s->out, "created", t->created);
        output_time(&s->out, "expires", t->expires);
        output_str(&s->out, "note", t->note);
    }
    admin_end(s, e);
}

enum err cli_token_list(struct context *c)
{
    struct keep_token_list_req req = { .address = c->words[0] };

    RUN_PLAIN(c, token_list, &req);
}

enum err cli_token_revoke(struct context *c)
{
    struct keep_token_revoke_req req = { .address = c->words[0], .id = c->words[1] };

    RUN_PLAIN(c, token_revoke, &req);
}
