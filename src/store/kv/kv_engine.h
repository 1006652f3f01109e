/* store/kv/kv_engine.h - what an engine of kv.h supplies; for engines and overlays only.
 *
 * kv.c checks bounds and keys and holds the batch; an engine embeds struct kv and struct kv_iter as
 * its first member and fills in the functions. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_KV_KV_ENGINE_H
#define POSTERN_STORE_KV_KV_ENGINE_H

#include "base/buf.h"
#include "store/kv/kv.h"

/* KV_LAST goes to the last key of all; NEXT and PREV start from a key. */
enum kv_move { KV_GE, KV_LT, KV_LAST, KV_NEXT, KV_PREV };

struct kv_engine {
    void (*close)(struct kv *kv);
    struct kv_snapshot *(*snapshot_new)(struct kv *kv);
    void (*snapshot_free)(struct kv *kv, struct kv_snapshot *snap);
    enum err (*get)(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem,
                    struct str key, bool *ret_found, struct str *ret);
    /* `to` is a hint: nothing at or after it will be asked for, unless it is empty. */
    struct kv_iter *(*iter_new)(struct kv *kv, const struct kv_snapshot *snap, struct str to);
    enum err (*apply)(struct kv *kv, const struct kv_batch *b, const struct kv_position *position,
                      struct errinfo *why);
    enum err (*flush)(struct kv *kv, struct errinfo *why);
    enum err (*drop_all)(struct kv *kv, struct errinfo *why);
    enum err (*checkpoint)(struct kv *kv, struct str path, struct errinfo *why);
    uint64_t (*size)(struct kv *kv, struct str from, struct str to);
    bool is_volatile;
};

struct kv {
    const struct kv_engine *engine;
    struct kv_position position;
};

struct kv_iter_engine {
    void (*free)(struct kv_iter *it);
    bool (*move)(struct kv_iter *it, enum kv_move move, struct str key);
    struct str (*key)(const struct kv_iter *it);
    struct str (*value)(const struct kv_iter *it);
    enum err (*error)(const struct kv_iter *it, struct errinfo *why);
};

struct kv_iter {
    const struct kv_iter_engine *engine;
    struct buf bounds; /* octets of from and to */
    struct str from, to;
    bool valid;
};

enum kv_change_kind { KV_PUT = 1, KV_DELETE, KV_DELETE_RANGE };

struct kv_change {
    enum kv_change_kind kind;
    struct str key, value; /* value is the end of a KV_DELETE_RANGE */
};

/* Walks a batch: start with *at = 0; false at the end. */
bool kv_batch_next(const struct kv_batch *b, size_t *at, struct kv_change *ret);

/* Where the octet-0 keys of the engines end and everybody else's begin. */
#define KV_FIRST_KEY STR("\x01")

#endif
