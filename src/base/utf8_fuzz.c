/* base/utf8_fuzz.c - reading and writing must agree, and repair must end in valid text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCRATCH(mem, NULL);
    struct str text = str_from(data, size), rest = text;
    struct buf again = { 0 };
    bool valid = true;
    uint32_t c;

    while (rest.len > 0) {
        valid &= utf8_next(&rest, &c);
        utf8_add(&again, c);
    }
    BUG_ON(valid != utf8_valid(text));
    BUG_ON(valid != str_eq(buf_str(&again), text));
    BUG_ON(!str_eq(utf8_repair(mem, text), buf_str(&again)));
    BUG_ON(utf8_cut(text, size / 2).len > size / 2);
    buf_deinit(&again);
    return 0;
}
