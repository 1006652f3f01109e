/* keeper/contract_random.h - values of every contract struct, filled at random, and compared.
 *
 * For tests alone; everything here is static and made from the rows of contract.def, so a new call
 * is covered at once. Octets and lists live in the arena given. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_KEEPER_CONTRACT_RANDOM_H
#define POSTERN_KEEPER_CONTRACT_RANDOM_H

#include "keeper/contract.h"

struct dice {
    uint64_t state;
};

/* xorshift64*: repeatable, good enough to vary lengths and values. */
static inline uint64_t dice_next(struct dice *d)
{
    d->state ^= d->state >> 12;
    d->state ^= d->state << 25;
    d->state ^= d->state >> 27;
    return d->state * 2685821657736338717u;
}

/* Numbers of every size, small ones most often. */
static inline uint64_t dice_number(struct dice *d)
{
    uint64_t v = dice_next(d);

    return v >> (dice_next(d) % 64);
}

static inline struct str dice_str(struct arena *mem, struct dice *d)
{
    size_t len = (size_t)(dice_next(d) % 20);
    char *at = arena_alloc(mem, len + 1);

    for (size_t i = 0; i < len; i++)
        at[i] = (char)dice_next(d);
    return str_from(at, len);
}

#define FILL_u8(name, of) v->name = (uint8_t)dice_next(d);
#define FILL_u32(name, of) v->name = (uint32_t)dice_number(d);
#define FILL_u64(name, of) v->name = dice_number(d);
#define FILL_i64(name, of) v->name = (int64_t)dice_next(d) >> (dice_next(d) % 64);
#define FILL_bool(name, of) v->name = (dice_next(d) & 1) != 0;
#define FILL_str(name, of) v->name = dice_str(mem, d);
#define FILL_list(name, of)                                                                        \
    v->name##_count = (size_t)(dice_next(d) % 4);                                                  \
    v->name = ARENA_ARRAY(mem, struct keep_##of, v->name##_count + 1);                             \
    for (size_t i = 0; i < v->name##_count; i++)                                                   \
        fill_##of(mem, d, &v->name[i]);
#define FILL_FIELD(type, name, of) FILL_##type(name, of)

#define SAME_NUMBER(name) same = same && a->name == b->name;
#define SAME_u8(name, of) SAME_NUMBER(name)
#define SAME_u32(name, of) SAME_NUMBER(name)
#define SAME_u64(name, of) SAME_NUMBER(name)
#define SAME_i64(name, of) SAME_NUMBER(name)
#define SAME_bool(name, of) SAME_NUMBER(name)
#define SAME_str(name, of) same = same && str_eq(a->name, b->name);
#define SAME_list(name, of)                                                                        \
    same = same && a->name##_count == b->name##_count;                                             \
    for (size_t i = 0; same && i < a->name##_count; i++)                                           \
        same = same_##of(&a->name[i], &b->name[i]);
#define SAME_FIELD(type, name, of) SAME_##type(name, of)

#define FILL_AND_SAME(what, type, FIELDS)                                                          \
    static inline void fill_##what(UNUSED struct arena *mem, UNUSED struct dice *d,                \
                                   UNUSED struct type *v)                                          \
    {                                                                                              \
        FIELDS(FILL_FIELD)                                                                         \
    }                                                                                              \
    static inline bool same_##what(UNUSED const struct type *a, UNUSED const struct type *b)       \
    {                                                                                              \
        bool same = true;                                                                          \
                                                                                                   \
        FIELDS(SAME_FIELD)                                                                         \
        return same;                                                                               \
    }
#define RECORD_RANDOM(name) FILL_AND_SAME(name, keep_##name, FIELDS_##name)
CONTRACT_RECORDS(RECORD_RANDOM)
#define CALL_RANDOM(name, who)                                                                     \
    FILL_AND_SAME(name##_req, keep_##name##_req, REQ_##name)                                       \
    FILL_AND_SAME(name##_rep, keep_##name##_rep, REP_##name)
CONTRACT_CALLS(CALL_RANDOM)
#define NOTE_RANDOM(name, who) FILL_AND_SAME(name##_note, keep_##name##_note, NOTE_##name)
CONTRACT_NOTES(NOTE_RANDOM)

#endif
