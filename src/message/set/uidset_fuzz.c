/* message/set/uidset_fuzz.c - text and octets of UID sets; what is read must write back the same.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/uidset.h"

enum { STAR = 1000, RANGES_MAX = 1000 };

static void check_round_trip(const struct uidset *s)
{
    struct buf out = { 0 };
    struct uidset again = { 0 };
    struct reader r;

    uidset_encode(s, &out);
    r = reader_of(buf_str(&out));
    BUG_ON(uidset_decode(&r, UINT32_MAX, &again) != OK || !reader_done(&r));
    BUG_ON(!uidset_equal(s, &again));
    BUG_ON(uidset_nth(s, uidset_rank(s, uidset_last(s))) != uidset_last(s));
    buf_clear(&out);
    uidset_format(s, &out);
    if (!uidset_empty(s))
        BUG_ON(uidset_parse(buf_str(&out), STAR, UINT32_MAX, &again) != OK);
    BUG_ON(!uidset_equal(s, &again));
    uidset_deinit(&again);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from(data, size);
    struct uidset text = { 0 }, octets = { 0 };
    struct reader r = reader_of(in);

    if (uidset_parse(in, STAR, RANGES_MAX, &text) == OK)
        check_round_trip(&text);
    if (uidset_decode(&r, RANGES_MAX, &octets) == OK)
        check_round_trip(&octets);
    uidset_subtract(&octets, &text);
    uidset_intersect(&text, &octets);
    BUG_ON(!uidset_empty(&text));
    uidset_deinit(&text);
    uidset_deinit(&octets);
    return 0;
}
