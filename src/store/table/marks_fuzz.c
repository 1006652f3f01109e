/* store/table/marks_fuzz.c - any octets as a block of marks: refused, or written again the same. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/table/marks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct marks_run at[MARKS_BLOCK_UIDS];
    struct marks m = { .at = at };
    struct buf again = { 0 };
    struct reader r = reader_of(str_from(data, size));

    m.block = get_u32(&r) >> MARKS_BLOCK_BITS;
    if (r.bad || marks_decode(r.rest, &m) != OK)
        return 0;
    for (uint32_t i = 0; i < m.count; i++)
        BUG_ON(marks_find(&m, m.at[i].first) != &m.at[i] ||
               marks_find(&m, m.at[i].last) != &m.at[i]);
    marks_encode(&m, &again);
    /* A varint may be written with octets too many; its value is what counts. */
    BUG_ON(again.len > r.rest.len);
    buf_deinit(&again);
    return 0;
}
