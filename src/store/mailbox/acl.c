/* store/mailbox/acl.c - access control lists: rows by mailbox, and by whom they name. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/acl.h"

enum { KEY_SECOND_AT = 5, KEY_THIRD_AT = 9, PLACES_MAX = 100000 };

/* ---- reading ---- */

enum err acl_find(struct kv *kv, uint32_t owner, uint32_t mailbox, uint32_t grantee,
                  struct acl *ret, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct acl row;
    struct key k;
    bool found;
    enum err e;

    key_of_acl(&k, owner, mailbox, grantee);
    if ((e = table_find_acl(kv, tmp, &k, &found, &row, why)) != OK)
        return e;
    *ret = found ? row : (struct acl){ 0 };
    return OK;
}

/* What is given is the union of all entries that apply, less what any of them takes away. */
enum err acl_rights(struct kv *kv, uint32_t owner, uint32_t mailbox, uint32_t who, uint32_t *ret,
                    struct errinfo *why)
{
    struct acl own, anyone;
    enum err e;

    if ((e = acl_find(kv, owner, mailbox, who, &own, why)) != OK ||
        (e = acl_find(kv, owner, mailbox, ACL_ANYONE, &anyone, why)) != OK)
        return e;
    *ret = (own.rights | anyone.rights) & ~(own.negative | anyone.negative) & RIGHTS_ALL;
    return OK;
}

enum err acl_list(struct kv *kv, struct arena *mem, uint32_t owner, uint32_t mailbox,
                  struct acl_entry **ret, size_t *ret_count, struct errinfo *why)
{
    struct acl_entry *entries = ARENA_ARRAY(mem, struct acl_entry, ACL_ENTRIES_MAX);
    struct key from, to;
    struct kv_iter *it;
    size_t count = 0;
    enum err e = OK;

    key_of_mailbox(&from, TABLE_ACL, owner, mailbox);
    to = from;
    key_end(&to);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && e == OK && count < ACL_ENTRIES_MAX;
         on = kv_iter_next(it)) {
        struct acl_entry *entry = &entries[count++];

        entry->grantee = load_u32(kv_iter_key(it).at + KEY_THIRD_AT);
        if (acl_get(mem, kv_iter_value(it), &entry->row) != OK)
            e = table_damaged(kv_iter_key(it), why);
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    kv_iter_free(it);
    *ret = entries;
    *ret_count = count;
    return e;
}

enum err acl_places(struct kv *kv, struct arena *mem, uint32_t grantee, uint32_t owner,
                    struct acl_place **ret, size_t *ret_count, struct errinfo *why)
{
    struct acl_place *places = NULL;
    size_t count = 0, cap = 0;
    struct key from, to;
    struct kv_iter *it;
    enum err e;

    key_of_account(&from, TABLE_GRANTED, grantee);
    if (owner != 0)
        key_u32(&from, owner);
    to = from;
    key_end(&to);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && count < PLACES_MAX; on = kv_iter_next(it)) {
        struct str key = kv_iter_key(it);

        if (count == cap) {
            struct acl_place *grown = ARENA_ARRAY(mem, struct acl_place, cap = 2 * cap + 16);

            if (count > 0)
                memcpy(grown, places, count * sizeof *grown);
            places = grown;
        }
        places[count++] =
            (struct acl_place){ load_u32(key.at + KEY_SECOND_AT), load_u32(key.at + KEY_THIRD_AT) };
    }
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    *ret = places;
    *ret_count = count;
    return e;
}

/* ---- changing ---- */

static void entry_delete(struct txn *t, uint32_t owner, uint32_t mailbox, uint32_t grantee)
{
    struct key k;

    key_of_acl(&k, owner, mailbox, grantee);
    txn_delete(t, key_str(&k));
    key_of_granted(&k, grantee, owner, mailbox);
    txn_delete(t, key_str(&k));
}

static void entry_put(struct txn *t, uint32_t owner, uint32_t mailbox,
                      const struct acl_entry *entry)
{
    struct key k;

    key_of_acl(&k, owner, mailbox, entry->grantee);
    table_put_acl(t, &k, &entry->row);
    key_of_granted(&k, entry->grantee, owner, mailbox);
    txn_put(t, key_str(&k), STR_EMPTY);
}

enum err acl_set(struct txn *t, uint32_t owner, uint32_t mailbox, const struct acl_entry *entry,
                 struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct acl_entry *entries;
    struct acl old;
    size_t count;
    enum err e;

    if (entry->row.rights == 0 && entry->row.negative == 0) {
        entry_delete(t, owner, mailbox, entry->grantee);
        return OK;
    }
    if ((e = acl_find(txn_kv(t), owner, mailbox, entry->grantee, &old, why)) != OK ||
        (e = acl_list(txn_kv(t), tmp, owner, mailbox, &entries, &count, why)) != OK)
        return e;
    if (count >= ACL_ENTRIES_MAX && old.rights == 0 && old.negative == 0)
        return err_set(why, ERR_LIMIT, "a mailbox is shared with at most %d", ACL_ENTRIES_MAX);
    entry_put(t, owner, mailbox, entry);
    return OK;
}

enum err acl_inherit(struct txn *t, uint32_t owner, uint32_t parent, uint32_t child,
                     struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct acl_entry *entries;
    size_t count;
    enum err e;

    if ((e = acl_list(txn_kv(t), tmp, owner, parent, &entries, &count, why)) != OK)
        return e;
    for (size_t i = 0; i < count; i++)
        entry_put(t, owner, child, &entries[i]);
    return OK;
}

enum err acl_drop_mailbox(struct txn *t, uint32_t owner, uint32_t mailbox, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct acl_entry *entries;
    size_t count;
    enum err e;

    if ((e = acl_list(txn_kv(t), tmp, owner, mailbox, &entries, &count, why)) != OK)
        return e;
    for (size_t i = 0; i < count; i++)
        entry_delete(t, owner, mailbox, entries[i].grantee);
    return OK;
}

enum err acl_drop_grantee(struct txn *t, uint32_t grantee, uint32_t max, bool *ret_more,
                          struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct acl_place *places;
    size_t count;
    enum err e;

    if ((e = acl_places(txn_kv(t), tmp, grantee, 0, &places, &count, why)) != OK)
        return e;
    *ret_more = count > max;
    for (size_t i = 0; i < count && i < max; i++)
        entry_delete(t, places[i].owner, places[i].mailbox, grantee);
    return OK;
}
