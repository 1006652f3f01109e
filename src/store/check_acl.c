/* store/check_acl.c - the part of the check that is about access control lists. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/directory.h"
#include "store/check.h"
#include "store/mailbox/acl.h"
#include "store/mailbox/mailboxes.h"

struct checking_acl {
    struct kv *kv;
    struct arena *mem;
    void (*found)(void *ctx, struct str sentence);
    void *ctx;
    struct errinfo *why;
};

static void tell(struct checking_acl *c, const char *wrong, uint32_t owner, uint32_t mailbox,
                 uint32_t grantee)
{
    c->found(c->ctx, arena_printf(c->mem, "account %u mailbox %u: the rights of account %u %s",
                                  owner, mailbox, grantee, wrong));
}

/* An account that is being removed still has its row; what names it is swept. */
static enum err account_exists(struct checking_acl *c, uint32_t account, bool *ret)
{
    struct account row;
    struct key k;

    key_of_account(&k, TABLE_ACCOUNT, account);
    return table_find_account(c->kv, c->mem, &k, ret, &row, c->why);
}

static enum err visit_acl(struct checking_acl *c, const uint32_t numbers[3], struct str value)
{
    uint32_t owner = numbers[0], mailbox = numbers[1], grantee = numbers[2];
    struct acl row;
    struct mbox m;
    struct str unused;
    struct key k;
    bool found;
    enum err e;

    if (acl_get(c->mem, value, &row) != OK || ((row.rights | row.negative) & ~RIGHTS_ALL) != 0 ||
        (row.rights | row.negative) == 0)
        tell(c, "cannot be read", owner, mailbox, grantee);
    if ((e = account_exists(c, owner, &found)) != OK)
        return e;
    if (found && (e = mailbox_get_by_id(c->kv, c->mem, owner, mailbox, &found, &m, c->why)) != OK)
        return e;
    if (!found)
        tell(c, "are for a mailbox that is not there", owner, mailbox, grantee);
    if (grantee != ACL_ANYONE && (e = account_exists(c, grantee, &found)) != OK)
        return e;
    if (grantee != ACL_ANYONE && !found)
        tell(c, "are those of nobody", owner, mailbox, grantee);
    key_of_granted(&k, grantee, owner, mailbox);
    if ((e = table_find_text(c->kv, c->mem, &k, &found, &unused, c->why)) != OK)
        return e;
    if (!found)
        tell(c, "are missing from the index", owner, mailbox, grantee);
    return OK;
}

static enum err visit_grantee(struct checking_acl *c, const uint32_t numbers[3], struct str value)
{
    struct acl row;
    struct key k;
    bool found;
    enum err e;

    (void)value;
    key_of_acl(&k, numbers[1], numbers[2], numbers[0]);
    if ((e = table_find_acl(c->kv, c->mem, &k, &found, &row, c->why)) != OK)
        return e;
    if (!found)
        tell(c, "stand in the index alone", numbers[1], numbers[2], numbers[0]);
    return OK;
}

static enum err each(struct checking_acl *c, enum table table,
                     enum err (*visit)(struct checking_acl *c, const uint32_t numbers[3],
                                       struct str value))
{
    struct key from, to;
    struct kv_iter *it;
    enum err e = OK;

    key_start(&from, table);
    to = from;
    key_end(&to);
    it = kv_iter_new(c->kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        struct arena_mark mark = arena_save(c->mem);
        struct reader r = key_reader(kv_iter_key(it));
        uint32_t numbers[3];

        for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
            numbers[i] = get_u32(&r);
        e = visit(c, numbers, kv_iter_value(it));
        arena_restore(&mark);
    }
    if (e == OK)
        e = kv_iter_error(it, c->why);
    kv_iter_free(it);
    return e;
}

enum err check_acl(struct kv *kv, struct arena *mem, void (*found)(void *ctx, struct str sentence),
                   void *ctx, struct errinfo *why)
{
    struct checking_acl c = { kv, mem, found, ctx, why };
    enum err e = each(&c, TABLE_ACL, visit_acl);

    return e == OK ? each(&c, TABLE_GRANTED, visit_grantee) : e;
}
