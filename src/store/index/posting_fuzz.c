/* store/index/posting_fuzz.c - what decodes is ascending, and is the same when written again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/index/posting.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { UNIVERSE_MAX = 65536 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint32_t numbers[UNIVERSE_MAX], again[UNIVERSE_MAX];
    uint32_t universe, count, count_again;
    struct buf out = { 0 };

    if (size < 2)
        return 0;
    universe = (uint32_t)data[0] << 8 | data[1];
    if (posting_decode(str_from(data + 2, size - 2), universe, numbers, &count) != OK)
        return 0;
    BUG_ON(count > universe);
    for (uint32_t i = 0; i < count; i++)
        BUG_ON(numbers[i] >= universe || (i > 0 && numbers[i] <= numbers[i - 1]));
    posting_encode(numbers, count, universe, &out);
    BUG_ON(posting_decode(buf_str(&out), universe, again, &count_again) != OK);
    BUG_ON(count != count_again || memcmp(numbers, again, count * sizeof *numbers) != 0);
    buf_deinit(&out);
    return 0;
}
