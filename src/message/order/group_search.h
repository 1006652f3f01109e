/* message/order/group_search.h - a search program against up to 1,024 messages at once.
 *
 * Pure. The same answers as search_match (message/set/search.h) gives one message after the other,
 * column by column: a key of the program is one pass over a column of flags, numbers or joined
 * texts, and AND, OR, NOT are operations on bits. What a column cannot answer (HEADER, BODY, TEXT,
 * a text that was left out) is "maybe", and search_match has to look at those messages. So "yes"
 * and "maybe" are apart, and a message in neither does not match. Temporaries on the stack are some
 * 256 octets a level of nesting; SEARCH_DEPTH_MAX levels at most. Spec: RFC 3501 6.4.4 and the RFCs
 * at message/set/search.h. Tests: group_search_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_GROUP_SEARCH_H
#define POSTERN_MESSAGE_GROUP_SEARCH_H

#include "message/order/key_block.h"
#include "message/set/search.h"

#define GROUP_WORDS (KEY_BLOCK_MAX / 64)

/* One bit a message. */
struct group_bits {
    uint64_t word[GROUP_WORDS];
};

struct group_verdict {
    struct group_bits yes, maybe; /* no message is in both */
};

struct search_group {
    uint32_t count;
    int64_t now_s;
    const uint32_t *uids; /* ascending */
    const uint64_t *flags, *modseqs, *emails, *sizes;
    const int64_t *arrived_s;
    const int16_t *arrived_zones_min;
    const struct key_block *keys; /* of the same messages; null: what only it knows is "maybe" */
    /* What an index knows of a key with a text: which messages match, and which may. Called for
     * each such key with an empty *ret; false: it knows nothing. May be null. */
    bool (*candidates)(void *ctx, const struct search_node *n, const struct search_group *g,
                       struct group_verdict *ret);
    void *ctx;
};

void search_group_match(const struct search *s, const struct search_group *g,
                        struct group_verdict *ret);

static inline bool group_bit(const struct group_bits *b, uint32_t i)
{
    return (b->word[i / 64] >> (i % 64) & 1) != 0;
}
static inline void group_set(struct group_bits *b, uint32_t i)
{
    b->word[i / 64] |= 1ULL << (i % 64);
}

#endif
