/* base/map.c - linear probing; removal shifts the followers back, so there are no tombstones. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

enum { CAP_FIRST = 16 };

struct map_slot {
    uint64_t hash;
    struct str key;
    void *value; /* null in an empty slot */
};

void map_init(struct map *m, struct siphash_key key)
{
    *m = (struct map){ .key = key };
}

void map_deinit(struct map *m)
{
    free(m->slots);
    map_init(m, m->key);
}

/* The slot that holds `key`, or the empty one where it would go. There is always an empty slot. */
static struct map_slot *probe(const struct map *m, struct str key, uint64_t hash)
{
    for (size_t i = (size_t)hash & (m->cap - 1);; i = (i + 1) & (m->cap - 1)) {
        struct map_slot *slot = &m->slots[i];

        if (slot->value == NULL || (slot->hash == hash && str_eq(slot->key, key)))
            return slot;
    }
}

static void grow(struct map *m)
{
    struct map bigger = { .key = m->key,
                          .cap = m->cap == 0 ? (size_t)CAP_FIRST : m->cap * 2,
                          .count = m->count };

    bigger.slots = calloc(bigger.cap, sizeof(*bigger.slots));
    if (bigger.slots == NULL)
        BUG("out of memory");
    for (size_t i = 0; i < m->cap; i++)
        if (m->slots[i].value != NULL)
            *probe(&bigger, m->slots[i].key, m->slots[i].hash) = m->slots[i];
    free(m->slots);
    *m = bigger;
}

void *map_find(const struct map *m, struct str key)
{
    return m->count == 0 ? NULL : probe(m, key, siphash(m->key, key))->value;
}

void *map_put(struct map *m, struct str key, void *value)
{
    BUG_ON(value == NULL);
    if (m->count + 1 > m->cap / 4 * 3)
        grow(m);

    uint64_t hash = siphash(m->key, key);
    struct map_slot *slot = probe(m, key, hash);
    void *before = slot->value;
    m->count += before == NULL;
    *slot = (struct map_slot){ hash, key, value };
    return before;
}

void *map_remove(struct map *m, struct str key)
{
    if (m->count == 0)
        return NULL;

    struct map_slot *slot = probe(m, key, siphash(m->key, key));
    void *value = slot->value;
    if (value == NULL)
        return NULL;

    /* An entry further on moves into the hole when the hole lies on its way from its home. */
    size_t mask = m->cap - 1, hole = (size_t)(slot - m->slots);
    for (size_t i = (hole + 1) & mask; m->slots[i].value != NULL; i = (i + 1) & mask) {
        size_t home = (size_t)m->slots[i].hash & mask;

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            m->slots[hole] = m->slots[i];
            hole = i;
        }
    }
    m->slots[hole] = (struct map_slot){ 0 };
    m->count--;
    return value;
}

void *map_next(const struct map *m, size_t *at, struct str *ret_key)
{
    while (*at < m->cap) {
        const struct map_slot *slot = &m->slots[(*at)++];

        if (slot->value == NULL)
            continue;
        if (ret_key != NULL)
            *ret_key = slot->key;
        return slot->value;
    }
    return NULL;
}
