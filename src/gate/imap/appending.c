/* gate/imap/appending.c - where the messages of an APPEND stay while the others come. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/imap/appending.h"

#include "message/record/record.h"

struct appending *appending_new(struct imap_session *s, const struct imap_command *c)
{
    struct appending *a = calloc(1, sizeof(*a));

    if (a == NULL)
        BUG("out of memory");
    a->tag = arena_copy(s->mem, c->tag);
    a->mailbox = arena_copy(s->mem, c->append.mailbox);
    a->first = c->append;
    return a;
}

static void dropped(void *ctx, enum err e, const struct keep_spool_drop_rep *rep, struct file *file)
{
    (void)ctx;
    (void)e;
    (void)rep;
    (void)file;
}

void appending_free(struct imap_session *s)
{
    struct appending *a = s->appending;

    if (a == NULL)
        return;
    file_close(a->spool);
    if (a->spool_id != 0) {
        struct keep_spool_drop_req req = { a->spool_id };

        (void)keeper_spool_drop(s->service->keeper, &req, dropped, NULL);
    }
    buf_deinit(&a->manifest);
    buf_deinit(&a->header);
    free(a);
    s->appending = NULL;
}

/* ---- room ---- */

static uint64_t total_bytes(const struct imap_session *s)
{
    return s->appending->written + s->hold.len;
}

bool appending_is_full(const struct appending *a)
{
    return a->message_at > APPENDING_TOTAL_BYTES_MAX || a->manifest.len > APPENDING_MANIFEST_MAX;
}

static void spool_known(void *ctx, enum err e, const struct keep_spool_rep *rep, struct file *file)
{
    struct imap_session *s = ctx;
    struct appending *a = s->appending;

    s->ticket = 0;
    if (e == OK)
        a->spool_id = rep->spool;
    if (e == OK && file == NULL)
        e = ERR_UNAVAILABLE;
    if (e == OK)
        a->spool = file;
    a->roomy(s, e);
}

void appending_make_room(struct imap_session *s, uint64_t bytes,
                         void (*then)(struct imap_session *s, enum err e))
{
    struct appending *a = s->appending;

    if (a->spool != NULL || (s->hold.len + bytes <= APPENDING_HELD_BYTES &&
                             a->manifest.len <= APPENDING_MANIFEST_HELD_BYTES)) {
        then(s, OK);
        return;
    }

    struct keep_spool_req req = { total_bytes(s) + bytes };

    a->roomy = then;
    s->ticket = keeper_spool(s->service->keeper, &req, spool_known, s);
}

/* What is in memory goes to the end of the file. */
static void spill(struct imap_session *s)
{
    struct appending *a = s->appending;

    if (a->failed == OK)
        a->failed = file_pwrite(a->spool, a->written, buf_str(&s->hold), NULL);
    a->written += s->hold.len;
    buf_clear(&s->hold);
}

/* ---- messages ---- */

void appending_begin_message(struct imap_session *s, const struct imap_append_args *args)
{
    struct appending *a = s->appending;
    struct keep_new_message *m = &a->now;

    a->mark = arena_save(s->mem);
    *m = (struct keep_new_message){ 0 };
    m->flags = imap_session_flag_names(s, &args->flags, &m->keywords, &m->keywords_count);
    m->internal_date = args->has_date ? args->date_s : loop_wall_s(s->service->loop);
    m->internal_zone = args->has_date ? args->date_zone_min : 0;
    a->message_at = total_bytes(s);
}

uint64_t appending_message_bytes(const struct appending *a)
{
    return a->now.size;
}

/* A small message stays together in memory, so that its record is made there; one that does not
 * goes to the file as it comes. */
void appending_add(struct imap_session *s, struct str octets)
{
    struct appending *a = s->appending;

    buf_add(&s->hold, octets);
    a->now.size += octets.len;
    if (a->spool != NULL && a->now.size > APPENDING_HELD_BYTES &&
        s->hold.len >= APPENDING_HELD_BYTES / 4)
        spill(s);
}

/* The walk needs the message in one piece; a large one is read back for the moment that takes. */
static void build_record(struct imap_session *s, struct buf *ret)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct appending *a = s->appending;
    struct buf whole = { 0 };

    if (a->message_at >= a->written) {
        record_build(str_skip(buf_str(&s->hold), (size_t)(a->message_at - a->written)), &limits,
                     ret);
        return;
    }
    spill(s);

    char *at = buf_reserve(&whole, (size_t)a->now.size);

    if (a->failed == OK)
        a->failed = file_pread(a->spool, a->message_at, at, (size_t)a->now.size, NULL);
    if (a->failed == OK)
        record_build(str_from(at, (size_t)a->now.size), &limits, ret);
    buf_deinit(&whole);
}

void appending_end_message(struct imap_session *s)
{
    struct appending *a = s->appending;
    struct buf record = { 0 };

    a->empty = a->empty || a->now.size == 0;
    build_record(s, &record);
    a->now.record = buf_str(&record);
    keep_manifest_add(&a->manifest, &a->now);
    buf_deinit(&record);
    arena_restore(&a->mark);
    if (a->spool != NULL && s->hold.len >= APPENDING_HELD_BYTES)
        spill(s);
}

enum err appending_finish(struct imap_session *s, struct keep_append_req *ret)
{
    struct appending *a = s->appending;

    if (a->spool == NULL) {
        ret->bytes = buf_str(&s->hold);
        ret->manifest = buf_str(&a->manifest);
        return OK;
    }
    spill(s);
    buf_deinit(&s->hold);
    ret->spool = a->spool_id;
    ret->spool_bytes = a->written;
    ret->manifest_bytes = a->manifest.len;
    if (a->failed == OK)
        a->failed = file_pwrite(a->spool, a->written, buf_str(&a->manifest), NULL);
    return a->failed;
}
