/* proto/line_fuzz.c - the first octet chooses how the rest is split; nothing may be lost. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct line_reader r = { 0 };
    struct str in = str_from(data, size), line;
    size_t step;

    if (size == 0)
        return 0;
    step = data[0] % 64 + 1;
    r.lf_ends_line = (data[0] & 64) != 0;
    for (in = str_skip(in, 1); in.len > 0;) {
        size_t taken = line_feed(&r, str_take(in, step));
        enum line_status status;

        BUG_ON(taken == 0);
        in = str_skip(in, taken);
        do {
            status = line_next(&r, 100, &line);
            BUG_ON(status == LINE_DONE &&
                   (line.len > 100 || str_find_char(line, '\n') != STR_NOT_FOUND));
        } while (status == LINE_DONE || status == LINE_TOO_LONG);
        if (status != LINE_MORE)
            break;
    }
    line_deinit(&r);
    return 0;
}
