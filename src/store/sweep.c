/* store/sweep.c - the remains of deleted mailboxes and accounts.
 *
 * Mailboxes of one account come one after the other: messages first (which gives bodies and quota
 * back), then sort keys, the log of what vanished and the annotations, then the row. An account
 * loses what others shared with it, its mailboxes with their access lists, then its names,
 * subscriptions and annotations, then its counters and its row. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/sweep.h"

#include "store/mailbox/graves.h"

#include "store/mailbox/acl.h"

/* Deletes at most SWEEP_ROWS rows with this beginning. */
static enum err delete_rows(struct txn *t, const struct key *prefix, bool *ret_more,
                            struct errinfo *why)
{
    struct key to = *prefix;
    struct kv_iter *it;
    uint32_t count = 0;
    enum err e;
    bool on;

    key_end(&to);
    it = txn_iter(t, key_str(prefix), key_str(&to));
    for (on = kv_iter_first(it); on && count < SWEEP_ROWS; on = kv_iter_next(it), count++)
        txn_delete(t, kv_iter_key(it));
    *ret_more = on;
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

static enum err sweep_mailbox(struct txn *t, struct arena *mem, const struct key *row_key,
                              struct mbox *m, const struct sweep_settings *how, struct errinfo *why)
{
    static const enum table leftovers[] = { TABLE_KEYS, TABLE_MARKS, TABLE_VANISHED,
                                            TABLE_METADATA };
    const struct expunge_what what = { .silent = true,
                                       .max = SWEEP_ROWS,
                                       .keep_bytes_max = how->keep_bytes_max };
    uint32_t account = load_u32(row_key->at + 1), id = load_u32(row_key->at + 5);
    struct uidset gone = { 0 };
    struct account_txn a;
    struct key k;
    bool more;
    enum err e;

    if ((e = account_txn_begin(&a, t, mem, account, how->now_s, why)) != OK)
        return e;
    e = messages_expunge(&a, id, m, &what, &gone, &more);
    uidset_deinit(&gone);
    if (e != OK)
        return e;
    account_txn_end(&a);
    if (more) {
        mailbox_put_row(&a, id, m);
        return OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(leftovers) && !more; i++) {
        key_of_mailbox(&k, leftovers[i], account, id);
        if ((e = delete_rows(t, &k, &more, why)) != OK)
            return e;
    }
    if (more)
        mailbox_put_row(&a, id, m);
    else
        txn_delete(t, key_str(row_key));
    return OK;
}

struct marked {
    bool found;
    struct key key;
    struct str value; /* in `mem` */
};

/* The first row of a table that `is_marked`. */
static enum err find_marked(struct kv *kv, struct arena *mem, const struct key *prefix,
                            bool (*is_marked)(struct arena *mem, struct str value),
                            struct marked *ret, struct errinfo *why)
{
    struct key to = *prefix;
    struct kv_iter *it;
    enum err e;

    key_end(&to);
    ret->found = false;
    it = kv_iter_new(kv, NULL, key_str(prefix), key_str(&to));
    for (bool on = kv_iter_first(it); on && !ret->found; on = kv_iter_next(it)) {
        struct arena_mark mark = arena_save(mem);

        if (is_marked(mem, kv_iter_value(it))) {
            ret->found = true;
            ret->key.len = kv_iter_key(it).len;
            memcpy(ret->key.at, kv_iter_key(it).at, ret->key.len);
            ret->value = arena_copy(mem, kv_iter_value(it));
            break;
        }
        arena_restore(&mark);
    }
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

static bool mbox_is_marked(struct arena *mem, struct str value)
{
    struct mbox m;

    return mbox_get(mem, value, &m) == OK && m.removing;
}

static bool any_row(struct arena *mem, struct str value)
{
    (void)mem, (void)value;
    return true;
}

static bool account_is_marked(struct arena *mem, struct str value)
{
    struct account a;

    return account_get(mem, value, &a) == OK && a.removing;
}

/* What an account has besides mailboxes, table by table; its own row goes last. */
static enum err sweep_account(struct txn *t, struct arena *mem, const struct key *row_key,
                              const struct sweep_settings *how, struct errinfo *why)
{
    static const enum table tables[] = { TABLE_NAME,   TABLE_SUBSCRIBED, TABLE_THREAD,
                                         TABLE_RECORD, TABLE_EMAIL,      TABLE_VANISHED,
                                         TABLE_IMPORT, TABLE_METADATA,   TABLE_PROOF,
                                         TABLE_TOKEN,  TABLE_REFS };
    const struct sweep_settings keep_nothing = { .now_s = how->now_s };
    uint32_t account = load_u32(row_key->at + 1);
    const struct graves_purge all = { account, SWEEP_ROWS, INT64_MAX };
    struct key cursor = { 0 };
    struct marked marked;
    struct key k;
    struct mbox m;
    bool more;
    enum err e;

    /* What others gave it, first: nobody else is to get it under its number or name. */
    if ((e = acl_drop_grantee(t, account, SWEEP_ROWS, &more, why)) != OK || more)
        return e;
    if ((e = graves_purge_page(t, mem, &all, &cursor, &more, why)) != OK || more)
        return e;
    key_of_account(&k, TABLE_MAILBOX, account);
    if ((e = find_marked(txn_kv(t), mem, &k, any_row, &marked, why)) != OK)
        return e;
    if (marked.found) {
        if (mbox_get(mem, marked.value, &m) != OK)
            return table_damaged(key_str(&marked.key), why);
        m.removing = true;
        if ((e = acl_drop_mailbox(t, account, load_u32(marked.key.at + 5), why)) != OK)
            return e;
        return sweep_mailbox(t, mem, &marked.key, &m, &keep_nothing, why);
    }
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        key_of_account(&k, tables[i], account);
        if ((e = delete_rows(t, &k, &more, why)) != OK || more)
            return e;
    }
    key_of_account(&k, TABLE_COUNTERS, account);
    txn_delete(t, key_str(&k));
    txn_delete(t, key_str(row_key));
    return OK;
}

enum err sweep_page(struct txn *t, struct arena *mem, const struct sweep_settings *how,
                    bool *ret_more, struct errinfo *why)
{
    struct marked marked;
    struct key prefix;
    struct mbox m;
    enum err e;

    *ret_more = true;
    key_start(&prefix, TABLE_ACCOUNT);
    e = find_marked(txn_kv(t), mem, &prefix, account_is_marked, &marked, why);
    if (e != OK)
        return e;
    if (marked.found)
        return sweep_account(t, mem, &marked.key, how, why);
    key_start(&prefix, TABLE_MAILBOX);
    e = find_marked(txn_kv(t), mem, &prefix, mbox_is_marked, &marked, why);
    if (e != OK)
        return e;
    if (!marked.found) {
        *ret_more = false;
        return OK;
    }
    if (mbox_get(mem, marked.value, &m) != OK)
        return table_damaged(key_str(&marked.key), why);
    return sweep_mailbox(t, mem, &marked.key, &m, how, why);
}
