/* SPDX-License-Identifier: Apache-2.0 */
/* The engine in memory: one tree, of which snapshots and iterators share states. The lock guards
 * the one struct tree that changes; what readers walk is their own share and needs none. */
#include <pthread.h>

#include "store/kv/kv_engine.h"
#include "store/kv/tree.h"

struct mem_kv {
    struct kv kv;
    pthread_mutex_t lock;
    struct tree tree;
};

struct kv_snapshot {
    struct tree tree;
};

struct mem_iter {
    struct kv_iter it;
    struct tree tree;
    const struct tree_entry *at;
};

static struct mem_kv *mem_of(struct kv *kv)
{
    return CONTAINER_OF(kv, struct mem_kv, kv);
}

static void *take_zeroed(size_t size)
{
    void *p = calloc(1, size);

    if (p == NULL)
        BUG("out of memory");
    return p;
}

static struct tree share(struct mem_kv *m, const struct kv_snapshot *snap)
{
    if (snap != NULL)
        return tree_share(&snap->tree);
    (void)pthread_mutex_lock(&m->lock);
    struct tree t = tree_share(&m->tree);
    (void)pthread_mutex_unlock(&m->lock);
    return t;
}

static void mem_close(struct kv *kv)
{
    struct mem_kv *m = mem_of(kv);

    tree_release(&m->tree);
    (void)pthread_mutex_destroy(&m->lock);
    free(m);
}

static struct kv_snapshot *mem_snapshot_new(struct kv *kv)
{
    struct kv_snapshot *snap = take_zeroed(sizeof(*snap));

    snap->tree = share(mem_of(kv), NULL);
    return snap;
}

static void mem_snapshot_free(struct kv *kv, struct kv_snapshot *snap)
{
    (void)kv;
    tree_release(&snap->tree);
    free(snap);
}

static enum err mem_get(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem,
                        struct str key, bool *ret_found, struct str *ret)
{
    struct tree t = share(mem_of(kv), snap);
    const struct tree_entry *e = tree_get(&t, key);

    *ret_found = e != NULL;
    if (e != NULL)
        *ret = arena_copy(mem, e->value);
    tree_release(&t);
    return OK;
}

static bool mem_move(struct kv_iter *it, enum kv_move move, struct str key)
{
    struct mem_iter *m = CONTAINER_OF(it, struct mem_iter, it);

    switch (move) {
    case KV_GE:
        m->at = tree_ge(&m->tree, key);
        break;
    case KV_LT:
        m->at = tree_lt(&m->tree, key);
        break;
    case KV_LAST:
        m->at = tree_last(&m->tree);
        break;
    case KV_NEXT:
        m->at = tree_gt(&m->tree, m->at->key);
        break;
    case KV_PREV:
        m->at = tree_lt(&m->tree, m->at->key);
        break;
    }
    return m->at != NULL;
}

static struct str mem_key(const struct kv_iter *it)
{
    return CONTAINER_OF(it, const struct mem_iter, it)->at->key;
}

static struct str mem_value(const struct kv_iter *it)
{
    return CONTAINER_OF(it, const struct mem_iter, it)->at->value;
}

static enum err mem_error(const struct kv_iter *it, struct errinfo *why)
{
    (void)it;
    (void)why;
    return OK;
}

static void mem_iter_free(struct kv_iter *it)
{
    struct mem_iter *m = CONTAINER_OF(it, struct mem_iter, it);

    tree_release(&m->tree);
    free(m);
}

static const struct kv_iter_engine mem_iter_engine = { mem_iter_free, mem_move, mem_key, mem_value,
                                                       mem_error };

static struct kv_iter *mem_iter_new(struct kv *kv, const struct kv_snapshot *snap, struct str to)
{
    struct mem_iter *m = take_zeroed(sizeof(*m));

    (void)to;
    m->it.engine = &mem_iter_engine;
    m->tree = share(mem_of(kv), snap);
    return &m->it;
}

static void remove_range(struct tree *t, struct str from, struct str to)
{
    const struct tree_entry *e;

    while ((e = tree_ge(t, from)) != NULL && str_cmp(e->key, to) < 0) {
        SCRATCH(tmp, NULL);

        tree_remove(t, arena_copy(tmp, e->key));
    }
}

/* The changes are made under the lock, on the shared struct itself: while no snapshot is held
 * nothing needs to be copied. */
static enum err mem_apply(struct kv *kv, const struct kv_batch *b,
                          const struct kv_position *position, struct errinfo *why)
{
    struct mem_kv *m = mem_of(kv);
    struct kv_change c;

    (void)why;
    (void)pthread_mutex_lock(&m->lock);
    for (size_t at = 0; kv_batch_next(b, &at, &c);)
        if (c.kind == KV_PUT)
            tree_put(&m->tree, c.key, c.value, false);
        else if (c.kind == KV_DELETE)
            tree_remove(&m->tree, c.key);
        else
            remove_range(&m->tree, c.key, c.value);
    kv->position = *position;
    (void)pthread_mutex_unlock(&m->lock);
    return OK;
}

static enum err mem_flush(struct kv *kv, struct errinfo *why)
{
    (void)kv;
    (void)why;
    return OK;
}

static enum err mem_drop_all(struct kv *kv, struct errinfo *why)
{
    struct mem_kv *m = mem_of(kv);

    (void)why;
    (void)pthread_mutex_lock(&m->lock);
    tree_release(&m->tree);
    kv->position = (struct kv_position){ 0 };
    (void)pthread_mutex_unlock(&m->lock);
    return OK;
}

static enum err mem_checkpoint(struct kv *kv, struct str path, struct errinfo *why)
{
    (void)kv;
    (void)path;
    return err_set(why, ERR_UNSUPPORTED, "tables in memory cannot be copied to a folder");
}

static uint64_t mem_size(struct kv *kv, struct str from, struct str to)
{
    struct tree t = share(mem_of(kv), NULL);
    uint64_t sum = 0;

    for (const struct tree_entry *e = tree_ge(&t, from);
         e != NULL && (to.len == 0 || str_cmp(e->key, to) < 0); e = tree_gt(&t, e->key))
        sum += e->key.len + e->value.len;
    tree_release(&t);
    return sum;
}

static const struct kv_engine mem_engine = {
    .close = mem_close,
    .snapshot_new = mem_snapshot_new,
    .snapshot_free = mem_snapshot_free,
    .get = mem_get,
    .iter_new = mem_iter_new,
    .apply = mem_apply,
    .flush = mem_flush,
    .drop_all = mem_drop_all,
    .checkpoint = mem_checkpoint,
    .size = mem_size,
    .is_volatile = true,
};

struct kv *kv_new_mem(void)
{
    struct mem_kv *m = take_zeroed(sizeof(*m));

    m->kv.engine = &mem_engine;
    (void)pthread_mutex_init(&m->lock, NULL);
    return &m->kv;
}
