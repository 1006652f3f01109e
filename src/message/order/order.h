/* message/order/order.h - messages sorted by RFC 5256's criteria.
 *
 * Pure (memory only). The messages of a mailbox stand in blocks (key_block.h); the row of a message
 * is its number in all blocks together, so rows ascend with UIDs. For one sort key an order holds
 * all rows sorted and the rank of each, where equal keys have equal ranks. It is made once and
 * grown when messages have come; a SORT then only walks orders: one pass for each criterion,
 * whatever the number of messages that it is about. Orders are heap memory. Growing: the rows that
 * the order has must be the same ones as before. Errors: ERR_SYNTAX for octets of criteria that
 * nobody wrote. Spec: RFC 5256 2.2, 3; RFC 5957. Tests: order_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_ORDER_H
#define POSTERN_MESSAGE_ORDER_H

#include "message/order/key_block.h"

enum sort_key {
    SORT_ARRIVAL,
    SORT_CC,
    SORT_DATE,
    SORT_FROM,
    SORT_SIZE,
    SORT_SUBJECT,
    SORT_TO,
    SORT_DISPLAYFROM,
    SORT_DISPLAYTO,
    SORT_KEY_COUNT
};

enum { SORT_CRITERIA_MAX = 20 };

struct sort_criterion {
    enum sort_key key;
    bool reverse;
};

struct sort_criteria {
    struct sort_criterion at[SORT_CRITERIA_MAX];
    uint32_t count;
};

/* One octet a criterion. */
void sort_criteria_encode(const struct sort_criteria *c, struct buf *out);
MUST_USE enum err sort_criteria_decode(struct str octets, struct sort_criteria *ret);

/* All messages of a mailbox. first[b] is the row of block b's first message. */
struct key_rows {
    struct key_block *const *blocks;
    const uint32_t *first;
    uint32_t block_count, count;
};

/* The block of a row and its place there. */
const struct key_block *key_rows_find(const struct key_rows *rows, uint32_t row, uint32_t *ret_at);

struct order {
    uint32_t count, ranks; /* ranks: how many different keys */
    uint32_t *rows;        /* sorted; equal keys in the order of their rows */
    uint32_t *rank;        /* by row */
};

/* Sorts the rows that the order lacks and merges them in. */
void order_grow(struct order *o, enum sort_key key, const struct key_rows *rows);
void order_deinit(struct order *o);
static inline uint64_t order_bytes(const struct order *o)
{
    return 2 * sizeof(uint32_t) * (uint64_t)o->count;
}

/* Sorts `rows` (ascending rows, `count` of them) in place: orders[i] belongs to criterion i. What
 * is equal stays in its order. */
void order_sort(const struct sort_criteria *c, const struct order *const *orders, uint32_t *rows,
                uint32_t count);

#endif
