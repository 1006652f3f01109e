/* proto/imap/parse/mutf7_fuzz.c - what decodes encodes to the same octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "proto/imap/parse/mutf7.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCRATCH(mem, NULL);
    struct buf wire = { 0 };
    struct str text, again;

    if (mutf7_decode(mem, str_from(data, size), &text)) {
        BUG_ON(!utf8_valid(text));
        mutf7_encode(&wire, text);
        BUG_ON(!str_eq(buf_str(&wire), str_from(data, size)));
    }
    buf_clear(&wire);
    mutf7_encode(&wire, str_from(data, size));
    if (utf8_valid(str_from(data, size)) && memchr(data, 0, size) == NULL) {
        BUG_ON(!mutf7_decode(mem, buf_str(&wire), &again));
        BUG_ON(!str_eq(again, str_from(data, size)));
    }
    buf_deinit(&wire);
    return 0;
}
