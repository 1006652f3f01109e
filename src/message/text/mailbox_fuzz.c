/* message/text/mailbox_fuzz.c - a path that is accepted, written again, is accepted as the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/mailbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *mem = arena_new(0);
    struct str rest = str_from(data, size);
    struct mailbox m, again;

    if (path_parse(mem, &rest, MAILBOX_UTF8 | PATH_NULL | PATH_POSTMASTER | PATH_BARE, &m) == OK &&
        m.domain.len > 0) {
        struct buf out = { .at = NULL };

        mailbox_format(&out, &m);
        BUG_ON(mailbox_parse(mem, buf_str(&out), MAILBOX_UTF8, &again) != OK);
        BUG_ON(!mailbox_eq(&m, &again));
        buf_deinit(&out);
    }
    arena_free(mem);
    return 0;
}
