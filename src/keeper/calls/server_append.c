/* keeper/calls/server_append.c - new messages from a client, all in one commit.
 *
 * The manifest is read and checked against the octets before the writer is asked for anything, so
 * that what could be wrong with the request costs no commit. Inside the commit the message that is
 * to be replaced goes first: the quota then counts what is left. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sharing/server_place.h"
#include "store/mailbox/messages.h"

enum { ZONE_MINUTES_MAX = 24 * 60 - 1 };

struct appending {
    struct place to, from; /* from: of the message that is replaced */
    struct account_txn to_txn, from_txn;
    struct keep_new_message *messages;
    size_t count;
    uint64_t size; /* of all messages together */
};

/* ---- the request ---- */

static enum err read_manifest(struct request *j, struct str *ret)
{
    const struct keep_append_req *req = j->req;
    struct buf b = { 0 };
    enum err e;

    if (req->manifest.len > 0 || req->spool == 0) {
        *ret = req->manifest;
        return OK;
    }
    if (req->manifest_bytes > KEEP_MANIFEST_BYTES_MAX)
        return err_set(&j->why, ERR_LIMIT, "the manifest is too long");
    e = file_pread(j->spool->file, req->spool_bytes, buf_reserve(&b, req->manifest_bytes + 1),
                   req->manifest_bytes, &j->why);
    if (e == OK)
        *ret = arena_copy(j->mem, str_from(b.at, req->manifest_bytes));
    buf_deinit(&b);
    return e;
}

static void messages_grow(struct request *j, struct appending *p, size_t *cap)
{
    size_t more = *cap == 0 ? 4 : 4 * *cap;
    struct keep_new_message *messages = ARENA_ARRAY(j->mem, struct keep_new_message, more);

    if (p->count > 0)
        memcpy(messages, p->messages, p->count * sizeof *messages);
    p->messages = messages;
    *cap = more;
}

static enum err decode_manifest(struct request *j, struct appending *p)
{
    struct str octets = STR_EMPTY;
    struct reader r;
    size_t cap = 0;
    enum err e = read_manifest(j, &octets);

    if (e != OK)
        return e;
    r = reader_of(octets);
    for (;;) {
        if (p->count == cap)
            messages_grow(j, p, &cap);
        if (!keep_manifest_next(j->mem, &r, &p->messages[p->count]))
            break;
        if (p->count == KEEP_APPEND_MESSAGES_MAX)
            return err_set(&j->why, ERR_LIMIT, "too many messages in one append");
        if ((e = request_message_fits(j, p->messages[p->count].size)) != OK)
            return e;
        if (p->messages[p->count].internal_zone < -ZONE_MINUTES_MAX ||
            p->messages[p->count].internal_zone > ZONE_MINUTES_MAX)
            return err_set(&j->why, ERR_SYNTAX, "no zone is that far from UTC");
        p->size += p->messages[p->count++].size;
    }
    if (r.bad || p->count == 0)
        return err_set(&j->why, ERR_SYNTAX, "the manifest cannot be read");
    return OK;
}

static enum err prepare(struct request *j, struct appending *p)
{
    const struct keep_append_req *req = j->req;
    struct session *s;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK)
        return e;
    if (req->spool_bytes > UINT64_MAX / 2 || req->manifest_bytes > UINT64_MAX / 2)
        return err_set(&j->why, ERR_SYNTAX, "no file is that long");
    if (req->spool != 0 &&
        (e = request_take_spool(j, req->spool, req->spool_bytes + req->manifest_bytes)) != OK)
        return e;
    if ((e = decode_manifest(j, p)) != OK)
        return e;
    if (p->size != (req->spool != 0 ? req->spool_bytes : req->bytes.len))
        return err_set(&j->why, ERR_SYNTAX, "the messages are not as long as was said");
    return request_disk_has_room(j, p->size);
}

/* ---- the commit ---- */

/* RFC 4314 4: flags without a right are not stored, which is no error. */
static enum err flags_of(struct request *j, const struct keep_new_message *m,
                         struct keyword_list *keywords, uint64_t *ret)
{
    const struct appending *p = j->own;
    uint64_t may = rights_flags(p->to.rights), bits = m->flags & FLAGS_KNOWN & may, bit;
    enum err e = OK;

    for (size_t i = 0; i < m->keywords_count && e == OK && (may & FLAG_FLAGGED) != 0; i++) {
        e = keyword_bit_add(keywords, m->keywords[i].text, &bit);
        if (e == OK)
            bits |= bit;
    }
    if (e != OK)
        return err_set(&j->why, e, "the mailbox cannot take these keywords");
    *ret = bits;
    return OK;
}

static struct body_source source_of(struct request *j, uint64_t at, uint64_t size)
{
    const struct keep_append_req *req = j->req;

    if (req->spool == 0)
        return (struct body_source){ .bytes = str_sub(req->bytes, (size_t)at, (size_t)size) };
    return (struct body_source){ .spool = j->spool->file, .spool_at = at, .spool_len = size };
}

static enum err add_messages(struct request *j, struct keyword_list *keywords)
{
    struct keep_append_rep *rep = j->rep;
    struct appending *p = j->own;
    struct mbox *m = &p->to.row;
    uint64_t at = 0;
    enum err e = OK;

    rep->uid = m->uidnext;
    for (size_t i = 0; i < p->count && e == OK; i++) {
        const struct keep_new_message *from = &p->messages[i];
        struct body_source source = source_of(j, at, from->size);
        struct message_new message = { .size = from->size,
                                       .internal_date = from->internal_date,
                                       .internal_zone = from->internal_zone };
        uint32_t uid;

        if ((e = flags_of(j, from, keywords, &message.flags)) != OK)
            break;
        message.body = txn_body_new(p->to_txn.t, &source);
        message_new_from_record(&message, from->record);
        e = messages_add(&p->to_txn, p->to.mailbox, m, &message, &uid);
        at += from->size;
    }
    rep->count = (uint32_t)p->count;
    return e;
}

/* RFC 8508 3.4: only this message goes, and as if by UID EXPUNGE. */
static enum err remove_replaced(struct request *j, struct account_txn *a, struct mbox *from)
{
    const struct keep_append_req *req = j->req;
    const struct appending *p = j->own;
    struct uidset uids = { 0 }, gone = { 0 };
    const struct expunge_what what = { .uids = &uids, .max = 1 };
    bool more;
    enum err e;

    if (mailbox_is_locked_by_other(j->k, p->from.account, p->from.mailbox, p->from.session))
        return err_set(&j->why, ERR_IN_USE, "another session has the mailbox for itself");
    uidset_add(&uids, req->replace_uid);
    e = messages_expunge(a, p->from.mailbox, from, &what, &gone, &more);
    if (e == OK && uidset_empty(&gone))
        e = err_set(&j->why, ERR_CONFLICT, "the message to be replaced is gone");
    uidset_deinit(&uids);
    uidset_deinit(&gone);
    return e;
}

static enum err check_room(struct request *j)
{
    const struct appending *p = j->own;
    struct account row;
    bool found;
    enum err e = directory_account_get(p->to_txn.kv, j->mem, p->to.account, &found, &row, &j->why);

    if (e != OK)
        return e;
    if (!found)
        return err_set(&j->why, ERR_DENIED, "the account is gone");
    return messages_check_quota(&p->to_txn, &row, p->size, p->count);
}

static enum err begin(struct request *j, struct txn *t, const struct place *p,
                      struct account_txn *ret)
{
    return account_txn_begin(ret, t, j->mem, p->account, loop_wall_s(j->k->loop), &j->why);
}

/* The message may be replaced in the same mailbox, in another, or in one of another account. */
static enum err replace(struct request *j, struct txn *t)
{
    const struct keep_append_req *req = j->req;
    struct appending *p = j->own;
    bool across;
    enum err e =
        request_place(j, txn_kv(t), req->session, req->replace_mailbox, PLACE_LEFT, &p->from);

    if (e != OK)
        return e;
    across = p->from.account != p->to.account;
    if (!across && p->from.mailbox == p->to.mailbox)
        return remove_replaced(j, &p->to_txn, &p->to.row);
    if (across && (e = begin(j, t, &p->from, &p->from_txn)) != OK)
        return e;

    struct account_txn *a = across ? &p->from_txn : &p->to_txn;

    if ((e = remove_replaced(j, a, &p->from.row)) != OK)
        return e;
    mailbox_put_row(a, p->from.mailbox, &p->from.row);
    if (across)
        account_txn_end(a);
    return OK;
}

static enum err build_append(struct request *j, struct txn *t)
{
    const struct keep_append_req *req = j->req;
    struct keep_append_rep *rep = j->rep;
    struct appending *p = j->own;
    struct keyword_list keywords = { 0 };
    enum err e;

    e = request_place_named(j, txn_kv(t), req->session, req->name, PLACE_TARGET, &p->to);
    if (e != OK || (e = begin(j, t, &p->to, &p->to_txn)) != OK)
        return e;
    if (req->replace_uid != 0 && (e = replace(j, t)) != OK)
        return e;
    if ((e = check_room(j)) == OK && (e = mailbox_keywords(&p->to.row, &keywords)) == OK &&
        (e = add_messages(j, &keywords)) == OK)
        mailbox_set_keywords(j->mem, &p->to.row, &keywords);
    keyword_list_deinit(&keywords);
    if (e != OK)
        return e;
    rep->mailbox = place_number_known(&p->to);
    rep->uidvalidity = p->to.row.uidvalidity;
    mailbox_put_row(&p->to_txn, p->to.mailbox, &p->to.row);
    account_txn_end(&p->to_txn);
    return OK;
}

void start_append(struct request *j)
{
    struct appending *p = ARENA_NEW(j->mem, struct appending);
    enum err e;

    j->own = p;
    e = prepare(j, p);
    if (e == OK)
        request_write(j, build_append, NULL);
    else
        request_end(j, e);
}
