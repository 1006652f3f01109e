/* store/mailbox/metadata.c - annotations of mailboxes and of the server. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/metadata.h"

/* In front of the entry's name: letter, account, mailbox, user. */
enum { KEY_BEFORE_USER = 9, KEY_BEFORE_ENTRY = 13 };

static void range_of_user(const struct metadata_place *p, uint32_t user, struct key *from,
                          struct key *to)
{
    key_of_metadata(from, p->account, p->mailbox, user, STR_EMPTY);
    *to = *from;
    key_end(to);
}

static enum err each_of_user(struct kv *kv, const struct metadata_place *place, uint32_t user,
                             enum err (*visit)(void *ctx, struct str entry, struct str value),
                             void *ctx, struct errinfo *why)
{
    struct key from, to;
    struct kv_iter *it;
    enum err e = OK;

    range_of_user(place, user, &from, &to);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        SCRATCH(tmp, NULL);
        struct metadata row;

        if (metadata_get(tmp, kv_iter_value(it), &row) != OK)
            e = table_damaged(kv_iter_key(it), why);
        else
            e = visit(ctx, str_skip(kv_iter_key(it), KEY_BEFORE_ENTRY), row.value);
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

enum err metadata_each(struct kv *kv, const struct metadata_place *place,
                       enum err (*visit)(void *ctx, struct str entry, struct str value), void *ctx,
                       struct errinfo *why)
{
    enum err e = each_of_user(kv, place, 0, visit, ctx, why);

    return e == OK ? each_of_user(kv, place, place->user, visit, ctx, why) : e;
}

static enum err key_of(struct account_txn *a, const struct metadata_place *p, struct str entry,
                       struct key *ret)
{
    if (!entry_name_normalise(a->mem, entry, false, &entry))
        return err_set(a->why, ERR_SYNTAX, "not the name of an annotation");
    key_of_metadata(ret, p->account, p->mailbox, entry_is_private(entry) ? p->user : 0, entry);
    return OK;
}

enum err metadata_set(struct account_txn *a, const struct metadata_place *place, struct str entry,
                      struct str value)
{
    struct metadata row = { .modseq = a->modseq, .value = value };
    struct key k;
    enum err e = key_of(a, place, entry, &k);

    if (e != OK)
        return e;
    if (value.len > ENTRY_VALUE_BYTES_MAX)
        return err_set(a->why, ERR_LIMIT, "the value of an annotation is too large");
    table_put_metadata(a->t, &k, &row);
    return OK;
}

enum err metadata_remove(struct account_txn *a, const struct metadata_place *place,
                         struct str entry)
{
    struct key k;
    enum err e = key_of(a, place, entry, &k);

    if (e == OK)
        txn_delete(a->t, key_str(&k));
    return e;
}

static enum err count_rows(struct account_txn *a, const struct key *from, uint32_t max,
                           uint32_t *ret)
{
    struct key to = *from;
    struct kv_iter *it;
    uint32_t count = 0;
    enum err e;

    key_end(&to);
    it = kv_iter_new(a->kv, NULL, key_str(from), key_str(&to));
    for (bool on = kv_iter_first(it); on && count <= max; on = kv_iter_next(it))
        count++;
    e = kv_iter_error(it, a->why);
    kv_iter_free(it);
    *ret = count;
    return e;
}

enum err metadata_check_limits(struct account_txn *a, const struct metadata_place *place)
{
    const struct {
        bool all;
        uint32_t user, max;
    } limits[] = {
        { false, 0, METADATA_ENTRIES_MAX },
        { false, place->user, METADATA_ENTRIES_MAX },
        { true, 0, METADATA_ACCOUNT_MAX },
    };

    for (size_t i = 0; i < ARRAY_LEN(limits); i++) {
        struct key from;
        uint32_t count;
        enum err e;

        if (limits[i].all)
            key_of_account(&from, TABLE_METADATA, place->account);
        else
            key_of_metadata(&from, place->account, place->mailbox, limits[i].user, STR_EMPTY);
        if ((e = count_rows(a, &from, limits[i].max, &count)) != OK)
            return e;
        if (count > limits[i].max)
            return err_set(a->why, ERR_LIMIT, "at most %u annotations are kept here",
                           limits[i].max);
    }
    return OK;
}

enum err metadata_copy(struct account_txn *a, uint32_t from, uint32_t to)
{
    struct key first, end;
    struct kv_iter *it;
    enum err e = OK;

    key_of_mailbox(&first, TABLE_METADATA, a->account, from);
    end = first;
    key_end(&end);
    it = kv_iter_new(a->kv, NULL, key_str(&first), key_str(&end));
    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        SCRATCH(tmp, NULL);
        struct str key = kv_iter_key(it);
        struct metadata row;
        struct key k;

        if (metadata_get(tmp, kv_iter_value(it), &row) != OK) {
            e = table_damaged(key, a->why);
            break;
        }
        row.modseq = a->modseq;
        key_of_metadata(&k, a->account, to, load_u32(key.at + KEY_BEFORE_USER),
                        str_skip(key, KEY_BEFORE_ENTRY));
        table_put_metadata(a->t, &k, &row);
    }
    if (e == OK)
        e = kv_iter_error(it, a->why);
    kv_iter_free(it);
    return e;
}
