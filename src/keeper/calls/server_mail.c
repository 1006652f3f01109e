/* keeper/calls/server_mail.c - mail coming in: where to, deliver, append. */
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

enum err request_octets(struct request *j, uint64_t spool, uint64_t spool_bytes, struct str bytes,
                        struct body_source *ret, uint64_t *ret_size)
{
    struct keeper *k = j->k;
    uint64_t room, have;
    enum err e;

    *ret = (struct body_source){ .bytes = bytes };
    if (spool != 0) {
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
        if (have < spool_bytes)
            return err_set(&j->why, ERR_STATE, "the spool file is shorter than was said");
        ret->spool = j->spool->file;
        ret->spool_len = spool_bytes;
    }
    *ret_size = bytes.len + ret->spool_len;
    if (*ret_size > k->settings.message_bytes_max)
        return err_set(&j->why, ERR_LIMIT, "a message has at most %llu octets",
                       (unsigned long long)k->settings.message_bytes_max);
    if ((e = fs_free_bytes(k->fs, &room, &j->why)) != OK)
        return e;
    if (room < k->settings.free_bytes_min || room - k->settings.free_bytes_min < *ret_size)
        return err_set(&j->why, ERR_NO_SPACE, "the disk is nearly full");
    return OK;
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

/* ---- append ---- */

struct appending {
    struct body_source source;
    uint64_t size;
    uint32_t account;
};

static enum err append_flags(struct request *j, struct mbox *m, uint64_t *ret)
{
    const struct keep_append_req *req = j->req;
    struct keyword_list keywords = { 0 };
    uint64_t bits = req->flags & FLAGS_KNOWN, bit;
    enum err e = mailbox_keywords(m, &keywords);

    for (size_t i = 0; i < req->keywords_count && e == OK; i++) {
        e = keyword_bit_add(&keywords, req->keywords[i].text, &bit);
        if (e == OK)
            bits |= bit;
    }
    if (e == OK) {
        mailbox_set_keywords(j->mem, m, &keywords);
        *ret = bits;
    } else {
        (void)err_set(&j->why, e, "the mailbox cannot take these keywords");
    }
    keyword_list_deinit(&keywords);
    return e;
}

static enum err append_message(struct request *j, struct account_txn *a, uint32_t id,
                               struct mbox *m, uint32_t *ret_uid)
{
    const struct keep_append_req *req = j->req;
    struct appending *p = j->own;
    struct message_new message = { .size = p->size };
    struct account row;
    uint64_t flags;
    bool found;
    enum err e;

    if ((e = directory_account_get(a->kv, j->mem, a->account, &found, &row, &j->why)) != OK)
        return e;
    if (!found)
        return err_set(&j->why, ERR_DENIED, "the account is gone");
    if ((e = messages_check_quota(a, &row, p->size, 1)) != OK ||
        (e = append_flags(j, m, &flags)) != OK)
        return e;
    message.body = txn_body_new(a->t, &p->source);
    message.flags = flags;
    message.internal_date = req->internal_date;
    message_new_from_record(&message, req->record);
    return messages_add(a, id, m, &message, ret_uid);
}

static enum err build_append(struct request *j, struct txn *t)
{
    const struct keep_append_req *req = j->req;
    struct keep_append_rep *rep = j->rep;
    struct appending *p = j->own;
    struct account_txn a;
    struct mbox m;
    bool found;
    enum err e;

    if ((e = account_txn_begin(&a, t, j->mem, p->account, loop_wall_s(j->k->loop), &j->why)) != OK)
        return e;
    e = mailbox_find(a.kv, j->mem, p->account, req->name, &found, &rep->mailbox, &m, &j->why);
    if (e != OK)
        return e;
    if (!found)
        return err_set(&j->why, ERR_NOT_FOUND, "there is no such mailbox");
    if ((e = append_message(j, &a, rep->mailbox, &m, &rep->uid)) != OK)
        return e;
    rep->uidvalidity = m.uidvalidity;
    mailbox_put_row(&a, rep->mailbox, &m);
    account_txn_end(&a);
    return OK;
}

void start_append(struct request *j)
{
    const struct keep_append_req *req = j->req;
    struct appending *p = ARENA_NEW(j->mem, struct appending);
    struct session *s;
    enum err e = request_session(j, req->session, &s);

    j->own = p;
    if (e == OK) {
        p->account = s->account;
        e = request_octets(j, req->spool, req->spool_bytes, req->bytes, &p->source, &p->size);
    }
    if (e == OK)
        request_write(j, build_append, NULL);
    else
        request_end(j, e);
}
