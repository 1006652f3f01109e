/* cli/cmd_setup.c - `postern setup DOMAIN`: from nothing to a server that can be started.
 *
 * Writes a settings file unless there is one, a self-signed certificate unless one is set, the
 * domain and its postmaster, and prints the DNS records that the world needs. Each step that is
 * done already is left as it is, so the command can be repeated. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin.h"
#include "cli/password.h"
#include "config/describe.h"
#include "os/machine.h"
#include "os/path.h"
#include "os/tls.h"

#define SETTINGS_DIR "/etc/postern"

enum { CERTIFICATE_DAYS = 825 };

static enum err make_folder(struct str path, struct errinfo *why)
{
    struct fs *fs;
    enum err e = fs_new_real(path, true, &fs, why);

    if (e == OK)
        fs_free(fs);
    return e;
}

static enum err find_or_make_user(struct str name, struct process_user *ret, struct errinfo *why)
{
    enum err e;

    if (process_find_user(name, ret, NULL) == OK)
        return OK;
    if ((e = process_make_user(name, why)) != OK)
        return e;
    return process_find_user(name, ret, why);
}

/* Keeper's user owns the data; the other two must be there, too, or the server will not start. */
static enum err make_data_dir(struct context *c, const struct config *config)
{
    struct str names[] = { config->server.gate_user, config->server.courier_user,
                           config->server.keeper_user };
    struct process_user user = { 0, 0 };
    enum err e;

    for (size_t i = 0; process_is_root() && i < ARRAY_LEN(names); i++)
        if (names[i].len > 0 && (e = find_or_make_user(names[i], &user, &c->why)) != OK)
            return e;
    if ((e = make_folder(config->server.data_dir, &c->why)) != OK)
        return e;
    return process_is_root() && config->server.keeper_user.len > 0
               ? machine_give(config->server.data_dir, &user, &c->why)
               : OK;
}

static struct str folder_of(struct str path)
{
    size_t slash = str_find_char_last(path, '/');

    return slash == STR_NOT_FOUND ? STR(".") : str_take(path, MAX(slash, (size_t)1));
}

static enum err make_certificate(struct context *c, struct config *config, struct str dir)
{
    struct str names[1] = { config->server.host_name }, pem[2];
    enum err e;

    if (config->tls.certificate_file.len > 0)
        return OK;
    config->tls.certificate_file = arena_join(c->mem, dir, STR("/certificate.pem"));
    config->tls.key_file = arena_join(c->mem, dir, STR("/key.pem"));
    if (path_exists(config->tls.certificate_file) && path_exists(config->tls.key_file))
        return OK;
    if ((e = tls_make_self_signed(c->mem, names, 1, CERTIFICATE_DAYS, pem, &c->why)) != OK ||
        (e = path_write(config->tls.key_file, pem[1], &c->why)) != OK)
        return e;
    return path_write(config->tls.certificate_file, pem[0], &c->why);
}

static enum err write_settings(struct context *c, const struct config *config, struct str path)
{
    struct buf text = { 0 };

    if (path_exists(path)) {
        (void)printf("%.*s exists and stays as it is.\n", STR_ARG(path));
        return OK;
    }
    describe_file_of(config, &text);
    enum err e = path_write(path, buf_str(&text), &c->why);
    buf_deinit(&text);
    if (e == OK)
        (void)printf("wrote %.*s\n", STR_ARG(path));
    return e;
}

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

static enum err fill_store(struct context *c, const struct config *config, struct str domain,
                           struct str password)
{
    struct admin s;
    struct keep_domain_add_req add = { .name = domain };
    struct keep_account_add_req account = { .address =
                                                arena_join(c->mem, STR("postmaster@"), domain),
                                            .password = password };
    enum err e = admin_open_with(&s, c, config);

    if (e != OK)
        return e;
    (void)keeper_domain_add(s.client, &add, domain_made, &s);
    if ((e = admin_wait(&s)) == OK) {
        (void)keeper_account_add(s.client, &account, account_made, &s);
        e = admin_wait(&s);
    }
    return admin_close(&s, e);
}

static void print_dns(const struct config *config, struct str domain)
{
    struct str host = config->server.host_name;

    (void)printf("\nThe world finds this server by these DNS records:\n\n"
                 "  %.*s.  MX   10 %.*s.\n"
                 "  %.*s.  TXT  \"v=spf1 mx -all\"\n"
                 "  %.*s.  A    (the address of this machine, whose PTR names %.*s)\n\n"
                 "Then: postern serve\n",
                 STR_ARG(domain), STR_ARG(host), STR_ARG(domain), STR_ARG(host), STR_ARG(host));
}

enum err cli_setup(struct context *c)
{
    const struct str *given = option_find(c, "config"), *host = option_find(c, "host");
    struct str path = given != NULL ? *given : STR(SETTINGS_DIR "/postern.conf"), dir, password;
    struct str domain = c->words[0];
    struct config *config;
    enum err e;

    dir = folder_of(path);
    if (path_exists(path)) {
        e = command_config(c, c->mem, &config, &c->why);
    } else {
        config = config_new(c->mem);
        e = command_set(c, c->mem, config, &c->why);
    }
    if (e != OK || (e = password_ask(c, &password)) != OK)
        return e;
    if (config->server.host_name.len == 0)
        config->server.host_name = host != NULL ? *host : arena_join(c->mem, STR("mail."), domain);
    if ((e = make_data_dir(c, config)) != OK || (e = make_folder(dir, &c->why)) != OK ||
        (e = make_certificate(c, config, dir)) != OK ||
        (e = write_settings(c, config, path)) != OK ||
        (e = fill_store(c, config, domain, password)) != OK)
        return e;
    (void)printf("made %.*s and postmaster@%.*s\n", STR_ARG(domain), STR_ARG(domain));
    print_dns(config, domain);
    return OK;
}
