/* store/journal/record_fuzz.c - octets that pretend to be parts of a journal.
 *
 * Every decoder gets the input; what decodes must encode to the same octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_ops(struct str in)
{
    struct reader r = reader_of(in);
    struct buf out = { 0 };
    struct record_op op;

    while (record_op_next(&r, &op))
        record_op_put(&out, &op);
    if (!r.bad) {
        /* A varint may be longer than needed, so the octets may differ; their meaning may not. */
        struct reader again = reader_of(buf_str(&out)), first = reader_of(in);
        struct record_op a, b;

        while (record_op_next(&first, &a))
            BUG_ON(!record_op_next(&again, &b) || a.kind != b.kind || a.origin != b.origin ||
                   !str_eq(a.key, b.key) || !str_eq(a.value, b.value));
        BUG_ON(!reader_done(&again));
    }
    buf_deinit(&out);
}

static void fuzz_heads(struct str in)
{
    char segment[SEGMENT_HEAD_BYTES], record[RECORD_HEAD_BYTES], body[BODY_HEAD_BYTES],
        chunk[CHUNK_HEAD_BYTES];
    struct segment_head s;
    struct record_head r;
    struct body_head b;
    struct chunk_head c;

    if (segment_head_decode(in, &s)) {
        segment_head_encode(segment, &s);
        BUG_ON(memcmp(segment, in.at, sizeof(segment)) != 0);
    }
    if (record_head_decode(in, &r)) {
        record_head_encode(record, &r);
        BUG_ON(memcmp(record, in.at, sizeof(record)) != 0);
    }
    if (body_head_decode(in, &b)) {
        body_head_encode(body, &b);
        BUG_ON(memcmp(body, in.at, sizeof(body)) != 0);
    }
    if (chunk_head_decode(in, CHUNK_RAW_BYTES_MAX, &c)) {
        chunk_head_encode(chunk, &c);
        BUG_ON(memcmp(chunk, in.at, sizeof(chunk)) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = str_from(data, size);
    struct body_place place;

    fuzz_ops(in);
    fuzz_heads(in);
    if (body_place_decode(in, &place)) {
        struct buf out = { 0 };

        body_place_encode(&out, &place);
        BUG_ON(out.len > in.len);
        buf_deinit(&out);
    }
    return 0;
}
