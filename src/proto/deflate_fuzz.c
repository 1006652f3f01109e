/* proto/deflate_fuzz.c - octets of a peer, and rests between them: as without rests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/deflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PLAIN_MAX = 1 << 20 };

static enum err open_all(struct str in, size_t step, bool rests, struct buf *plain)
{
    struct deflate_link *l = deflate_new();
    enum err e = OK;

    while (e == OK && in.len > 0 && plain->len < PLAIN_MAX) {
        struct str piece, offered = str_take(in, step);
        size_t used = 0;

        e = deflate_open(l, offered, &used, &piece);
        if (e != OK)
            break;
        buf_add(plain, piece);
        in = str_skip(in, used);
        if (rests)
            deflate_rest(l);
        BUG_ON(used == 0 && piece.len == 0);
    }
    deflate_free(l);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from(data, size);
    struct buf whole = { 0 }, pieces = { 0 };

    (void)!open_all(in, SIZE_MAX, false, &whole);
    (void)!open_all(in, 3, true, &pieces);
    BUG_ON(whole.len < PLAIN_MAX && pieces.len < PLAIN_MAX &&
           !str_starts(buf_str(&whole), buf_str(&pieces)) &&
           !str_starts(buf_str(&pieces), buf_str(&whole)));
    buf_deinit(&whole);
    buf_deinit(&pieces);
    return 0;
}
