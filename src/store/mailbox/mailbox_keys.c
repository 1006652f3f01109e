/* store/mailbox/mailbox_keys.c - the sort and search keys of whole mailboxes.
 *
 * Blocks are made in the order of UIDs. Where a final block stands in the table it is read in one
 * piece; else its memberships are walked by an iterator and their records by a second one, which
 * mostly has to move one row on, because emails are numbered in the order in which they came. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/mailbox_keys.h"

#include "message/set/uidset.h"
#include "store/kv/kv.h"
#include "store/table/table.h"

enum { READ_FOR_ONE_MADE = 16 }; /* reading a block costs so much less than making it */

struct key_cache {
    struct map map;
    struct list lru; /* most recently used first */
    uint64_t bytes, bytes_max;
};

static void *grown(void *at, size_t count, size_t size)
{
    at = realloc(at, count * size);
    if (at == NULL)
        BUG("out of memory");
    return at;
}

/* ---- the cache ---- */

static struct str cache_key(const struct mailbox_keys *keys)
{
    return str_from(&keys->account, 2 * sizeof keys->account);
}

struct key_cache *key_cache_new(uint64_t bytes_max, struct siphash_key key)
{
    struct key_cache *c = grown(NULL, 1, sizeof *c);

    *c = (struct key_cache){ .bytes_max = bytes_max };
    map_init(&c->map, key);
    list_init(&c->lru);
    return c;
}

static void drop(struct key_cache *c, struct mailbox_keys *keys)
{
    (void)map_remove(&c->map, cache_key(keys));
    list_remove(&keys->in_lru);
    c->bytes -= keys->counted;
    for (uint32_t i = 0; i < keys->count; i++)
        key_block_free(keys->blocks[i]);
    for (size_t i = 0; i < SORT_KEY_COUNT; i++)
        order_deinit(&keys->orders[i]);
    free(keys->blocks);
    free(keys->first);
    free(keys->saved);
    free(keys);
}

void key_cache_free(struct key_cache *c)
{
    if (c == NULL)
        return;
    while (!list_empty(&c->lru))
        drop(c, LIST_ITEM(list_first(&c->lru), struct mailbox_keys, in_lru));
    map_deinit(&c->map);
    free(c);
}

uint64_t key_cache_bytes(const struct key_cache *c)
{
    return c->bytes;
}

struct mailbox_keys *key_cache_pin(struct key_cache *c, uint32_t account, uint32_t mailbox)
{
    struct mailbox_keys wanted = { .account = account, .mailbox = mailbox };
    struct mailbox_keys *keys = map_find(&c->map, cache_key(&wanted));

    if (keys == NULL) {
        keys = grown(NULL, 1, sizeof *keys);
        *keys = wanted;
        (void)map_put(&c->map, cache_key(keys), keys);
    } else {
        list_remove(&keys->in_lru);
    }
    list_add_first(&c->lru, &keys->in_lru);
    keys->pins++;
    return keys;
}

/* The one used last stays whatever its size, so that who sorts a large mailbox twice does not wait
 * twice. */
void key_cache_release(struct key_cache *c, struct mailbox_keys *keys, uint64_t bytes)
{
    struct list *at = c->lru.prev;

    keys->pins--;
    c->bytes += bytes - keys->counted;
    keys->counted = bytes;
    while (c->bytes > c->bytes_max && at != &c->lru && at != list_first(&c->lru)) {
        struct mailbox_keys *last = LIST_ITEM(at, struct mailbox_keys, in_lru);

        at = at->prev;
        if (last->pins == 0)
            drop(c, last);
    }
}

/* ---- making entries ---- */

void key_of_key_block(struct key *k, uint32_t account, uint32_t mailbox, uint32_t number)
{
    key_of_mailbox(k, TABLE_KEYS, account, mailbox);
    key_u32(k, number);
}

/* A record that cannot be opened describes nothing: its message has empty keys. */
static void describe(struct arena *mem, const struct membership *ms, uint32_t uid,
                     struct str record, struct key_entry *ret)
{
    struct record r;

    *ret = (struct key_entry){ .uid = uid,
                               .email = ms->email,
                               .thread = ms->thread,
                               .size = ms->size,
                               .arrived_s = ms->internal_date,
                               .arrived_zone_min = (int16_t)ms->internal_zone,
                               .sent_zone_min = (int16_t)ms->internal_zone,
                               .saved_s = ms->save_date,
                               .sent_s = ms->internal_date };
    for (size_t t = 0; t < KEY_TEXT_COUNT; t++)
        ret->texts[t] = STR_EMPTY;
    if (record_open(record, &r) == OK)
        key_entry_describe(mem, &r, ret);
}

enum err mailbox_keys_entry(struct kv *kv, struct arena *mem, const struct membership *ms,
                            uint32_t account, uint32_t uid, struct key_entry *ret,
                            struct errinfo *why)
{
    struct str record = STR_EMPTY;
    struct key k;
    bool found;
    enum err e;

    key_of_email(&k, TABLE_RECORD, account, ms->email);
    if ((e = table_find_text(kv, mem, &k, &found, &record, why)) != OK)
        return e;
    describe(mem, ms, uid, found ? record : STR_EMPTY, ret);
    return OK;
}

static enum err forget_if_empty(struct txn *t, uint32_t account, uint32_t mailbox, uint32_t number,
                                struct errinfo *why)
{
    uint32_t last = number << KEY_BLOCK_BITS | (KEY_BLOCK_MAX - 1);
    struct key from, to;
    struct kv_iter *it;
    enum err e;

    key_of_membership(&from, account, mailbox, number << KEY_BLOCK_BITS);
    key_of_membership(&to, account, mailbox, last);
    key_end(&to);
    it = txn_iter(t, key_str(&from), key_str(&to));
    if (!kv_iter_first(it)) {
        key_of_key_block(&from, account, mailbox, number);
        txn_delete(t, key_str(&from));
        key_of_marks(&from, account, mailbox, number);
        txn_delete(t, key_str(&from));
    }
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

enum err mailbox_keys_forget(struct txn *t, uint32_t account, uint32_t mailbox,
                             const struct uidset *uids, struct errinfo *why)
{
    uint32_t next = 0; /* the first block that was not looked at */
    enum err e = OK;

    for (uint32_t i = 0; i < uids->len && e == OK; i++) {
        uint32_t last = uids->at[i].last >> KEY_BLOCK_BITS;

        for (next = MAX(next, uids->at[i].first >> KEY_BLOCK_BITS); next <= last && e == OK; next++)
            e = forget_if_empty(t, account, mailbox, next, why);
    }
    return e;
}

/* One walk over memberships and records. */
struct making {
    const struct mailbox_keys *keys;
    struct kv *kv;
    struct arena *mem;
    struct kv_iter *memberships, *records;
    struct key_entry *entries; /* room for KEY_BLOCK_MAX */
    uint32_t count;
    struct errinfo *why;
};

static struct kv_iter *iter_of(struct kv *kv, struct key *from)
{
    struct key to = *from;

    key_end(&to);
    return kv_iter_new(kv, NULL, key_str(from), key_str(&to));
}

static bool stands_on(const struct kv_iter *it, bool on, const struct key *k)
{
    return on && str_eq(kv_iter_key(it), key_str(k));
}

static enum err step(struct kv_iter *it, const struct key *k, bool *started, bool *ret_found,
                     struct errinfo *why)
{
    *ret_found = *started && stands_on(it, kv_iter_next(it), k);
    if (!*ret_found)
        *ret_found = stands_on(it, kv_iter_seek(it, key_str(k)), k);
    *started = *ret_found;
    return kv_iter_error(it, why);
}

static enum err add_entry(struct making *m, uint32_t uid, bool started[2])
{
    uint32_t account = m->keys->account;
    struct membership ms;
    struct key k;
    bool found;
    enum err e;

    key_of_membership(&k, account, m->keys->mailbox, uid);
    if ((e = step(m->memberships, &k, &started[0], &found, m->why)) != OK || !found)
        return e;
    if (membership_get(NULL, kv_iter_value(m->memberships), &ms) != OK)
        return table_damaged(key_str(&k), m->why);
    key_of_email(&k, TABLE_RECORD, account, ms.email);
    if ((e = step(m->records, &k, &started[1], &found, m->why)) != OK)
        return e;
    describe(m->mem, &ms, uid, found ? kv_iter_value(m->records) : STR_EMPTY,
             &m->entries[m->count++]);
    return OK;
}

static enum err make_entries(struct making *m, const uint32_t *uids, uint32_t count)
{
    bool started[2] = { false, false };
    struct key k;
    enum err e = OK;

    key_of_mailbox(&k, TABLE_MEMBERSHIP, m->keys->account, m->keys->mailbox);
    m->memberships = iter_of(m->kv, &k);
    key_of_account(&k, TABLE_RECORD, m->keys->account);
    m->records = iter_of(m->kv, &k);
    for (uint32_t i = 0; i < count && e == OK; i++)
        e = add_entry(m, uids[i], started);
    kv_iter_free(m->memberships);
    kv_iter_free(m->records);
    return e;
}

/* ---- blocks ---- */

static void add_block(struct mailbox_keys *keys, struct key_block *b, bool saved)
{
    if (keys->count == keys->cap) {
        keys->cap = keys->cap == 0 ? 8 : 2 * keys->cap;
        keys->blocks = grown(keys->blocks, keys->cap, sizeof(*keys->blocks));
        keys->first = grown(keys->first, keys->cap, sizeof(*keys->first));
        keys->saved = grown(keys->saved, keys->cap, sizeof(*keys->saved));
    }
    keys->blocks[keys->count] = b;
    keys->first[keys->count] = keys->rows;
    keys->saved[keys->count] = saved;
    keys->count++;
    keys->rows += b->count;
    keys->bytes += b->octet_count;
}

/* The last block makes place for a longer one; its rows keep their numbers. */
static void remove_last(struct mailbox_keys *keys)
{
    struct key_block *b = keys->blocks[--keys->count];

    keys->rows -= b->count;
    keys->bytes -= b->octet_count;
    key_block_free(b);
}

/* A row that cannot be opened is as good as none. It goes when the block is written again. An
 * iterator lends the octets, of which there are many; a get would copy them. */
static enum err read_block(struct mailbox_keys *keys, struct kv *kv, uint32_t number,
                           struct key_block **ret, struct errinfo *why)
{
    struct key_block *b;
    struct kv_iter *it;
    struct key k;
    enum err e;

    key_of_key_block(&k, keys->account, keys->mailbox, number);
    it = iter_of(kv, &k);
    if (kv_iter_first(it) && str_eq(kv_iter_key(it), key_str(&k)) &&
        key_block_open(kv_iter_value(it), &b) == OK) {
        if (key_block_number(b) == number)
            *ret = b;
        else
            key_block_free(b);
    }
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

/* A new block of `uids`, or the last one with them behind its own. */
static enum err make_block(struct mailbox_keys *keys, struct kv *kv, const uint32_t *uids,
                           uint32_t count, struct errinfo *why)
{
    struct arena *mem = arena_new(0);
    struct making m = { .keys = keys, .kv = kv, .mem = mem, .why = why };
    struct key_block *last = keys->count == 0 ? NULL : keys->blocks[keys->count - 1];
    enum err e;

    m.entries = ARENA_ARRAY(mem, struct key_entry, KEY_BLOCK_MAX);
    if (last != NULL && key_block_number(last) == uids[0] >> KEY_BLOCK_BITS)
        while (m.count < last->count) {
            m.entries[m.count] = key_block_entry(last, m.count);
            m.count++;
        }
    else
        last = NULL;
    if ((e = make_entries(&m, uids, count)) == OK && m.count > (last == NULL ? 0 : last->count)) {
        struct key_block *b = key_block_new(m.entries, m.count);

        if (last != NULL)
            remove_last(keys);
        add_block(keys, b, false);
    }
    arena_free(mem);
    return e;
}

/* The block of the first of `uids`, of which all but the last few are complete. */
static enum err next_block(struct mailbox_keys *keys, struct kv *kv, const uint32_t *uids,
                           uint32_t count, struct errinfo *why)
{
    uint32_t number = uids[0] >> KEY_BLOCK_BITS;
    bool begun = keys->count > 0 && key_block_number(keys->blocks[keys->count - 1]) == number;
    struct key_block *b = NULL;
    enum err e = OK;

    if (!begun && (e = read_block(keys, kv, number, &b, why)) != OK)
        return e;
    if (b != NULL)
        add_block(keys, b, true);
    else
        e = make_block(keys, kv, uids, count, why);
    if (e == OK)
        keys->known_to = uids[count - 1];
    return e;
}

static uint32_t first_above(const uint32_t *uids, uint32_t count, uint32_t uid)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t mid = low + (high - low) / 2;

        if (uids[mid] <= uid)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

enum err mailbox_keys_extend_worker(struct mailbox_keys *keys, struct kv *kv, const uint32_t *uids,
                                    uint32_t count, uint32_t blocks_max, bool *ret_more,
                                    struct errinfo *why)
{
    uint32_t i = first_above(uids, count, keys->known_to);
    uint32_t work = blocks_max * READ_FOR_ONE_MADE;
    enum err e = OK;

    while (i < count && work > 0 && e == OK) {
        uint32_t end = i + 1;

        while (end < count && uids[end] >> KEY_BLOCK_BITS == uids[i] >> KEY_BLOCK_BITS)
            end++;
        if ((e = next_block(keys, kv, uids + i, end - i, why)) == OK &&
            mailbox_keys_bytes_worker(keys) > KEYS_MAILBOX_BYTES_MAX)
            e = err_set(why, ERR_LIMIT, "the mailbox has too many messages to be sorted");
        bool read = keys->count > 0 && keys->saved[keys->count - 1];

        work -= MIN(work, read ? 1U : (uint32_t)READ_FOR_ONE_MADE);
        i = end;
    }
    *ret_more = i < count;
    return e;
}

uint64_t mailbox_keys_bytes_worker(const struct mailbox_keys *keys)
{
    uint64_t bytes = sizeof *keys + keys->bytes + keys->cap * (sizeof(void *) + 5);

    for (size_t i = 0; i < SORT_KEY_COUNT; i++)
        bytes += order_bytes(&keys->orders[i]);
    return bytes;
}

struct key_rows mailbox_keys_rows_worker(const struct mailbox_keys *keys)
{
    return (struct key_rows){ keys->blocks, keys->first, keys->count, keys->rows };
}

const struct order *mailbox_keys_order_worker(struct mailbox_keys *keys, enum sort_key key)
{
    struct key_rows rows = mailbox_keys_rows_worker(keys);

    order_grow(&keys->orders[key], key, &rows);
    return &keys->orders[key];
}

uint32_t mailbox_keys_unsaved_worker(struct mailbox_keys *keys, uint32_t uidnext,
                                     struct key_block **ret)
{
    uint32_t made = 0;

    for (uint32_t i = 0; i < keys->count && made < KEYS_SAVED_AT_ONCE; i++)
        if (!keys->saved[i] && key_block_number(keys->blocks[i]) < uidnext >> KEY_BLOCK_BITS) {
            keys->saved[i] = true;
            ret[made++] = keys->blocks[i];
        }
    return made;
}

/* ---- blocks made ahead ---- */

struct block_range {
    struct key from, to;
};

static struct block_range range_of(uint32_t account, uint32_t mailbox, uint32_t number)
{
    struct block_range r;

    key_of_membership(&r.from, account, mailbox, number << KEY_BLOCK_BITS);
    key_of_membership(&r.to, account, mailbox, number << KEY_BLOCK_BITS | (KEY_BLOCK_MAX - 1));
    key_end(&r.to);
    return r;
}

static uint32_t uid_of_key(struct str key)
{
    return load_u32(key.at + 9);
}

/* The UIDs of the block that hold messages, and the block of the last UID before them. */
static enum err read_uids(struct kv *kv, uint32_t account, uint32_t mailbox, uint32_t number,
                          uint32_t uids[KEY_BLOCK_MAX], uint32_t *ret_count, uint32_t *ret_below,
                          struct errinfo *why)
{
    struct block_range r = range_of(account, mailbox, number);
    struct kv_iter *it;
    struct key first;
    uint32_t count = 0;
    enum err e;

    key_of_mailbox(&first, TABLE_MEMBERSHIP, account, mailbox);
    it = kv_iter_new(kv, NULL, key_str(&first), key_str(&r.to));
    if (kv_iter_seek_before(it, key_str(&r.from)))
        *ret_below = uid_of_key(kv_iter_key(it)) >> KEY_BLOCK_BITS;
    for (bool on = kv_iter_seek(it, key_str(&r.from)); on && count < KEY_BLOCK_MAX;
         on = kv_iter_next(it))
        uids[count++] = uid_of_key(kv_iter_key(it));
    *ret_count = count;
    e = kv_iter_error(it, why);
    kv_iter_free(it);
    return e;
}

static bool has_row(struct kv *kv, const struct key *k)
{
    struct key to = *k;
    struct kv_iter *it;
    bool found;

    key_end(&to);
    it = kv_iter_new(kv, NULL, key_str(k), key_str(&to));
    found = kv_iter_first(it) && str_eq(kv_iter_key(it), key_str(k));
    kv_iter_free(it);
    return found;
}

enum err mailbox_keys_make_block(struct kv *kv, uint32_t account, uint32_t mailbox, uint32_t number,
                                 struct key_block **ret, uint32_t *ret_below, struct errinfo *why)
{
    const struct mailbox_keys keys = { .account = account, .mailbox = mailbox };
    uint32_t uids[KEY_BLOCK_MAX], count, below = number;
    struct arena *mem = arena_new(0);
    struct making m = { .keys = &keys, .kv = kv, .mem = mem, .why = why };
    struct key_block *made = NULL;
    struct key k;
    enum err e = read_uids(kv, account, mailbox, number, uids, &count, &below, why);

    key_of_key_block(&k, account, mailbox, number);
    if (e == OK && count > 0 && !has_row(kv, &k)) {
        m.entries = ARENA_ARRAY(mem, struct key_entry, KEY_BLOCK_MAX);
        if ((e = make_entries(&m, uids, count)) == OK && m.count > 0)
            made = key_block_new(m.entries, m.count);
    } else if (count > 0) {
        below = number; /* those below were made with it, or before it */
    }
    arena_free(mem);
    if (e != OK)
        return e;
    *ret = made;
    *ret_below = below;
    return OK;
}

enum err mailbox_keys_apply_block(struct kv *kv, uint32_t account, uint32_t mailbox,
                                  const struct key_block *b, struct errinfo *why)
{
    struct block_range r = range_of(account, mailbox, key_block_number(b));
    struct kv_iter *it = kv_iter_new(kv, NULL, key_str(&r.from), key_str(&r.to));
    bool here = kv_iter_first(it);
    struct kv_position position = kv_position(kv);
    struct kv_batch *batch;
    struct key k;
    enum err e = kv_iter_error(it, why);

    kv_iter_free(it);
    if (e != OK || !here)
        return e;
    batch = kv_batch_new(kv);
    key_of_key_block(&k, account, mailbox, key_block_number(b));
    kv_batch_put(batch, key_str(&k), str_from(b->octets, b->octet_count));
    e = kv_apply(kv, batch, &position, why);
    kv_batch_free(batch);
    return e;
}
