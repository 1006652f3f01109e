/* message/text/address_fuzz.c - what the reader makes of an address field, the writer can write. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *mem = arena_new(0);
    struct address_parser p = address_parser_of(str_from(data, size));
    struct mail_address a;
    struct buf out = { .at = NULL };
    size_t count = 0;

    while (address_next(mem, &p, &a)) {
        BUG_ON(++count > 2 * size + 2);
        mail_address_format(&out, &a);
    }
    BUG_ON(str_find_char(buf_str(&out), '\n') != STR_NOT_FOUND);
    buf_deinit(&out);
    arena_free(mem);
    return 0;
}
