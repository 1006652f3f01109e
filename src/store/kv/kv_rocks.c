/* SPDX-License-Identifier: Apache-2.0 */
/* The engine on disk: RocksDB through its C interface. Its own log is off, because the journal is
 * the log; so after a crash it shows a prefix of the batches, and the position row, which every
 * batch writes, says which. One column family keeps that prefix the same for all keys. */
#include <rocksdb/c.h>
#include <time.h>
#include <unistd.h>

#include "base/codec.h"
#include "store/kv/clusters.h"
#include "store/kv/kv_engine.h"
#include "store/kv/row_cache.h"

#define MIB ((uint64_t)1024 * 1024)
#define POSITION_KEY STR("\0position")
enum { POSITION_BYTES = 28, LOCK_WAIT_MS = 5000, LOCK_NAP_MS = 20 };

struct rocks_kv {
    struct kv kv;
    rocksdb_t *db;
    rocksdb_options_t *options;
    rocksdb_cache_t *cache;
    rocksdb_readoptions_t *read;
    rocksdb_writeoptions_t *write;
    struct row_cache *rows;
    char *folder;
};

struct rocks_iter {
    struct kv_iter it;
    rocksdb_iterator_t *at;
    rocksdb_readoptions_t *read;
    char *to; /* lives as long as the read options that point to it */
};

static struct rocks_kv *rocks_of(struct kv *kv)
{
    return CONTAINER_OF(kv, struct rocks_kv, kv);
}

/* RocksDB says what kind of failure it was only in words. */
static enum err failed(char *text, const char *doing, struct errinfo *why)
{
    enum err e = ERR_IO;

    if (strstr(text, "No space left") != NULL)
        e = ERR_NO_SPACE;
    else if (strncmp(text, "Corruption", 10) == 0 || strstr(text, "does not match") != NULL)
        e = ERR_CORRUPT;
    (void)err_set(why, e, "tables: cannot %s: %s", doing, text);
    rocksdb_free(text);
    return e;
}

static uint64_t memory_share(uint64_t divisor, uint64_t least, uint64_t most)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    uint64_t all = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page : 1024 * MIB;

    return MAX(least, MIN(most, all / divisor));
}

/* Memory grows with use alone: a memtable takes small blocks as it fills and gives them back when
 * flushed, and the cache holds what was read. So the ceilings may be generous. */
static void set_options(struct rocks_kv *r, const struct kv_rocks_settings *s)
{
    rocksdb_options_t *o = r->options = rocksdb_options_create();
    rocksdb_block_based_table_options_t *t = rocksdb_block_based_options_create();
    uint64_t memtable = s->memtable_bytes, cache = s->cache_bytes;

    if (memtable == 0)
        memtable = memory_share(256, 4 * MIB, 32 * MIB);
    if (cache == 0)
        cache = memory_share(16, 8 * MIB, 512 * MIB);
    rocksdb_options_set_create_if_missing(o, 1);
    rocksdb_options_set_write_buffer_size(o, memtable);
    rocksdb_options_set_arena_block_size(o, MIN(memtable / 8, MIB / 4));
    rocksdb_options_set_max_write_buffer_number(o, 3);
    rocksdb_options_set_compression(o, rocksdb_lz4_compression);
    rocksdb_options_set_max_background_jobs(o, s->jobs == 0 ? 2 : (int)s->jobs);
    rocksdb_options_set_max_open_files(o, 512);
    rocksdb_options_set_max_file_opening_threads(o, 1);
    rocksdb_options_set_target_file_size_base(o, 16 * MIB);
    rocksdb_options_set_max_bytes_for_level_base(o, 64 * MIB);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(o, 1);
    rocksdb_options_set_bytes_per_sync(o, MIB);
    rocksdb_options_set_stats_dump_period_sec(o, 0);
    rocksdb_options_set_stats_persist_period_sec(o, 0);
    rocksdb_options_set_skip_stats_update_on_db_open(o, 1);
    rocksdb_options_set_info_log_level(o, 2); /* warnings */
    rocksdb_options_set_max_log_file_size(o, MIB);
    rocksdb_options_set_keep_log_file_num(o, 2);

    r->cache = rocksdb_cache_create_lru(cache);
    rocksdb_block_based_options_set_block_cache(t, r->cache);
    rocksdb_block_based_options_set_filter_policy(t, rocksdb_filterpolicy_create_bloom_full(10));
    rocksdb_block_based_options_set_format_version(t, 5);
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(t, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(t, 1);
    rocksdb_options_set_block_based_table_factory(o, t);
    rocksdb_block_based_options_destroy(t);
}

static void position_encode(char *at, const struct kv_position *p)
{
    store_u64(at, p->segment);
    store_u64(at + 8, p->offset);
    store_u64(at + 16, p->sequence);
    store_u32(at + 24, p->checksum);
}

static enum err position_load(struct rocks_kv *r, struct errinfo *why)
{
    char *text = NULL;
    size_t len = 0;
    char *value = rocksdb_get(r->db, r->read, POSITION_KEY.at, POSITION_KEY.len, &len, &text);
    enum err e = OK;

    if (text != NULL)
        return failed(text, "read their position", why);
    r->kv.position = (struct kv_position){ 0 };
    if (value != NULL && len != POSITION_BYTES)
        e = err_set(why, ERR_CORRUPT, "tables: the position has %zu octets", len);
    else if (value != NULL)
        r->kv.position = (struct kv_position){ load_u64(value), load_u64(value + 8),
                                               load_u64(value + 16), load_u32(value + 24) };
    rocksdb_free(value);
    return e;
}

/* A keeper that was killed holds the lock until the last of its threads has left the kernel, which
 * may be after its successor begins. Nothing is served before the tables are open, so waiting here
 * holds up nobody. */
static rocksdb_t *open_when_free(struct rocks_kv *r, char **ret_text)
{
    static const struct timespec nap = { .tv_nsec = LOCK_NAP_MS * 1000000L };
    rocksdb_t *db;

    for (unsigned waited = 0;; waited += LOCK_NAP_MS) {
        *ret_text = NULL;
        db = rocksdb_open(r->options, r->folder, ret_text);
        if (*ret_text == NULL || waited >= LOCK_WAIT_MS ||
            strstr(*ret_text, "While lock file") == NULL)
            return db;
        rocksdb_free(*ret_text);
        (void)nanosleep(&nap, NULL);
    }
}

static enum err open_db(struct rocks_kv *r, struct errinfo *why)
{
    char *text = NULL;

    r->db = open_when_free(r, &text);
    if (text != NULL) {
        r->db = NULL;
        return failed(text, "be opened", why);
    }
    return position_load(r, why);
}

static void rocks_close(struct kv *kv)
{
    struct rocks_kv *r = rocks_of(kv);

    if (r->db != NULL)
        rocksdb_close(r->db);
    rocksdb_readoptions_destroy(r->read);
    rocksdb_writeoptions_destroy(r->write);
    rocksdb_options_destroy(r->options);
    rocksdb_cache_destroy(r->cache);
    row_cache_free(r->rows);
    free(r->folder);
    free(r);
}

static struct kv_snapshot *rocks_snapshot_new(struct kv *kv)
{
    return (struct kv_snapshot *)(void *)(uintptr_t)rocksdb_create_snapshot(rocks_of(kv)->db);
}

static const rocksdb_snapshot_t *snapshot_of(const struct kv_snapshot *snap)
{
    return (const rocksdb_snapshot_t *)(const void *)snap;
}

static void rocks_snapshot_free(struct kv *kv, struct kv_snapshot *snap)
{
    rocksdb_release_snapshot(rocks_of(kv)->db, snapshot_of(snap));
}

static enum err get_below(struct rocks_kv *r, const struct kv_snapshot *snap, struct arena *mem,
                          struct str key, bool *ret_found, struct str *ret)
{
    rocksdb_readoptions_t *read = r->read;
    char *text = NULL;
    rocksdb_pinnableslice_t *value;
    size_t len = 0;

    if (snap != NULL) {
        read = rocksdb_readoptions_create();
        rocksdb_readoptions_set_snapshot(read, snapshot_of(snap));
    }
    value = rocksdb_get_pinned(r->db, read, key.at, key.len, &text);
    if (snap != NULL)
        rocksdb_readoptions_destroy(read);
    if (text != NULL)
        return failed(text, "be read", NULL);

    *ret_found = value != NULL;
    if (value != NULL) {
        const char *at = rocksdb_pinnableslice_value(value, &len);

        *ret = arena_copy(mem, str_from(at, len));
        rocksdb_pinnableslice_destroy(value);
    }
    return OK;
}

static enum err rocks_get(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem,
                          struct str key, bool *ret_found, struct str *ret)
{
    struct rocks_kv *r = rocks_of(kv);
    uint64_t state;
    enum err e;

    if (snap != NULL)
        return get_below(r, snap, mem, key, ret_found, ret);
    if (row_cache_find(r->rows, mem, key, ret_found, ret, &state))
        return OK;
    e = get_below(r, NULL, mem, key, ret_found, ret);
    if (e == OK)
        row_cache_bring(r->rows, state, key, *ret_found, *ret_found ? *ret : STR_EMPTY);
    return e;
}

static struct rocks_iter *iter_of(const struct kv_iter *it)
{
    return (struct rocks_iter *)(uintptr_t)CONTAINER_OF(it, const struct rocks_iter, it);
}

static struct str rocks_key(const struct kv_iter *it)
{
    size_t len;
    const char *at = rocksdb_iter_key(iter_of(it)->at, &len);

    return str_from(at, len);
}

static struct str rocks_value(const struct kv_iter *it)
{
    size_t len;
    const char *at = rocksdb_iter_value(iter_of(it)->at, &len);

    return str_from(at, len);
}

static bool rocks_move(struct kv_iter *it, enum kv_move move, struct str key)
{
    rocksdb_iterator_t *at = iter_of(it)->at;

    switch (move) {
    case KV_GE:
        rocksdb_iter_seek(at, key.at, key.len);
        break;
    case KV_LT:
        rocksdb_iter_seek_for_prev(at, key.at, key.len);
        if (rocksdb_iter_valid(at) && str_eq(rocks_key(it), key))
            rocksdb_iter_prev(at);
        break;
    case KV_LAST:
        rocksdb_iter_seek_to_last(at);
        break;
    case KV_NEXT:
        rocksdb_iter_next(at);
        break;
    case KV_PREV:
        rocksdb_iter_prev(at);
        break;
    }
    return rocksdb_iter_valid(at);
}

static enum err rocks_error(const struct kv_iter *it, struct errinfo *why)
{
    char *text = NULL;

    rocksdb_iter_get_error(iter_of(it)->at, &text);
    return text == NULL ? OK : failed(text, "be read", why);
}

static void rocks_iter_free(struct kv_iter *it)
{
    struct rocks_iter *i = iter_of(it);

    rocksdb_iter_destroy(i->at);
    rocksdb_readoptions_destroy(i->read);
    free(i->to);
    free(i);
}

static const struct kv_iter_engine rocks_iter_engine = { rocks_iter_free, rocks_move, rocks_key,
                                                         rocks_value, rocks_error };

static struct kv_iter *rocks_iter_new(struct kv *kv, const struct kv_snapshot *snap, struct str to)
{
    struct rocks_iter *i = calloc(1, sizeof(*i));

    if (i == NULL || (i->to = malloc(to.len + 1)) == NULL)
        BUG("out of memory");
    i->it.engine = &rocks_iter_engine;
    i->read = rocksdb_readoptions_create();
    if (snap != NULL)
        rocksdb_readoptions_set_snapshot(i->read, snapshot_of(snap));
    if (to.len > 0) {
        memcpy(i->to, to.at, to.len);
        rocksdb_readoptions_set_iterate_upper_bound(i->read, i->to, to.len);
    }
    i->at = rocksdb_create_iterator(rocks_of(kv)->db, i->read);
    return &i->it;
}

/* After the tables have taken them. A removed range is rare, and then nothing is known any more. */
static void cache_changes(struct row_cache *rows, const struct kv_batch *b)
{
    struct kv_change c;
    bool ranges = false;

    row_cache_begin(rows);
    for (size_t at = 0; kv_batch_next(b, &at, &c);)
        if (c.kind == KV_DELETE_RANGE)
            ranges = true;
        else
            row_cache_put(rows, c.key, c.kind == KV_PUT, c.value);
    row_cache_end(rows);
    if (ranges)
        row_cache_clear(rows);
}

static void add_change(rocksdb_writebatch_t *batch, const struct kv_change *c)
{
    if (c->kind == KV_PUT)
        rocksdb_writebatch_put(batch, c->key.at, c->key.len, c->value.at, c->value.len);
    else if (c->kind == KV_DELETE)
        rocksdb_writebatch_delete(batch, c->key.at, c->key.len);
    else
        rocksdb_writebatch_delete_range(batch, c->key.at, c->key.len, c->value.at, c->value.len);
}

static void add_changes(rocksdb_writebatch_t *batch, const struct kv_batch *b)
{
    struct kv_change c;
    size_t *places, count;

    if (!clusters_of(b, &places, &count)) {
        for (size_t at = 0; kv_batch_next(b, &at, &c);)
            add_change(batch, &c);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = places[i];

        BUG_ON(!kv_batch_next(b, &at, &c));
        add_change(batch, &c);
    }
    free(places);
}

static enum err rocks_apply(struct kv *kv, const struct kv_batch *b,
                            const struct kv_position *position, struct errinfo *why)
{
    struct rocks_kv *r = rocks_of(kv);
    rocksdb_writebatch_t *batch = rocksdb_writebatch_create();
    char octets[POSITION_BYTES], *text = NULL;

    add_changes(batch, b);
    position_encode(octets, position);
    rocksdb_writebatch_put(batch, POSITION_KEY.at, POSITION_KEY.len, octets, sizeof(octets));

    rocksdb_write(r->db, r->write, batch, &text);
    rocksdb_writebatch_destroy(batch);
    if (text != NULL) {
        row_cache_clear(r->rows);
        return failed(text, "be written", why);
    }
    cache_changes(r->rows, b);
    kv->position = *position;
    return OK;
}

static enum err rocks_flush(struct kv *kv, struct errinfo *why)
{
    rocksdb_flushoptions_t *o = rocksdb_flushoptions_create();
    char *text = NULL;

    rocksdb_flushoptions_set_wait(o, 1);
    rocksdb_flush(rocks_of(kv)->db, o, &text);
    rocksdb_flushoptions_destroy(o);
    return text == NULL ? OK : failed(text, "be flushed", why);
}

/* New tables are quicker to make than old ones to empty, and the space is free at once. */
static enum err rocks_drop_all(struct kv *kv, struct errinfo *why)
{
    struct rocks_kv *r = rocks_of(kv);
    char *text = NULL;

    row_cache_clear(r->rows);
    rocksdb_close(r->db);
    r->db = NULL;
    rocksdb_destroy_db(r->options, r->folder, &text);
    if (text != NULL)
        return failed(text, "be removed", why);
    return open_db(r, why);
}

static enum err rocks_checkpoint(struct kv *kv, struct str path, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct rocks_kv *r = rocks_of(kv);
    char *text = NULL;
    rocksdb_checkpoint_t *c = rocksdb_checkpoint_object_create(r->db, &text);

    if (text != NULL)
        return failed(text, "prepare a checkpoint", why);
    rocksdb_checkpoint_create(c, arena_copy_z(tmp, path), 0, &text);
    rocksdb_checkpoint_object_destroy(c);
    return text == NULL ? OK : failed(text, "make a checkpoint", why);
}

static uint64_t rocks_size(struct kv *kv, struct str from, struct str to)
{
    struct str end = to.len == 0 ? STR("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF") : to;
    uint64_t size = 0;
    char *text = NULL;

    rocksdb_approximate_sizes(rocks_of(kv)->db, 1, &from.at, &from.len, &end.at, &end.len, &size,
                              &text);
    rocksdb_free(text);
    return size;
}

static const struct kv_engine rocks_engine = {
    .close = rocks_close,
    .snapshot_new = rocks_snapshot_new,
    .snapshot_free = rocks_snapshot_free,
    .get = rocks_get,
    .iter_new = rocks_iter_new,
    .apply = rocks_apply,
    .flush = rocks_flush,
    .drop_all = rocks_drop_all,
    .checkpoint = rocks_checkpoint,
    .size = rocks_size,
};

enum err kv_open_rocks(struct str folder, const struct kv_rocks_settings *settings, struct kv **ret,
                       struct errinfo *why)
{
    struct rocks_kv *r = calloc(1, sizeof(*r));
    enum err e;

    if (r == NULL || (r->folder = strndup(folder.at, folder.len)) == NULL)
        BUG("out of memory");
    r->kv.engine = &rocks_engine;
    r->rows = row_cache_new();
    set_options(r, settings);
    r->read = rocksdb_readoptions_create();
    r->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(r->write, 1);
    if ((e = open_db(r, why)) != OK) {
        rocks_close(&r->kv);
        return e;
    }
    *ret = &r->kv;
    return OK;
}

enum err kv_destroy_rocks(struct str folder, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    rocksdb_options_t *o = rocksdb_options_create();
    char *text = NULL;

    rocksdb_destroy_db(o, arena_copy_z(tmp, folder), &text);
    rocksdb_options_destroy(o);
    return text == NULL ? OK : failed(text, "be removed", why);
}
