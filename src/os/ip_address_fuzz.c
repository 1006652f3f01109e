/* os/ip_address_fuzz.c - any text is an address or is refused; what is parsed is written back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = str_from(data, size);
    struct buf out = { .max = 0 };
    struct address a, again;

    (void)address_in_network(&(struct address){ .family = ADDRESS_IP4 }, text);
    if (address_parse_with_port(text, &a)) {
        address_format_with_port(&a, &out);
        BUG_ON(!address_parse_with_port(buf_str(&out), &again) || !address_eq(&a, &again));
    }
    buf_deinit(&out);
    return 0;
}
