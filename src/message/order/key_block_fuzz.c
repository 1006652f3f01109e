/* message/order/key_block_fuzz.c - rows of sort keys from a damaged disk. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/order/key_block.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct key_entry *entries;
    struct key_block *b, *again;

    if (key_block_open(str_from(data, size), &b) != OK)
        return 0;
    entries = calloc(b->count, sizeof *entries);
    for (uint32_t i = 0; i < b->count; i++)
        entries[i] = key_block_entry(b, i);
    again = key_block_new(entries, b->count);
    for (uint32_t i = 0; i < b->count; i++) {
        struct key_entry e = key_block_entry(again, i);

        BUG_ON(!key_entry_equal(&e, &entries[i]));
    }
    key_block_free(again);
    key_block_free(b);
    free(entries);
    return 0;
}
