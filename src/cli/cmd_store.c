/* cli/cmd_store.c - what is asked of the store as a whole: check, rebuild, index, compact,
 * status. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin.h"
#include "cli/exit.h"

static void add_counters(struct output *o, const struct keep_counter *counters, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        output_row(o);
        output_str(o, "counter", counters[i].name);
        output_num(o, "value", counters[i].value);
    }
}

static void add_problems(struct admin *s, const struct keep_text *problems, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        output_row(&s->out);
        output_str(&s->out, "problem", problems[i].text);
        s->context->problems = EXIT_PROBLEMS;
    }
}

/* With problems the output is the problems alone: they are what is to be acted on. */
static void check_done(void *ctx, enum err e, const struct keep_check_rep *rep, struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    if (e == OK && rep->problems_count == 0)
        add_counters(&s->out, rep->counters, rep->counters_count);
    else if (e == OK)
        add_problems(s, rep->problems, rep->problems_count);
    admin_end(s, e);
}

enum err cli_check(struct context *c)
{
    struct admin s;
    enum err e = admin_open(&s, c);

    if (e != OK)
        return e;
    (void)keeper_check(s.client, &(struct keep_check_req){}, check_done, &s);
    return admin_close(&s, admin_wait(&s));
}

static void index_done(void *ctx, enum err e, const struct keep_index_rep *rep, struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    if (e == OK && rep->problems_count == 0)
        add_counters(&s->out, rep->counters, rep->counters_count);
    else if (e == OK)
        add_problems(s, rep->problems, rep->problems_count);
    admin_end(s, e);
}

static enum err ask_index(struct context *c, enum keep_index_action action)
{
    struct admin s;
    enum err e = admin_open(&s, c);

    if (e != OK)
        return e;
    (void)keeper_index(s.client, &(struct keep_index_req){ .action = (uint8_t)action }, index_done,
                       &s);
    return admin_close(&s, admin_wait(&s));
}

enum err cli_index_status(struct context *c)
{
    return ask_index(c, INDEX_STATUS);
}

enum err cli_index_check(struct context *c)
{
    return ask_index(c, INDEX_CHECK);
}

enum err cli_index_rebuild(struct context *c)
{
    return ask_index(c, INDEX_REBUILD);
}

/* The three others answer with counters. */
#define COUNTERS_COMMAND(name)                                                                     \
    static void name##_done(void *ctx, enum err e, const struct keep_##name##_rep *rep,            \
                            struct file *file)                                                     \
    {                                                                                              \
        struct admin *s = ctx;                                                                     \
                                                                                                   \
        (void)file;                                                                                \
        if (e == OK)                                                                               \
            add_counters(&s->out, rep->counters, rep->counters_count);                             \
        admin_end(s, e);                                                                           \
    }                                                                                              \
                                                                                                   \
    enum err cli_##name(struct context *c)                                                         \
    {                                                                                              \
        struct admin s;                                                                            \
        enum err e = admin_open(&s, c);                                                            \
                                                                                                   \
        if (e != OK)                                                                               \
            return e;                                                                              \
        (void)keeper_##name(s.client, &(struct keep_##name##_req){}, name##_done, &s);             \
        return admin_close(&s, admin_wait(&s));                                                    \
    }

COUNTERS_COMMAND(rebuild)
COUNTERS_COMMAND(compact)
COUNTERS_COMMAND(status)
