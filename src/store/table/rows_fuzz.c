/* store/table/rows_fuzz.c - any octets as any row: refused, or written again the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define AGAIN(row, FIELDS)                                                                         \
    static void again_##row(struct arena *mem, struct str in)                                      \
    {                                                                                              \
        struct row value;                                                                          \
        struct buf first = { 0 }, second = { 0 };                                                  \
                                                                                                   \
        if (row##_get(mem, in, &value) != OK)                                                      \
            return;                                                                                \
        row##_put(&first, &value);                                                                 \
        BUG_ON(row##_get(mem, buf_str(&first), &value) != OK);                                     \
        row##_put(&second, &value);                                                                \
        BUG_ON(!str_eq(buf_str(&first), buf_str(&second)));                                        \
        buf_deinit(&first);                                                                        \
        buf_deinit(&second);                                                                       \
    }
ROWS(AGAIN)

static void (*const decoders[])(struct arena *mem, struct str in) = {
#define DECODER(row, FIELDS) again_##row,
    ROWS(DECODER)
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;

    struct arena *mem = arena_new(0);

    decoders[data[0] % ARRAY_LEN(decoders)](mem, str_from(data + 1, size - 1));
    arena_free(mem);
    return 0;
}
