/* cli/demo.c - `postern demo`: a whole server to try out, made in one folder.
 *
 * The first start makes a certificate, domains and accounts; later ones find them. All of it is
 * ordinary: the options are settings, and what they make could be made by the other commands. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin.h"
#include "cli/exit.h"
#include "os/machine.h"
#include "os/path.h"
#include "os/process.h"
#include "os/tls.h"

#define PASSWORD STR("hungry")

enum { DOMAINS_MAX = 100, CERTIFICATE_DAYS = 3650, PEM_BYTES_MAX = 65536 };

static const struct str people[] = { STR_INIT("alice"), STR_INIT("bob"), STR_INIT("carol"),
                                     STR_INIT("dave") };

struct demo {
    struct context *context;
    struct config *config;
    struct str dir;
    struct str domains[DOMAINS_MAX]; /* of --domain */
    size_t domain_count;
    struct str accounts[2 + DOMAINS_MAX * ARRAY_LEN(people)];
    size_t account_count;
};

static void add_account(struct demo *d, struct str name, struct str domain)
{
    d->accounts[d->account_count++] =
        arena_printf(d->context->mem, "%.*s@%.*s", STR_ARG(name), STR_ARG(domain));
}

static enum err plan_accounts(struct demo *d)
{
    const struct str *given;
    size_t at = 0;

    add_account(d, STR("alice"), STR("crepes.fr"));
    add_account(d, STR("bob"), STR("hamburger.edu"));
    while ((given = option_next(d->context, "domain", &at)) != NULL) {
        if (d->domain_count == DOMAINS_MAX)
            return err_set(&d->context->why, ERR_LIMIT, "more than %d domains", DOMAINS_MAX);
        d->domains[d->domain_count++] = *given;
        for (size_t i = 0; i < ARRAY_LEN(people); i++)
            add_account(d, people[i], *given);
    }
    return OK;
}

/* Options that are settings under another name. */
static const struct shorthand {
    const char *option, *setting;
    struct str usual; /* empty: the setting's own default */
} shorthands[] = {
    { "offset", "listen.port_offset", STR_INIT("2000") },
    { "host", "server.host_name", STR_INIT("") },
    { "dns", "courier.dns_server", STR_INIT("") },
    { "courier-port", "courier.port", STR_INIT("") },
};

static const struct {
    const char *setting;
    struct str value;
} fixed[] = {
    { "listen.addresses", STR_INIT("[\"127.0.0.1\", \"::1\"]") },
    { "auth.plaintext_on_loopback", STR_INIT("true") },
    { "log.level", STR_INIT("warning") },
};

static enum err set(struct demo *d, struct arena *mem, struct config *config, const char *name,
                    struct str value)
{
    return config_set(mem, config, str_from_z(name), value, &d->context->why);
}

static enum err make_config(struct demo *d)
{
    struct context *c = d->context;
    struct config *config = config_new(c->mem);
    const struct str *words;
    size_t at = 0;
    enum err e;

    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if ((e = set(d, c->mem, config, fixed[i].setting, fixed[i].value)) != OK)
            return e;
    for (size_t i = 0; i < ARRAY_LEN(shorthands); i++) {
        const struct str *given = option_find(c, shorthands[i].option);
        struct str value = given != NULL ? *given : shorthands[i].usual;

        if ((given != NULL || value.len > 0) &&
            (e = set(d, c->mem, config, shorthands[i].setting, value)) != OK)
            return e;
    }
    config->server.data_dir = d->dir;
    config->server.one_process = option_find(c, "one-process") != NULL;
    config->server.gate_user = config->server.keeper_user = config->server.courier_user = STR_EMPTY;
    config->tls.certificate_file = arena_join(c->mem, d->dir, STR("/certificate.pem"));
    config->tls.key_file = arena_join(c->mem, d->dir, STR("/key.pem"));
    while ((words = option_next(c, "set", &at)) != NULL) {
        struct str value = *words, name = str_split(&value, '=');

        if ((e = config_set(c->mem, config, name, value, &c->why)) != OK)
            return e;
    }
    if (config->server.host_name.len == 0)
        config->server.host_name = STR("localhost");
    d->config = config;
    return OK;
}

static enum err make_folder(struct demo *d)
{
    struct fs *fs;
    enum err e = fs_new_real(d->dir, true, &fs, &d->context->why);

    if (e == OK)
        fs_free(fs);
    return e;
}

static enum err make_certificate(struct demo *d)
{
    struct context *c = d->context;
    struct str names[4 + DOMAINS_MAX], pem[2];
    size_t count = 0;
    enum err e;

    if (path_exists(d->config->tls.certificate_file) && path_exists(d->config->tls.key_file))
        return OK;
    names[count++] = d->config->server.host_name;
    names[count++] = STR("localhost");
    names[count++] = STR("crepes.fr");
    names[count++] = STR("hamburger.edu");
    for (size_t i = 0; i < d->domain_count; i++)
        names[count++] = d->domains[i];
    if ((e = tls_make_self_signed(c->mem, names, count, CERTIFICATE_DAYS, pem, &c->why)) != OK ||
        (e = path_write(d->config->tls.key_file, pem[1], &c->why)) != OK)
        return e;
    return path_write(d->config->tls.certificate_file, pem[0], &c->why);
}

/* What exists already is what a second start wants. */
static void domain_made(void *ctx, enum err e, const struct keep_domain_add_rep *rep,
                        struct file *file)
{
    (void)rep;
    (void)file;
    admin_end(ctx, e == ERR_EXISTS ? OK : e);
}

static void account_made(void *ctx, enum err e, const struct keep_account_add_rep *rep,
                         struct file *file)
{
    (void)rep;
    (void)file;
    admin_end(ctx, e == ERR_EXISTS ? OK : e);
}

static void alias_made(void *ctx, enum err e, const struct keep_alias_add_rep *rep,
                       struct file *file)
{
    (void)rep;
    (void)file;
    admin_end(ctx, e);
}

/* Every server has a postmaster (RFC 5321 4.5.1); here alice is. */
static enum err add_postmaster(struct admin *s)
{
    struct keep_text alice = { STR("alice@crepes.fr") };

    (void)keeper_alias_add(s->client,
                           &(struct keep_alias_add_req){ .address = STR("postmaster@crepes.fr"),
                                                         .targets = &alice,
                                                         .targets_count = 1 },
                           alias_made, s);
    return admin_wait(s);
}

static enum err add_domain(struct admin *s, struct str name)
{
    (void)keeper_domain_add(s->client, &(struct keep_domain_add_req){ .name = name }, domain_made,
                            s);
    return admin_wait(s);
}

static enum err fill_store(struct demo *d)
{
    struct admin s;
    enum err e;

    if ((e = admin_open_with(&s, d->context, d->config)) != OK)
        return e;
    if ((e = add_domain(&s, STR("crepes.fr"))) == OK)
        e = add_domain(&s, STR("hamburger.edu"));
    for (size_t i = 0; e == OK && i < d->domain_count; i++)
        e = add_domain(&s, d->domains[i]);
    for (size_t i = 0; e == OK && i < d->account_count; i++) {
        (void)keeper_account_add(
            s.client,
            &(struct keep_account_add_req){ .address = d->accounts[i], .password = PASSWORD },
            account_made, &s);
        e = admin_wait(&s);
    }
    if (e == OK)
        e = add_postmaster(&s);
    return admin_close(&s, e);
}

static int fill_in_child(void *ctx)
{
    struct demo *d = ctx;
    enum err e = fill_store(d);

    if (e != OK)
        (void)fprintf(stderr, "postern: %s\n", d->context->why.text);
    return exit_code(e);
}

struct filling {
    struct loop *loop;
    struct process_end end;
};

static void filled(void *ctx, const struct process_end *end)
{
    struct filling *f = ctx;

    f->end = *end;
    loop_stop(f->loop);
}

/* In a process of its own, because a store leaves threads behind: those would be in the warden when
 * it forks the roles, and signals would reach them instead of its loop. */
static enum err fill_apart(struct demo *d)
{
    struct process_plan plan = { .name = STR("postern-setup"), .main = fill_in_child, .ctx = d };
    struct errinfo *why = &d->context->why;
    struct filling f = { 0 };
    struct process *child;
    enum err e;

    if ((e = loop_new_real(&f.loop, why)) != OK)
        return e;
    if ((e = process_start(f.loop, &plan, filled, &f, &child, why)) == OK) {
        e = loop_run(f.loop, why);
        process_free(child);
    }
    loop_free(f.loop);
    if (e == OK && (f.end.by_signal || f.end.code != 0))
        e = err_set(why, ERR_STATE, "the accounts could not be made");
    return e;
}

/* A note of the accounts that exist spares later starts opening the store twice. */
static enum err make_accounts(struct demo *d)
{
    struct context *c = d->context;
    struct str note = arena_join(c->mem, d->dir, STR("/demo.accounts")), before;
    struct buf now = { 0 };
    enum err e = OK;

    for (size_t i = 0; i < d->account_count; i++)
        buf_printf(&now, "%.*s\n", STR_ARG(d->accounts[i]));
    if (!path_exists(note) || path_read(c->mem, note, PEM_BYTES_MAX, &before, NULL) != OK ||
        !str_eq(before, buf_str(&now)))
        if ((e = fill_apart(d)) == OK)
            e = path_write(note, buf_str(&now), &c->why);
    buf_deinit(&now);
    return e;
}

static void print_dialogue(const struct config *c)
{
    uint32_t offset = c->listen.port_offset;

    (void)printf("Type this (or paste it line by line):\n\n"
                 "  telnet 127.0.0.1 %-5u             telnet 127.0.0.1 %u\n"
                 "  HELO crepes.fr                     user bob\n"
                 "  MAIL FROM:<alice@crepes.fr>        pass hungry\n"
                 "  RCPT TO:<bob@hamburger.edu>        list\n"
                 "  DATA                               retr 1\n"
                 "  Do you like ketchup?               dele 1\n"
                 "  How about pickles?                 quit\n"
                 "  .\n"
                 "  QUIT\n\nCtrl-C stops the server; its mail stays.\n",
                 c->listen.smtp + offset, c->listen.pop3 + offset);
}

static void print_ready(void *ctx, struct loop *loop)
{
    const struct demo *d = ctx;
    const struct config *c = d->config;
    uint32_t offset = c->listen.port_offset;

    (void)loop;
    (void)printf(
        "Postern runs on 127.0.0.1 and ::1, everything is in %.*s\n\n"
        "  SMTP %u, submission %u and %u (TLS), POP3 %u and %u (TLS), IMAP %u and %u (TLS)\n\n",
        STR_ARG(d->dir), c->listen.smtp + offset, c->listen.submission + offset,
        c->listen.submissions + offset, c->listen.pop3 + offset, c->listen.pop3s + offset,
        c->listen.imap + offset, c->listen.imaps + offset);
    for (size_t i = 0; i < d->account_count; i++)
        (void)printf("  %.*s\n", STR_ARG(d->accounts[i]));
    (void)printf("  (password of each: hungry)\n\n");
    print_dialogue(c);
    (void)fflush(stdout);
}

enum err cli_demo(struct context *c)
{
    struct demo *d = ARENA_NEW(c->mem, struct demo);
    const struct str *dir = option_find(c, "dir");
    enum err e;

    *d = (struct demo){ .context = c, .dir = dir != NULL ? *dir : STR("demo") };
    if (d->dir.len == 0)
        return err_set(&c->why, ERR_SYNTAX, "--dir needs a folder");
    if ((e = plan_accounts(d)) != OK || (e = make_config(d)) != OK || (e = make_folder(d)) != OK ||
        (e = make_certificate(d)) != OK || (e = make_accounts(d)) != OK)
        return e;
    struct cli_serve how = { .ready = print_ready, .ctx = d };
    return c->host->serve(d->config, &how, &c->why);
}
