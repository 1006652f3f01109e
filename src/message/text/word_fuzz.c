/* message/text/word_fuzz.c - decoding gives one line of UTF-8, and that survives encoding. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "message/text/word.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *mem = arena_new(0);
    struct str text = word_decode(mem, str_from(data, size));
    struct buf out = { .at = NULL };
    size_t column = 9;

    BUG_ON(!utf8_valid(text));
    BUG_ON(str_find_char(text, '\n') != STR_NOT_FOUND);
    word_encode(&out, text, &column);
    BUG_ON(!str_eq(str_trim_crlf(word_decode(mem, buf_str(&out))), str_trim_crlf(text)));
    buf_deinit(&out);
    arena_free(mem);
    return 0;
}
