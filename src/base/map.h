/* base/map.h - a table from text to anything.
 *
 * Pure (memory only). Open addressing with keyed SipHash, so keys may come from peers. The map owns
 * its slots alone: keys and values belong to the caller and must live while they are in it (a key
 * usually lies inside its value). Values are never null. Order of iteration is arbitrary and
 * differs with the key; code whose results must repeat sorts or keeps a list besides.
 * Zero-initialise plus `key`, or map_init. Tests: map_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_MAP_H
#define POSTERN_BASE_MAP_H

#include "base/siphash.h"

struct map_slot;

struct map {
    struct siphash_key key;
    struct map_slot *slots;
    size_t count, cap; /* cap is 0 or a power of two */
};

void map_init(struct map *m, struct siphash_key key);
void map_deinit(struct map *m); /* frees the slots; the map is empty and usable again */

/* The value, or null. */
void *map_find(const struct map *m, struct str key);

/* Puts a value, replacing and returning the one that was there (null when none). The new key
 * takes the place of the old one too. A null value is a BUG. */
void *map_put(struct map *m, struct str key, void *value);

/* Takes out and returns the value, or null. */
void *map_remove(struct map *m, struct str key);

/* Walks all entries: start with *at = 0; null at the end. `ret_key` may be null. Between two steps
 * nothing may be put or removed. */
void *map_next(const struct map *m, size_t *at, struct str *ret_key);

#endif
