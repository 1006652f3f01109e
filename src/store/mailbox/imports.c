/* store/mailbox/imports.c - marks and UIDLs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/imports.h"

/* ---- marks ---- */

static void key_of_mark(struct key *k, uint32_t account, struct str mark)
{
    key_of_account(k, TABLE_IMPORT, account);
    key_text(k, STR("s"));
    key_text(k, mark);
}

enum err mark_put(struct account_txn *a, struct str key, struct str value)
{
    struct key k;
    struct buf b = { 0 };

    if (key.len == 0 || key.len > MARK_KEY_BYTES_MAX || value.len > MARK_VALUE_BYTES_MAX)
        return err_set(a->why, ERR_LIMIT, "a mark of an import is too long");
    key_of_mark(&k, a->account, key);
    if (value.len == 0) {
        txn_delete(a->t, key_str(&k));
        return OK;
    }
    put_u8(&b, ROW_VERSION);
    put_str(&b, value);
    txn_put(a->t, key_str(&k), buf_str(&b));
    buf_deinit(&b);
    return OK;
}

static enum err mark_read(struct arena *mem, struct kv_iter *it, struct mark *ret,
                          struct errinfo *why)
{
    struct reader r = reader_of(kv_iter_value(it));
    bool known = get_u8(&r) == ROW_VERSION;
    struct str value = get_str(&r);

    if (!known || !reader_done(&r))
        return table_damaged(kv_iter_key(it), why);
    ret->key = arena_copy(mem, str_skip(kv_iter_key(it), 6));
    ret->value = arena_copy(mem, value);
    return OK;
}

enum err marks_list(struct kv *kv, struct arena *mem, const struct marks_wanted *want,
                    struct mark *ret, size_t *ret_count, struct str *ret_next, struct errinfo *why)
{
    struct key from, to;
    struct kv_iter *it;
    size_t count = 0;
    enum err e = OK;

    if (want->prefix.len > MARK_KEY_BYTES_MAX || want->from.len > MARK_KEY_BYTES_MAX)
        return err_set(why, ERR_LIMIT, "a mark of an import is too long");
    key_of_mark(&to, want->account, want->prefix);
    key_end(&to);
    key_of_mark(&from, want->account,
                str_cmp(want->from, want->prefix) > 0 ? want->from : want->prefix);
    *ret_next = STR_EMPTY;
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && e == OK; on = kv_iter_next(it)) {
        if (count == want->max) {
            *ret_next = arena_copy(mem, str_skip(kv_iter_key(it), 6));
            break;
        }
        e = mark_read(mem, it, &ret[count++], why);
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    kv_iter_free(it);
    *ret_count = count;
    return e;
}

/* ---- UIDLs ---- */

static void key_of_uidl(struct key *k, uint32_t account, uint32_t mailbox)
{
    key_of_account(k, TABLE_IMPORT, account);
    key_text(k, STR("p"));
    key_u32(k, mailbox);
}

bool uidl_valid(struct str uidl)
{
    for (size_t i = 0; i < uidl.len; i++)
        if (uidl.at[i] < 0x21 || uidl.at[i] > 0x7e)
            return false;
    return uidl.len > 0 && uidl.len <= UIDL_BYTES_MAX;
}

void uidl_put(struct account_txn *a, uint32_t mailbox, uint32_t uid, struct str uidl)
{
    struct key k;
    struct buf b = { 0 };

    key_of_uidl(&k, a->account, mailbox);
    key_u32(&k, uid);
    put_u8(&b, ROW_VERSION);
    put_str(&b, uidl);
    txn_put(a->t, key_str(&k), buf_str(&b));
    buf_deinit(&b);
}

void uidl_delete(struct account_txn *a, uint32_t mailbox, uint32_t uid)
{
    struct key k;

    key_of_uidl(&k, a->account, mailbox);
    key_u32(&k, uid);
    txn_delete(a->t, key_str(&k));
}

enum err uidl_find(struct kv *kv, struct arena *mem, uint32_t account, uint32_t mailbox,
                   uint32_t uid, bool *ret_found, struct str *ret, struct errinfo *why)
{
    struct key k;
    struct str value;
    enum err e;

    key_of_uidl(&k, account, mailbox);
    key_u32(&k, uid);
    if ((e = table_find_text(kv, mem, &k, ret_found, &value, why)) != OK || !*ret_found)
        return e;

    struct reader r = reader_of(value);
    bool known = get_u8(&r) == ROW_VERSION;

    *ret = get_str(&r);
    return known && reader_done(&r) ? OK : table_damaged(key_str(&k), why);
}

enum err uidl_any(struct kv *kv, uint32_t account, uint32_t mailbox, bool *ret, struct errinfo *why)
{
    struct key from, to;
    struct kv_iter *it;
    enum err e;

    key_of_uidl(&from, account, mailbox);
    to = from;
    key_end(&to);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    *ret = kv_iter_first(it);
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

/* ---- UIDVALIDITY ---- */

bool mailbox_adopt_uidvalidity(struct account_txn *a, struct mbox *m, uint32_t uidvalidity,
                               bool *ret_changed)
{
    *ret_changed = false;
    if (uidvalidity == 0 || uidvalidity == m->uidvalidity)
        return uidvalidity != 0;
    if (m->uidnext != 1 || uidvalidity > IMPORT_UID_MAX)
        return false;
    /* Numbers given later are higher than this one, too. */
    a->counters.uidvalidity = MAX(a->counters.uidvalidity, uidvalidity);
    m->uidvalidity = uidvalidity;
    *ret_changed = true;
    return true;
}
