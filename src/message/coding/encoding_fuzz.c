/* message/coding/encoding_fuzz.c - whole and split decoding agree; encoding is undone by decoding.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/coding/encoding.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round(enum encoding e, struct str in)
{
    struct encoder en = { .encoding = e, .binary = true };
    struct buf coded = { .at = NULL }, plain = { .at = NULL };

    encoder_feed(&en, in, &coded);
    encoder_end(&en, &coded);
    BUG_ON(!encoding_decode(e, buf_str(&coded), &plain));
    BUG_ON(!str_eq(buf_str(&plain), in));
    buf_deinit(&coded);
    buf_deinit(&plain);
}

/* The first octet says where the rest is split. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum encoding both[] = { ENCODING_BASE64, ENCODING_QP };

    if (size == 0)
        return 0;
    for (size_t e = 0; e < 2; e++) {
        struct str in = str_from(data + 1, size - 1);
        struct decoder d = decoder_of(both[e]);
        struct buf whole = { .at = NULL }, split = { .at = NULL };

        (void)encoding_decode(both[e], in, &whole);
        decoder_feed(&d, str_take(in, data[0]), &split);
        decoder_feed(&d, str_skip(in, data[0]), &split);
        decoder_end(&d, &split);
        BUG_ON(!str_eq(buf_str(&whole), buf_str(&split)));
        check_round(both[e], in);
        buf_deinit(&whole);
        buf_deinit(&split);
    }
    return 0;
}
