/* cli/move/seen.c - open addressing; the pair 0, 0 marks a free place. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/move/seen.h"

#include "base/siphash.h"

enum { SEEN_FIRST = 1024 };

struct seen_id seen_id_of(struct str first, struct str second)
{
    static const struct siphash_key keys[2] = { { { 0x706f737465726e31, 1 } },
                                                { { 0x706f737465726e32, 2 } } };
    struct seen_id id;
    struct buf b = { 0 };

    put_str(&b, first);
    put_str(&b, second);
    for (int i = 0; i < 2; i++)
        id.half[i] = siphash(keys[i], buf_str(&b));
    buf_deinit(&b);
    if (id.half[0] == 0 && id.half[1] == 0)
        id.half[0] = 1;
    return id;
}

static bool same(struct seen_id a, struct seen_id b)
{
    return a.half[0] == b.half[0] && a.half[1] == b.half[1];
}

/* The place of `id`, or the free one where it belongs. */
static struct seen_id *place_of(const struct seen *s, struct seen_id id)
{
    static const struct seen_id none;
    size_t i = (size_t)id.half[0] & (s->cap - 1);

    while (!same(s->at[i], id) && !same(s->at[i], none))
        i = (i + 1) & (s->cap - 1);
    return &s->at[i];
}

bool seen_has(const struct seen *s, struct seen_id id)
{
    return s->cap > 0 && same(*place_of(s, id), id);
}

static void grow(struct seen *s)
{
    struct seen old = *s;

    s->cap = old.cap == 0 ? SEEN_FIRST : 2 * old.cap;
    s->at = calloc(s->cap, sizeof *s->at);
    BUG_ON(s->at == NULL);
    for (size_t i = 0; i < old.cap; i++)
        if (old.at[i].half[0] != 0 || old.at[i].half[1] != 0)
            *place_of(s, old.at[i]) = old.at[i];
    free(old.at);
}

bool seen_add(struct seen *s, struct seen_id id)
{
    struct seen_id *place;

    if (2 * (s->count + 1) > s->cap)
        grow(s);
    place = place_of(s, id);
    if (same(*place, id))
        return false;
    *place = id;
    s->count++;
    return true;
}

void seen_deinit(struct seen *s)
{
    free(s->at);
    *s = (struct seen){ 0 };
}
