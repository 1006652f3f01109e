/* base/base64_fuzz.c - what decodes must encode to the same text again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base64.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCRATCH(mem, NULL);
    struct str text = str_from(data, size), octets;

    if (base64_decode(mem, text, &octets) == OK)
        BUG_ON(!str_eq(base64_encode(mem, octets), text));
    if (base64url_decode(mem, text, &octets) == OK)
        BUG_ON(!str_eq(base64url_encode(mem, octets), text));
    return 0;
}
