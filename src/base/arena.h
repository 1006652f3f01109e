/* base/arena.h - memory that dies together.
 *
 * Pure (memory only). One arena per natural lifetime: process, connection, command, message.
 * Nothing is freed singly; arena_free ends everything at once. Running out of memory aborts
 * inside the arena; a peer is refused long before by `bytes_max`, which callers check with
 * arena_used(). Memory from arena_alloc is zeroed and aligned to 16 octets.
 * Not shared between threads; each thread has two scratch arenas. Tests: arena_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_ARENA_H
#define POSTERN_BASE_ARENA_H

#include "base/str.h"

struct arena;
struct arena_block;

/* A place to return to; everything allocated after it is given back by arena_restore. */
struct arena_mark {
    struct arena *arena;
    struct arena_block *block;
    size_t used;
    size_t total;
};

/* `block_bytes` is the size of the first block (later ones grow); 0 means 4 KiB. No block is
 * taken before the first allocation, so an idle arena costs its struct alone. */
struct arena *arena_new(size_t block_bytes);
void arena_free(struct arena *a); /* null is allowed */

/* Forgets everything but keeps one block for the next use. */
void arena_reset(struct arena *a);

/* Octets handed out since the start or the last reset. */
size_t arena_used(const struct arena *a);

void *arena_alloc(struct arena *a, size_t size);
void *arena_alloc_array(struct arena *a, size_t count, size_t size); /* overflow is a BUG */
struct str arena_copy(struct arena *a, struct str s);
char *arena_copy_z(struct arena *a, struct str s); /* NUL-terminated, for the OS border */
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
struct str arena_join(struct arena *a, struct str first, struct str second);

#define ARENA_NEW(a, type) ((type *)arena_alloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_alloc_array((a), (count), sizeof(type)))

struct arena_mark arena_save(struct arena *a);
void arena_restore(struct arena_mark *mark);

/* One of this thread's two scratch arenas, never the one given (which may be null). */
struct arena *scratch_other_than(const struct arena *mem);
/* Gives this thread's scratch arenas back; called when a thread ends. */
void scratch_free(void);

/* SCRATCH(tmp, mem): temporaries that die when the enclosing block is left, by any path. */
#define SCRATCH(name, mem)                                                                         \
    struct arena *name = scratch_other_than(mem);                                                  \
    __attribute__((cleanup(arena_restore))) UNUSED struct arena_mark name##_mark = arena_save(name)

#endif
