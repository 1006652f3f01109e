/* cli/move/undelete.c - postern mailbox undelete: bringing expunged mail back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/calendar.h"
#include "cli/admin.h"
#include "config/value.h"
#include "message/set/flags.h"
#include "message/set/uidset.h"

enum { UID_RANGES_MAX = 10000 };

struct undelete {
    uint64_t session;
    struct str name;
    int64_t since;
    struct str uids;
};

/* "2026-01-31", "2026-01-31T12:00:00Z" as lists print it, or "3d": so long ago. */
static bool since_parse(struct str text, int64_t now_s, int64_t *ret)
{
    struct calendar c = { 0 };
    char z[32] = "";
    unsigned year, month, day, hour = 0, minute = 0, second = 0;
    uint64_t ms;
    int used = 0;

    if (duration_parse(text, &ms)) {
        *ret = now_s - (int64_t)(ms / 1000);
        return true;
    }
    if (text.len >= sizeof z)
        return false;
    memcpy(z, text.at, text.len);
    if (sscanf(z, "%4u-%2u-%2u%n", &year, &month, &day, &used) != 3)
        return false;
    if ((size_t)used != text.len) {
        int more = 0;

        if (sscanf(z + used, "T%2u:%2u:%2uZ%n", &hour, &minute, &second, &more) != 3 ||
            (size_t)(used + more) != text.len)
            return false;
    }
    c = (struct calendar){ .year = (int32_t)year,
                           .month = (uint8_t)month,
                           .day = (uint8_t)day,
                           .hour = (uint8_t)hour,
                           .minute = (uint8_t)minute,
                           .second = (uint8_t)second };
    if (!calendar_valid(&c))
        return false;
    *ret = calendar_epoch(&c);
    return true;
}

static enum err read_options(struct context *c, int64_t now_s, struct undelete *u)
{
    const struct str *since = option_find(c, "since"), *uids = option_find(c, "uid");
    struct uidset set = { 0 };
    struct buf octets = { 0 };

    u->name = c->words[1];
    if (since != NULL && !since_parse(*since, now_s, &u->since))
        return err_set(&c->why, ERR_SYNTAX, "'%.*s' is no time: 3d, 2026-01-31", STR_ARG(*since));
    u->uids = STR_EMPTY;
    if (uids == NULL)
        return OK;
    if (uidset_parse(*uids, UINT32_MAX, UID_RANGES_MAX, &set) != OK)
        return err_set(&c->why, ERR_SYNTAX, "'%.*s' is no set of UIDs: 4,7:9", STR_ARG(*uids));
    uidset_encode(&set, &octets);
    u->uids = arena_copy(c->mem, buf_str(&octets));
    uidset_deinit(&set);
    buf_deinit(&octets);
    return OK;
}

static void ask_graves(struct admin *s, struct str from);

static void listed(void *ctx, enum err e, const struct keep_graves_rep *rep, struct file *file)
{
    struct admin *s = ctx;
    struct output *o = &s->out;

    (void)file;
    for (size_t i = 0; e == OK && i < rep->graves_count; i++) {
        const struct keep_grave *g = &rep->graves[i];
        struct buf flags = { 0 };

        flags_format(g->flags, NULL, &flags);
        output_row(o);
        output_str(o, "mailbox", g->name);
        output_num(o, "uid", g->uid);
        output_time(o, "deleted", g->gone);
        output_time(o, "arrived", g->internal_date);
        output_num(o, "size", g->size);
        output_str(o, "flags", buf_str(&flags));
        output_str(o, "subject", g->subject);
        buf_deinit(&flags);
    }
    if (e == OK && rep->next.len > 0)
        ask_graves(s, rep->next);
    else
        admin_end(s, e);
}

static void ask_graves(struct admin *s, struct str from)
{
    const struct undelete *u = s->more;

    (void)keeper_graves(s->client,
                        &(struct keep_graves_req){ .session = u->session,
                                                   .name = u->name,
                                                   .since = u->since,
                                                   .uids = u->uids,
                                                   .from = from },
                        listed, s);
}

static void restored(void *ctx, enum err e, const struct keep_undelete_rep *rep, struct file *file)
{
    struct admin *s = ctx;

    (void)file;
    if (e == OK) {
        output_row(&s->out);
        output_num(&s->out, "restored", rep->restored);
    }
    admin_end(s, e);
}

enum err cli_mailbox_undelete(struct context *c)
{
    const struct str *into = option_find(c, "into");
    struct undelete u = { 0 };
    struct admin s;
    enum err e = admin_open(&s, c);

    if (e != OK)
        return e;
    s.more = &u;
    if ((e = read_options(c, loop_wall_s(s.loop), &u)) != OK)
        return admin_close(&s, e);
    if ((e = admin_open_account(&s, c->words[0], &u.session)) != OK)
        return admin_close(&s, e);
    if (option_find(c, "list") != NULL)
        ask_graves(&s, STR_EMPTY);
    else
        (void)keeper_undelete(s.client,
                              &(struct keep_undelete_req){ .session = u.session,
                                                           .name = u.name,
                                                           .into = into != NULL ? *into : STR_EMPTY,
                                                           .since = u.since,
                                                           .uids = u.uids },
                              restored, &s);
    return admin_close(&s, admin_wait(&s));
}
