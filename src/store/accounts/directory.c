/* store/accounts/directory.c - domains, accounts and aliases. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/directory.h"

#define POSTMASTER_AT STR("postmaster@")
enum { POSTMASTER_DOMAINS_MAX = 100 }; /* so many are asked for theirs */

/* ---- looking up ---- */

static enum err domain_is_ours(struct kv *kv, struct str domain, bool *ret, struct errinfo *why)
{
    struct key k;
    uint64_t accounts;

    key_of_text(&k, TABLE_DOMAIN, domain);
    return table_find_number(kv, &k, ret, &accounts, why);
}

static enum err account_number(struct kv *kv, struct str address, bool *ret_found, uint32_t *ret,
                               struct errinfo *why)
{
    struct key k;
    uint64_t id = 0;
    enum err e;

    key_of_text(&k, TABLE_ADDRESS, address);
    e = table_find_number(kv, &k, ret_found, &id, why);
    if (e == OK && *ret_found)
        *ret = (uint32_t)id;
    return e;
}

/* One address on its way through the aliases: the list of those seen is also the list of those
 * still to do, in the order in which they were found. */
struct lookup {
    struct kv *kv;
    const struct directory_settings *settings;
    struct arena *mem;
    struct {
        struct str address;
        uint32_t depth;
        bool no_alias; /* an alias that leads back to itself: only its account is meant */
    } * todo;
    uint32_t todo_count, todo_cap, targets_cap;
    struct expansion *found;
    struct errinfo *why;
};

/* A target that is left out would be mail that is lost, so too many are an error. */
static enum err too_far(struct lookup *l)
{
    return err_set(l->why, ERR_LIMIT,
                   "aliases lead to more than %d addresses, or more than %d deep",
                   DIRECTORY_TARGETS_MAX, DIRECTORY_DEPTH_MAX);
}

/* An array with room for one more. */
static void *with_room(struct arena *mem, void *at, uint32_t count, uint32_t *cap, size_t each)
{
    enum { FIRST = 8 };
    uint32_t want = *cap == 0 ? FIRST : 2 * *cap;
    void *grown;

    if (count < *cap)
        return at;
    grown = arena_alloc_array(mem, want, each);
    if (count > 0)
        memcpy(grown, at, count * each);
    *cap = want;
    return grown;
}

static enum err add_target(struct lookup *l, struct target target)
{
    struct expansion *x = l->found;

    for (uint32_t i = 0; i < x->count; i++) {
        const struct target *have = &x->targets[i];

        if (have->local == target.local && (target.local ? have->account == target.account
                                                         : str_eq(have->address, target.address)))
            return OK;
    }
    if (x->count >= DIRECTORY_TARGETS_MAX)
        return too_far(l);
    x->targets = with_room(l->mem, x->targets, x->count, &l->targets_cap, sizeof *x->targets);
    x->targets[x->count++] = target;
    return OK;
}

static enum err add_todo(struct lookup *l, struct str address, uint32_t depth)
{
    bool seen = false;

    for (uint32_t i = 0; i < l->todo_count; i++)
        if (str_eq(l->todo[i].address, address)) {
            if (l->todo[i].no_alias)
                return OK;
            seen = true;
        }
    if (l->todo_count >= DIRECTORY_TARGETS_MAX || depth > DIRECTORY_DEPTH_MAX)
        return too_far(l);
    l->todo = with_room(l->mem, l->todo, l->todo_count, &l->todo_cap, sizeof *l->todo);
    l->todo[l->todo_count].address = address;
    l->todo[l->todo_count].depth = depth;
    l->todo[l->todo_count++].no_alias = seen;
    return OK;
}

/* Puts the targets of an alias on the list. */
static enum err follow_alias(struct lookup *l, struct str address, uint32_t depth, bool *ret_found)
{
    struct key k;
    struct str value, *targets;
    uint32_t count;
    enum err e;

    key_of_text(&k, TABLE_ALIAS, address);
    if ((e = table_find_text(l->kv, l->mem, &k, ret_found, &value, l->why)) != OK || !*ret_found)
        return e;
    if (directory_alias_decode(l->mem, value, &targets, &count) != OK)
        return table_damaged(key_str(&k), l->why);
    for (uint32_t i = 0; i < count && e == OK; i++)
        e = add_todo(l, targets[i], depth + 1);
    return e;
}

/* The exact address: alias first, so that an account may have its mail copied elsewhere. */
static enum err follow_exact(struct lookup *l, struct str address, uint32_t depth, bool no_alias,
                             bool *ret_found)
{
    uint32_t account;
    enum err e;

    *ret_found = false;
    if (!no_alias && (e = follow_alias(l, address, depth, ret_found)) != OK)
        return e;
    if (*ret_found)
        return OK;
    if ((e = account_number(l->kv, address, ret_found, &account, l->why)) != OK || !*ret_found)
        return e;
    return add_target(l, (struct target){ .local = true, .account = account });
}

static struct str without_sub_address(struct lookup *l, struct str address)
{
    struct str local = directory_local_of(address);
    size_t cut = l->settings->separator == '\0' ? STR_NOT_FOUND
                                                : str_find_char(local, l->settings->separator);

    if (cut == STR_NOT_FOUND || cut == 0)
        return STR_EMPTY;
    return arena_printf(l->mem, "%.*s@%.*s", (int)cut, local.at,
                        STR_ARG(directory_domain_of(address)));
}

static enum err follow(struct lookup *l, struct str address, uint32_t depth, bool no_alias)
{
    struct str domain = directory_domain_of(address);
    struct str base;
    bool found;
    enum err e;

    if ((e = domain_is_ours(l->kv, domain, &found, l->why)) != OK)
        return e;
    if (depth == 0)
        l->found->ours = found;
    if (!found)
        return add_target(l, (struct target){ .address = address });
    if ((e = follow_exact(l, address, depth, no_alias, &found)) != OK || found)
        return e;
    base = without_sub_address(l, address);
    if (base.len > 0 && ((e = follow_exact(l, base, depth, no_alias, &found)) != OK || found))
        return e;
    if (no_alias)
        return OK;
    return follow_alias(l, arena_printf(l->mem, "@%.*s", STR_ARG(domain)), depth, &found);
}

/* Follows one address and whatever it leads to. */
static enum err follow_all(struct lookup *l, struct str address)
{
    enum err e = OK;

    l->todo_count = 0;
    add_todo(l, address, 0);
    for (uint32_t i = 0; i < l->todo_count && e == OK; i++)
        e = follow(l, l->todo[i].address, l->todo[i].depth, l->todo[i].no_alias);
    return e;
}

/* RFC 5321 4.5.1: postmaster is somebody, with a domain of ours or without any. Who has that name
 * in one of our domains is it for those where nobody has it, too. */
static enum err find_postmaster(struct lookup *l)
{
    struct key from, to;
    struct kv_iter *it;
    uint32_t looked = 0;
    enum err e = OK;

    key_start(&from, TABLE_DOMAIN);
    to = from;
    key_end(&to);
    it = kv_iter_new(l->kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it);
         on && e == OK && l->found->count == 0 && looked < POSTMASTER_DOMAINS_MAX;
         on = kv_iter_next(it), looked++) {
        struct str domain = str_skip(kv_iter_key(it), from.len);

        e = follow_all(l, arena_join(l->mem, POSTMASTER_AT, domain));
    }
    if (e == OK)
        e = kv_iter_error(it, l->why);
    kv_iter_free(it);
    l->found->ours = true;
    return e;
}

enum err directory_expand(struct kv *kv, const struct directory_settings *settings,
                          struct arena *mem, struct str address, struct expansion *ret,
                          struct errinfo *why)
{
    struct expansion found = { 0 };
    struct lookup l = { .kv = kv, .settings = settings, .mem = mem, .found = &found, .why = why };
    bool bare = str_eq_nocase(address, STR("postmaster"));
    struct str normal;
    enum err e;

    if (bare)
        normal = POSTMASTER_AT;
    else if ((e = directory_normalise(mem, address, false, &normal)) != OK)
        return err_set(why, e, "'%.*s' is not an address", STR_ARG(address));
    l.todo = arena_alloc_array(mem, DIRECTORY_TARGETS_MAX, sizeof *l.todo);
    found.targets = ARENA_ARRAY(mem, struct target, DIRECTORY_TARGETS_MAX);
    if (!bare && (e = follow_all(&l, normal)) != OK)
        return e;
    if ((bare || found.ours) && found.count == 0 && str_starts(normal, POSTMASTER_AT) &&
        (e = find_postmaster(&l)) != OK)
        return e;

    /* A foreign address is passed on as it was written: only its own server knows whether case
     * matters there (RFC 5321 2.4). */
    if (!found.ours && found.count == 1)
        found.targets[0].address = address;
    *ret = found;
    return OK;
}

/* A name without a domain works when the index of local parts has it exactly once. */
static enum err login_by_local_part(struct kv *kv, struct str local, bool *ret_found,
                                    uint32_t *ret_id, struct errinfo *why)
{
    struct key from, to;
    struct kv_iter *it;
    uint32_t found = 0, id = 0;

    key_of_text(&from, TABLE_LOGIN, local);
    key_text(&from, STR("\0"));
    to = from;
    key_end(&to);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && found < 2; on = kv_iter_next(it)) {
        struct reader r = reader_of(str_skip(kv_iter_key(it), from.len));

        id = get_u32(&r);
        found++;
    }

    enum err e = kv_iter_error(it, why);

    kv_iter_free(it);
    *ret_found = found == 1;
    *ret_id = id;
    return e;
}

enum err directory_find_login(struct kv *kv, struct arena *mem, struct str name, bool *ret_found,
                              uint32_t *ret_id, struct account *ret, struct errinfo *why)
{
    struct str normal;
    enum err e = OK;

    *ret_found = false;
    if (str_find_char(name, '@') != STR_NOT_FOUND) {
        if (directory_normalise(mem, name, false, &normal) == OK)
            e = account_number(kv, normal, ret_found, ret_id, why);
    } else if (name.len > 0 && name.len <= ADDRESS_BYTES_MAX) {
        /* The domain makes it an address that can be normalised, and is then taken off again. */
        struct str whole = arena_printf(mem, "%.*s@x", STR_ARG(name));

        if (directory_normalise(mem, whole, false, &normal) == OK)
            e = login_by_local_part(kv, directory_local_of(normal), ret_found, ret_id, why);
    }
    if (e != OK || !*ret_found)
        return e;
    return directory_account_get(kv, mem, *ret_id, ret_found, ret, why);
}

enum err directory_may_send_as(struct kv *kv, const struct directory_settings *settings,
                               uint32_t account, struct str address, bool *ret, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str normal;
    struct account own;
    struct expansion x;
    bool found;
    enum err e;

    *ret = false;
    if (directory_normalise(tmp, address, false, &normal) != OK)
        return OK;
    if ((e = directory_account_get(kv, tmp, account, &found, &own, why)) != OK || !found)
        return e;
    if (str_eq(normal, own.address)) {
        *ret = true;
        return OK;
    }
    if ((e = directory_expand(kv, settings, tmp, normal, &x, why)) != OK)
        return e;
    *ret = x.count == 1 && x.targets[0].local && x.targets[0].account == account;
    return OK;
}

/* ---- domains ---- */

static enum err domain_normalise(struct arena *mem, struct str name, struct str *ret,
                                 struct errinfo *why)
{
    struct str address;

    if (directory_normalise(mem, arena_printf(mem, "@%.*s", STR_ARG(name)), true, &address) != OK ||
        name.at[0] == '[')
        return err_set(why, ERR_SYNTAX, "'%.*s' is not a domain", STR_ARG(name));
    *ret = str_skip(address, 1);
    return OK;
}

enum err directory_domain_add(struct txn *t, struct str name, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str normal;
    struct key k;
    uint64_t accounts;
    bool found;
    enum err e;

    if (name.len == 0 || name.len > 255)
        return err_set(why, ERR_SYNTAX, "a domain has 1 to 255 octets");
    if ((e = domain_normalise(tmp, name, &normal, why)) != OK)
        return e;
    key_of_text(&k, TABLE_DOMAIN, normal);
    if ((e = table_find_number(txn_kv(t), &k, &found, &accounts, why)) != OK)
        return e;
    if (found)
        return err_set(why, ERR_EXISTS, "domain '%.*s' exists already", STR_ARG(normal));
    table_put_number(t, &k, 0);
    return OK;
}

/* Aliases are few and removing a domain is rare, so the whole table is looked through. */
static enum err domain_has_alias(struct txn *t, struct str domain, bool *ret, struct errinfo *why)
{
    struct key from, to;
    struct kv_iter *it;

    key_start(&from, TABLE_ALIAS);
    to = from;
    key_end(&to);
    *ret = false;
    it = txn_iter(t, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && !*ret; on = kv_iter_next(it))
        *ret = str_eq(directory_domain_of(kv_iter_key(it)), domain);

    enum err e = kv_iter_error(it, why);

    kv_iter_free(it);
    return e;
}

enum err directory_domain_remove(struct txn *t, struct str name, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str normal;
    struct key k;
    uint64_t accounts;
    bool found, has_alias;
    enum err e;

    if (name.len == 0 || (e = domain_normalise(tmp, name, &normal, why)) != OK)
        return ERR_SYNTAX;
    key_of_text(&k, TABLE_DOMAIN, normal);
    if ((e = table_find_number(txn_kv(t), &k, &found, &accounts, why)) != OK ||
        (e = domain_has_alias(t, normal, &has_alias, why)) != OK)
        return e;
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no domain '%.*s'", STR_ARG(normal));
    if (accounts > 0)
        return err_set(why, ERR_STATE, "domain '%.*s' still has accounts", STR_ARG(normal));
    if (has_alias)
        return err_set(why, ERR_STATE, "domain '%.*s' still has aliases", STR_ARG(normal));
    txn_delete(t, key_str(&k));
    return OK;
}

/* ---- accounts ---- */

enum err directory_account_get(struct kv *kv, struct arena *mem, uint32_t id, bool *ret_found,
                               struct account *ret, struct errinfo *why)
{
    struct key k;
    enum err e;

    key_of_account(&k, TABLE_ACCOUNT, id);
    e = table_find_account(kv, mem, &k, ret_found, ret, why);
    if (e == OK && *ret_found && ret->removing)
        *ret_found = false;
    return e;
}

enum err directory_account_find(struct kv *kv, struct arena *mem, struct str address,
                                uint32_t *ret_id, struct account *ret, struct errinfo *why)
{
    struct str normal;
    bool found;
    enum err e;

    if (directory_normalise(mem, address, false, &normal) != OK)
        return err_set(why, ERR_SYNTAX, "'%.*s' is not an address", STR_ARG(address));
    if ((e = account_number(kv, normal, &found, ret_id, why)) != OK)
        return e;
    if (found && (e = directory_account_get(kv, mem, *ret_id, &found, ret, why)) != OK)
        return e;
    return found ? OK : err_set(why, ERR_NOT_FOUND, "there is no account '%.*s'", STR_ARG(normal));
}

void directory_account_put(struct txn *t, uint32_t id, const struct account *account)
{
    struct key k;

    key_of_account(&k, TABLE_ACCOUNT, id);
    table_put_account(t, &k, account);
}

static void login_key(struct key *k, struct str address, uint32_t id)
{
    key_of_text(k, TABLE_LOGIN, directory_local_of(address));
    key_text(k, STR("\0"));
    key_u32(k, id);
}

static enum err domain_count(struct txn *t, struct str domain, int64_t change, struct errinfo *why)
{
    struct key k;
    uint64_t accounts;
    bool found;
    enum err e;

    key_of_text(&k, TABLE_DOMAIN, domain);
    if ((e = table_find_number(txn_kv(t), &k, &found, &accounts, why)) != OK)
        return e;
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no domain '%.*s'", STR_ARG(domain));
    table_put_number(t, &k, accounts + (uint64_t)change);
    return OK;
}

enum err directory_account_add(struct txn *t, const struct account *account, uint32_t *ret_id,
                               struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct account row = *account;
    struct key k;
    uint32_t taken;
    uint64_t id;
    bool found;
    enum err e;

    if (directory_normalise(tmp, account->address, false, &row.address) != OK)
        return err_set(why, ERR_SYNTAX, "'%.*s' is not an address", STR_ARG(account->address));
    if ((e = account_number(txn_kv(t), row.address, &found, &taken, why)) != OK)
        return e;
    if (found)
        return err_set(why, ERR_EXISTS, "account '%.*s' exists already", STR_ARG(row.address));
    if ((e = domain_count(t, directory_domain_of(row.address), 1, why)) != OK ||
        (e = table_next_number(t, STR("account"), &id, why)) != OK)
        return e;
    if (id > UINT32_MAX)
        return err_set(why, ERR_LIMIT, "account numbers have run out");
    directory_account_put(t, (uint32_t)id, &row);
    key_of_text(&k, TABLE_ADDRESS, row.address);
    table_put_number(t, &k, id);
    login_key(&k, row.address, (uint32_t)id);
    txn_put(t, key_str(&k), STR_EMPTY);
    *ret_id = (uint32_t)id;
    return OK;
}

enum err directory_account_remove(struct txn *t, struct str address, uint32_t *ret_id,
                                  struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct account row;
    struct key k;
    uint32_t id;
    enum err e;

    if ((e = directory_account_find(txn_kv(t), tmp, address, &id, &row, why)) != OK ||
        (e = domain_count(t, directory_domain_of(row.address), -1, why)) != OK)
        return e;
    row.removing = true;
    row.enabled = false;
    directory_account_put(t, id, &row);
    key_of_text(&k, TABLE_ADDRESS, row.address);
    txn_delete(t, key_str(&k));
    login_key(&k, row.address, id);
    txn_delete(t, key_str(&k));
    *ret_id = id;
    return OK;
}

/* ---- aliases ---- */

enum err directory_alias_decode(struct arena *mem, struct str value, struct str **ret,
                                uint32_t *ret_count)
{
    struct reader r = reader_of(value);
    uint8_t version = get_u8(&r);
    uint32_t count = get_varint32(&r);

    if (version != ROW_VERSION || r.bad || count > r.rest.len)
        return ERR_CORRUPT;

    struct str *targets = ARENA_ARRAY(mem, struct str, count + 1u);

    for (uint32_t i = 0; i < count; i++)
        targets[i] = get_str(&r);
    if (!reader_done(&r))
        return ERR_CORRUPT;
    *ret = targets;
    *ret_count = count;
    return OK;
}

enum err directory_alias_put(struct txn *t, struct str address, const struct str *targets,
                             size_t count, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct buf b = { 0 };
    struct str normal, target;
    struct key k;
    bool found;
    enum err e;

    if (directory_normalise(tmp, address, true, &normal) != OK)
        return err_set(why, ERR_SYNTAX, "'%.*s' is not an address", STR_ARG(address));
    if (count == 0 || count > ALIAS_TARGETS_MAX)
        return err_set(why, ERR_LIMIT, "an alias has 1 to %d targets", ALIAS_TARGETS_MAX);
    if ((e = domain_is_ours(txn_kv(t), directory_domain_of(normal), &found, why)) != OK)
        return e;
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no domain '%.*s'",
                       STR_ARG(directory_domain_of(normal)));
    put_u8(&b, ROW_VERSION);
    put_varint(&b, count);
    for (size_t i = 0; i < count && e == OK; i++) {
        e = directory_normalise(tmp, targets[i], false, &target);
        if (e == OK)
            put_str(&b, target);
        else
            (void)err_set(why, e, "'%.*s' is not an address", STR_ARG(targets[i]));
    }
    key_of_text(&k, TABLE_ALIAS, normal);
    if (e == OK)
        txn_put(t, key_str(&k), buf_str(&b));
    buf_deinit(&b);
    return e;
}

enum err directory_alias_remove(struct txn *t, struct str address, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str normal, value;
    struct key k;
    bool found;
    enum err e;

    if (directory_normalise(tmp, address, true, &normal) != OK)
        return err_set(why, ERR_SYNTAX, "'%.*s' is not an address", STR_ARG(address));
    key_of_text(&k, TABLE_ALIAS, normal);
    if ((e = table_find_text(txn_kv(t), tmp, &k, &found, &value, why)) != OK)
        return e;
    if (!found)
        return err_set(why, ERR_NOT_FOUND, "there is no alias '%.*s'", STR_ARG(normal));
    txn_delete(t, key_str(&k));
    return OK;
}
