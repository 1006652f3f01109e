/* keeper/sharing/server_place.c - names and numbers of mailboxes, and the rights to them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/sharing/server_place.h"

#include "base/utf8.h"
#include "message/coding/charset.h"
#include "store/mailbox/acl.h"

enum { NAME_OCTETS_MAX = 4000 };

/* ---- namespaces ---- */

/* What stands behind "prefix/"; *ret is empty for the prefix alone. */
static bool is_below(struct str name, struct str prefix, struct str *ret)
{
    if (prefix.len == 0 || !str_starts(name, prefix) ||
        (name.len > prefix.len && name.at[prefix.len] != '/'))
        return false;
    *ret = str_skip(name, MIN(name.len, prefix.len + 1));
    return true;
}

bool place_is_elsewhere(const struct keeper *k, struct str name)
{
    struct str rest;

    return is_below(name, str_from_z(k->public_prefix), &rest) ||
           is_below(name, str_from_z(k->others_prefix), &rest);
}

/* 0 when nobody has the address. The same single read either way. */
static enum err account_at(struct kv *kv, struct str address, uint32_t *ret, struct errinfo *why)
{
    uint64_t number = 0;
    struct key k;
    bool found;
    enum err e;

    key_of_text(&k, TABLE_ADDRESS, address);
    if ((e = table_find_number(kv, &k, &found, &number, why)) != OK)
        return e;
    *ret = found ? (uint32_t)number : 0;
    return OK;
}

/* 0: nothing is public. */
static enum err public_account(struct keeper *k, struct kv *kv, uint32_t *ret, struct errinfo *why)
{
    *ret = 0;
    if (k->public_owner[0] == '\0')
        return OK;
    return account_at(kv, str_from_z(k->public_owner), ret, why);
}

/* "bob@hamburger.edu/Work/2026": a local part may have a slash of its own, so the address ends at
 * the first one behind its '@'. */
static enum err split_address(struct request *j, struct kv *kv, struct str rest,
                              struct place_name *ret)
{
    size_t at = str_find_char(rest, '@'), slash;
    struct str address;
    uint32_t shown_elsewhere;
    enum err e;

    if (at == STR_NOT_FOUND)
        return OK;
    slash = str_find_char(str_skip(rest, at), '/');
    if (slash != STR_NOT_FOUND)
        ret->name = str_skip(rest, at + slash + 1);
    if (directory_normalise(j->mem, slash == STR_NOT_FOUND ? rest : str_take(rest, at + slash),
                            false, &address) != OK)
        return OK;
    if ((e = public_account(j->k, kv, &shown_elsewhere, &j->why)) != OK ||
        (e = account_at(kv, address, &ret->account, &j->why)) != OK)
        return e;
    if (ret->account == shown_elsewhere) /* one name is enough */
        ret->account = 0;
    return OK;
}

/* Whose name it is, and what it is called there. account 0: nobody's. Administrators see an account
 * as its mailboxes are, without what others share with it. */
static enum err split(struct request *j, struct kv *kv, struct session *s, struct str name,
                      struct place_name *ret)
{
    struct keeper *k = j->k;
    struct str rest;
    enum err e = OK;

    *ret = (struct place_name){ .session = s, .prefix = STR_EMPTY };
    ret->account = s->account;
    ret->name = name;
    if (name.len > NAME_OCTETS_MAX || !utf8_valid(name))
        return OK; /* no name at all, as the store will say */
    name = text_nfc(j->mem, name);
    if (s->peer->who == BY_CONTROL || !place_is_elsewhere(k, name))
        return OK;
    ret->account = 0;
    ret->name = STR_EMPTY;
    if (is_below(name, str_from_z(k->public_prefix), &rest)) {
        ret->name = rest;
        e = public_account(k, kv, &ret->account, &j->why);
    } else if (is_below(name, str_from_z(k->others_prefix), &rest)) {
        e = split_address(j, kv, rest, ret);
    }
    if (e == OK && ret->name.len > 0)
        ret->prefix = str_take(name, name.len - ret->name.len);
    return e;
}

/* ---- rights ---- */

static enum err rights_of(struct request *j, struct kv *kv, const struct session *s, uint32_t owner,
                          uint32_t mailbox, uint32_t *ret)
{
    if (owner == s->account) {
        *ret = RIGHTS_ALL;
        return OK;
    }
    return acl_rights(kv, owner, mailbox, s->account, ret, &j->why);
}

/* The number of a name; 0 for one that is not there, or cannot be. */
static enum err number_of(struct request *j, struct kv *kv, uint32_t owner, struct str name,
                          uint32_t *ret)
{
    uint64_t number = 0;
    struct key k;
    bool found = false;
    enum err e;

    *ret = 0;
    if (mailbox_name_normalise(j->mem, name, &name) != OK)
        return OK;
    key_of_name(&k, TABLE_NAME, owner, name);
    if ((e = table_find_number(kv, &k, &found, &number, &j->why)) != OK)
        return e;
    *ret = found ? (uint32_t)number : 0;
    return OK;
}

static enum err no_such_mailbox(struct request *j)
{
    return err_set(&j->why, ERR_NOT_FOUND, "there is no such mailbox");
}

/* ---- finding ---- */

/* Rights come before the mailbox's own row, so that what is hidden costs what nothing costs. */
enum err request_place_named(struct request *j, struct kv *kv, uint64_t session, struct str name,
                             enum place_part part, struct place *ret)
{
    struct right_needs needs = rights_needed(j->call, part);
    struct place_name n;
    struct session *s;
    bool found;
    enum err e;

    if ((e = request_session(j, session, &s)) != OK || (e = split(j, kv, s, name, &n)) != OK)
        return e;
    *ret = (struct place){ .session = s, .account = n.account };
    if ((e = number_of(j, kv, n.account, n.name, &ret->mailbox)) != OK ||
        (e = rights_of(j, kv, s, n.account, ret->mailbox, &ret->rights)) != OK)
        return e;
    if (ret->mailbox == 0)
        return no_such_mailbox(j);
    if (n.account != s->account && !rights_suffice(needs, ret->rights))
        return (ret->rights & RIGHT_LOOKUP) == 0
                   ? no_such_mailbox(j)
                   : err_set(&j->why, ERR_DENIED, "the right to do that was not granted");
    if ((e = mailbox_get_by_id(kv, j->mem, n.account, ret->mailbox, &found, &ret->row, &j->why)) !=
        OK)
        return e;
    return found ? OK : no_such_mailbox(j);
}

enum err request_place(struct request *j, struct kv *kv, uint64_t session, uint32_t number,
                       enum place_part part, struct place *ret)
{
    struct right_needs needs = rights_needed(j->call, part);
    struct session *s;
    bool found;
    enum err e;

    if ((e = request_session(j, session, &s)) != OK)
        return e;
    *ret = (struct place){
        .session = s, .account = s->account, .mailbox = number, .rights = RIGHTS_ALL
    };
    if (number >= PLACE_GUEST) {
        if (!guest_find(j->k, s->account, number, &ret->account, &ret->mailbox))
            return no_such_mailbox(j);
        if ((e = rights_of(j, kv, s, ret->account, ret->mailbox, &ret->rights)) != OK)
            return e;
        if ((ret->rights & RIGHT_READ) == 0)
            return err_set(&j->why, ERR_NOT_FOUND, "the mailbox is no longer shared");
        if (!rights_suffice(needs, ret->rights))
            return err_set(&j->why, ERR_DENIED, "the right to do that was not granted");
    }
    if ((e = mailbox_get_by_id(kv, j->mem, ret->account, ret->mailbox, &found, &ret->row,
                               &j->why)) != OK)
        return e;
    return found ? OK : err_set(&j->why, ERR_NOT_FOUND, "the mailbox is gone");
}

/* RFC 4314 4: "k" on the nearest mailbox above. All levels are looked up, whichever is there. */
enum err request_place_new(struct request *j, struct kv *kv, uint64_t session, struct str name,
                           struct place_name *ret)
{
    struct right_needs needs = rights_needed(j->call, PLACE_ABOVE);
    uint32_t nearest = 0, rights;
    struct session *s;
    enum err e;

    if ((e = request_session(j, session, &s)) != OK || (e = split(j, kv, s, name, ret)) != OK ||
        ret->account == s->account)
        return e;
    for (size_t at = 0; at < ret->name.len; at++) {
        uint32_t level;

        if (ret->name.at[at] != '/')
            continue;
        if ((e = number_of(j, kv, ret->account, str_take(ret->name, at), &level)) != OK)
            return e;
        nearest = level != 0 ? level : nearest;
    }
    if ((e = rights_of(j, kv, s, ret->account, nearest, &rights)) != OK)
        return e;
    return nearest != 0 && rights_suffice(needs, rights)
               ? OK
               : err_set(&j->why, ERR_DENIED, "no mailbox may be made there");
}

/* ---- what others share ---- */

struct others {
    struct keeper *k;
    struct arena *mem;
    struct errinfo *why;
    uint32_t account; /* for whom */
    struct mailbox_listed *at;
    size_t count;
    uint32_t owner; /* of the prefix */
    struct str prefix;
    uint32_t public; /* the account that owns what is public; 0: nothing is */
};

static int by_place(const void *a, const void *b)
{
    const struct acl_place *x = a, *y = b;

    if (x->owner != y->owner)
        return x->owner < y->owner ? -1 : 1;
    return x->mailbox < y->mailbox ? -1 : x->mailbox > y->mailbox;
}

/* What stands before the names of an owner's mailboxes; empty when they are not shown. */
static enum err prefix_of(struct others *o, uint32_t owner)
{
    struct account row;
    bool found;
    enum err e = directory_account_get(o->k->kv, o->mem, owner, &found, &row, o->why);

    o->owner = owner;
    o->prefix = STR_EMPTY;
    if (e != OK || !found)
        return e;
    if (owner == o->public)
        o->prefix = arena_printf(o->mem, "%s/", o->k->public_prefix);
    else if (o->k->others_prefix[0] != '\0')
        o->prefix = arena_printf(o->mem, "%s/%.*s/", o->k->others_prefix, STR_ARG(row.address));
    return OK;
}

static enum err add_other(struct others *o, const struct acl_place *p)
{
    struct right_needs needs = rights_needed(CALL_mailbox_list, PLACE_ITSELF);
    struct mailbox_listed *m;
    struct mbox row;
    uint32_t rights;
    bool found;
    enum err e;

    if (p->owner != o->owner && (e = prefix_of(o, p->owner)) != OK)
        return e;
    if (o->prefix.len == 0)
        return OK;
    if ((e = acl_rights(o->k->kv, p->owner, p->mailbox, o->account, &rights, o->why)) != OK)
        return e;
    if (!rights_suffice(needs, rights))
        return OK;
    e = mailbox_get_by_id(o->k->kv, o->mem, p->owner, p->mailbox, &found, &row, o->why);
    if (e != OK || !found)
        return e;
    m = &o->at[o->count++];
    *m = (struct mailbox_listed){ .name = arena_join(o->mem, o->prefix, row.name),
                                  .exists = true,
                                  .owner = p->owner,
                                  .owners_id = p->mailbox,
                                  .rights = rights,
                                  .mailbox = row };
    /* A special use is the owner's, not that of whoever looks in (RFC 6154 2). */
    m->mailbox.special_use = 0;
    return OK;
}

enum err places_shared_with(struct keeper *k, struct arena *mem, uint32_t account,
                            struct mailbox_listed **ret, size_t *ret_count, struct errinfo *why)
{
    struct others o = { .k = k, .mem = mem, .why = why, .account = account };
    struct acl_place *mine, *anyones, *all;
    size_t mine_count, anyones_count, count;
    enum err e;

    *ret = NULL;
    *ret_count = 0;
    if ((e = acl_places(k->kv, mem, account, 0, &mine, &mine_count, why)) != OK ||
        (e = acl_places(k->kv, mem, ACL_ANYONE, 0, &anyones, &anyones_count, why)) != OK)
        return e;
    count = mine_count + anyones_count;
    if (count == 0 || (e = public_account(k, k->kv, &o.public, why)) != OK)
        return e;
    o.at = ARENA_ARRAY(mem, struct mailbox_listed, count);
    all = ARENA_ARRAY(mem, struct acl_place, count);
    if (mine_count > 0)
        memcpy(all, mine, mine_count * sizeof *all);
    if (anyones_count > 0)
        memcpy(all + mine_count, anyones, anyones_count * sizeof *all);
    qsort(all, count, sizeof *all, by_place);
    for (size_t i = 0; i < count && e == OK; i++)
        if (all[i].owner != account && (i == 0 || by_place(&all[i - 1], &all[i]) != 0))
            e = add_other(&o, &all[i]);
    *ret = o.at;
    *ret_count = o.count;
    return e;
}

enum err places_of_others(struct request *j, const struct session *s, struct mailbox_listed **ret,
                          size_t *ret_count)
{
    *ret = NULL;
    *ret_count = 0;
    if (s->peer->who == BY_CONTROL)
        return OK;
    return places_shared_with(j->k, j->mem, s->account, ret, ret_count, &j->why);
}
