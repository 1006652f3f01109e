/* cli/password.c - asking twice, because nobody sees what is typed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/password.h"

#include "os/machine.h"

static enum err ask_twice(struct context *c, struct str *ret)
{
    struct str first, second;
    enum err e;

    if ((e = machine_read_secret(c->mem, STR("Password: "), &first, &c->why)) != OK ||
        (e = machine_read_secret(c->mem, STR("Once more: "), &second, &c->why)) != OK)
        return e;
    if (!str_eq(first, second))
        return err_set(&c->why, ERR_SYNTAX, "the two passwords differ");
    *ret = first;
    return OK;
}

enum err password_ask(struct context *c, struct str *ret)
{
    const struct str *given = option_find(c, "password");
    struct str password;
    enum err e = OK;

    if (given != NULL)
        password = *given;
    else if (option_find(c, "password-stdin") != NULL)
        e = machine_read_secret(c->mem, STR(""), &password, &c->why);
    else
        e = ask_twice(c, &password);
    if (e != OK)
        return e;
    if (password.len == 0)
        return err_set(&c->why, ERR_SYNTAX, "an empty password is none");
    *ret = password;
    return OK;
}
