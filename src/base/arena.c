/* base/arena.c - a chain of blocks, newest first.
 *
 * An allocation bumps `used` in the newest block; when it does not fit, a block twice as large as
 * the last (at most BLOCK_BYTES_MAX, or as large as the request) goes in front. Under ASan the
 * unused part of a block is poisoned, so an overrun inside an arena is found too. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdarg.h>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(at, len) ((void)(at), (void)(len))
#endif

enum { ALIGN = 16, BLOCK_BYTES_DEFAULT = 4096, BLOCK_BYTES_MAX = 1 << 20 };

struct arena_block {
    struct arena_block *older;
    size_t used, size; /* octets of `bytes` */
    _Alignas(ALIGN) unsigned char bytes[];
};

struct arena {
    struct arena_block *newest;
    size_t next_size;
    size_t total;
};

static void *get_memory(size_t size)
{
    void *p = malloc(size);

    if (p == NULL)
        BUG("out of memory");
    return p;
}

struct arena *arena_new(size_t block_bytes)
{
    struct arena *a = get_memory(sizeof(*a));

    *a = (struct arena){ .next_size = block_bytes != 0 ? block_bytes : BLOCK_BYTES_DEFAULT };
    return a;
}

static void free_block(struct arena_block *b)
{
    ASAN_UNPOISON_MEMORY_REGION(b->bytes, b->size);
    free(b);
}

void arena_free(struct arena *a)
{
    if (a == NULL)
        return;
    while (a->newest != NULL) {
        struct arena_block *b = a->newest;

        a->newest = b->older;
        free_block(b);
    }
    free(a);
}

void arena_reset(struct arena *a)
{
    if (a->newest == NULL)
        return;
    while (a->newest->older != NULL) {
        struct arena_block *b = a->newest;

        a->newest = b->older;
        free_block(b);
    }
    a->newest->used = 0;
    a->total = 0;
    ASAN_POISON_MEMORY_REGION(a->newest->bytes, a->newest->size);
}

size_t arena_used(const struct arena *a)
{
    return a->total;
}

static struct arena_block *push_block(struct arena *a, size_t at_least)
{
    size_t size = MAX(a->next_size, at_least);
    struct arena_block *b = get_memory(sizeof(*b) + size);

    *b = (struct arena_block){ .older = a->newest, .size = size };
    ASAN_POISON_MEMORY_REGION(b->bytes, size);
    a->newest = b;
    if (a->next_size < BLOCK_BYTES_MAX)
        a->next_size *= 2;
    return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
    struct arena_block *b = a->newest;
    size_t rounded = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);

    BUG_ON(rounded < size);
    if (rounded == 0)
        rounded = ALIGN;
    if (b == NULL || b->size - b->used < rounded)
        b = push_block(a, rounded);

    void *p = b->bytes + b->used;
    b->used += rounded;
    a->total += rounded;
    ASAN_UNPOISON_MEMORY_REGION(p, size);
    memset(p, 0, size);
    return p;
}

void *arena_alloc_array(struct arena *a, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes))
        BUG("array size overflows");
    return arena_alloc(a, bytes);
}

struct str arena_copy(struct arena *a, struct str s)
{
    return str_from(arena_copy_z(a, s), s.len);
}

char *arena_copy_z(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.len + 1);

    if (s.len > 0)
        memcpy(p, s.at, s.len);
    return p;
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;

    va_start(args, fmt);
    va_copy(again, args);
    int len = vsnprintf(NULL, 0, fmt, args);
    BUG_ON(len < 0);

    char *p = arena_alloc(a, (size_t)len + 1);
    (void)vsnprintf(p, (size_t)len + 1, fmt, again);
    va_end(again);
    va_end(args);
    return str_from(p, (size_t)len);
}

struct str arena_join(struct arena *a, struct str first, struct str second)
{
    char *p = arena_alloc(a, first.len + second.len + 1);

    if (first.len > 0)
        memcpy(p, first.at, first.len);
    if (second.len > 0)
        memcpy(p + first.len, second.at, second.len);
    return str_from(p, first.len + second.len);
}

struct arena_mark arena_save(struct arena *a)
{
    size_t used = a->newest == NULL ? 0 : a->newest->used;

    return (struct arena_mark){ a, a->newest, used, a->total };
}

void arena_restore(struct arena_mark *mark)
{
    struct arena *a = mark->arena;

    /* A mark taken before the first block keeps that block: it is the scratch arena's own. */
    while (a->newest != mark->block && a->newest != NULL &&
           (mark->block != NULL || a->newest->older != NULL)) {
        struct arena_block *b = a->newest;

        a->newest = b->older;
        free_block(b);
    }
    if (a->newest != NULL) {
        a->newest->used = mark->used;
        ASAN_POISON_MEMORY_REGION(a->newest->bytes + mark->used, a->newest->size - mark->used);
    }
    a->total = mark->total;
}

static __thread struct scratch_pair {
    struct arena *arenas[2];
} scratch;

/* The main thread gives its scratch back at exit, so that leak checkers stay quiet about it. */
__attribute__((destructor)) void scratch_free(void)
{
    for (size_t i = 0; i < ARRAY_LEN(scratch.arenas); i++) {
        arena_free(scratch.arenas[i]);
        scratch.arenas[i] = NULL;
    }
}

struct arena *scratch_other_than(const struct arena *mem)
{
    for (size_t i = 0; i < ARRAY_LEN(scratch.arenas); i++) {
        if (scratch.arenas[i] == NULL)
            scratch.arenas[i] = arena_new(16 * 1024);
        if (scratch.arenas[i] != mem)
            return scratch.arenas[i];
    }
    BUG("both scratch arenas are in use");
}
