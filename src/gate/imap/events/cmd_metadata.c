/* gate/imap/events/cmd_metadata.c - GETMETADATA and SETMETADATA (RFC 5464).
 *
 * Most annotations are rows at keeper. Some are computed: those of the server come from settings,
 * /private/specialuse is the special use of the mailbox (RFC 6154 5.4). What was asked for by name
 * and is nowhere is told as NIL, since every GETMETADATA has a response. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/mailbox_text.h"
#include "gate/imap/session.h"

#include "proto/imap/reply.h"

#define SPECIALUSE STR("/private/specialuse")
#define OUR_VENDOR STR("/shared/vendor/postern")
/* For how many days expunged mail can be brought back; 0: not at all. */
#define UNDELETE_DAYS STR("/shared/vendor/postern/undelete-days")

struct read_task {
    struct keep_metadata_read_req req;
    bool *answered; /* one for each entry of the command */
    bool open;      /* a METADATA response has been begun */
    bool first;     /* the page that comes is the first */
    uint64_t longest;
};

/* ---- computed annotations of the server ---- */

struct computed {
    struct str entry, value;
};

enum { COMPUTED_MAX = 3 };

static size_t server_annotations(const struct imap_session *s, struct computed *at)
{
    const struct imap_settings *set = &s->service->settings;
    size_t count = 0;

    if (set->comment.len > 0)
        at[count++] = (struct computed){ STR("/shared/comment"), set->comment };
    if (set->admin.len > 0)
        at[count++] = (struct computed){ STR("/shared/admin"), set->admin };
    at[count++] =
        (struct computed){ UNDELETE_DAYS,
                           arena_printf(s->mem, "%llu", (unsigned long long)set->undelete_days) };
    return count;
}

/* Nobody sets these by IMAP, whether they have a value or not (RFC 5464 3.2.1.1). */
static bool is_servers_own(struct str mailbox, struct str entry)
{
    return entry_is_within(entry, OUR_VENDOR, ENTRY_DEPTH_ALL) ||
           (mailbox.len == 0 &&
            (str_eq(entry, STR("/shared/comment")) || str_eq(entry, STR("/shared/admin"))));
}

/* ---- GETMETADATA ---- */

static void put_entry(struct imap_session *s, struct str entry)
{
    struct read_task *t = s->task;

    if (t->open) {
        BUF_ADD(&s->out, " ");
    } else {
        BUF_ADD(&s->out, "* METADATA ");
        reply_mailbox(&s->out, s->command->metadata_read.mailbox, imap_session_has(s, IMAP_UTF8));
        BUF_ADD(&s->out, " (");
    }
    t->open = true;
    reply_astring(&s->out, entry, false);
    BUF_ADD(&s->out, " ");
}

static void close_response(struct imap_session *s)
{
    struct read_task *t = s->task;

    if (t->open)
        BUF_ADD(&s->out, ")\r\n");
    t->open = false;
}

/* A value with NUL in it can only be a literal8 (RFC 4466 6). */
static void put_value(struct imap_session *s, struct str value)
{
    if (str_find_char(value, '\0') != STR_NOT_FOUND)
        BUF_ADD(&s->out, "~");
    reply_string(&s->out, value, imap_session_has(s, IMAP_UTF8));
}

/* One that exists; `size` is that of the value, which is not there when it is over the maximum. */
static void tell(struct imap_session *s, struct str entry, struct str value, uint64_t size)
{
    const struct imap_metadata_read_args *a = &s->command->metadata_read;
    struct read_task *t = s->task;

    for (uint32_t i = 0; i < a->entries.count; i++)
        t->answered[i] = t->answered[i] || str_eq(a->entries.at[i], entry);
    if (size > a->max_size) {
        t->longest = MAX(t->longest, size);
        return;
    }
    put_entry(s, entry);
    put_value(s, value);
}

static void tell_computed(struct imap_session *s, struct str entry, struct str value)
{
    const struct imap_metadata_read_args *a = &s->command->metadata_read;

    for (uint32_t i = 0; i < a->entries.count; i++)
        if (entry_is_within(entry, a->entries.at[i], a->depth)) {
            tell(s, entry, value, value.len);
            return;
        }
}

static void tell_uses(struct imap_session *s, uint32_t uses)
{
    struct buf text = { 0 };

    mailbox_use_format(uses, &text);
    if (text.len > 0)
        tell_computed(s, SPECIALUSE, str_skip(buf_str(&text), 1));
    buf_deinit(&text);
}

static void tell_server(struct imap_session *s)
{
    struct computed all[COMPUTED_MAX];
    size_t count = server_annotations(s, all);

    for (size_t i = 0; i < count; i++)
        tell_computed(s, all[i].entry, all[i].value);
}

static void end_read(struct imap_session *s)
{
    const struct imap_metadata_read_args *a = &s->command->metadata_read;
    struct read_task *t = s->task;

    for (uint32_t i = 0; a->depth == 0 && i < a->entries.count; i++)
        if (!t->answered[i]) {
            put_entry(s, a->entries.at[i]);
            BUF_ADD(&s->out, "NIL");
        }
    close_response(s);
    if (t->longest > 0)
        imap_session_end(s, arena_printf(s->mem,
                                         "OK [METADATA LONGENTRIES %llu] GETMETADATA completed",
                                         (unsigned long long)t->longest));
    else
        imap_session_ok(s);
}

static void ask_page(struct imap_session *s);

static void page_known(void *ctx, enum err e, const struct keep_metadata_read_rep *rep,
                       struct file *file)
{
    struct imap_session *s = ctx;
    struct read_task *t = s->task;

    (void)file;
    s->ticket = 0;
    if (e != OK) {
        imap_session_fail(s, e);
        return;
    }
    if (t->first && s->command->metadata_read.mailbox.len == 0)
        tell_server(s);
    else if (t->first)
        tell_uses(s, rep->special_uses);
    t->first = false;
    for (size_t i = 0; i < rep->annotations_count; i++) {
        const struct keep_annotation *n = &rep->annotations[i];

        tell(s, n->entry, n->value, n->size);
    }
    if (rep->next.len == 0) {
        end_read(s);
        return;
    }
    close_response(s);
    t->req.from = arena_copy(s->mem, rep->next);
    imap_session_when_drained(s, ask_page);
}

static void ask_page(struct imap_session *s)
{
    struct read_task *t = s->task;

    s->ticket = keeper_metadata_read(s->service->keeper, &t->req, page_known, s);
}

void imap_cmd_metadata_read(struct imap_session *s, const struct imap_command *c)
{
    const struct imap_metadata_read_args *a = &c->metadata_read;
    struct read_task *t = ARENA_NEW(s->mem, struct read_task);

    s->task = t;
    t->first = true;
    t->answered = ARENA_ARRAY(s->mem, bool, a->entries.count);
    t->req = (struct keep_metadata_read_req){ .session = s->keeper_session,
                                              .name = a->mailbox,
                                              .entries_count = a->entries.count,
                                              .depth = a->depth,
                                              .max_size = a->max_size };
    t->req.entries = ARENA_ARRAY(s->mem, struct keep_text, a->entries.count);
    for (uint32_t i = 0; i < a->entries.count; i++)
        t->req.entries[i].text = a->entries.at[i];
    ask_page(s);
}

/* ---- SETMETADATA ---- */

static void written(void *ctx, enum err e, const struct keep_metadata_write_rep *rep,
                    struct file *file)
{
    struct imap_session *s = ctx;

    (void)file;
    s->ticket = 0;
    if (e == OK) {
        notify_own(s, rep->modseq);
        imap_session_ok(s);
    } else if (e == ERR_LIMIT)
        imap_session_end(s, STR("NO [METADATA TOOMANY] No more annotations are kept here"));
    else if (e == ERR_UNSUPPORTED)
        imap_session_end(s, STR("NO [USEATTR] That mailbox can not have that use"));
    else
        imap_session_fail(s, e);
}

/* "\Sent"; NIL and an empty value take the use away. */
static bool read_use(const struct imap_annotation *n, uint32_t *ret)
{
    *ret = 0;
    if (!n->exists || n->value.len == 0)
        return true;
    *ret = mailbox_use_find(n->value);
    return *ret != 0;
}

/* RFC 5466 3.2. */
static bool is_filter(struct str entry)
{
    return entry_is_within(entry, STR("/private/filters/values"), 1) ||
           entry_is_within(entry, STR("/shared/filters/values"), 1);
}

/* Puts one annotation into the request; false when the command has been refused. */
static bool take(struct imap_session *s, const struct imap_annotation *n,
                 struct keep_metadata_write_req *req)
{
    if (is_servers_own(req->name, n->entry)) {
        imap_session_end(s, STR("NO [NOPERM] That annotation is the server's own"));
        return false;
    }
    if (n->exists && is_filter(n->entry) &&
        !command_is_search(s->mem, &s->service->settings.limits.scan, n->value)) {
        imap_session_end(s, STR("NO [CANNOT] The value of a filter is a search"));
        return false;
    }
    if (str_eq(n->entry, SPECIALUSE)) {
        req->set_uses = true;
        if (!read_use(n, &req->special_uses)) {
            imap_session_end(s, STR("NO [USEATTR] That use is not known here"));
            return false;
        }
        return true;
    }
    req->annotations[req->annotations_count++] =
        (struct keep_annotation){ .entry = n->entry, .exists = n->exists, .value = n->value };
    return true;
}

void imap_cmd_metadata_write(struct imap_session *s, const struct imap_command *c)
{
    const struct imap_metadata_write_args *a = &c->metadata_write;
    struct keep_metadata_write_req req = { .session = s->keeper_session, .name = a->mailbox };

    req.annotations = ARENA_ARRAY(s->mem, struct keep_annotation, a->count);
    for (uint32_t i = 0; i < a->count; i++)
        if (!take(s, &a->at[i], &req))
            return;
    s->ticket = keeper_metadata_write(s->service->keeper, &req, written, s);
}
