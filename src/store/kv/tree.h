/* store/kv/tree.h - an ordered map whose old states stay usable: a treap that copies its paths.
 *
 * Pure (memory only). A struct tree is one reference to one state; tree_share makes another at the
 * cost of a counter, and changing either afterwards copies the path it changes and leaves the other
 * alone. So a snapshot, a savepoint and an undo are all tree_share. Counters are atomic: different
 * threads may read, share and release different struct trees of one origin; one struct tree is used
 * by one thread at a time. Entries live as long as a tree that holds them. An entry may be marked
 * `gone`, which the tree itself ignores. Depth grows with the logarithm of the count (priorities
 * are hashes of the keys, so the same keys always give the same tree). Tests: tree_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_KV_TREE_H
#define POSTERN_STORE_KV_TREE_H

#include "base/str.h"

struct tree_node;

struct tree_entry {
    struct str key, value;
    bool gone;
    unsigned refs;
    uint64_t priority;
};

struct tree {
    struct tree_node *root;
};

struct tree tree_share(const struct tree *t);
void tree_release(struct tree *t); /* leaves it empty */
static inline bool tree_empty(const struct tree *t)
{
    return t->root == NULL;
}

/* Copies key and value; replaces an entry of the same key. */
void tree_put(struct tree *t, struct str key, struct str value, bool gone);
void tree_remove(struct tree *t, struct str key); /* a missing key is fine */

/* The entry of exactly this key, the first >= or >, the last < or at all; null when none. */
const struct tree_entry *tree_get(const struct tree *t, struct str key);
const struct tree_entry *tree_ge(const struct tree *t, struct str key);
const struct tree_entry *tree_gt(const struct tree *t, struct str key);
const struct tree_entry *tree_lt(const struct tree *t, struct str key);
const struct tree_entry *tree_last(const struct tree *t);

#endif
