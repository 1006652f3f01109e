/* message/compose/downgrade_fuzz.c - whatever comes in, a body of 7 bits comes out, in as many
 * parts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/compose/downgrade.h"
#include "message/record/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t count_parts(struct str message, uint64_t *ret_header_bytes)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct buf octets = { 0 };
    struct record r;

    record_build(message, &limits, &octets);
    BUG_ON(record_open(buf_str(&octets), &r) != OK);
    *ret_header_bytes = r.header_bytes;
    buf_deinit(&octets);
    return r.part_count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct str in = str_from(data, size);
    struct buf out = { 0 }, again = { 0 };
    uint64_t before, after;

    if (downgrade_to_7bit(in, &limits, &out) == DOWNGRADE_DONE) {
        BUG_ON(count_parts(in, &before) != count_parts(buf_str(&out), &after));
        BUG_ON(downgrade_to_7bit(buf_str(&out), &limits, &again) != DOWNGRADE_NOT_NEEDED);
    } else {
        BUG_ON(out.len > 0);
    }
    buf_deinit(&out);
    buf_deinit(&again);
    return 0;
}
