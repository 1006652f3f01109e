/* cli/cli.c - the tables of commands and options, and the help that is made from them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli.h"

#include <sysexits.h>

#include "cli/command.h"
#include "cli/exit.h"

enum { ANY = CLI_WORDS_MAX };

#define USUAL "config dir set"

const struct command command_rows[] = {
    { "serve", "", 0, 0, USUAL, cli_serve, "run the server until SIGTERM or Ctrl-C" },
    { "demo", "", 0, 0, "dir offset host domain dns courier-port one-process set", cli_demo,
      "run a complete server for trying out, on this machine alone, without root" },
    { "setup", "DOMAIN", 1, 1, USUAL " host password password-stdin", cli_setup,
      "make settings, a certificate, a domain and its postmaster" },
    { "domain add", "NAME", 1, 1, USUAL, cli_domain_add, "take mail for a domain" },
    { "domain remove", "NAME", 1, 1, USUAL, cli_domain_remove, "forget a domain without accounts" },
    { "domain list", "", 0, 0, USUAL " json", cli_domain_list, "list domains" },
    { "account add", "ADDRESS", 1, 1,
      USUAL " password password-stdin quota quota-messages quota-mailboxes", cli_account_add,
      "make an account; asks for its password" },
    { "account remove", "ADDRESS", 1, 1, USUAL, cli_account_remove,
      "remove an account with all its mail" },
    { "account list", "", 0, 0, USUAL " json", cli_account_list, "list accounts" },
    { "account password", "ADDRESS", 1, 1, USUAL " password password-stdin", cli_account_password,
      "set a new password" },
    { "account quota", "ADDRESS SIZE [MESSAGES [MAILBOXES]]", 2, 4, USUAL, cli_account_quota,
      "limit an account's room; 0, or left out: no limit" },
    { "account administrator", "ADDRESS on|off", 2, 2, USUAL, cli_account_administrator,
      "let an account set the quotas of all by IMAP, or no more" },
    { "account enable", "ADDRESS", 1, 1, USUAL, cli_account_enable,
      "let an account be used again" },
    { "account disable", "ADDRESS", 1, 1, USUAL, cli_account_disable,
      "refuse logging in and mail, keep what is there" },
    { "alias add", "ADDRESS TARGET...", 2, ANY, USUAL, cli_alias_add,
      "pass mail on; @DOMAIN catches what nobody else has" },
    { "alias remove", "ADDRESS", 1, 1, USUAL, cli_alias_remove, "remove an alias" },
    { "alias list", "", 0, 0, USUAL " json", cli_alias_list, "list aliases" },
    { "token add", "ADDRESS", 1, 1, USUAL " scope expires note json", cli_token_add,
      "make a token that a program logs in with; it is shown once" },
    { "token list", "ADDRESS", 1, 1, USUAL " json", cli_token_list, "list an account's tokens" },
    { "token revoke", "ADDRESS ID", 2, 2, USUAL, cli_token_revoke, "make a token useless" },
    { "queue list", "", 0, 0, USUAL " json", cli_queue_list,
      "list mail that waits for its way out" },
    { "queue show", "ID", 1, 1, USUAL " json message", cli_queue_show,
      "show one entry with its recipients and the last replies" },
    { "queue retry", "ID...|all", 1, ANY, USUAL, cli_queue_retry, "try again now" },
    { "queue hold", "ID...|all", 1, ANY, USUAL, cli_queue_hold, "do not try until released" },
    { "queue release", "ID...|all", 1, ANY, USUAL, cli_queue_release, "let go what was held" },
    { "queue drop", "ID...|all", 1, ANY, USUAL, cli_queue_drop, "remove without telling anybody" },
    { "import imap", "", 0, 0,
      USUAL " account into host port user password-file password-stdin tls starttls plain "
            "no-verify json",
      cli_import_imap, "pull an account from another IMAP server; goes on where it was cut off" },
    { "import maildir", "PATH", 1, 1, USUAL " account into json", cli_import_maildir,
      "take in a maildir with its folders, flags, dates and UIDs; goes on where it was cut off" },
    { "import mbox", "PATH", 1, 1, USUAL " account into quoting json", cli_import_mbox,
      "take in an mbox file, or a folder of them" },
    { "export maildir", "PATH", 1, 1, USUAL " account json", cli_export_maildir,
      "write an account as a maildir; a later run adds what is new" },
    { "export mbox", "PATH", 1, 1, USUAL " account json", cli_export_mbox,
      "write an account as mbox files below a folder; a later run adds what is new" },
    { "mailbox list", "ADDRESS", 1, 1, USUAL " json", cli_mailbox_list,
      "list an account's mailboxes with their figures" },
    { "mailbox create", "ADDRESS MAILBOX", 2, 2, USUAL " use", cli_mailbox_create,
      "make a mailbox, and the levels above it" },
    { "mailbox delete", "ADDRESS MAILBOX", 2, 2, USUAL, cli_mailbox_delete,
      "delete a mailbox; `mailbox undelete` brings it back" },
    { "mailbox rename", "ADDRESS FROM TO", 3, 3, USUAL, cli_mailbox_rename,
      "rename a mailbox with those below it" },
    { "mailbox acl", "ADDRESS MAILBOX [IDENTIFIER RIGHTS]", 2, 4, USUAL " json", cli_mailbox_acl,
      "show who may do what with a mailbox, or change it: lrs, +i, -i, none" },
    { "mailbox undelete", "ADDRESS MAILBOX", 2, 2, USUAL " list since uid into json",
      cli_mailbox_undelete, "bring back what was expunged from a mailbox, or a deleted mailbox" },
    { "check", "", 0, 0, USUAL " json", cli_check, "prove that everything stored is whole" },
    { "rebuild", "", 0, 0, USUAL " json", cli_rebuild, "make the tables anew from the journal" },
    { "index status", "", 0, 0, USUAL " json", cli_index_status,
      "show how far the search index is" },
    { "index check", "", 0, 0, USUAL " json", cli_index_check,
      "prove that the search index is what the mail says" },
    { "index rebuild", "", 0, 0, USUAL " json", cli_index_rebuild,
      "make the search index anew, in the background" },
    { "compact", "", 0, 0, USUAL " json", cli_compact, "give back the room of deleted mail now" },
    { "status", "", 0, 0, USUAL " json", cli_status, "show what the server counts" },
    { "config default", "", 0, 0, "", cli_config_default,
      "write postern.conf with every setting explained" },
    { "config check", "[FILE]", 0, 1, USUAL, cli_config_check,
      "say what is wrong with the settings" },
    { "config show", "", 0, 0, USUAL, cli_config_show, "write the settings that are in force" },
    { "config manual", "", 0, 0, "", cli_config_manual, "write the manual page of postern.conf" },
    { "version", "", 0, 0, "", cli_version, "print the version" },
    { "help", "[COMMAND...]", 0, 2, "", cli_help, "print this, or what one command takes" },
};
const size_t command_count = ARRAY_LEN(command_rows);

const struct option option_rows[] = {
    { "config", "FILE", "settings (usually /etc/postern/postern.conf)" },
    { "dir", "DIR", "data folder, in place of server.data_dir" },
    { "set", "TABLE.NAME=VALUE", "one setting; may be repeated" },
    { "json", NULL, "print JSON" },
    { "password", "TEXT", "the password; seen by everybody on this machine" },
    { "password-stdin", NULL, "read the password from standard input" },
    { "quota", "SIZE", "room for all mail, such as 2GB; 0: no limit" },
    { "quota-messages", "NUMBER", "messages that fit; 0: no limit" },
    { "quota-mailboxes", "NUMBER", "mailboxes that fit; 0: no limit" },
    { "scope", "imap,pop,smtp", "what a token is for (usually all of it)" },
    { "expires", "DURATION", "how long a token lives, such as 90d; usually until it is revoked" },
    { "note", "TEXT", "what a token is called in lists" },
    { "port", "NUMBER", "of the other server (993, or 143 with --starttls and --plain)" },
    { "user", "NAME", "there; USER*MASTER logs in as an administrator of many servers" },
    { "password-file", "FILE", "its first line is the password there" },
    { "tls", NULL, "TLS from the start (usual)" },
    { "starttls", NULL, "TLS by STARTTLS" },
    { "plain", NULL, "no TLS: everybody on the way reads password and mail" },
    { "no-verify", NULL, "take any certificate" },
    { "account", "ADDRESS", "whose mail" },
    { "into", "MAILBOX", "put it there, and folders below it, in place of INBOX" },
    { "quoting", "NAME", "of lines that begin with From: mboxrd (usual), mboxo, mboxcl, mboxcl2" },
    { "list", NULL, "only show what can be brought back" },
    { "since", "TIME", "what went since then: 3d, 2026-01-31" },
    { "uid", "SET", "these UIDs alone: 4,7:9" },
    { "use", "NAME", "what a new mailbox is for: archive, drafts, junk, sent, trash" },
    { "message", NULL, "print the message itself, too" },
    { "offset", "NUMBER", "added to every standard port (2000)" },
    { "host", "NAME", "the server's own name, or the one to pull from" },
    { "domain", "NAME", "one more domain, with alice, bob, carol and dave; may be repeated" },
    { "dns", "ADDRESS:PORT", "ask this DNS server alone" },
    { "courier-port", "PORT", "connect to other servers here, in place of 25" },
    { "one-process", NULL, "run all roles in one process" },
    { "help", NULL, "print what the command takes" },
};
const size_t option_count = ARRAY_LEN(option_rows);

static void print_command(const struct command *row)
{
    struct str names = str_from_z(row->options);

    (void)printf("usage: postern %s%s%s%s\n%s\n", row->words, row->arguments[0] != '\0' ? " " : "",
                 row->arguments, names.len > 0 ? " [OPTION...]" : "", row->help);
    while (names.len > 0) {
        struct str name = str_split(&names, ' ');

        for (size_t i = 0; i < option_count; i++) {
            const struct option *o = &option_rows[i];
            char left[64];

            if (!str_eq(name, str_from_z(o->name)))
                continue;
            (void)snprintf(left, sizeof(left), "--%s%s%s", o->name, o->value != NULL ? " " : "",
                           o->value != NULL ? o->value : "");
            (void)printf("  %-24s %s\n", left, o->help);
        }
    }
}

static void print_commands(void)
{
    (void)printf("usage: postern COMMAND [ARGUMENT...] [OPTION...]\n\n");
    for (size_t i = 0; i < command_count; i++) {
        char left[80];

        (void)snprintf(left, sizeof(left), "%s %s", command_rows[i].words,
                       command_rows[i].arguments);
        (void)printf("  %-34s %s\n", left, command_rows[i].help);
    }
    (void)printf("\n`postern help COMMAND` or `postern COMMAND --help` says more.\n");
}

/* help, help queue, help queue list */
enum err cli_help(struct context *c)
{
    SCRATCH(tmp, NULL);
    struct buf wanted = { 0 };
    bool found = false;

    for (size_t i = 0; i < c->word_count; i++)
        buf_printf(&wanted, "%s%.*s", i > 0 ? " " : "", STR_ARG(c->words[i]));
    for (size_t i = 0; wanted.len > 0 && i < command_count; i++) {
        struct str words = str_from_z(command_rows[i].words);

        if (!str_eq(words, buf_str(&wanted)) &&
            !str_starts(words, arena_join(tmp, buf_str(&wanted), STR(" "))))
            continue;
        if (found)
            (void)printf("\n");
        print_command(&command_rows[i]);
        found = true;
    }
    if (wanted.len == 0)
        print_commands();
    else if (!found)
        return err_set(&c->why, ERR_SYNTAX, "there is no command '%.*s'",
                       STR_ARG(buf_str(&wanted)));
    buf_deinit(&wanted);
    return OK;
}

enum err cli_version(struct context *c)
{
    (void)printf("postern %s\n", c->host->version);
    return OK;
}

static int run(struct context *c)
{
    if (option_find(c, "help") != NULL) {
        print_command(c->command);
        return EX_OK;
    }
    enum err e = c->command->run(c);

    if (fflush(stdout) != 0 && e == OK)
        e = err_set(&c->why, ERR_IO, "cannot write the output");
    if (e == OK)
        return c->problems;
    (void)fprintf(stderr, "postern: %s\n", c->why.text[0] != '\0' ? c->why.text : err_text(e));
    return exit_code(e);
}

int cli_run(const struct cli_host *host, int argc, char **argv)
{
    struct arena *mem = arena_new(0);
    struct context *c = ARENA_NEW(mem, struct context);
    int code;

    c->host = host;
    c->mem = mem;
    if (argc <= 1) {
        print_commands();
        code = EX_USAGE;
    } else if (command_parse(c, argc, argv) != OK) {
        (void)fprintf(stderr, "postern: %s\n", c->why.text);
        code = EX_USAGE;
    } else {
        code = run(c);
    }
    arena_free(mem);
    return code;
}
