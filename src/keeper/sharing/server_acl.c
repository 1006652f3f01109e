/* keeper/sharing/server_acl.c - access control lists, and the names of namespaces. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sharing/server_place.h"
#include "store/mailbox/acl.h"

enum err read_namespaces(struct request *j)
{
    const struct keep_namespaces_req *req = j->req;
    struct keep_namespaces_rep *rep = j->rep;
    struct session *s;
    enum err e = request_session(j, req->session, &s);

    if (e != OK)
        return e;
    rep->others = str_from_z(j->k->others_prefix);
    rep->shared = str_from_z(j->k->public_prefix);
    return OK;
}

/* ---- identifiers (RFC 4314 2) ---- */

struct identifier {
    uint32_t account; /* or ACL_ANYONE */
    bool negative;
};

static enum err identifier_find(struct request *j, struct kv *kv, struct str text,
                                struct identifier *ret)
{
    struct account row;
    enum err e;

    ret->negative = str_starts(text, STR("-"));
    text = str_skip(text, ret->negative ? 1 : 0);
    if (text.len == 0)
        return err_set(&j->why, ERR_SYNTAX, "an identifier is an address or \"anyone\"");
    if (str_eq_nocase(text, STR("anyone"))) {
        ret->account = ACL_ANYONE;
        return OK;
    }
    e = directory_account_find(kv, j->mem, text, &ret->account, &row, &j->why);
    if (e == ERR_NOT_FOUND || e == ERR_SYNTAX)
        return err_set(&j->why, ERR_UNSUPPORTED, "there is no account '%.*s'", STR_ARG(text));
    return e;
}

/* ---- reading ---- */

static void add_access(struct keep_acl_list_rep *rep, struct str identifier, uint32_t rights)
{
    if (rights != 0)
        rep->entries[rep->entries_count++] = (struct keep_access){ identifier, rights };
}

/* An account that is being removed has lost its name; its entries follow (store/sweep.h). */
static enum err add_entry(struct request *j, const struct acl_entry *entry)
{
    struct keep_acl_list_rep *rep = j->rep;
    struct account row = { .address = STR("anyone") };
    bool found = true;
    enum err e = OK;

    if (entry->grantee != ACL_ANYONE)
        e = directory_account_get(j->k->kv, j->mem, entry->grantee, &found, &row, &j->why);
    if (e != OK || !found)
        return e;
    add_access(rep, row.address, entry->row.rights);
    add_access(rep, arena_join(j->mem, STR("-"), row.address), entry->row.negative);
    return OK;
}

/* The owner has every right without an entry. */
static enum err add_owner(struct request *j, uint32_t owner)
{
    struct account row;
    bool found;
    enum err e = directory_account_get(j->k->kv, j->mem, owner, &found, &row, &j->why);

    if (e == OK && found)
        add_access(j->rep, row.address, RIGHTS_ALL);
    return e;
}

enum err read_acl_list(struct request *j)
{
    const struct keep_acl_list_req *req = j->req;
    struct keep_acl_list_rep *rep = j->rep;
    struct acl_entry *entries;
    struct place p;
    size_t count;
    enum err e;

    if ((e = request_place_named(j, j->k->kv, req->session, req->name, PLACE_ITSELF, &p)) != OK ||
        (e = acl_list(j->k->kv, j->mem, p.account, p.mailbox, &entries, &count, &j->why)) != OK)
        return e;
    rep->entries = ARENA_ARRAY(j->mem, struct keep_access, 2 * count + 1);
    e = add_owner(j, p.account);
    for (size_t i = 0; i < count && e == OK; i++)
        e = add_entry(j, &entries[i]);
    return e;
}

enum err read_acl_mine(struct request *j)
{
    const struct keep_acl_mine_req *req = j->req;
    struct keep_acl_mine_rep *rep = j->rep;
    struct place p;
    enum err e = request_place_named(j, j->k->kv, req->session, req->name, PLACE_ITSELF, &p);

    if (e == OK)
        rep->rights = p.rights;
    return e;
}

enum err read_acl_grantable(struct request *j)
{
    const struct keep_acl_grantable_req *req = j->req;
    struct keep_acl_grantable_rep *rep = j->rep;
    struct identifier who;
    struct place p;
    enum err e;

    if ((e = request_place_named(j, j->k->kv, req->session, req->name, PLACE_ITSELF, &p)) != OK ||
        (e = identifier_find(j, j->k->kv, req->identifier, &who)) != OK)
        return e;
    rep->always = who.account == p.account ? RIGHTS_ALL : 0;
    rep->grantable = RIGHTS_ALL & ~rep->always;
    return OK;
}

/* ---- changing ---- */

static enum err entry_change(struct request *j, const struct identifier *who, struct acl *row)
{
    static const enum rights_op ops[] = {
        [ACL_REPLACE] = RIGHTS_SET, [ACL_ADD] = RIGHTS_ADD, [ACL_REMOVE] = RIGHTS_REMOVE
    };
    const struct keep_acl_set_req *req = j->req;
    struct rights_change change = { .rights = req->rights };
    uint32_t *rights = who->negative ? &row->negative : &row->rights;

    if (req->op >= ARRAY_LEN(ops) || (req->rights & ~RIGHTS_ALL) != 0)
        return err_set(&j->why, ERR_SYNTAX, "no such change of rights");
    change.op = ops[req->op];
    *rights = rights_changed(*rights, change);
    return OK;
}

/* Whose entries may be made. The owner has all rights and keeps them; to give something to anyone
 * is for administrators unless the settings say otherwise, since it then stands in everybody's
 * list. */
static enum err entry_allowed(struct request *j, const struct place *p,
                              const struct identifier *who, const struct acl *before,
                              const struct acl *after)
{
    if (who->account == p->account)
        return err_set(&j->why, ERR_UNSUPPORTED, "the owner of a mailbox has all rights");
    if (who->account == ACL_ANYONE && (after->rights & ~before->rights) != 0 &&
        p->session->peer->who != BY_CONTROL && !j->k->settings.share_with_anyone)
        return err_set(&j->why, ERR_DENIED, "only an administrator gives rights to anyone");
    return OK;
}

enum err write_acl_set(struct request *j, struct txn *t)
{
    const struct keep_acl_set_req *req = j->req;
    struct acl_entry entry;
    struct account_txn a;
    struct identifier who;
    struct acl before;
    struct place p;
    enum err e;

    if ((e = request_place_named(j, txn_kv(t), req->session, req->name, PLACE_ITSELF, &p)) != OK ||
        (e = identifier_find(j, txn_kv(t), req->identifier, &who)) != OK ||
        (e = acl_find(txn_kv(t), p.account, p.mailbox, who.account, &before, &j->why)) != OK)
        return e;
    entry = (struct acl_entry){ who.account, before };
    if ((e = entry_change(j, &who, &entry.row)) != OK ||
        (e = entry_allowed(j, &p, &who, &before, &entry.row)) != OK)
        return e;
    e = account_txn_begin(&a, t, j->mem, p.account, loop_wall_s(j->k->loop), &j->why);
    if (e != OK || (e = acl_set(t, p.account, p.mailbox, &entry, &j->why)) != OK)
        return e;
    /* A number of its own, so that open sessions ask what changed, and learn it. */
    account_txn_end(&a);
    return OK;
}
