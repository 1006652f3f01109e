/* base/buf.c - growing octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include <stdarg.h>

enum { CAP_FIRST = 64 };

void buf_deinit(struct buf *b)
{
    free(b->at);
    *b = (struct buf){ .max = b->max };
}

/* True when `extra` more octets stay under the ceiling; else marks the overflow. */
static bool may_add(struct buf *b, size_t extra)
{
    size_t need;

    if (__builtin_add_overflow(b->len, extra, &need) || (b->max != 0 && need > b->max)) {
        b->overflowed = true;
        return false;
    }
    return true;
}

static char *make_room(struct buf *b, size_t need)
{
    if (need > b->cap) {
        size_t cap = MAX(MAX(b->cap * 2, need), (size_t)CAP_FIRST);
        char *grown = realloc(b->at, cap);

        if (grown == NULL)
            BUG("out of memory");
        b->at = grown;
        b->cap = cap;
    }
    return b->at == NULL ? NULL : b->at + b->len;
}

char *buf_reserve(struct buf *b, size_t extra)
{
    return may_add(b, extra) ? make_room(b, b->len + extra) : NULL;
}

void buf_add_grow(struct buf *b, struct str s)
{
    if (s.len == 0)
        return;

    char *to = buf_reserve(b, s.len);
    if (to == NULL)
        return;
    if (s.at != NULL)
        memcpy(to, s.at, s.len);
    b->len += s.len;
}

void buf_add_u64(struct buf *b, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    buf_add(b, str_from(digits + at, sizeof(digits) - at));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list args, again;

    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    BUG_ON(len < 0);

    if (may_add(b, (size_t)len)) {
        char *to = make_room(b, b->len + (size_t)len + 1); /* vsnprintf writes a NUL as well */

        (void)vsnprintf(to, (size_t)len + 1, fmt, again);
        b->len += (size_t)len;
    }
    va_end(again);
    va_end(args);
}

void buf_consume(struct buf *b, size_t count)
{
    BUG_ON(count > b->len);
    b->len -= count;
    if (b->len > 0 && count > 0)
        memmove(b->at, b->at + count, b->len);
}

void buf_shrink(struct buf *b, size_t keep)
{
    if (b->len == 0 && b->cap > keep)
        buf_deinit(b);
}
