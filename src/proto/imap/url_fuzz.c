/* proto/imap/url_fuzz.c - any octets as a URL: refused, or within its promises. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/url.h"

#include "base/utf8.h"
#include "proto/imap/machine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    SCRATCH(mem, NULL);
    struct imap_url u;

    if (imap_url_parse(mem, &imap_limits_default.scan, str_from(data, size), &u) != OK)
        return 0;
    BUG_ON(u.uid == 0 || u.count == 0 || u.section.path_len > RECORD_DEPTH_MAX);
    BUG_ON(!u.here && (u.mailbox.len == 0 || !utf8_valid(u.mailbox) ||
                       str_find_char(u.mailbox, '\0') != STR_NOT_FOUND));
    return 0;
}
