/* keeper/server_dispatch.c - from a frame to a handler, and from a handler to a reply. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/index/server_index.h"
#include "keeper/login/server_attempt.h"
#include "keeper/move/server_move.h"

/* ---- the calls: how each is read, answered and handled ---- */

static const struct handler handlers[CALL_COUNT] = {
    [CALL_login] = { .start = start_login },
    [CALL_sasl] = { .start = start_sasl },
    [CALL_logout] = { .read = read_logout },
    [CALL_may_send_as] = { .read = read_may_send_as },
    [CALL_route] = { .read = read_route },
    [CALL_spool] = { .read = read_spool },
    [CALL_spool_drop] = { .read = read_spool_drop },
    [CALL_deliver] = { .start = start_deliver },
    [CALL_namespaces] = { .read = read_namespaces },
    [CALL_acl_list] = { .read = read_acl_list },
    [CALL_acl_set] = { .write = write_acl_set },
    [CALL_acl_mine] = { .read = read_acl_mine },
    [CALL_acl_grantable] = { .read = read_acl_grantable },
    [CALL_mailbox_list] = { .read = read_mailbox_list },
    [CALL_mailbox_create] = { .write = write_mailbox_create },
    [CALL_mailbox_delete] = { .write = write_mailbox_delete },
    [CALL_mailbox_rename] = { .write = write_mailbox_rename },
    [CALL_mailbox_subscribe] = { .write = write_mailbox_subscribe },
    [CALL_mailbox_status] = { .read = read_mailbox_status },
    [CALL_metadata_read] = { .read = read_metadata_read },
    [CALL_metadata_write] = { .write = write_metadata_write },
    [CALL_watch] = { .read = read_watch },
    [CALL_quota] = { .read = read_quota },
    [CALL_quota_set] = { .write = write_quota_set },
    [CALL_select] = { .start = start_select },
    [CALL_unselect] = { .read = read_unselect },
    [CALL_sync] = { .start = start_sync },
    [CALL_fetch] = { .start = start_fetch },
    [CALL_store] = { .write = write_store },
    [CALL_expunge] = { .start = start_expunge },
    [CALL_copy] = { .write = write_copy },
    [CALL_append] = { .start = start_append },
    [CALL_search] = { .start = start_search },
    [CALL_sort] = { .start = start_sort },
    [CALL_sort_more] = { .read = read_sort_more },
    [CALL_lease] = { .read = read_lease },
    [CALL_lease_renew] = { .read = read_lease_renew },
    [CALL_lease_read] = { .read = read_lease_read },
    [CALL_lease_end] = { .start = start_lease_end },
    [CALL_domain_add] = { .write = write_domain_add },
    [CALL_domain_remove] = { .write = write_domain_remove },
    [CALL_domain_list] = { .read = read_domain_list },
    [CALL_account_add] = { .start = start_account_add },
    [CALL_account_remove] = { .write = write_account_remove },
    [CALL_account_list] = { .read = read_account_list },
    [CALL_account_password] = { .start = start_account_password },
    [CALL_account_quota] = { .write = write_account_quota },
    [CALL_account_enable] = { .write = write_account_enable },
    [CALL_account_administrator] = { .write = write_account_administrator },
    [CALL_alias_add] = { .write = write_alias_add },
    [CALL_alias_remove] = { .write = write_alias_remove },
    [CALL_alias_list] = { .read = read_alias_list },
    [CALL_token_add] = { .write = write_token_add },
    [CALL_token_list] = { .read = read_token_list },
    [CALL_token_revoke] = { .write = write_token_revoke },
    [CALL_queue_list] = { .read = read_queue_list },
    [CALL_queue_show] = { .read = read_queue_show },
    [CALL_queue_act] = { .start = start_queue_act },
    [CALL_account_open] = { .read = read_account_open },
    [CALL_import] = { .start = start_import },
    [CALL_import_marks] = { .read = read_import_marks },
    [CALL_graves] = { .read = read_graves },
    [CALL_undelete] = { .start = start_undelete },
    [CALL_check] = { .start = start_check },
    [CALL_rebuild] = { .start = start_rebuild },
    [CALL_index] = { .read = read_index },
    [CALL_compact] = { .read = read_compact },
    [CALL_status] = { .read = read_status },
};

#define CODEC(name, who)                                                                           \
    static bool decode_##name(struct request *j, struct str fields)                                \
    {                                                                                              \
        struct keep_##name##_req *req = ARENA_NEW(j->mem, struct keep_##name##_req);               \
                                                                                                   \
        j->req = req;                                                                              \
        j->rep = ARENA_NEW(j->mem, struct keep_##name##_rep);                                      \
        return keep_##name##_req_get(j->mem, fields, req);                                         \
    }                                                                                              \
    static void encode_##name(struct buf *out, const void *rep)                                    \
    {                                                                                              \
        keep_##name##_rep_put(out, rep);                                                           \
    }
CONTRACT_CALLS(CODEC)

static const struct {
    bool (*decode)(struct request *j, struct str fields);
    void (*encode)(struct buf *out, const void *rep);
} codecs[CALL_COUNT] = {
#define CODEC_ROW(name, who) [CALL_##name] = { decode_##name, encode_##name },
    CONTRACT_CALLS(CODEC_ROW)
};

/* ---- the end of a job ---- */

void request_free(struct request *j)
{
    struct keeper *k = j->k;

    if (j->cleanup != NULL)
        j->cleanup(j);
    channel_room_drop(&j->room);
    list_remove(&j->in_keeper);
    list_remove(&j->in_peer);
    if (j->spool != NULL)
        spool_free(j->spool);
    k->request_count--;
    arena_free(j->mem);
}

static void put_head(struct buf *out, uint64_t tag, enum err e)
{
    put_u8(out, FRAME_REPLY);
    put_varint(out, tag);
    put_u8(out, (uint8_t)e);
}

bool request_reply_early(struct request *j, struct str *ret)
{
    struct buf out;

    if (j->peer == NULL || j->file != NULL || !channel_room_take(j->peer->channel, &j->room))
        return false;
    /* Whose reply it is may be known only at its end; so the head is put before it then. */
    out = (struct buf){ .at = j->room.at, .cap = CHANNEL_ROOM_BYTES, .max = CHANNEL_ROOM_BYTES };
    out.len = REPLY_HEAD_BYTES_MAX;
    codecs[j->call].encode(&out, j->rep);
    if (out.overflowed) {
        channel_room_drop(&j->room);
        return false;
    }
    j->room_reply = str_skip(buf_str(&out), REPLY_HEAD_BYTES_MAX);
    *ret = j->room_reply;
    return true;
}

static void reply(struct peer *p, uint64_t tag, enum err e, struct str detail,
                  const struct request *j)
{
    struct buf out = { .max = CHANNEL_FRAME_MAX };
    size_t bytes = e == OK && j != NULL ? arena_used(j->mem) + j->page_bytes : 0;

    /* A page is about as long as what it was made of, and so does not grow by doubling. */
    if (bytes > 0)
        (void)buf_reserve(&out, MIN(bytes, KEEP_PAGE_BYTES));
    put_head(&out, tag, e);
    if (e != OK)
        put_str(&out, p->who == BY_CONTROL ? detail : STR_EMPTY);
    else
        codecs[j->call].encode(&out, j->rep);
    if (out.overflowed) {
        keeper_log(p->k, "event=reply_too_long call=%s", keep_call_name(j->call));
        buf_deinit(&out);
        reply(p, tag, ERR_LIMIT, STR("the answer is too long"), j);
        return;
    }
    channel_send(p->channel, buf_str(&out), e == OK && j != NULL ? j->file : NULL);
    buf_deinit(&out);
}

static void send_room(struct request *j)
{
    struct str fields = j->room_reply;
    struct buf head = { 0 };
    char *at;

    put_head(&head, j->tag, OK);
    at = (char *)(uintptr_t)fields.at - head.len;
    memcpy(at, head.at, head.len);
    channel_room_send(j->peer->channel, &j->room, str_from(at, head.len + fields.len));
    buf_deinit(&head);
}

/* A page is written where the gate reads it, if there is room. */
static void answer(struct request *j, enum err e)
{
    struct str unused;

    if (e == OK && j->room.at == NULL &&
        arena_used(j->mem) + j->page_bytes >= REPLY_ROOM_WORTH_BYTES)
        (void)!request_reply_early(j, &unused);
    if (e == OK && j->room.at != NULL)
        send_room(j);
    else
        reply(j->peer, j->tag, e, str_from_z(j->why.text), j);
}

void request_end(struct request *j, enum err e)
{
    struct keeper *k = j->k;

    if (e == ERR_IO || e == ERR_CORRUPT || e == ERR_NO_SPACE)
        keeper_log(k, "event=error call=%s error=\"%s\" detail=\"%s\"", keep_call_name(j->call),
                   err_text(e), j->why.text);
    if (j->peer != NULL && !j->peer->broken)
        answer(j, e);
    request_free(j);
    keeper_maybe_stopped(k);
}

/* ---- writing ---- */

static enum err run_build(void *ctx, struct txn *t)
{
    struct request *j = ctx;

    return j->build(j, t);
}

static void run_written(void *ctx, enum err e)
{
    struct request *j = ctx;

    if (e != OK && writer_stopped(j->k->writer) && !j->k->failed) {
        /* The other waiting requests are told in this same turn; then the process ends. */
        j->k->failed = true;
        timer_set_in(&j->k->check_end, 0);
    }
    if (e != OK && j->why.text[0] == '\0')
        (void)err_set(&j->why, e, "%s", writer_last_error(j->k->writer));
    if (j->written != NULL)
        j->written(j, e);
    else
        request_end(j, e);
}

void request_write(struct request *j, enum err (*build)(struct request *j, struct txn *t),
                   void (*written)(struct request *j, enum err e))
{
    j->build = build;
    j->written = written;
    writer_submit(j->k->writer, run_build, run_written, j);
}

/* ---- the beginning of a job ---- */

static void run_handler(struct request *j)
{
    const struct handler *h = &handlers[j->call];

    if (h->read != NULL)
        request_end(j, h->read(j));
    else if (h->write != NULL)
        request_write(j, h->write, NULL);
    else
        h->start(j);
}

/* The channel cannot be freed inside its own event, so its end waits for the next turn. */
static void peer_is_broken(struct peer *p, const char *reason)
{
    if (p->broken)
        return;
    keeper_log(p->k, "event=bad_frame peer=%u reason=\"%s\"", (unsigned)p->who, reason);
    p->broken = true;
    timer_set_in(&p->end, 0);
}

/* What gives something back makes work less, and nobody would ask for it again. */
static bool gives_back(enum keep_call call)
{
    return call == CALL_logout || call == CALL_spool_drop;
}

static enum err may_be_done_now(struct peer *p, enum keep_call call)
{
    struct keeper *k = p->k;

    if (gives_back(call))
        return OK;
    if (k->stopping || k->failed || k->exclusive != NULL)
        return ERR_UNAVAILABLE;
    if (k->request_count >= k->settings.requests_max ||
        channel_queued(p->channel) > k->settings.queued_bytes_max)
        return ERR_UNAVAILABLE;
    return OK;
}

static struct request *request_new(struct peer *p, enum keep_call call, uint64_t tag, size_t bytes)
{
    struct arena *mem = arena_new(bytes + 1024);
    struct request *j = ARENA_NEW(mem, struct request);

    j->mem = mem;
    j->k = p->k;
    j->peer = p;
    j->who = p->who;
    j->call = call;
    j->tag = tag;
    list_add_last(&p->k->jobs, &j->in_keeper);
    list_add_last(&p->jobs, &j->in_peer);
    p->k->request_count++;
    return j;
}

struct request *request_unasked(struct peer *p, enum keep_call call, struct str fields)
{
    struct request *j = request_new(p, call, 0, fields.len);

    if (!codecs[call].decode(j, arena_copy(j->mem, fields)))
        BUG("fields that were written here cannot be read");
    return j;
}

void request_from_frame(struct peer *p, struct str frame)
{
    struct reader r = reader_of(frame);
    uint8_t kind = get_u8(&r), call = get_u8(&r);
    uint64_t tag = get_varint(&r);
    enum err e;

    if (p->broken)
        return;
    if (r.bad || kind != FRAME_REQUEST || call >= CALL_COUNT) {
        peer_is_broken(p, "not a request");
        return;
    }
    if ((keep_call_who((enum keep_call)call) & p->who) == 0) {
        keeper_log(p->k, "event=call_denied peer=%u call=%s", (unsigned)p->who,
                   keep_call_name((enum keep_call)call));
        reply(p, tag, ERR_DENIED, STR("not for this channel"), NULL);
        return;
    }
    if ((e = may_be_done_now(p, (enum keep_call)call)) != OK) {
        reply(p, tag, e, STR("keeper has too much to do, or is stopping"), NULL);
        return;
    }

    struct request *j = request_new(p, (enum keep_call)call, tag, frame.len);

    if (!codecs[call].decode(j, arena_copy(j->mem, r.rest))) {
        request_free(j);
        peer_is_broken(p, keep_call_name((enum keep_call)call));
        return;
    }
    p->k->calls[call]++;
    run_handler(j);
}
