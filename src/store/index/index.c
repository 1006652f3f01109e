/* store/index/index.c - the manifest, and which segments are merged. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/index.h"

#include "store/table/rows.h"

/* ---- the manifest ---- */

/* Then all of it is left over, and made anew. */
static bool is_of_older_version(struct str manifest)
{
    return manifest.len > 0 && (uint8_t)manifest.at[0] < INDEX_VERSION;
}

enum err manifest_load(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem,
                       uint32_t account, struct manifest *ret, struct errinfo *why)
{
    struct manifest m = { .account = account, .next = 1 };
    struct str value = STR_EMPTY;
    struct reader r;
    struct key k;
    bool found;
    enum err e;

    key_of_account(&k, TABLE_INDEX, account);
    if ((e = kv_get(kv, snap, mem, key_str(&k), &found, &value)) != OK)
        return err_set(why, e, "the index of account %u cannot be read", account);
    found = found && !is_of_older_version(value);
    r = reader_of(found ? value : STR_EMPTY);
    if (found && get_u8(&r) != INDEX_VERSION)
        r.bad = true;
    if (found) {
        m.indexed = get_varint32(&r);
        m.next = get_varint32(&r);
        m.count = get_varint32(&r);
    }
    if (r.bad || m.count > INDEX_SEGMENTS_MAX)
        return err_set(why, ERR_CORRUPT, "the index of account %u is damaged", account);
    m.at = ARENA_ARRAY(mem, struct manifest_segment, m.count + 1u);
    for (uint32_t i = 0; i < m.count; i++) {
        m.at[i].number = get_varint32(&r);
        m.at[i].emails = get_varint32(&r);
        m.at[i].first = get_varint32(&r);
        m.at[i].last = get_varint32(&r);
        m.at[i].bytes = get_varint(&r);
    }
    if (!reader_done(&r))
        return err_set(why, ERR_CORRUPT, "the index of account %u is damaged", account);
    *ret = m;
    return OK;
}

void manifest_put(struct kv_batch *batch, const struct manifest *m)
{
    struct buf value = { 0 };
    struct key k;

    put_u8(&value, INDEX_VERSION);
    put_varint(&value, m->indexed);
    put_varint(&value, m->next);
    put_varint(&value, m->count);
    for (uint32_t i = 0; i < m->count; i++) {
        put_varint(&value, m->at[i].number);
        put_varint(&value, m->at[i].emails);
        put_varint(&value, m->at[i].first);
        put_varint(&value, m->at[i].last);
        put_varint(&value, m->at[i].bytes);
    }
    key_of_account(&k, TABLE_INDEX, m->account);
    kv_batch_put(batch, key_str(&k), buf_str(&value));
    buf_deinit(&value);
}

uint64_t manifest_emails(const struct manifest *m)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < m->count; i++)
        sum += m->at[i].emails;
    return sum;
}

uint64_t manifest_bytes(const struct manifest *m)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < m->count; i++)
        sum += m->at[i].bytes;
    return sum;
}

void manifest_add(struct manifest *m, const struct manifest_segment *segment)
{
    m->at[m->count++] = *segment;
}

void manifest_replace(struct manifest *m, uint32_t from, uint32_t count,
                      const struct manifest_segment *by)
{
    uint32_t to = from;

    if (by->emails > 0)
        m->at[to++] = *by;
    for (uint32_t i = from + count; i < m->count; i++)
        m->at[to++] = m->at[i];
    m->count = to;
}

/* ---- merging ---- */

static bool may_be_one(const struct manifest *m, uint32_t from, uint32_t count)
{
    uint64_t emails = 0;

    for (uint32_t i = from; i < from + count; i++)
        emails += m->at[i].emails;
    return count <= MERGE_SEGMENTS_MAX && emails < SEGMENT_EMAILS_MAX &&
           m->at[from + count - 1].last - m->at[from].first < SEGMENT_EMAILS_MAX;
}

/* From the newest back: as soon as INDEX_FAN of the last segments are of one size (of 1, of 2 to 8,
 * of 9 to 64, ... emails) they become one, with the smaller ones among them. So every email is
 * written again about once a size, and there are fewer than INDEX_FAN segments of each. */
bool manifest_wants_merge(const struct manifest *m, uint64_t emails_now, uint32_t *ret_from,
                          uint32_t *ret_count)
{
    enum { LEFT_OVER_MIN = 1000 };

    if (m->count > 0 && m->count <= MERGE_SEGMENTS_MAX &&
        manifest_emails(m) > 2 * emails_now + LEFT_OVER_MIN && may_be_one(m, 0, m->count)) {
        *ret_from = 0;
        *ret_count = m->count;
        return true;
    }
    for (uint64_t size = 1; size < SEGMENT_EMAILS_MAX; size *= INDEX_FAN) {
        uint32_t run = 0, of_size = 0;

        while (run < m->count && run < MERGE_SEGMENTS_MAX &&
               m->at[m->count - 1 - run].emails <= size)
            of_size += m->at[m->count - 1 - run++].emails > size / INDEX_FAN ? 1 : 0;
        if (of_size >= INDEX_FAN && may_be_one(m, m->count - run, run)) {
            *ret_from = m->count - run;
            *ret_count = run;
            return true;
        }
    }
    return false;
}

/* ---- rows ---- */

enum err index_emails_after(struct kv *kv, uint32_t account, uint32_t after, uint32_t max,
                            uint32_t *ret, uint32_t *ret_count, struct errinfo *why)
{
    struct key from, to;
    struct kv_iter *it;
    enum err e;

    *ret_count = 0;
    key_of_email(&from, TABLE_EMAIL, account, (uint64_t)after + 1);
    key_of_email(&to, TABLE_EMAIL, account, (uint64_t)UINT32_MAX);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (bool on = kv_iter_first(it); on && *ret_count < max; on = kv_iter_next(it))
        ret[(*ret_count)++] = (uint32_t)load_u64(kv_iter_key(it).at + 5);
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

static bool names(const struct manifest *m, uint32_t segment)
{
    for (uint32_t i = 0; i < m->count; i++)
        if (m->at[i].number == segment)
            return true;
    return false;
}

/* Goes from segment to segment; rows of those that are named are leapt over. */
static enum err leftovers_of(struct kv *kv, const struct manifest *m, enum table table,
                             uint32_t *left, struct kv_batch *batch, struct errinfo *why)
{
    struct key from, to, next;
    struct kv_iter *it;
    bool on;
    enum err e;

    key_of_account(&from, table, m->account);
    to = from;
    key_end(&to);
    it = kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
    for (on = kv_iter_first(it); on && *left > 0;) {
        struct str key = kv_iter_key(it);
        uint32_t segment = load_u32(key.at + 5);

        if (names(m, segment)) {
            segment_bounds(table, m->account, segment, &from, &next);
            on = kv_iter_seek(it, key_str(&next));
        } else {
            kv_batch_delete(batch, key);
            --*left;
            on = kv_iter_next(it);
        }
    }
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

enum err index_leftovers(struct kv *kv, const struct manifest *m, uint32_t max,
                         struct kv_batch *batch, bool *ret_more, struct errinfo *why)
{
    uint32_t left = max;
    enum err e = leftovers_of(kv, m, TABLE_TERMS, &left, batch, why);

    if (e == OK)
        e = leftovers_of(kv, m, TABLE_POSTINGS, &left, batch, why);
    *ret_more = left == 0;
    return e;
}

enum err index_apply(struct kv *kv, struct kv_batch *batch, struct errinfo *why)
{
    struct kv_position position = kv_position(kv);
    enum err e = kv_apply(kv, batch, &position, why);

    kv_batch_clear(batch);
    return e;
}

/* ---- accounts ---- */

/* The next account that has rows in one of the tables. */
static enum err next_account(struct kv *kv, enum table table, uint32_t from, uint32_t *ret,
                             struct errinfo *why)
{
    struct key first, end;
    struct kv_iter *it;
    enum err e;

    key_of_account(&first, table, from);
    key_start(&end, table);
    key_end(&end);
    it = kv_iter_new(kv, NULL, key_str(&first), key_str(&end));
    if (kv_iter_first(it))
        *ret = MIN(*ret, load_u32(kv_iter_key(it).at + 1));
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

enum err index_accounts(struct kv *kv, uint32_t from, uint32_t max, uint32_t *ret,
                        uint32_t *ret_count, struct errinfo *why)
{
    static const enum table tables[] = { TABLE_INDEX, TABLE_TERMS, TABLE_POSTINGS, TABLE_COUNTERS };

    *ret_count = 0;
    while (*ret_count < max) {
        uint32_t account = UINT32_MAX;

        for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
            enum err e = next_account(kv, tables[i], from, &account, why);

            if (e != OK)
                return e;
        }
        if (account == UINT32_MAX)
            return OK;
        ret[(*ret_count)++] = account;
        from = account + 1;
    }
    return OK;
}
