/* cli/cmd_queue.c - mail that waits for its way out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/admin.h"

enum { SHOW_BYTES = 256 * 1024 };

static struct str state_name(uint8_t state)
{
    static const struct str names[] = {
        [RCPT_WAITING] = STR_INIT("waiting"), [RCPT_DELIVERED] = STR_INIT("delivered"),
        [RCPT_RELAYED] = STR_INIT("relayed"), [RCPT_FAILED] = STR_INIT("failed"),
        [RCPT_EXPIRED] = STR_INIT("expired"),
    };

    return state < ARRAY_LEN(names) ? names[state] : STR("?");
}

static void add_rcpt(struct output *o, const struct keep_queued_rcpt *r, bool held)
{
    output_str(o, "to", r->address);
    output_str(o, "state", held ? STR("held") : state_name(r->state));
    output_num(o, "attempts", r->attempts);
    output_time(o, "next_try", r->next_try);
    output_str(o, "last_host", r->last_host);
    output_str(o, "last_reply", r->last_reply);
}

static void add_head(struct output *o, const struct keep_queued *q)
{
    output_row(o);
    output_num(o, "id", q->id);
    output_str(o, "from", q->reverse_path);
    output_num(o, "size", q->size);
    output_time(o, "arrived", q->arrived);
}

/* People read one row for each recipient, because that is what they ask about; programs get one
 * object for each entry. */
static void add_entry(struct output *o, const struct keep_queued *q)
{
    struct output rcpts;

    if (!o->json) {
        for (size_t i = 0; i < q->rcpts_count; i++) {
            add_head(o, q);
            add_rcpt(o, &q->rcpts[i], q->held);
        }
        return;
    }
    output_begin(&rcpts, true);
    for (size_t i = 0; i < q->rcpts_count; i++) {
        output_row(&rcpts);
        add_rcpt(&rcpts, &q->rcpts[i], q->held);
    }
    add_head(o, q);
    output_flag(o, "held", q->held);
    output_str(o, "envelope_id", q->envid);
    output_str(o, "message_id", q->message_id);
    output_rows(o, "recipients", &rcpts);
}

static void queue_list_done(void *ctx, enum err e, const struct keep_queue_list_rep *rep,
                            struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    if (e != OK) {
        admin_end(s, e);
        return;
    }
    for (size_t i = 0; i < rep->entries_count; i++)
        add_entry(&s->out, &rep->entries[i]);
    if (rep->next == 0)
        admin_end(s, OK);
    else
        (void)keeper_queue_list(s->client, &(struct keep_queue_list_req){ .from = rep->next },
                                queue_list_done, s);
}

enum err cli_queue_list(struct context *c)
{
    struct admin s;
    enum err e = admin_open(&s, c);

    if (e != OK)
        return e;
    (void)keeper_queue_list(s.client, &(struct keep_queue_list_req){ 0 }, queue_list_done, &s);
    return admin_close(&s, admin_wait(&s));
}

static enum err parse_id(struct context *c, struct str word, uint64_t *ret)
{
    if (!str_to_u64(word, UINT64_MAX, ret) || *ret == 0)
        return err_set(&c->why, ERR_SYNTAX, "'%.*s' is no number of an entry", STR_ARG(word));
    return OK;
}

struct show {
    uint64_t id, read;
    struct buf message;
};

static void ask_show(struct admin *s);

static void queue_show_done(void *ctx, enum err e, const struct keep_queue_show_rep *rep,
                            struct file *file)
{
    struct admin *s = ctx;
    struct show *show = s->more;

    (void)file;
    if (e != OK || rep->entries_count == 0) {
        admin_end(s, e != OK ? e : ERR_NOT_FOUND);
        return;
    }
    if (show->read == 0)
        add_entry(&s->out, &rep->entries[0]);
    buf_add(&show->message, rep->bytes);
    show->read += rep->bytes.len;
    if (option_find(s->context, "message") == NULL || rep->bytes.len == 0 ||
        show->read >= rep->entries[0].size)
        admin_end(s, OK);
    else
        ask_show(s);
}

static void ask_show(struct admin *s)
{
    struct show *show = s->more;
    bool whole = option_find(s->context, "message") != NULL;

    (void)keeper_queue_show(s->client,
                            &(struct keep_queue_show_req){ .id = show->id,
                                                           .offset = show->read,
                                                           .length = whole ? SHOW_BYTES : 0 },
                            queue_show_done, s);
}

enum err cli_queue_show(struct context *c)
{
    struct admin s;
    struct show show = { 0 };
    enum err e;

    if ((e = parse_id(c, c->words[0], &show.id)) != OK || (e = admin_open(&s, c)) != OK)
        return e;
    s.more = &show;
    ask_show(&s);
    e = admin_close(&s, admin_wait(&s));
    if (e == OK && show.message.len > 0)
        (void)printf("\n%.*s", STR_ARG(buf_str(&show.message)));
    buf_deinit(&show.message);
    return e;
}

/* What the answers say together. */
struct acted {
    uint64_t changed, busy;
};

static void queue_act_done(void *ctx, enum err e, const struct keep_queue_act_rep *rep,
                           struct file *file)
{
    struct admin *s = ctx;
    struct acted *acted = s->more;

    (void)file;
    if (e == OK) {
        acted->changed += rep->changed;
        acted->busy += rep->busy;
    }
    admin_end(s, e);
}

/* Entry by entry, so that the one that is not there is the one that is named. */
static enum err act(struct context *c, enum keep_queue_action action)
{
    struct admin s;
    struct acted acted = { 0 };
    uint64_t id;
    enum err e;

    for (size_t i = 0; i < c->word_count; i++)
        if (!str_eq(c->words[i], STR("all")) && (e = parse_id(c, c->words[i], &id)) != OK)
            return e;
    if ((e = admin_open(&s, c)) != OK)
        return e;
    s.more = &acted;
    for (size_t i = 0; e == OK && i < c->word_count; i++) {
        struct keep_queue_act_req req = { .action = (uint8_t)action };

        if (!str_eq(c->words[i], STR("all")) && !str_to_u64(c->words[i], UINT64_MAX, &req.id))
            BUG("checked above");
        (void)keeper_queue_act(s.client, &req, queue_act_done, &s);
        if ((e = admin_wait(&s)) == ERR_NOT_FOUND)
            (void)err_set(&c->why, e, "there is no entry %.*s", STR_ARG(c->words[i]));
    }
    if (e == OK)
        (void)printf("%llu changed\n", (unsigned long long)acted.changed);
    if (e == OK && acted.busy > 0)
        (void)printf("%llu left as they are: being sent right now\n",
                     (unsigned long long)acted.busy);
    return admin_close(&s, e);
}

enum err cli_queue_retry(struct context *c)
{
    return act(c, QUEUE_RETRY);
}

enum err cli_queue_hold(struct context *c)
{
    return act(c, QUEUE_HOLD);
}

enum err cli_queue_release(struct context *c)
{
    return act(c, QUEUE_RELEASE);
}

enum err cli_queue_drop(struct context *c)
{
    return act(c, QUEUE_DROP);
}
