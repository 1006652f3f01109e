/* keeper/calls/server_quota.c - quotas seen and set (RFC 9208).
 *
 * An account is one quota root, so its mailboxes share its limits. To see a root of somebody else's
 * is for those who may read one of the mailboxes in it, since the figures tell how much there is;
 * to set one is for administrators alone: the "a" right on a mailbox, which its owner has, would
 * let everybody raise their own. Both are looked at in every call. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sharing/server_place.h"
#include "store/mailbox/acl.h"

static const struct str root_prefix = STR_INIT("#user/");

static enum err no_such_root(struct request *j)
{
    return err_set(&j->why, ERR_NOT_FOUND, "there is no such quota root");
}

static enum err is_administrator(struct request *j, struct kv *kv, const struct session *s,
                                 bool *ret)
{
    struct account row;
    bool found;
    enum err e = directory_account_get(kv, j->mem, s->account, &found, &row, &j->why);

    *ret = e == OK && found && (row.roles & ACCOUNT_ADMINISTRATOR) != 0;
    return e;
}

/* 0: no root is called so. */
static enum err root_find(struct request *j, struct kv *kv, struct str root, uint32_t *ret)
{
    struct errinfo why = { 0 };
    struct account row;
    enum err e;

    *ret = 0;
    if (!str_starts_nocase(root, root_prefix))
        return OK;
    root = str_skip(root, root_prefix.len);
    e = directory_account_find(kv, j->mem, root, ret, &row, &why);
    if (e == OK || e == ERR_NOT_FOUND || e == ERR_SYNTAX)
        return OK;
    j->why = why;
    return e;
}

/* ---- who may see it ---- */

/* Is one of the places that `grantee` is named for readable for the session? */
static enum err may_read_one(struct request *j, const struct session *s, uint32_t grantee,
                             uint32_t owner, bool *ret)
{
    struct acl_place *places;
    size_t count;
    enum err e = acl_places(j->k->kv, j->mem, grantee, owner, &places, &count, &j->why);

    for (size_t i = 0; e == OK && i < count && !*ret; i++) {
        uint32_t rights;

        e = acl_rights(j->k->kv, owner, places[i].mailbox, s->account, &rights, &j->why);
        *ret = e == OK && (rights & RIGHT_READ) != 0;
    }
    return e;
}

static enum err may_see(struct request *j, const struct session *s, uint32_t owner, bool *ret)
{
    enum err e = OK;

    *ret = owner == s->account;
    if (!*ret)
        e = is_administrator(j, j->k->kv, s, ret);
    if (e == OK && !*ret)
        e = may_read_one(j, s, s->account, owner, ret);
    if (e == OK && !*ret)
        e = may_read_one(j, s, ACL_ANYONE, owner, ret);
    return e;
}

/* ---- seeing ---- */

/* RFC 9208 4.1.2: the mailbox need not be there. That of somebody else must be one that may be
 * read. */
static enum err account_of_mailbox(struct request *j, const struct session *s, struct str name,
                                   uint32_t *ret)
{
    struct place p;
    enum err e;

    *ret = s->account;
    if (!place_is_elsewhere(j->k, name))
        return OK;
    e = request_place_named(j, j->k->kv, s->token, name, PLACE_ITSELF, &p);
    if (e == OK)
        *ret = p.account;
    return e;
}

static enum err account_of_root(struct request *j, const struct session *s, struct str root,
                                uint32_t *ret)
{
    bool may;
    enum err e = root_find(j, j->k->kv, root, ret);

    if (e != OK || *ret == 0)
        return e != OK ? e : no_such_root(j);
    if ((e = may_see(j, s, *ret, &may)) != OK)
        return e;
    return may ? OK : no_such_root(j);
}

static enum err account_of(struct request *j, const struct session *s, uint32_t *ret)
{
    const struct keep_quota_req *req = j->req;

    *ret = s->account;
    if (req->of == QUOTA_OF_MAILBOX)
        return account_of_mailbox(j, s, req->name, ret);
    return req->of == QUOTA_OF_ROOT ? account_of_root(j, s, req->name, ret) : OK;
}

struct usage {
    struct account row;
    struct counters counters;
    uint64_t mailboxes;
    struct str root;
};

static enum err usage_of(struct request *j, struct kv *kv, uint32_t account, struct usage *ret)
{
    struct key k;
    bool found;
    enum err e = directory_account_get(kv, j->mem, account, &found, &ret->row, &j->why);

    if (e != OK)
        return e;
    if (!found)
        return err_set(&j->why, ERR_NOT_FOUND, "the account is gone");
    key_of_account(&k, TABLE_COUNTERS, account);
    if ((e = table_get_counters(kv, j->mem, &k, &ret->counters, &j->why)) != OK)
        return e;
    ret->root = arena_join(j->mem, root_prefix, ret->row.address);
    return mailboxes_count(kv, account, UINT64_MAX, &ret->mailboxes, &j->why);
}

enum err read_quota(struct request *j)
{
    const struct keep_quota_req *req = j->req;
    struct keep_quota_rep *rep = j->rep;
    struct session *s;
    struct usage u;
    uint32_t account;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK ||
        (e = account_of(j, s, &account)) != OK || (e = usage_of(j, j->k->kv, account, &u)) != OK)
        return e;
    *rep = (struct keep_quota_rep){ .bytes = u.counters.bytes,
                                    .messages = u.counters.messages,
                                    .mailboxes = u.mailboxes,
                                    .quota_bytes = u.row.quota_bytes,
                                    .quota_messages = u.row.quota_messages,
                                    .quota_mailboxes = u.row.quota_mailboxes,
                                    .root = u.root };
    return OK;
}

/* ---- setting ---- */

enum err write_quota_set(struct request *j, struct txn *t)
{
    const struct keep_quota_set_req *req = j->req;
    struct keep_quota_set_rep *rep = j->rep;
    struct session *s;
    struct usage u;
    uint32_t account;
    bool may;
    enum err e;

    if ((e = request_session(j, req->session, &s)) != OK ||
        (e = is_administrator(j, txn_kv(t), s, &may)) != OK)
        return e;
    if (!may)
        return err_set(&j->why, ERR_DENIED, "only an administrator sets quotas");
    if ((e = root_find(j, txn_kv(t), req->root, &account)) != OK)
        return e;
    if (account == 0)
        return no_such_root(j);
    if ((e = usage_of(j, txn_kv(t), account, &u)) != OK)
        return e;
    u.row.quota_bytes = req->quota_bytes;
    u.row.quota_messages = req->quota_messages;
    u.row.quota_mailboxes = req->quota_mailboxes;
    directory_account_put(t, account, &u.row);
    *rep = (struct keep_quota_set_rep){ .bytes = u.counters.bytes,
                                        .messages = u.counters.messages,
                                        .mailboxes = u.mailboxes,
                                        .root = u.root };
    return OK;
}
