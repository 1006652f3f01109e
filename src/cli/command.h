/* cli/command.h - what a command is given. Inside cli/ only.
 *
 * A command is a row: its words, its arguments, the options it knows, and a function. Everything in
 * struct context lives until the command has ended. A function returns OK or an error with one
 * sentence in c->why. Tests: cli_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_COMMAND_H
#define POSTERN_CLI_COMMAND_H

#include "cli/cli.h"

enum { CLI_WORDS_MAX = 1000 };

struct context;

struct command {
    const char *words;     /* "queue list" */
    const char *arguments; /* for the usage line: "ADDRESS TARGET..." */
    size_t least, most;    /* how many arguments */
    const char *options;   /* names of option rows, with blanks between */
    enum err (*run)(struct context *c);
    const char *help;
};

struct option {
    const char *name;
    const char *value; /* what stands behind it in the usage; null: nothing */
    const char *help;
};

struct given_option {
    const struct option *row;
    struct str value;
};

struct context {
    const struct cli_host *host;
    const struct command *command;
    struct arena *mem;
    struct str words[CLI_WORDS_MAX]; /* arguments */
    size_t word_count;
    struct given_option options[CLI_WORDS_MAX];
    size_t option_count;
    struct errinfo why;
    int problems; /* exit code when the command itself went well; 0 usually */
};

extern const struct command command_rows[];
extern const size_t command_count;
extern const struct option option_rows[];
extern const size_t option_count;

/* Reads the words behind the program's name into `c` (which has host and mem). ERR_SYNTAX with the
 * reason in c->why. */
MUST_USE enum err command_parse(struct context *c, int argc, char **argv);

/* The value of an option, or null when it was not given (a flag has an empty value). */
const struct str *option_find(const struct context *c, const char *name);
/* All values of one that may be repeated: start with *at = 0. */
const struct str *option_next(const struct context *c, const char *name, size_t *at);

/* The settings: the file of --config (or the usual one when it exists), then --dir and --set. */
MUST_USE enum err command_config(struct context *c, struct arena *mem, struct config **ret,
                                 struct errinfo *why);

/* The second half of that: --dir and --set alone. */
MUST_USE enum err command_set(struct context *c, struct arena *mem, struct config *config,
                              struct errinfo *why);

enum err cli_serve(struct context *c);
enum err cli_demo(struct context *c);
enum err cli_setup(struct context *c);
enum err cli_domain_add(struct context *c);
enum err cli_domain_remove(struct context *c);
enum err cli_domain_list(struct context *c);
enum err cli_account_add(struct context *c);
enum err cli_account_remove(struct context *c);
enum err cli_account_list(struct context *c);
enum err cli_account_password(struct context *c);
enum err cli_account_quota(struct context *c);
enum err cli_account_administrator(struct context *c);
enum err cli_account_enable(struct context *c);
enum err cli_account_disable(struct context *c);
enum err cli_alias_add(struct context *c);
enum err cli_alias_remove(struct context *c);
enum err cli_alias_list(struct context *c);
enum err cli_token_add(struct context *c);
enum err cli_token_list(struct context *c);
enum err cli_token_revoke(struct context *c);
enum err cli_queue_list(struct context *c);
enum err cli_queue_show(struct context *c);
enum err cli_queue_retry(struct context *c);
enum err cli_queue_hold(struct context *c);
enum err cli_queue_release(struct context *c);
enum err cli_queue_drop(struct context *c);
enum err cli_import_imap(struct context *c);
enum err cli_import_maildir(struct context *c);
enum err cli_import_mbox(struct context *c);
enum err cli_export_maildir(struct context *c);
enum err cli_export_mbox(struct context *c);
enum err cli_mailbox_list(struct context *c);
enum err cli_mailbox_create(struct context *c);
enum err cli_mailbox_delete(struct context *c);
enum err cli_mailbox_rename(struct context *c);
enum err cli_mailbox_acl(struct context *c);
enum err cli_mailbox_undelete(struct context *c);
enum err cli_check(struct context *c);
enum err cli_rebuild(struct context *c);
enum err cli_index_status(struct context *c);
enum err cli_index_check(struct context *c);
enum err cli_index_rebuild(struct context *c);
enum err cli_compact(struct context *c);
enum err cli_status(struct context *c);
enum err cli_config_default(struct context *c);
enum err cli_config_check(struct context *c);
enum err cli_config_show(struct context *c);
enum err cli_config_manual(struct context *c);
enum err cli_version(struct context *c);
enum err cli_help(struct context *c);

#endif
