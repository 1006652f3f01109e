/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/txn.h"

#include "store/journal/batch.h"

static struct txn *txn_of(struct kv *view)
{
    return CONTAINER_OF(view, struct txn, view);
}

/* The overlay as a table: an entry there, even a gone one, hides the row below. */
static enum err view_get(struct kv *view, const struct kv_snapshot *snap, struct arena *mem,
                         struct str key, bool *ret_found, struct str *ret)
{
    struct txn *t = txn_of(view);
    const struct tree_entry *e = tree_get(&t->overlay, key);

    BUG_ON(snap != NULL);
    if (e == NULL)
        return kv_get(t->base, NULL, mem, key, ret_found, ret);
    *ret_found = !e->gone;
    if (!e->gone)
        *ret = arena_copy(mem, e->value);
    return OK;
}

/* Two walkers side by side. `at` is a copy of the current key, from which either can be put back
 * on its way when the direction changes. Going forward, both stand behind `at` or on it; `below`
 * says that the row comes from the base, whose iterator then still stands on it. */
struct view_iter {
    struct kv_iter it;
    struct kv_iter *base;
    struct tree overlay;
    const struct tree_entry *over;
    bool base_valid, below, forward;
    struct buf at;
};

static struct view_iter *view_iter_of(const struct kv_iter *it)
{
    return (struct view_iter *)(uintptr_t)CONTAINER_OF(it, const struct view_iter, it);
}

static bool settle(struct view_iter *v, struct str key, bool below)
{
    v->below = below;
    buf_clear(&v->at);
    buf_add(&v->at, key);
    return true;
}

/* Forward: the smaller of the two keys is next; at equal keys the overlay's counts. */
static bool settle_forward(struct view_iter *v)
{
    while (v->base_valid || v->over != NULL) {
        int order = v->over == NULL  ? 1
                    : !v->base_valid ? -1
                                     : str_cmp(v->over->key, kv_iter_key(v->base));

        if (order > 0)
            return settle(v, kv_iter_key(v->base), true);
        if (order == 0)
            v->base_valid = kv_iter_next(v->base);
        if (!v->over->gone)
            return settle(v, v->over->key, false);
        v->over = tree_gt(&v->overlay, v->over->key);
    }
    return false;
}

static bool settle_back(struct view_iter *v)
{
    while (v->base_valid || v->over != NULL) {
        int order = v->over == NULL  ? -1
                    : !v->base_valid ? 1
                                     : str_cmp(v->over->key, kv_iter_key(v->base));

        if (order < 0)
            return settle(v, kv_iter_key(v->base), true);
        if (order == 0)
            v->base_valid = kv_iter_prev(v->base);
        if (!v->over->gone)
            return settle(v, v->over->key, false);
        v->over = tree_lt(&v->overlay, v->over->key);
    }
    return false;
}

static bool seek_before(struct view_iter *v, struct str key)
{
    v->forward = false;
    v->base_valid = kv_iter_seek_before(v->base, key);
    v->over = tree_lt(&v->overlay, key);
    return settle_back(v);
}

static bool step_forward(struct view_iter *v)
{
    SCRATCH(tmp, NULL);
    struct str at = arena_copy(tmp, buf_str(&v->at));

    if (!v->forward) {
        v->forward = true;
        v->base_valid = kv_iter_seek(v->base, at);
        if (v->base_valid && str_eq(kv_iter_key(v->base), at))
            v->base_valid = kv_iter_next(v->base);
        v->over = tree_gt(&v->overlay, at);
    } else if (v->below) {
        v->base_valid = kv_iter_next(v->base);
    } else {
        v->over = tree_gt(&v->overlay, at);
    }
    return settle_forward(v);
}

static bool view_move(struct kv_iter *it, enum kv_move move, struct str key)
{
    struct view_iter *v = view_iter_of(it);
    SCRATCH(tmp, NULL);

    switch (move) {
    case KV_GE:
        v->forward = true;
        v->base_valid = kv_iter_seek(v->base, key);
        v->over = tree_ge(&v->overlay, key);
        return settle_forward(v);
    case KV_LT:
        return seek_before(v, key);
    case KV_LAST:
        v->forward = false;
        v->base_valid = kv_iter_last(v->base);
        v->over = tree_last(&v->overlay);
        return settle_back(v);
    case KV_NEXT:
        return step_forward(v);
    case KV_PREV:
        return seek_before(v, arena_copy(tmp, buf_str(&v->at)));
    }
    return false;
}

static struct str view_key(const struct kv_iter *it)
{
    return buf_str(&view_iter_of(it)->at);
}

static struct str view_value(const struct kv_iter *it)
{
    const struct view_iter *v = view_iter_of(it);

    return v->below ? kv_iter_value(v->base) : v->over->value;
}

static enum err view_error(const struct kv_iter *it, struct errinfo *why)
{
    return kv_iter_error(view_iter_of(it)->base, why);
}

static void view_iter_free(struct kv_iter *it)
{
    struct view_iter *v = view_iter_of(it);

    kv_iter_free(v->base);
    tree_release(&v->overlay);
    buf_deinit(&v->at);
    free(v);
}

static const struct kv_iter_engine view_iter_engine = { view_iter_free, view_move, view_key,
                                                        view_value, view_error };

static struct kv_iter *view_iter_new(struct kv *view, const struct kv_snapshot *snap, struct str to)
{
    struct txn *t = txn_of(view);
    struct view_iter *v = calloc(1, sizeof(*v));

    BUG_ON(snap != NULL);
    if (v == NULL)
        BUG("out of memory");
    v->it.engine = &view_iter_engine;
    v->base = kv_iter_new(t->base, NULL, STR_EMPTY, to);
    v->overlay = tree_share(&t->overlay);
    return &v->it;
}

static uint64_t view_size(struct kv *view, struct str from, struct str to)
{
    return kv_size(txn_of(view)->base, from, to);
}

/* Only what reads; a txn is changed through txn_put and txn_delete. */
static const struct kv_engine view_engine = { .get = view_get,
                                              .iter_new = view_iter_new,
                                              .size = view_size };

void txn_init(struct txn *t, struct kv *base)
{
    *t = (struct txn){ .view = { .engine = &view_engine }, .base = base };
}

void txn_deinit(struct txn *t)
{
    tree_release(&t->overlay);
    buf_deinit(&t->encoded);
}

void txn_begin(struct txn *t, struct arena *mem)
{
    t->mem = mem;
    t->bytes = 0;
    t->grows = false;
    t->ops = NULL;
    t->op_count = t->op_cap = 0;
    t->bodies = NULL;
    t->body_count = t->body_cap = 0;
    buf_clear(&t->encoded);
}

void txn_finish(struct txn *t, struct request *r)
{
    r->ops = t->ops;
    r->op_count = t->op_count;
    r->record = (struct append_record){ .next_body = t->next_body,
                                        .ops = arena_copy(t->mem, buf_str(&t->encoded)),
                                        .bodies = t->bodies,
                                        .body_count = t->body_count };
    if (t->encoded.len > 0 || t->body_count > 0)
        r->record.sequence = t->sequence;
}

enum err txn_get(struct txn *t, struct arena *mem, struct str key, bool *ret_found, struct str *ret)
{
    return view_get(&t->view, NULL, mem, key, ret_found, ret);
}

static void note(struct txn *t, const struct record_op *op)
{
    if (t->op_count == t->op_cap) {
        size_t cap = t->op_cap == 0 ? 8 : t->op_cap * 2;
        struct txn_op *more = ARENA_ARRAY(t->mem, struct txn_op, cap);

        if (t->op_count > 0)
            memcpy(more, t->ops, t->op_count * sizeof(*more));
        t->ops = more;
        t->op_cap = cap;
    }
    t->ops[t->op_count++] =
        (struct txn_op){ .kind = op->kind == OP_PUT ? TXN_PUT : TXN_DELETE,
                         .key = arena_copy(t->mem, op->key),
                         .value = op->kind == OP_PUT ? arena_copy(t->mem, op->value) : STR_EMPTY };
}

static void change(struct txn *t, const struct record_op *op)
{
    BUG_ON(op->key.len == 0 || op->key.len > KV_KEY_BYTES_MAX || op->key.at[0] == '\0');
    BUG_ON(op->value.len > KV_VALUE_BYTES_MAX);
    record_op_put(&t->encoded, op);
    tree_put(&t->overlay, op->key, op->value, op->kind != OP_PUT);
    t->bytes += op->key.len + op->value.len;
    if (!journal_key_is_own(op->key))
        note(t, op);
}

void txn_put(struct txn *t, struct str key, struct str value)
{
    change(t, &(struct record_op){ .kind = OP_PUT, .key = key, .value = value });
}

void txn_delete(struct txn *t, struct str key)
{
    change(t, &(struct record_op){ .kind = OP_DELETE, .key = key, .value = STR_EMPTY });
}

void txn_grave(struct txn *t, struct str key, uint64_t origin)
{
    change(t, &(struct record_op){
                  .kind = OP_GRAVE, .key = key, .value = STR_EMPTY, .origin = origin });
}

struct kv *txn_kv(struct txn *t)
{
    return &t->view;
}

bool txn_touched(const struct txn *t, struct str from, struct str to)
{
    const struct tree_entry *e = tree_ge(&t->overlay, from);

    return e != NULL && str_cmp(e->key, to) < 0;
}

struct kv_iter *txn_iter(struct txn *t, struct str from, struct str to)
{
    return kv_iter_new(&t->view, NULL, from, to);
}

static struct append_body *add_body(struct txn *t)
{
    if (t->body_count == t->body_cap) {
        size_t cap = t->body_cap == 0 ? 2 : t->body_cap * 2;
        struct append_body *more = ARENA_ARRAY(t->mem, struct append_body, cap);

        if (t->body_count > 0)
            memcpy(more, t->bodies, t->body_count * sizeof(*more));
        t->bodies = more;
        t->body_cap = cap;
    }
    return &t->bodies[t->body_count++];
}

uint64_t txn_body_new(struct txn *t, const struct body_source *source)
{
    char key[JOURNAL_KEY_BYTES];
    uint64_t id = t->next_body++;

    *add_body(t) = (struct append_body){ .id = id, .source = *source };
    t->bytes += source->prefix.len + source->bytes.len;
    t->bytes += source->spool == NULL ? 0 : source->spool_len;
    t->grows = true;
    /* Its place is not known yet; that there is an entry says that the body exists. */
    tree_put(&t->overlay, journal_key(key, 'B', id), STR_EMPTY, false);
    return id;
}

void txn_body_copy(struct txn *t, uint64_t id, struct file *file, const struct body_place *from)
{
    *add_body(t) = (struct append_body){ .id = id, .copy = file, .from = *from };
    t->bytes += from->stored_len;
}

/* A body without a row 'R' has one reference. */
static enum err references(struct txn *t, uint64_t body, uint64_t *ret)
{
    SCRATCH(tmp, NULL);
    char key[JOURNAL_KEY_BYTES];
    struct str value;
    bool found;
    enum err e;

    if ((e = txn_get(t, tmp, journal_key(key, 'B', body), &found, &value)) != OK)
        return e;
    if (!found)
        return ERR_NOT_FOUND;
    if ((e = txn_get(t, tmp, journal_key(key, 'R', body), &found, &value)) != OK)
        return e;
    if (!found) {
        *ret = 1;
        return OK;
    }
    struct reader r = reader_of(value);
    uint64_t count = get_varint(&r);
    if (!reader_done(&r) || count < 2)
        return ERR_CORRUPT;
    *ret = count;
    return OK;
}

static void put_references(struct txn *t, uint64_t body, uint64_t count)
{
    struct buf value = { 0 };
    char key[JOURNAL_KEY_BYTES];

    put_varint(&value, count);
    txn_put(t, journal_key(key, 'R', body), buf_str(&value));
    buf_deinit(&value);
}

enum err txn_body_ref(struct txn *t, uint64_t body)
{
    uint64_t count;
    enum err e = references(t, body, &count);

    if (e == OK)
        put_references(t, body, count + 1);
    return e;
}

enum err txn_body_unref(struct txn *t, uint64_t body)
{
    char key[JOURNAL_KEY_BYTES];
    uint64_t count;
    enum err e = references(t, body, &count);

    if (e != OK)
        return e;
    if (count > 2)
        put_references(t, body, count - 1);
    else
        txn_delete(t, journal_key(key, count == 2 ? 'R' : 'B', body));
    return OK;
}

uint64_t txn_sequence(const struct txn *t)
{
    return t->sequence;
}
