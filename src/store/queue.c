/* store/queue.c - entries and the index of when they are due. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/queue.h"

/* The earliest next try; INT64_MAX when nobody waits. */
static int64_t next_try_of(const struct queue_entry *entry)
{
    int64_t at = INT64_MAX;

    for (uint32_t i = 0; i < entry->rcpts_count; i++)
        if (entry->rcpts[i].state == QUEUED_WAITING)
            at = MIN(at, entry->rcpts[i].next_try);
    return at;
}

/* Entries of a delivered recipient stand in the index until their report is done. */
static bool is_notice(const struct queue_entry *entry)
{
    return entry->rcpts_count > 0 && entry->rcpts[0].state == QUEUED_DELIVERED &&
           next_try_of(entry) == INT64_MAX;
}

static void due_put(struct txn *t, uint64_t id, struct queue_entry *entry, int64_t at)
{
    struct key k;

    if (entry->due != 0) {
        key_of_due(&k, entry->due, id);
        txn_delete(t, key_str(&k));
    }
    /* 0 means "in no index", so the first second of 1970 is taken for the second one. */
    entry->due = entry->held ? 0 : MAX(at, 1);
    if (entry->due != 0) {
        key_of_due(&k, entry->due, id);
        txn_put(t, key_str(&k), STR_EMPTY);
    }
}

enum err queue_add(struct txn *t, struct queue_entry *entry, uint64_t *ret_id, struct errinfo *why)
{
    struct key k;
    uint64_t id;
    enum err e;

    BUG_ON(entry->rcpts_count == 0);
    if ((e = table_next_number(t, STR("entry"), &id, why)) != OK)
        return e;
    entry->due = 0;
    due_put(t, id, entry, is_notice(entry) ? entry->arrived : next_try_of(entry));
    key_of_queue(&k, id);
    table_put_queue_entry(t, &k, entry);
    *ret_id = id;
    return OK;
}

enum err queue_get(struct kv *kv, struct arena *mem, uint64_t id, bool *ret_found,
                   struct queue_entry *ret, struct errinfo *why)
{
    struct key k;

    key_of_queue(&k, id);
    return table_find_queue_entry(kv, mem, &k, ret_found, ret, why);
}

enum err queue_remove(struct txn *t, uint64_t id, const struct queue_entry *entry,
                      struct errinfo *why)
{
    struct key k;

    if (entry->due != 0) {
        key_of_due(&k, entry->due, id);
        txn_delete(t, key_str(&k));
    }
    key_of_queue(&k, id);
    txn_delete(t, key_str(&k));
    if (txn_body_unref(t, entry->body) != OK)
        return err_set(why, ERR_CORRUPT, "a queue entry has no body");
    return OK;
}

enum err queue_update(struct txn *t, uint64_t id, struct queue_entry *entry, struct errinfo *why)
{
    int64_t at = next_try_of(entry);
    struct key k;

    if (at == INT64_MAX)
        return queue_remove(t, id, entry, why);
    due_put(t, id, entry, at);
    key_of_queue(&k, id);
    table_put_queue_entry(t, &k, entry);
    return OK;
}

enum err queue_report(struct txn *t, uint64_t id, struct queue_entry *entry, int64_t at_s)
{
    struct key k;

    due_put(t, id, entry, at_s);
    key_of_queue(&k, id);
    table_put_queue_entry(t, &k, entry);
    return OK;
}

enum err queue_list(struct kv *kv, struct arena *mem, uint64_t from, uint32_t max,
                    struct queue_found *ret, uint32_t *ret_count, struct errinfo *why)
{
    struct key k, to;
    struct kv_iter *it;
    uint32_t count = 0;
    enum err e = OK;

    key_of_queue(&k, from);
    key_start(&to, TABLE_QUEUE);
    key_end(&to);
    it = kv_iter_new(kv, NULL, key_str(&k), key_str(&to));
    for (bool on = kv_iter_first(it); on && count < max; on = kv_iter_next(it)) {
        struct reader r = key_reader(kv_iter_key(it));

        ret[count].id = get_u64(&r);
        if (queue_entry_get(mem, arena_copy(mem, kv_iter_value(it)), &ret[count].entry) != OK) {
            e = table_damaged(kv_iter_key(it), why);
            break;
        }
        count++;
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    kv_iter_free(it);
    *ret_count = count;
    return e;
}

/* ---- leases ---- */

struct lease_slot {
    struct list link;
    struct lease lease;
};

/* A row of the index of what is due. */
struct due_row {
    int64_t at;
    uint64_t id;
};

struct leases {
    struct map by_number, by_entry;
    struct list all;
    struct due_row free_from; /* every row before it is gone or leased */
    int64_t walked_all_s;
};

static const struct due_row first_row = { INT64_MIN, 0 }, no_row = { INT64_MAX, UINT64_MAX };

struct leases *leases_new(struct siphash_key key)
{
    struct leases *l = calloc(1, sizeof *l);

    if (l == NULL)
        BUG("out of memory");
    map_init(&l->by_number, key);
    map_init(&l->by_entry, key);
    list_init(&l->all);
    leases_walk_all(l);
    return l;
}

void leases_free(struct leases *l)
{
    if (l == NULL)
        return;
    while (!list_empty(&l->all))
        leases_drop(l, &LIST_ITEM(list_first(&l->all), struct lease_slot, link)->lease);
    map_deinit(&l->by_number);
    map_deinit(&l->by_entry);
    free(l);
}

uint64_t leases_count(const struct leases *l)
{
    return l->by_number.count;
}

static struct str number_key(const uint64_t *number)
{
    return str_from(number, sizeof *number);
}

void leases_take(struct leases *l, const struct lease *lease)
{
    struct lease_slot *s = calloc(1, sizeof *s);

    if (s == NULL)
        BUG("out of memory");
    s->lease = *lease;
    list_add_last(&l->all, &s->link);
    (void)map_put(&l->by_number, number_key(&s->lease.number), s);
    (void)map_put(&l->by_entry, number_key(&s->lease.entry), s);
}

struct lease *leases_find(struct leases *l, uint64_t number)
{
    struct lease_slot *s = map_find(&l->by_number, number_key(&number));

    return s == NULL ? NULL : &s->lease;
}

bool leases_has_entry(const struct leases *l, uint64_t entry)
{
    return map_find(&l->by_entry, number_key(&entry)) != NULL;
}

void leases_drop(struct leases *l, struct lease *lease)
{
    struct lease_slot *s = CONTAINER_OF(lease, struct lease_slot, lease);

    (void)map_remove(&l->by_number, number_key(&lease->number));
    (void)map_remove(&l->by_entry, number_key(&lease->entry));
    list_remove(&s->link);
    free(s);
}

bool leases_drop_owner(struct leases *l, const void *owner)
{
    bool any = false;

    LIST_EACH_SAFE(it, &l->all)
    {
        struct lease_slot *s = LIST_ITEM(it, struct lease_slot, link);

        if (s->lease.owner == owner) {
            leases_drop(l, &s->lease);
            any = true;
        }
    }
    if (any)
        leases_walk_all(l);
    return any;
}

bool leases_drop_old(struct leases *l, uint64_t now_ms, uint64_t *ret_next_ms)
{
    bool any = false;

    *ret_next_ms = UINT64_MAX;
    LIST_EACH_SAFE(it, &l->all)
    {
        struct lease_slot *s = LIST_ITEM(it, struct lease_slot, link);

        if (s->lease.until_ms <= now_ms) {
            leases_drop(l, &s->lease);
            any = true;
        } else {
            *ret_next_ms = MIN(*ret_next_ms, s->lease.until_ms);
        }
    }
    if (any)
        leases_walk_all(l);
    return any;
}

/* ---- what is due ---- */

void leases_walk_all(struct leases *l)
{
    l->free_from = first_row;
}

static struct due_row due_row_of(struct str key)
{
    struct reader r = key_reader(key);
    struct due_row row = { .at = key_get_i64(&r) };

    row.id = get_u64(&r);
    return row;
}

void leases_due_came(struct leases *l, struct str key)
{
    struct due_row row = due_row_of(key);

    if (row.at < l->free_from.at || (row.at == l->free_from.at && row.id < l->free_from.id))
        l->free_from = row;
}

static struct kv_iter *due_iter_new(struct leases *l, struct kv *kv, int64_t now_s)
{
    struct key from, to;

    if (now_s - l->walked_all_s >= LEASES_WALK_ALL_S || now_s < l->walked_all_s)
        leases_walk_all(l);
    if (l->free_from.at == first_row.at)
        l->walked_all_s = now_s;
    key_of_due(&from, l->free_from.at, l->free_from.id);
    key_start(&to, TABLE_QUEUE_DUE);
    key_end(&to);
    return kv_iter_new(kv, NULL, key_str(&from), key_str(&to));
}

/* Moves on to a row that nobody works on. */
static bool due_iter_free_row(struct leases *l, struct kv_iter *it, bool on, struct due_row *ret)
{
    for (; on; on = kv_iter_next(it)) {
        *ret = due_row_of(kv_iter_key(it));
        if (!leases_has_entry(l, ret->id))
            return true;
    }
    return false;
}

static enum err due_add(struct kv *kv, struct arena *mem, struct leases_due *due, uint64_t id,
                        struct errinfo *why)
{
    struct queue_found *f = &due->at[due->count++];
    struct key k;
    bool found;
    enum err e = queue_get(kv, mem, id, &found, &f->entry, why);

    f->id = id;
    key_of_queue(&k, id);
    return e == OK && !found ? table_damaged(key_str(&k), why) : e;
}

enum err leases_find_due(struct leases *l, struct kv *kv, struct arena *mem, struct leases_due *due,
                         struct errinfo *why)
{
    struct kv_iter *it = due_iter_new(l, kv, due->now_s);
    struct due_row row, first = no_row;
    enum err e = OK;

    due->count = 0;
    due->next = 0;
    for (bool on = kv_iter_first(it); e == OK && due_iter_free_row(l, it, on, &row);
         on = kv_iter_next(it)) {
        if (first.at == no_row.at)
            first = row;
        if (row.at > due->now_s || due->count == due->max) {
            due->next = MAX(row.at, due->now_s);
            break;
        }
        e = due_add(kv, mem, due, row.id, why);
    }
    if (e == OK)
        e = kv_iter_error(it, why);
    if (e == OK)
        l->free_from = first;
    kv_iter_free(it);
    return e;
}

int64_t leases_next_due(struct leases *l, struct kv *kv, int64_t now_s)
{
    struct kv_iter *it = due_iter_new(l, kv, now_s);
    struct due_row row = no_row;

    if (!due_iter_free_row(l, it, kv_iter_first(it), &row))
        row = no_row;
    if (kv_iter_error(it, NULL) == OK)
        l->free_from = row;
    kv_iter_free(it);
    return row.at;
}
