/* gate/imap/sharing/cmd_quota.c - GETQUOTA, GETQUOTAROOT, SETQUOTA (RFC 9208).
 *
 * Keeper counts octets and knows a limit of 0 as none; STORAGE is in units of 1024 octets, and a
 * limit of 0 would forbid everything. Both figures of STORAGE are rounded up, so that what is
 * within the limit is so in units, too. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/session.h"

#include "proto/imap/reply.h"

enum { STORAGE_UNIT = 1024 };
#define STORAGE_LIMIT_MAX ((uint64_t)INT64_MAX / STORAGE_UNIT)

struct quota {
    struct str root;
    uint64_t used[QUOTA_RESOURCES], limits[QUOTA_RESOURCES]; /* STORAGE in octets */
};

static uint64_t in_units(uint64_t octets)
{
    return octets / STORAGE_UNIT + (octets % STORAGE_UNIT != 0);
}

static void put_root(struct imap_session *s, struct str root)
{
    BUF_ADD(&s->out, " ");
    reply_astring(&s->out, root, imap_session_has(s, IMAP_UTF8));
}

/* RFC 9208 4.2.1: what has no limit is not named. */
static void quota_line(struct imap_session *s, const struct quota *q)
{
    static const char *const names[QUOTA_RESOURCES] = {
        [QUOTA_STORAGE] = "STORAGE", [QUOTA_MESSAGE] = "MESSAGE", [QUOTA_MAILBOX] = "MAILBOX"
    };
    const char *between = "";

    BUF_ADD(&s->out, "* QUOTA");
    put_root(s, q->root);
    BUF_ADD(&s->out, " (");
    for (uint32_t i = 0; i < QUOTA_RESOURCES; i++) {
        bool storage = i == QUOTA_STORAGE;

        if (q->limits[i] == 0)
            continue;
        buf_printf(&s->out, "%s%s %llu %llu", between, names[i],
                   (unsigned long long)(storage ? in_units(q->used[i]) : q->used[i]),
                   (unsigned long long)(storage ? in_units(q->limits[i]) : q->limits[i]));
        between = " ";
    }
    BUF_ADD(&s->out, ")\r\n");
}

/* ---- reading ---- */

static void quota_known(void *ctx, enum err e, const struct keep_quota_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    if (s->command->verb == IMAP_CMD_GETQUOTAROOT) {
        BUF_ADD(&s->out, "* QUOTAROOT ");
        reply_mailbox(&s->out, s->command->mailbox, imap_session_has(s, IMAP_UTF8));
        put_root(s, rep->root);
        BUF_ADD(&s->out, "\r\n");
    }
    quota_line(s,
               &(struct quota){ rep->root,
                                { rep->bytes, rep->messages, rep->mailboxes },
                                { rep->quota_bytes, rep->quota_messages, rep->quota_mailboxes } });
    imap_session_ok(s);
}

static void ask(struct imap_session *s, enum keep_quota_of of, struct str name)
{
    const struct keep_quota_req req = { s->keeper_session, (uint8_t)of, name };

    s->ticket = keeper_quota(s->service->keeper, &req, quota_known, s);
}

void imap_cmd_quota_read(struct imap_session *s, const struct imap_command *c)
{
    ask(s, QUOTA_OF_ROOT, c->quota.root);
}

void imap_cmd_quota_of(struct imap_session *s, const struct imap_command *c)
{
    ask(s, QUOTA_OF_MAILBOX, c->mailbox);
}

/* ---- setting ---- */

static void quota_changed(void *ctx, enum err e, const struct keep_quota_set_rep *rep,
                          struct file *file)
{
    struct imap_session *s = ctx;
    const uint64_t *limits = s->command->quota.limits;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    quota_line(s, &(struct quota){ rep->root,
                                   { rep->bytes, rep->messages, rep->mailboxes },
                                   { limits[QUOTA_STORAGE] * STORAGE_UNIT, limits[QUOTA_MESSAGE],
                                     limits[QUOTA_MAILBOX] } });
    imap_session_ok(s);
}

/* RFC 9208 4.1.3: limits that are not named are taken away. */
void imap_cmd_quota_set(struct imap_session *s, const struct imap_command *c)
{
    const struct imap_quota_args *a = &c->quota;
    const struct keep_quota_set_req req = { s->keeper_session, a->root,
                                            a->limits[QUOTA_STORAGE] * STORAGE_UNIT,
                                            a->limits[QUOTA_MESSAGE], a->limits[QUOTA_MAILBOX] };

    for (uint32_t i = 0; i < QUOTA_RESOURCES; i++)
        if ((a->limited & 1U << i) != 0 && a->limits[i] == 0) {
            imap_session_end(s, STR("NO [CANNOT] A limit of 0 cannot be set"));
            return;
        }
    if (a->limits[QUOTA_STORAGE] > STORAGE_LIMIT_MAX) {
        imap_session_end(s, STR("NO [LIMIT] There is no storage of that size"));
        return;
    }
    s->ticket = keeper_quota_set(s->service->keeper, &req, quota_changed, s);
}
