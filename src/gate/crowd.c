/* gate/crowd.c - a map from addresses to numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gate/crowd.h"

enum { NETWORK_BYTES = 8 /* of an IPv6 address */ };

struct crowd_place {
    uint32_t count;
    uint8_t key_len;
    char key[1 + 16]; /* family, address */
};

void crowd_init(struct crowd *c, struct loop *l)
{
    uint8_t key[16];

    loop_random(l, key, sizeof(key));
    map_init(&c->places, siphash_key_of(key));
}

void crowd_deinit(struct crowd *c)
{
    BUG_ON(c->places.count != 0);
    map_deinit(&c->places);
}

static struct str key_of(const struct crowd_place *place)
{
    return str_from(place->key, place->key_len);
}

struct crowd_place *crowd_enter(struct crowd *c, const struct address *peer)
{
    size_t len = peer->family == ADDRESS_IP4 ? 4 : NETWORK_BYTES;
    struct crowd_place wanted = { .key_len = (uint8_t)(1 + len) }, *place;

    if ((peer->family != ADDRESS_IP4 && peer->family != ADDRESS_IP6) || address_is_loopback(peer))
        return NULL;
    wanted.key[0] = (char)peer->family;
    memcpy(wanted.key + 1, peer->ip, len);
    place = map_find(&c->places, key_of(&wanted));
    if (place == NULL) {
        place = malloc(sizeof(*place));
        BUG_ON(place == NULL);
        *place = wanted;
        (void)map_put(&c->places, key_of(place), place);
    }
    place->count++;
    return place;
}

uint32_t crowd_size(const struct crowd_place *place)
{
    return place == NULL ? 0 : place->count;
}

void crowd_leave(struct crowd *c, struct crowd_place *place)
{
    if (place == NULL || --place->count > 0)
        return;
    (void)map_remove(&c->places, key_of(place));
    free(place);
}
