/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kv/tree.h"

#include "base/checksum.h"

/* A node is shared by all states that have not changed below it; a path is changed in place where
 * nobody else refers to it and copied where somebody does. Entries are shared between the copies of
 * their nodes, so copying a path copies no octets. */
struct tree_node {
    struct tree_node *left, *right;
    struct tree_entry *entry;
    unsigned refs;
};

static void ref(unsigned *refs)
{
    (void)__atomic_add_fetch(refs, 1, __ATOMIC_RELAXED);
}

static bool unref(unsigned *refs)
{
    return __atomic_sub_fetch(refs, 1, __ATOMIC_ACQ_REL) == 0;
}

static void *take(size_t size)
{
    void *p = malloc(size);

    if (p == NULL)
        BUG("out of memory");
    return p;
}

static struct tree_entry *entry_new(struct str key, struct str value, bool gone)
{
    struct tree_entry *e = take(sizeof(*e) + key.len + value.len);
    char *at = (char *)(e + 1);

    if (key.len > 0)
        memcpy(at, key.at, key.len);
    if (value.len > 0)
        memcpy(at + key.len, value.at, value.len);
    *e = (struct tree_entry){ .key = { at, key.len },
                              .value = { at + key.len, value.len },
                              .gone = gone,
                              .refs = 1,
                              .priority = checksum_xxh3(key) };
    return e;
}

static void entry_release(struct tree_entry *e)
{
    if (unref(&e->refs))
        free(e);
}

static struct tree_node *node_new(struct tree_node *left, struct tree_node *right,
                                  struct tree_entry *entry)
{
    struct tree_node *n = take(sizeof(*n));

    *n = (struct tree_node){ .left = left, .right = right, .entry = entry, .refs = 1 };
    return n;
}

/* Recursion here and below is as deep as the tree, which hashed priorities keep logarithmic. */
static void node_release(struct tree_node *n)
{
    if (n == NULL || !unref(&n->refs))
        return;
    node_release(n->left);
    node_release(n->right);
    entry_release(n->entry);
    free(n);
}

/* Trades a reference to `n` for a node that only the caller refers to. */
static struct tree_node *node_own(struct tree_node *n)
{
    if (__atomic_load_n(&n->refs, __ATOMIC_ACQUIRE) == 1)
        return n;

    struct tree_node *copy = node_new(n->left, n->right, n->entry);

    if (n->left != NULL)
        ref(&n->left->refs);
    if (n->right != NULL)
        ref(&n->right->refs);
    ref(&n->entry->refs);
    node_release(n);
    return copy;
}

static struct tree_node *rotate_right(struct tree_node *n)
{
    struct tree_node *up = n->left;

    n->left = up->right;
    up->right = n;
    return up;
}

static struct tree_node *rotate_left(struct tree_node *n)
{
    struct tree_node *up = n->right;

    n->right = up->left;
    up->left = n;
    return up;
}

/* Consumes the references to `n` and `e`; the node returned is the caller's alone, which is what
 * allows the rotations to change it. */
static struct tree_node *node_put(struct tree_node *n, struct tree_entry *e)
{
    if (n == NULL)
        return node_new(NULL, NULL, e);
    n = node_own(n);

    int order = str_cmp(e->key, n->entry->key);
    if (order == 0) {
        entry_release(n->entry);
        n->entry = e;
    } else if (order < 0) {
        n->left = node_put(n->left, e);
        if (n->left->entry->priority > n->entry->priority)
            return rotate_right(n);
    } else {
        n->right = node_put(n->right, e);
        if (n->right->entry->priority > n->entry->priority)
            return rotate_left(n);
    }
    return n;
}

/* Joins two trees of which every key of `a` is before every key of `b`. Consumes both. */
static struct tree_node *node_join(struct tree_node *a, struct tree_node *b)
{
    if (a == NULL)
        return b;
    if (b == NULL)
        return a;
    if (a->entry->priority >= b->entry->priority) {
        a = node_own(a);
        a->right = node_join(a->right, b);
        return a;
    }
    b = node_own(b);
    b->left = node_join(a, b->left);
    return b;
}

/* Consumes the reference to `n`; `key` must be in it. */
static struct tree_node *node_remove(struct tree_node *n, struct str key)
{
    n = node_own(n);

    int order = str_cmp(key, n->entry->key);
    if (order < 0) {
        n->left = node_remove(n->left, key);
        return n;
    }
    if (order > 0) {
        n->right = node_remove(n->right, key);
        return n;
    }
    struct tree_node *rest = node_join(n->left, n->right);
    n->left = n->right = NULL;
    node_release(n);
    return rest;
}

struct tree tree_share(const struct tree *t)
{
    if (t->root != NULL)
        ref(&t->root->refs);
    return *t;
}

void tree_release(struct tree *t)
{
    node_release(t->root);
    t->root = NULL;
}

void tree_put(struct tree *t, struct str key, struct str value, bool gone)
{
    t->root = node_put(t->root, entry_new(key, value, gone));
}

void tree_remove(struct tree *t, struct str key)
{
    if (tree_get(t, key) != NULL)
        t->root = node_remove(t->root, key);
}

const struct tree_entry *tree_get(const struct tree *t, struct str key)
{
    const struct tree_entry *e = tree_ge(t, key);

    return e != NULL && str_eq(e->key, key) ? e : NULL;
}

/* The leftmost entry whose comparison with `key` is at least `order_min` (0: >=, 1: >). */
static const struct tree_entry *leftmost(const struct tree *t, struct str key, int order_min)
{
    const struct tree_entry *best = NULL;

    for (const struct tree_node *n = t->root; n != NULL;) {
        int order = str_cmp(n->entry->key, key);

        if (order > 0 || (order == 0 && order_min == 0)) {
            best = n->entry;
            n = n->left;
        } else {
            n = n->right;
        }
    }
    return best;
}

const struct tree_entry *tree_ge(const struct tree *t, struct str key)
{
    return leftmost(t, key, 0);
}

const struct tree_entry *tree_gt(const struct tree *t, struct str key)
{
    return leftmost(t, key, 1);
}

const struct tree_entry *tree_lt(const struct tree *t, struct str key)
{
    const struct tree_entry *best = NULL;

    for (const struct tree_node *n = t->root; n != NULL;) {
        if (str_cmp(n->entry->key, key) < 0) {
            best = n->entry;
            n = n->right;
        } else {
            n = n->left;
        }
    }
    return best;
}

const struct tree_entry *tree_last(const struct tree *t)
{
    const struct tree_entry *last = NULL;

    for (const struct tree_node *n = t->root; n != NULL; n = n->right)
        last = n->entry;
    return last;
}
