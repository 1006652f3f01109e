/* base/buf.h - octets that grow, with a ceiling.
 *
 * Pure (memory only). A buf owns its memory. Going past `max` never truncates: the append is
 * dropped whole, `overflowed` is set and stays set, and the owner looks at it once, where it
 * answers. Zero-initialise for a buf without a ceiling. Tests: buf_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_BUF_H
#define POSTERN_BASE_BUF_H

#include "base/str.h"

struct buf {
    char *at;
    size_t len, cap;
    size_t max : 63; /* octets; 0 means without ceiling */
    bool overflowed : 1;
};

static inline struct str buf_str(const struct buf *b)
{
    return (struct str){ b->at == NULL ? "" : b->at, b->len };
}

/* For a ceiling that is not a constant. */
static inline void buf_set_max(struct buf *b, size_t octets)
{
    b->max = octets & (SIZE_MAX >> 1);
}

void buf_deinit(struct buf *b); /* frees and zeroes, keeping `max` */
static inline void buf_clear(struct buf *b)
{
    b->len = 0;
    b->overflowed = false;
}

/* Makes room for `extra` more octets and returns where they go, or null past the ceiling; the
 * caller then adds to b->len what it wrote. */
char *buf_reserve(struct buf *b, size_t extra);
/* Of a string whose `at` is null only the place is made; what stands there is undefined. */
void buf_add_grow(struct buf *b, struct str s);
static inline void buf_add(struct buf *b, struct str s)
{
    /* Lines are made of very many short texts, for which there is room. */
    if (s.len != 0 && s.at != NULL && s.len <= b->cap - b->len &&
        (b->max == 0 || s.len <= b->max - b->len)) {
        memcpy(b->at + b->len, s.at, s.len);
        b->len += s.len;
    } else {
        buf_add_grow(b, s);
    }
}
static inline void buf_add_char(struct buf *b, char c)
{
    buf_add(b, (struct str){ &c, 1 });
}
void buf_add_u64(struct buf *b, uint64_t value); /* decimal */
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
#define BUF_ADD(b, literal) buf_add((b), STR(literal))

/* Removes the first `count` octets. */
void buf_consume(struct buf *b, size_t count);

/* Gives memory back when the buffer is empty and larger than `keep` octets (idle sessions). */
void buf_shrink(struct buf *b, size_t keep);

#endif
