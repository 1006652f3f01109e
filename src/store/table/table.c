/* store/table/table.c - single rows read and written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/table.h"

enum err table_damaged(struct str key, struct errinfo *why)
{
    return err_set(why, ERR_CORRUPT, "a row of table '%c' cannot be read or is missing",
                   key.len > 0 ? key.at[0] : '?');
}

enum err table_find_text(struct kv *kv, struct arena *mem, const struct key *k, bool *ret_found,
                         struct str *ret, struct errinfo *why)
{
    enum err e = kv_get(kv, NULL, mem, key_str(k), ret_found, ret);

    if (e != OK)
        return err_set(why, e, "cannot read table '%c'", k->at[0]);
    return OK;
}

#define TABLE_ROW_CODE(row, FIELDS)                                                                \
    enum err table_find_##row(struct kv *kv, struct arena *mem, const struct key *k,               \
                              bool *ret_found, struct row *ret, struct errinfo *why)               \
    {                                                                                              \
        struct str value;                                                                          \
        enum err e = table_find_text(kv, mem, k, ret_found, &value, why);                          \
                                                                                                   \
        if (e != OK || !*ret_found)                                                                \
            return e;                                                                              \
        return row##_get(mem, value, ret) == OK ? OK : table_damaged(key_str(k), why);             \
    }                                                                                              \
    enum err table_get_##row(struct kv *kv, struct arena *mem, const struct key *k,                \
                             struct row *ret, struct errinfo *why)                                 \
    {                                                                                              \
        bool found;                                                                                \
        enum err e = table_find_##row(kv, mem, k, &found, ret, why);                               \
                                                                                                   \
        return e != OK || found ? e : table_damaged(key_str(k), why);                              \
    }                                                                                              \
    void table_put_##row(struct txn *t, const struct key *k, const struct row *v)                  \
    {                                                                                              \
        struct buf b = { 0 };                                                                      \
                                                                                                   \
        row##_put(&b, v);                                                                          \
        txn_put(t, key_str(k), buf_str(&b));                                                       \
        buf_deinit(&b);                                                                            \
    }
ROWS(TABLE_ROW_CODE)

enum err table_find_number(struct kv *kv, const struct key *k, bool *ret_found, uint64_t *ret,
                           struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str value;
    enum err e = table_find_text(kv, tmp, k, ret_found, &value, why);

    if (e != OK || !*ret_found)
        return e;

    struct reader r = reader_of(value);
    uint8_t version = get_u8(&r);
    uint64_t v = get_varint(&r);

    if (version != ROW_VERSION || !reader_done(&r))
        return table_damaged(key_str(k), why);
    *ret = v;
    return OK;
}

void table_put_number(struct txn *t, const struct key *k, uint64_t v)
{
    struct buf b = { 0 };

    put_u8(&b, ROW_VERSION);
    put_varint(&b, v);
    txn_put(t, key_str(k), buf_str(&b));
    buf_deinit(&b);
}

enum err table_next_number(struct txn *t, struct str name, uint64_t *ret, struct errinfo *why)
{
    struct key k;
    bool found;
    uint64_t last = 0;
    enum err e;

    key_of_text(&k, TABLE_NUMBER, name);
    if ((e = table_find_number(txn_kv(t), &k, &found, &last, why)) != OK)
        return e;
    if (!found)
        last = 0;
    table_put_number(t, &k, last + 1);
    *ret = last + 1;
    return OK;
}
