/* keeper/calls/server_admin.c - domains, accounts and aliases, for the control channel. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_job.h"
#include "store/mailbox/mailboxes.h"

/* ---- pages of a table whose keys end in a text ---- */

/* Calls add() for the rows of `table` with texts >= `from`; stops after LIST_PER_PAGE of them and
 * says where to go on. */
static enum err list_page(struct request *j, enum table table, struct str from,
                          enum err (*add)(struct request *j, struct str text, struct str value),
                          struct str *ret_next)
{
    struct key k, to;
    struct kv_iter *it;
    uint32_t count = 0;
    enum err e = OK;

    if (from.len > ADDRESS_BYTES_MAX)
        return err_set(&j->why, ERR_SYNTAX, "the name to go on from is too long");
    key_of_text(&k, table, from);
    key_start(&to, table);
    key_end(&to);
    *ret_next = STR_EMPTY;
    it = kv_iter_new(j->k->kv, NULL, key_str(&k), key_str(&to));
    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        struct str text = arena_copy(j->mem, str_skip(kv_iter_key(it), 1));

        if (count++ == LIST_PER_PAGE) {
            *ret_next = text;
            break;
        }
        e = add(j, text, arena_copy(j->mem, kv_iter_value(it)));
    }
    if (e == OK)
        e = kv_iter_error(it, &j->why);
    kv_iter_free(it);
    return e;
}

/* ---- domains ---- */

enum err write_domain_add(struct request *j, struct txn *t)
{
    const struct keep_domain_add_req *req = j->req;

    return directory_domain_add(t, req->name, &j->why);
}

enum err write_domain_remove(struct request *j, struct txn *t)
{
    const struct keep_domain_remove_req *req = j->req;

    return directory_domain_remove(t, req->name, &j->why);
}

static enum err add_domain(struct request *j, struct str text, struct str value)
{
    struct keep_domain_list_rep *rep = j->rep;
    struct reader r = reader_of(value);

    (void)get_u8(&r);
    rep->domains[rep->domains_count++] =
        (struct keep_domain){ .name = text, .accounts = get_varint(&r) };
    return OK;
}

enum err read_domain_list(struct request *j)
{
    const struct keep_domain_list_req *req = j->req;
    struct keep_domain_list_rep *rep = j->rep;

    rep->domains = ARENA_ARRAY(j->mem, struct keep_domain, LIST_PER_PAGE);
    return list_page(j, TABLE_DOMAIN, req->from, add_domain, &rep->next);
}

/* ---- passwords and the keys that go with them are made in the worker pool ---- */

struct hashing {
    struct str password; /* prepared */
    uint8_t salt[PASSWORD_SALT_BYTES], keys_salt[SCRAM_SALT_BYTES];
    char encoded[PASSWORD_ENCODED_BYTES_MAX];
    struct credentials keys;
    enum err e;
    enum err (*then)(struct request *j, struct txn *t);
};

static void hash_worker(void *ctx)
{
    struct request *j = ctx;
    struct hashing *h = j->own;

    h->e = password_hash(&j->k->password, h->password, h->salt, h->encoded);
    if (h->e == OK)
        credentials_make(j->mem, h->password, h->keys_salt,
                         j->k->settings.no_scram ? 0 : j->k->settings.scram_iterations, &h->keys);
}

static void hash_done(void *ctx)
{
    struct request *j = ctx;
    struct hashing *h = j->own;

    if (h->e == OK)
        request_write(j, h->then, NULL);
    else
        request_end(j, err_set(&j->why, h->e, "a password has 1 to %d octets", PASSWORD_BYTES_MAX));
}

static void hash_then(struct request *j, struct str password,
                      enum err (*then)(struct request *j, struct txn *t))
{
    struct hashing *h = ARENA_NEW(j->mem, struct hashing);

    h->password = password_prepare(j->mem, password);
    h->then = then;
    j->own = h;
    loop_random(j->k->loop, h->salt, sizeof h->salt);
    loop_random(j->k->loop, h->keys_salt, sizeof h->keys_salt);
    workers_run(j->k->auth, hash_worker, hash_done, j);
}

/* ---- accounts ---- */

static enum err build_account_add(struct request *j, struct txn *t)
{
    const struct keep_account_add_req *req = j->req;
    struct keep_account_add_rep *rep = j->rep;
    struct hashing *h = j->own;
    int64_t now = loop_wall_s(j->k->loop);
    const struct counters none = { 0 };
    struct account row = {
        .address = req->address,
        .password = str_from_z(h->encoded),
        .enabled = true,
        .quota_bytes = req->quota_bytes,
        .quota_messages = req->quota_messages,
        .quota_mailboxes = req->quota_mailboxes,
        .created = now,
    };
    struct account_txn a;
    struct key k;
    enum err e;

    if ((e = directory_account_add(t, &row, &rep->id, &j->why)) != OK)
        return e;
    key_of_account(&k, TABLE_COUNTERS, rep->id);
    table_put_counters(t, &k, &none);
    credentials_store(t, rep->id, &h->keys);
    if ((e = account_txn_begin(&a, t, j->mem, rep->id, now, &j->why)) != OK ||
        (e = mailbox_create_first_ones(&a)) != OK)
        return e;
    account_txn_end(&a);
    return OK;
}

void start_account_add(struct request *j)
{
    const struct keep_account_add_req *req = j->req;

    hash_then(j, req->password, build_account_add);
}

enum err write_account_remove(struct request *j, struct txn *t)
{
    const struct keep_account_remove_req *req = j->req;
    uint32_t id;
    enum err e = directory_account_remove(t, req->address, &id, &j->why);

    if (e != OK)
        return e;
    sessions_end_of_account(j->k, id);
    proven_forget(j->k->proven, id);
    /* The sweep's own submission stands behind this one. */
    sweep_start(j->k);
    return OK;
}

static enum err add_account(struct request *j, struct str text, struct str value)
{
    struct keep_account_list_rep *rep = j->rep;
    struct reader r = reader_of(value);
    struct account row;
    struct counters c;
    struct key k;
    uint32_t id;
    bool found;
    enum err e;

    (void)text;
    (void)get_u8(&r);
    id = (uint32_t)get_varint(&r);
    if ((e = directory_account_get(j->k->kv, j->mem, id, &found, &row, &j->why)) != OK || !found)
        return e;
    key_of_account(&k, TABLE_COUNTERS, id);
    if ((e = table_get_counters(j->k->kv, j->mem, &k, &c, &j->why)) != OK)
        return e;
    rep->accounts[rep->accounts_count++] = (struct keep_account){
        .id = id,
        .address = row.address,
        .enabled = row.enabled,
        .bytes = c.bytes,
        .messages = c.messages,
        .quota_bytes = row.quota_bytes,
        .quota_messages = row.quota_messages,
        .quota_mailboxes = row.quota_mailboxes,
        .administrator = (row.roles & ACCOUNT_ADMINISTRATOR) != 0,
    };
    return OK;
}

enum err read_account_list(struct request *j)
{
    const struct keep_account_list_req *req = j->req;
    struct keep_account_list_rep *rep = j->rep;

    rep->accounts = ARENA_ARRAY(j->mem, struct keep_account, LIST_PER_PAGE);
    return list_page(j, TABLE_ADDRESS, req->from, add_account, &rep->next);
}

static enum err build_account_password(struct request *j, struct txn *t)
{
    const struct keep_account_password_req *req = j->req;
    struct hashing *h = j->own;
    struct account row;
    uint32_t id;
    enum err e = directory_account_find(txn_kv(t), j->mem, req->address, &id, &row, &j->why);

    if (e != OK)
        return e;
    row.password = str_from_z(h->encoded);
    directory_account_put(t, id, &row);
    credentials_store(t, id, &h->keys);
    proven_forget(j->k->proven, id);
    return OK;
}

void start_account_password(struct request *j)
{
    const struct keep_account_password_req *req = j->req;

    hash_then(j, req->password, build_account_password);
}

enum err write_account_quota(struct request *j, struct txn *t)
{
    const struct keep_account_quota_req *req = j->req;
    struct account row;
    uint32_t id;
    enum err e = directory_account_find(txn_kv(t), j->mem, req->address, &id, &row, &j->why);

    if (e != OK)
        return e;
    row.quota_bytes = req->quota_bytes;
    row.quota_messages = req->quota_messages;
    row.quota_mailboxes = req->quota_mailboxes;
    directory_account_put(t, id, &row);
    return OK;
}

enum err write_account_administrator(struct request *j, struct txn *t)
{
    const struct keep_account_administrator_req *req = j->req;
    struct account row;
    uint32_t id;
    enum err e = directory_account_find(txn_kv(t), j->mem, req->address, &id, &row, &j->why);

    if (e != OK)
        return e;
    row.roles &= ~(uint32_t)ACCOUNT_ADMINISTRATOR;
    row.roles |= req->on ? ACCOUNT_ADMINISTRATOR : 0u;
    directory_account_put(t, id, &row);
    return OK;
}

/* Who is logged in on an account that is switched off is logged out. */
enum err write_account_enable(struct request *j, struct txn *t)
{
    const struct keep_account_enable_req *req = j->req;
    struct account row;
    uint32_t id;
    enum err e = directory_account_find(txn_kv(t), j->mem, req->address, &id, &row, &j->why);

    if (e != OK)
        return e;
    row.enabled = req->on;
    directory_account_put(t, id, &row);
    if (!req->on) {
        sessions_end_of_account(j->k, id);
        proven_forget(j->k->proven, id);
    }
    return OK;
}

/* ---- aliases ---- */

enum err write_alias_add(struct request *j, struct txn *t)
{
    const struct keep_alias_add_req *req = j->req;
    struct str *targets = ARENA_ARRAY(j->mem, struct str, req->targets_count + 1);

    for (size_t i = 0; i < req->targets_count; i++)
        targets[i] = req->targets[i].text;
    return directory_alias_put(t, req->address, targets, req->targets_count, &j->why);
}

enum err write_alias_remove(struct request *j, struct txn *t)
{
    const struct keep_alias_remove_req *req = j->req;

    return directory_alias_remove(t, req->address, &j->why);
}

static enum err add_alias(struct request *j, struct str text, struct str value)
{
    struct keep_alias_list_rep *rep = j->rep;
    struct keep_alias *alias = &rep->aliases[rep->aliases_count];
    struct str *targets;
    uint32_t count;

    if (directory_alias_decode(j->mem, value, &targets, &count) != OK)
        return err_set(&j->why, ERR_CORRUPT, "the alias '%.*s' cannot be read", STR_ARG(text));
    alias->address = text;
    alias->targets = ARENA_ARRAY(j->mem, struct keep_text, count + 1u);
    alias->targets_count = count;
    for (uint32_t i = 0; i < count; i++)
        alias->targets[i].text = targets[i];
    rep->aliases_count++;
    return OK;
}

enum err read_alias_list(struct request *j)
{
    const struct keep_alias_list_req *req = j->req;
    struct keep_alias_list_rep *rep = j->rep;

    rep->aliases = ARENA_ARRAY(j->mem, struct keep_alias, LIST_PER_PAGE);
    return list_page(j, TABLE_ALIAS, req->from, add_alias, &rep->next);
}
