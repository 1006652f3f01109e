/* cli/cmd_config.c - the settings: written, checked, shown; and running the server with them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"
#include "config/describe.h"
#include "os/address.h"
#include "os/machine.h"
#include "os/path.h"

enum { PEM_BYTES_MAX = 1024 * 1024 };

static enum err print(struct buf *text)
{
    (void)fwrite(text->at, 1, text->len, stdout);
    buf_deinit(text);
    return OK;
}

enum err cli_config_default(struct context *c)
{
    struct buf text = { 0 };

    (void)c;
    describe_file(&text);
    return print(&text);
}

enum err cli_config_manual(struct context *c)
{
    struct buf text = { 0 };

    (void)c;
    describe_manual(&text);
    return print(&text);
}

enum err cli_config_show(struct context *c)
{
    struct buf text = { 0 };
    struct config *config;
    enum err e = command_config(c, c->mem, &config, &c->why);

    if (e != OK)
        return e;
    describe_file_of(config, &text);
    return print(&text);
}

/* What the types of settings cannot say: addresses, networks, files that must be there. */
static enum err check_meaning(const struct config *c, struct arena *mem, struct errinfo *why)
{
    struct address at;
    struct str pem;
    enum err e;

    for (size_t i = 0; i < c->listen.addresses.count; i++)
        if (!address_parse(c->listen.addresses.at[i], 0, &at))
            return err_set(why, ERR_SYNTAX, "listen.addresses: '%.*s' is no address",
                           STR_ARG(c->listen.addresses.at[i]));
    if (c->courier.dns_server.len > 0 && !address_parse_with_port(c->courier.dns_server, &at))
        return err_set(why, ERR_SYNTAX, "courier.dns_server: '%.*s' is no address with a port",
                       STR_ARG(c->courier.dns_server));
    if ((c->tls.certificate_file.len > 0) != (c->tls.key_file.len > 0))
        return err_set(why, ERR_SYNTAX,
                       "tls.certificate_file and tls.key_file are set both or not at all");
    if (c->tls.client_ca_file.len > 0 && c->tls.certificate_file.len == 0)
        return err_set(why, ERR_SYNTAX,
                       "tls.client_ca_file is of no use without tls.certificate_file");
    if (c->tls.certificate_file.len > 0 &&
        ((e = path_read(mem, c->tls.certificate_file, PEM_BYTES_MAX, &pem, why)) != OK ||
         (e = path_read(mem, c->tls.key_file, PEM_BYTES_MAX, &pem, why)) != OK))
        return e;
    if (c->tls.client_ca_file.len > 0 &&
        (e = path_read(mem, c->tls.client_ca_file, PEM_BYTES_MAX, &pem, why)) != OK)
        return e;
    return OK;
}

enum err cli_config_check(struct context *c)
{
    struct config *config;
    enum err e;

    if (c->word_count > 0)
        c->options[c->option_count++] = (struct given_option){ &option_rows[0], c->words[0] };
    if ((e = command_config(c, c->mem, &config, &c->why)) != OK ||
        (e = check_meaning(config, c->mem, &c->why)) != OK)
        return e;
    (void)printf("The settings are good.\n");
    return OK;
}

/* Roles may not ask the machine for its name, so they get it as a setting. */
static enum err read_settings(void *ctx, struct arena *mem, struct config **ret,
                              struct errinfo *why)
{
    enum err e;

    if ((e = command_config(ctx, mem, ret, why)) != OK || (e = check_meaning(*ret, mem, why)) != OK)
        return e;
    if ((*ret)->server.host_name.len == 0)
        (*ret)->server.host_name = machine_name(mem);
    return OK;
}

enum err cli_serve(struct context *c)
{
    struct cli_serve how = { .reload = read_settings, .ctx = c };
    struct config *config;
    enum err e = read_settings(c, c->mem, &config, &c->why);

    return e == OK ? c->host->serve(config, &how, &c->why) : e;
}
