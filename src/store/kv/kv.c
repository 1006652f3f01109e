/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kv/kv.h"

#include "store/kv/kv_engine.h"

/* A batch is a flat list of changes, the same for all engines: kind, two lengths, octets. */
struct kv_batch {
    struct buf list;
};

struct change_head {
    uint32_t kind, key_len, value_len;
};

void kv_close(struct kv *kv)
{
    if (kv != NULL)
        kv->engine->close(kv);
}

struct kv_snapshot *kv_snapshot_new(struct kv *kv)
{
    return kv->engine->snapshot_new(kv);
}

void kv_snapshot_free(struct kv *kv, struct kv_snapshot *snap)
{
    if (snap != NULL)
        kv->engine->snapshot_free(kv, snap);
}

enum err kv_get(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem, struct str key,
                bool *ret_found, struct str *ret)
{
    return kv->engine->get(kv, snap, mem, key, ret_found, ret);
}

struct kv_iter *kv_iter_new(struct kv *kv, const struct kv_snapshot *snap, struct str from,
                            struct str to)
{
    struct kv_iter *it = kv->engine->iter_new(kv, snap, to);

    if (str_cmp(from, KV_FIRST_KEY) < 0)
        from = KV_FIRST_KEY;
    (void)buf_reserve(&it->bounds, from.len + to.len + 1);
    buf_add(&it->bounds, from);
    buf_add(&it->bounds, to);
    it->from = str_take(buf_str(&it->bounds), from.len);
    it->to = str_skip(buf_str(&it->bounds), from.len);
    it->valid = false;
    return it;
}

void kv_iter_free(struct kv_iter *it)
{
    if (it == NULL)
        return;
    buf_deinit(&it->bounds);
    it->engine->free(it);
}

static bool moved(struct kv_iter *it, enum kv_move move, struct str key)
{
    it->valid = it->engine->move(it, move, key);
    if (it->valid) {
        struct str at = it->engine->key(it);

        it->valid = str_cmp(at, it->from) >= 0 && (it->to.len == 0 || str_cmp(at, it->to) < 0);
    }
    return it->valid;
}

bool kv_iter_first(struct kv_iter *it)
{
    return moved(it, KV_GE, it->from);
}

bool kv_iter_last(struct kv_iter *it)
{
    return it->to.len == 0 ? moved(it, KV_LAST, STR_EMPTY) : moved(it, KV_LT, it->to);
}

bool kv_iter_seek(struct kv_iter *it, struct str key)
{
    return moved(it, KV_GE, str_cmp(key, it->from) < 0 ? it->from : key);
}

bool kv_iter_seek_before(struct kv_iter *it, struct str key)
{
    return moved(it, KV_LT, it->to.len > 0 && str_cmp(key, it->to) > 0 ? it->to : key);
}

bool kv_iter_next(struct kv_iter *it)
{
    return it->valid && moved(it, KV_NEXT, STR_EMPTY);
}

bool kv_iter_prev(struct kv_iter *it)
{
    return it->valid && moved(it, KV_PREV, STR_EMPTY);
}

struct str kv_iter_key(const struct kv_iter *it)
{
    BUG_ON(!it->valid);
    return it->engine->key(it);
}

struct str kv_iter_value(const struct kv_iter *it)
{
    BUG_ON(!it->valid);
    return it->engine->value(it);
}

enum err kv_iter_error(const struct kv_iter *it, struct errinfo *why)
{
    return it->engine->error(it, why);
}

struct kv_batch *kv_batch_new(struct kv *kv)
{
    struct kv_batch *b = calloc(1, sizeof(*b));

    (void)kv;
    if (b == NULL)
        BUG("out of memory");
    return b;
}

void kv_batch_free(struct kv_batch *b)
{
    if (b == NULL)
        return;
    buf_deinit(&b->list);
    free(b);
}

enum { BATCH_BYTES_KEPT = 64 * 1024 };

void kv_batch_clear(struct kv_batch *b)
{
    buf_clear(&b->list);
    buf_shrink(&b->list, BATCH_BYTES_KEPT);
}

static void add(struct kv_batch *b, enum kv_change_kind kind, struct str key, struct str value)
{
    struct change_head head = { kind, (uint32_t)key.len, (uint32_t)value.len };

    BUG_ON(key.len == 0 || key.len > KV_KEY_BYTES_MAX || key.at[0] == '\0');
    BUG_ON(value.len > KV_VALUE_BYTES_MAX);
    buf_add(&b->list, str_from(&head, sizeof(head)));
    buf_add(&b->list, key);
    buf_add(&b->list, value);
}

void kv_batch_put(struct kv_batch *b, struct str key, struct str value)
{
    add(b, KV_PUT, key, value);
}

void kv_batch_delete(struct kv_batch *b, struct str key)
{
    add(b, KV_DELETE, key, STR_EMPTY);
}

void kv_batch_delete_range(struct kv_batch *b, struct str from, struct str to)
{
    if (str_cmp(from, to) < 0)
        add(b, KV_DELETE_RANGE, from, to);
}

bool kv_batch_next(const struct kv_batch *b, size_t *at, struct kv_change *ret)
{
    struct str rest = str_skip(buf_str(&b->list), *at);
    struct change_head head;

    if (rest.len == 0)
        return false;
    memcpy(&head, rest.at, sizeof(head));
    rest = str_skip(rest, sizeof(head));
    *ret = (struct kv_change){ .kind = (enum kv_change_kind)head.kind,
                               .key = str_take(rest, head.key_len),
                               .value = str_sub(rest, head.key_len, head.value_len) };
    *at += sizeof(head) + head.key_len + head.value_len;
    return true;
}

enum err kv_apply(struct kv *kv, struct kv_batch *b, const struct kv_position *position,
                  struct errinfo *why)
{
    return kv->engine->apply(kv, b, position, why);
}

struct kv_position kv_position(struct kv *kv)
{
    return kv->position;
}

enum err kv_flush(struct kv *kv, struct errinfo *why)
{
    return kv->engine->flush(kv, why);
}

enum err kv_drop_all(struct kv *kv, struct errinfo *why)
{
    return kv->engine->drop_all(kv, why);
}

enum err kv_checkpoint(struct kv *kv, struct str path, struct errinfo *why)
{
    return kv->engine->checkpoint(kv, path, why);
}

uint64_t kv_size(struct kv *kv, struct str from, struct str to)
{
    return kv->engine->size(kv, from, to);
}

bool kv_is_volatile(const struct kv *kv)
{
    return kv->engine->is_volatile;
}
