/* message/set/flags_fuzz.c - flag lists as text and as octets, keyword lists as octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/set/flags.h"

static void check_round_trip(struct arena *mem, const struct flag_names *f)
{
    struct buf out = { 0 };
    struct flag_names again;
    struct keyword_list k = { 0 };
    uint64_t bits;

    flag_names_encode(f, &out);
    struct reader r = reader_of(buf_str(&out));
    BUG_ON(flag_names_decode(mem, &r, &again) != OK || !reader_done(&r));
    BUG_ON(again.bits != f->bits || again.count != f->count);
    if (flags_resolve_add(&k, f, &bits) == OK) {
        buf_clear(&out);
        flags_format(bits, &k, &out);
        BUG_ON(flag_names_parse(mem, buf_str(&out), &again) != OK);
        BUG_ON(flags_resolve(&k, &again) != bits);
    }
    keyword_list_deinit(&k);
    buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from(data, size);
    struct flag_names f;
    struct keyword_list k = { 0 };
    SCRATCH(mem, NULL);

    if (flag_names_parse(mem, in, &f) == OK)
        check_round_trip(mem, &f);
    struct reader r = reader_of(in);
    if (flag_names_decode(mem, &r, &f) == OK && f.bits <= FLAGS_KNOWN)
        check_round_trip(mem, &f);
    r = reader_of(in);
    (void)!keyword_list_decode(&r, &k);
    keyword_list_deinit(&k);
    return 0;
}
