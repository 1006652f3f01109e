/* message/words/html_text_fuzz.c - any octets give text without control octets but line ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "message/words/html_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str html = str_from(data, size);
    struct buf out = { .at = NULL };

    html_text(html, &out);
    BUG_ON(out.len > 4 * size + 4);
    BUG_ON(utf8_valid(html) && !utf8_valid(buf_str(&out)));
    BUG_ON(str_find_char(buf_str(&out), '\r') != STR_NOT_FOUND);
    buf_deinit(&out);
    return 0;
}
