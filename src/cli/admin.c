/* cli/admin.c - the control socket first, a keeper of our own otherwise. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin.h"

#include "os/handover.h"
#include "os/machine.h"

static void lost(void *ctx)
{
    struct admin *s = ctx;

    if (s->result == OK)
        (void)err_set(&s->context->why, ERR_UNAVAILABLE, "the server went away; try again");
    s->result = ERR_UNAVAILABLE;
    loop_stop(s->loop);
}

static const struct keeper_notes notes = { .lost = lost };

static enum err reach_keeper(struct admin *s, const struct config *config, struct channel **ret)
{
    SCRATCH(tmp, s->context->mem);
    struct str path = arena_join(tmp, config->server.data_dir, STR("/control.sock"));
    int fd;
    enum err e = handover_connect(path, &fd, &s->context->why);

    if (e == OK) {
        *ret = channel_from_fd(s->loop, fd);
        return OK;
    }
    if (e != ERR_NOT_FOUND && e != ERR_REFUSED)
        return e;
    s->context->why = (struct errinfo){ 0 };
    return s->context->host->keeper_open(s->loop, config, &s->keeper, ret, &s->context->why);
}

enum err admin_open_with(struct admin *s, struct context *c, const struct config *config)
{
    struct channel *channel;
    enum err e;

    *s = (struct admin){ .context = c, .config = config };
    output_begin(&s->out, option_find(c, "json") != NULL);
    if ((e = loop_new_real(&s->loop, &c->why)) != OK)
        return e;
    if ((e = reach_keeper(s, config, &channel)) != OK) {
        loop_free(s->loop);
        return e;
    }
    s->client = keeper_client_new(s->loop, channel, &notes, s);
    return OK;
}

enum err admin_open(struct admin *s, struct context *c)
{
    struct config *config;
    enum err e = command_config(c, c->mem, &config, &c->why);

    return e == OK ? admin_open_with(s, c, config) : e;
}

void admin_end(struct admin *s, enum err e)
{
    struct str why = keeper_client_why(s->client);

    if (s->result == OK && e != OK)
        (void)err_set(&s->context->why, e, "%.*s",
                      STR_ARG(why.len > 0 ? why : str_from_z(err_text(e))));
    s->result = e;
    loop_stop(s->loop);
}

enum err admin_wait(struct admin *s)
{
    enum err e;

    s->result = OK;
    if ((e = loop_run(s->loop, &s->context->why)) != OK)
        return e;
    return s->result;
}

static void account_opened(void *ctx, enum err e, const struct keep_account_open_rep *rep,
                           struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    if (e == OK)
        s->session = rep->session;
    admin_end(s, e);
}

enum err admin_open_account(struct admin *s, struct str address, uint64_t *ret_session)
{
    enum err e;

    (void)keeper_account_open(s->client, &(struct keep_account_open_req){ .address = address },
                              account_opened, s);
    e = admin_wait(s);
    *ret_session = s->session;
    return e;
}

/* What a keeper of root's wrote belongs to whom the data folder belongs. */
static enum err give_to_owner(struct admin *s, struct errinfo *why)
{
    struct str folder = s->config->server.data_dir;
    struct process_user user;
    enum err e;

    if (!process_is_root())
        return OK;
    e = machine_owner(folder, &user, why);
    if (e != OK || user.uid == 0)
        return e == ERR_NOT_FOUND ? OK : e;
    return machine_give_all(folder, &user, why);
}

enum err admin_close(struct admin *s, enum err e)
{
    SCRATCH(tmp, NULL);
    struct str text = output_end(tmp, &s->out);

    keeper_client_free(s->client);
    if (s->keeper != NULL) {
        struct errinfo detail = { 0 };

        s->context->host->keeper_close(s->loop, s->keeper);
        enum err given = give_to_owner(s, &detail);
        if (e == OK && given != OK)
            e = err_set(&s->context->why, given, "%s", detail.text);
    }
    loop_free(s->loop);
    if (e == OK)
        (void)fwrite(text.at, 1, text.len, stdout);
    return e;
}
