/* message/text/header_fuzz.c - fields are slices in order, and the body begins behind them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_from(data, size);
    struct header_reader r = header_reader_of(NULL, text);
    struct header_field f;
    const char *last = text.at;
    struct arena *mem = arena_new(0);

    while (header_next(&r, &f)) {
        BUG_ON(f.whole.at < last || f.name.len == 0);
        BUG_ON(f.value.len > f.whole.len || header_unfold(mem, f.value).len > f.value.len);
        last = f.whole.at + f.whole.len;
    }
    BUG_ON(r.pos > size || header_length(text) != r.pos);
    arena_free(mem);
    return 0;
}
