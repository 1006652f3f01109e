/* keeper/calls/server_mail.c - mail coming in: where to, deliver. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "store/deliver.h"

enum err read_route(struct request *j)
{
    static const uint8_t kinds[] = {
        [ROUTE_IS_UNKNOWN] = ROUTE_UNKNOWN,   [ROUTE_IS_LOCAL] = ROUTE_LOCAL,
        [ROUTE_IS_FOREIGN] = ROUTE_FOREIGN,   [ROUTE_IS_FULL] = ROUTE_FULL,
        [ROUTE_IS_DISABLED] = ROUTE_DISABLED,
    };
    const struct keep_route_req *req = j->req;
    struct keep_route_rep *rep = j->rep;
    enum route route;
    enum err e;

    e = deliver_route(j->k->kv, &j->k->directory, req->address, req->size, &route, &j->why);
    if (e == OK)
        rep->kind = kinds[route];
    return e;
}

/* ---- the octets of a message ---- */

enum err request_take_spool(struct request *j, uint64_t spool, uint64_t bytes)
{
    uint64_t have;
    enum err e;

    LIST_EACH(it, &j->peer->spools)
    {
        struct spool *s = LIST_ITEM(it, struct spool, in_peer);

        if (s->number == spool)
            j->spool = s;
    }
    if (j->spool == NULL)
        return err_set(&j->why, ERR_NOT_FOUND, "no such spool file");
    list_remove(&j->spool->in_peer);
    j->peer->spool_count--;
    if ((e = file_size(j->spool->file, &have, &j->why)) != OK)
        return e;
    if (have < bytes)
        return err_set(&j->why, ERR_STATE, "the spool file is shorter than was said");
    return OK;
}

enum err request_message_fits(struct request *j, uint64_t bytes)
{
    if (bytes > j->k->settings.message_bytes_max)
        return err_set(&j->why, ERR_LIMIT, "a message has at most %llu octets",
                       (unsigned long long)j->k->settings.message_bytes_max);
    return OK;
}

enum err request_disk_has_room(struct request *j, uint64_t bytes)
{
    struct keeper *k = j->k;
    uint64_t room;
    enum err e;

    if ((e = fs_free_bytes(k->fs, &room, &j->why)) != OK)
        return e;
    if (room < k->settings.free_bytes_min || room - k->settings.free_bytes_min < bytes)
        return err_set(&j->why, ERR_NO_SPACE, "the disk is nearly full");
    return OK;
}

enum err request_octets(struct request *j, uint64_t spool, uint64_t spool_bytes, struct str bytes,
                        struct body_source *ret, uint64_t *ret_size)
{
    enum err e;

    *ret = (struct body_source){ .bytes = bytes };
    if (spool != 0) {
        if ((e = request_take_spool(j, spool, spool_bytes)) != OK)
            return e;
        ret->spool = j->spool->file;
        ret->spool_len = spool_bytes;
    }
    *ret_size = bytes.len + ret->spool_len;
    if ((e = request_message_fits(j, *ret_size)) != OK)
        return e;
    return request_disk_has_room(j, *ret_size);
}

/* ---- deliver ---- */

static enum err build_deliver(struct request *j, struct txn *t)
{
    struct keep_deliver_rep *rep = j->rep;
    struct delivery *d = j->own;

    d->now_s = loop_wall_s(j->k->loop);
    rep->delivery = txn_sequence(t);
    return deliver_message(t, j->mem, d, &j->why);
}

static void deliver_written(struct request *j, enum err e)
{
    const struct keep_deliver_req *req = j->req;
    const struct keep_deliver_rep *rep = j->rep;
    const struct delivery *d = j->own;

    keeper_log(j->k, "event=deliver delivery=%llu rcpts=%zu size=%llu peer=%.*s result=\"%s\"",
               (unsigned long long)rep->delivery, d->rcpt_count, (unsigned long long)d->size,
               STR_ARG(str_take(req->peer, 64)), err_text(e));
    request_end(j, e);
}

static enum err prepare_deliver(struct request *j)
{
    const struct keep_deliver_req *req = j->req;
    struct delivery *d = ARENA_NEW(j->mem, struct delivery);
    struct deliver_rcpt *rcpts = ARENA_ARRAY(j->mem, struct deliver_rcpt, req->rcpts_count + 1);
    struct session *s;
    enum err e;

    if (req->session != 0 && (e = request_session(j, req->session, &s)) != OK)
        return e;
    for (size_t i = 0; i < req->rcpts_count; i++)
        rcpts[i] = (struct deliver_rcpt){ req->rcpts[i].address, req->rcpts[i].orcpt,
                                          req->rcpts[i].notify };
    *d = (struct delivery){
        .directory = &j->k->directory,
        .rcpts = rcpts,
        .rcpt_count = req->rcpts_count,
        .reverse_path = req->reverse_path,
        .envid = req->envid,
        .record = req->record,
        .ret = req->ret,
        .body_kind = req->body,
        .smtputf8 = req->smtputf8,
        .by_courier = j->who == BY_COURIER,
        .return_path_bytes = req->return_path_bytes,
    };
    j->own = d;
    if (req->return_path_bytes > req->bytes.len)
        return ERR_SYNTAX;
    return request_octets(j, req->spool, req->spool_bytes, req->bytes, &d->source, &d->size);
}

void start_deliver(struct request *j)
{
    enum err e = prepare_deliver(j);

    if (e == OK)
        request_write(j, build_deliver, deliver_written);
    else
        request_end(j, e);
}
