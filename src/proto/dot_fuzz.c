/* proto/dot_fuzz.c - what the reader accepts, the writer turns back into the same octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(struct str message, struct str wire)
{
    struct dot_writer w = { 0 };
    struct buf again = { 0 };
    struct dot_reader r = { 0 };
    size_t used, made;

    /* Stuffing need not be minimal on the wire, so compare messages, not wires. */
    dot_write(&w, message, &again);
    dot_finish(&w, &again);
    BUG_ON(again.len > wire.len);

    enum dot_status status = dot_feed(&r, buf_str(&again), again.at, &used, &made);
    BUG_ON(status != DOT_END || used != again.len);
    BUG_ON(!str_eq(str_from(again.at, made), message));
    buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dot_reader r = { 0 };
    struct str in = str_from(data, size);
    char *out = malloc(size + 1);
    size_t used, made;

    if (dot_feed(&r, in, out, &used, &made) == DOT_END)
        check_round_trip(str_from(out, made), str_take(in, used));
    BUG_ON(used > size || made > used);
    free(out);
    return 0;
}
