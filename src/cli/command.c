/* cli/command.c - from words to a row, its arguments and its options; the settings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/command.h"

#include "os/path.h"

#define CONFIG_PATH_USUAL STR("/etc/postern/postern.conf")

/* The row whose words are the first one or two of `argv`; *ret_used says how many. */
static const struct command *find_command(int argc, char **argv, int *ret_used)
{
    for (size_t i = 0; i < command_count; i++) {
        struct str rest = str_from_z(command_rows[i].words);
        int used = 1;

        while (rest.len > 0 && used < argc &&
               str_eq(str_split(&rest, ' '), str_from_z(argv[used]))) {
            used++;
            if (rest.len > 0)
                continue;
            *ret_used = used;
            return &command_rows[i];
        }
    }
    return NULL;
}

/* Rows that begin with this word, for `postern queue` without what is to be done. */
static enum err say_unknown(struct context *c, struct str word)
{
    struct buf seconds = { 0 };

    for (size_t i = 0; i < command_count; i++) {
        struct str rest = str_from_z(command_rows[i].words);

        if (str_eq(str_split(&rest, ' '), word) && rest.len > 0)
            buf_printf(&seconds, "%s%.*s", seconds.len > 0 ? "|" : "", STR_ARG(rest));
    }
    if (seconds.len > 0)
        (void)err_set(&c->why, ERR_SYNTAX, "usage: postern %.*s %.*s", STR_ARG(word),
                      STR_ARG(buf_str(&seconds)));
    else
        (void)err_set(&c->why, ERR_SYNTAX, "there is no command '%.*s'; see postern help",
                      STR_ARG(word));
    buf_deinit(&seconds);
    return ERR_SYNTAX;
}

static const struct option *find_option(const struct command *row, struct str name)
{
    struct str names = str_from_z(row->options);
    bool known = str_eq(name, STR("help"));

    while (!known && names.len > 0)
        known = str_eq(str_split(&names, ' '), name);
    for (size_t i = 0; known && i < option_count; i++)
        if (str_eq(name, str_from_z(option_rows[i].name)))
            return &option_rows[i];
    return NULL;
}

/* --name, --name=value, --name value; *at is the word's index and moves over the value. */
static enum err take_option(struct context *c, int argc, char **argv, int *at)
{
    struct str rest = str_skip(str_from_z(argv[*at]), 2), name = str_split(&rest, '=');
    bool joined = str_find_char(str_from_z(argv[*at]), '=') != STR_NOT_FOUND;
    const struct option *row = find_option(c->command, name);

    if (row == NULL)
        return err_set(&c->why, ERR_SYNTAX, "postern %s has no option --%.*s", c->command->words,
                       STR_ARG(name));
    if (row->value == NULL && joined)
        return err_set(&c->why, ERR_SYNTAX, "--%s takes no value", row->name);
    if (row->value != NULL && !joined) {
        if (*at + 1 == argc)
            return err_set(&c->why, ERR_SYNTAX, "--%s needs a value: %s", row->name, row->value);
        *at += 1;
        rest = str_from_z(argv[*at]);
    }
    c->options[c->option_count++] =
        (struct given_option){ row, row->value != NULL ? rest : STR_EMPTY };
    return OK;
}

static enum err check_count(struct context *c)
{
    const struct command *row = c->command;

    if (option_find(c, "help") != NULL ||
        (c->word_count >= row->least && c->word_count <= row->most))
        return OK;
    return err_set(&c->why, ERR_SYNTAX, "usage: postern %s %s", row->words, row->arguments);
}

enum err command_parse(struct context *c, int argc, char **argv)
{
    int at = 1;
    enum err e;

    if (argc > CLI_WORDS_MAX)
        return err_set(&c->why, ERR_LIMIT, "more than %d words", CLI_WORDS_MAX);
    if (str_eq(str_from_z(argv[1]), STR("--help")))
        argv[1] = (char *)(uintptr_t) "help";
    if (str_eq(str_from_z(argv[1]), STR("--version")))
        argv[1] = (char *)(uintptr_t) "version";
    c->command = find_command(argc, argv, &at);
    if (c->command == NULL)
        return say_unknown(c, str_from_z(argv[1]));
    for (bool options = true; at < argc; at++) {
        struct str word = str_from_z(argv[at]);

        if (options && str_eq(word, STR("--")))
            options = false;
        else if (options && str_starts(word, STR("--"))) {
            if ((e = take_option(c, argc, argv, &at)) != OK)
                return e;
        } else
            c->words[c->word_count++] = word;
    }
    return check_count(c);
}

const struct str *option_next(const struct context *c, const char *name, size_t *at)
{
    while (*at < c->option_count) {
        const struct given_option *o = &c->options[(*at)++];

        if (str_eq(str_from_z(o->row->name), str_from_z(name)))
            return &o->value;
    }
    return NULL;
}

/* The last one counts. */
const struct str *option_find(const struct context *c, const char *name)
{
    const struct str *found = NULL, *next;
    size_t at = 0;

    while ((next = option_next(c, name, &at)) != NULL)
        found = next;
    return found;
}

enum err command_set(struct context *c, struct arena *mem, struct config *config,
                     struct errinfo *why)
{
    const struct str *dir = option_find(c, "dir"), *words;
    size_t at = 0;
    enum err e;

    if (dir != NULL && (e = config_set(mem, config, STR("server.data_dir"), *dir, why)) != OK)
        return e;
    while ((words = option_next(c, "set", &at)) != NULL) {
        struct str value = *words, name = str_split(&value, '=');

        if ((e = config_set(mem, config, name, value, why)) != OK)
            return e;
    }
    return OK;
}

enum err command_config(struct context *c, struct arena *mem, struct config **ret,
                        struct errinfo *why)
{
    const struct str *given = option_find(c, "config");
    struct str path = given != NULL ? *given : CONFIG_PATH_USUAL, text;
    struct errinfo detail = { 0 };
    struct config *config;
    enum err e;

    if (given == NULL && !path_exists(path))
        config = config_new(mem);
    else if ((e = path_read(mem, path, CONFIG_BYTES_MAX, &text, why)) != OK)
        return e;
    else if ((e = config_parse(mem, text, &config, &detail)) != OK)
        return err_set(why, e, "%.*s: %s", STR_ARG(path), detail.text);
    if ((e = command_set(c, mem, config, why)) != OK)
        return e;
    *ret = config;
    return OK;
}
