/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kv/row_cache.h"

#include <pthread.h>

#include "base/checksum.h"
#include "base/err.h"

/* The octets are the key's, then the value's. */
struct row {
    uint32_t key_len, value_len, cap;
    bool found;
    char octets[];
};

struct row_cache {
    pthread_mutex_t lock;
    uint64_t state; /* counts what was applied */
    struct row *slots[ROW_CACHE_SLOTS];
};

struct row_cache *row_cache_new(void)
{
    struct row_cache *c = calloc(1, sizeof(*c));

    if (c == NULL)
        BUG("out of memory");
    (void)pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void drop_all(struct row_cache *c)
{
    for (size_t i = 0; i < ROW_CACHE_SLOTS; i++) {
        free(c->slots[i]);
        c->slots[i] = NULL;
    }
}

void row_cache_free(struct row_cache *c)
{
    if (c == NULL)
        return;
    drop_all(c);
    (void)pthread_mutex_destroy(&c->lock);
    free(c);
}

static struct row **slot_of(struct row_cache *c, struct str key)
{
    return &c->slots[checksum_xxh3(key) % ROW_CACHE_SLOTS];
}

static bool is_row_of(const struct row *r, struct str key)
{
    return r != NULL && str_eq(str_from(r->octets, r->key_len), key);
}

static void fill(struct row **slot, struct str key, bool found, struct str value)
{
    size_t need = key.len + (found ? value.len : 0);
    struct row *r = *slot;

    if (need > ROW_CACHE_ROW_BYTES_MAX) {
        free(r);
        *slot = NULL;
        return;
    }
    if (r == NULL || r->cap < need) {
        free(r);
        *slot = r = malloc(sizeof(*r) + need);
        if (r == NULL)
            BUG("out of memory");
        r->cap = (uint32_t)need;
    }
    r->key_len = (uint32_t)key.len;
    r->value_len = (uint32_t)(need - key.len);
    r->found = found;
    memcpy(r->octets, key.at, key.len);
    if (r->value_len > 0)
        memcpy(r->octets + key.len, value.at, r->value_len);
}

bool row_cache_find(struct row_cache *c, struct arena *mem, struct str key, bool *ret_found,
                    struct str *ret, uint64_t *ret_state)
{
    (void)pthread_mutex_lock(&c->lock);

    const struct row *r = *slot_of(c, key);
    bool known = is_row_of(r, key);

    if (known) {
        *ret_found = r->found;
        if (r->found)
            *ret = arena_copy(mem, str_from(r->octets + r->key_len, r->value_len));
    }
    *ret_state = c->state;
    (void)pthread_mutex_unlock(&c->lock);
    return known;
}

void row_cache_bring(struct row_cache *c, uint64_t state, struct str key, bool found,
                     struct str value)
{
    if (key.len + (found ? value.len : 0) > ROW_CACHE_ROW_BYTES_MAX)
        return;
    (void)pthread_mutex_lock(&c->lock);
    if (c->state == state)
        fill(slot_of(c, key), key, found, value);
    (void)pthread_mutex_unlock(&c->lock);
}

void row_cache_begin(struct row_cache *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->state++;
}

/* Only rows that somebody asked for are kept: most that are written are not soon read again. */
void row_cache_put(struct row_cache *c, struct str key, bool found, struct str value)
{
    struct row **slot = slot_of(c, key);

    if (is_row_of(*slot, key))
        fill(slot, key, found, value);
}

void row_cache_end(struct row_cache *c)
{
    (void)pthread_mutex_unlock(&c->lock);
}

void row_cache_clear(struct row_cache *c)
{
    (void)pthread_mutex_lock(&c->lock);
    c->state++;
    drop_all(c);
    (void)pthread_mutex_unlock(&c->lock);
}
