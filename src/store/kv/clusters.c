/* store/kv/clusters.c - keys that begin alike come together. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/kv/clusters.h"

#include "base/checksum.h"

/* A place more than beginnings, for all that find no place of their own. */
enum { OTHERS = CLUSTERS_MAX, CLUSTER_SLOTS = 512 };

struct sorting {
    struct str prefixes[CLUSTERS_MAX];
    size_t counts[CLUSTERS_MAX + 1];
    uint16_t slots[CLUSTER_SLOTS]; /* number of a cluster and one, by its hash; 0: free */
    unsigned known;
    unsigned last; /* most changes follow one of the same cluster */
};

static unsigned cluster_of(struct sorting *s, struct str key)
{
    struct str prefix = str_take(key, CLUSTER_PREFIX_BYTES);
    size_t slot;

    if (s->known > 0 && s->last != OTHERS && str_eq(s->prefixes[s->last], prefix))
        return s->last;
    slot = checksum_xxh3(prefix) % CLUSTER_SLOTS;
    while (s->slots[slot] != 0) {
        unsigned c = s->slots[slot] - 1u;

        if (str_eq(s->prefixes[c], prefix))
            return s->last = c;
        slot = (slot + 1) % CLUSTER_SLOTS;
    }
    if (s->known == CLUSTERS_MAX)
        return s->last = OTHERS;
    s->prefixes[s->known] = prefix;
    s->slots[slot] = (uint16_t)(s->known + 1);
    return s->last = s->known++;
}

/* How many changes there are; 0 when they may not be put in another order. */
static size_t count_changes(const struct kv_batch *b)
{
    struct kv_change c;
    size_t count = 0;

    for (size_t at = 0; kv_batch_next(b, &at, &c); count++)
        if (c.kind == KV_DELETE_RANGE)
            return 0;
    return count;
}

/* Turns counts into the places where clusters begin. */
static void begin_clusters(struct sorting *s)
{
    size_t before = 0;

    for (unsigned c = 0; c <= OTHERS; c++) {
        size_t count = s->counts[c];

        s->counts[c] = before;
        before += count;
    }
}

bool clusters_of(const struct kv_batch *b, size_t **ret, size_t *ret_count)
{
    struct sorting s = { 0 };
    size_t count = count_changes(b), at, i;
    struct kv_change c;
    uint8_t *cluster;

    if (count < CLUSTERS_WORTH)
        return false;
    cluster = malloc(count);
    *ret = malloc(count * sizeof **ret);
    if (cluster == NULL || *ret == NULL)
        BUG("out of memory");
    for (at = 0, i = 0; kv_batch_next(b, &at, &c); i++) {
        cluster[i] = (uint8_t)cluster_of(&s, c.key);
        s.counts[cluster[i]]++;
    }
    begin_clusters(&s);
    at = 0;
    for (i = 0; i < count; i++) {
        (*ret)[s.counts[cluster[i]]++] = at;
        BUG_ON(!kv_batch_next(b, &at, &c));
    }
    *ret_count = count;
    free(cluster);
    return true;
}
