/* cli/move/mbox_fuzz.c - any octets as an mbox: they are used up, and no octet twice. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/move/mbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    for (int q = MBOX_RD; q <= MBOX_CL2; q++) {
        struct str rest = str_from(data, size);
        size_t from = 0, len = 0;

        while (rest.len > 0) {
            enum mbox_found found = mbox_next(rest, true, (enum mbox_quoting)q, &from, &len);

            BUG_ON(found == MBOX_MORE || found == MBOX_END || len == 0 || len > rest.len);
            if (found == MBOX_MESSAGE) {
                struct arena *mem = arena_new(0);
                struct mbox_message m;
                struct buf b = { 0 };

                mbox_open(mem, str_take(rest, len), (enum mbox_quoting)q, &m, &b);
                buf_deinit(&b);
                arena_free(mem);
            }
            rest = str_skip(rest, len);
            from = 0;
        }
    }
    return 0;
}
