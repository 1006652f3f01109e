/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/record.h"

#include "base/checksum.h"
#include "store/kv/kv.h"

void segment_head_encode(char out[SEGMENT_HEAD_BYTES], const struct segment_head *h)
{
    memset(out, 0, SEGMENT_HEAD_BYTES);
    store_u32(out, SEGMENT_MAGIC);
    store_u32(out + 4, JOURNAL_VERSION);
    store_u64(out + 8, h->number);
    store_u64(out + 16, h->first_sequence);
    store_u64(out + 24, h->next_body);
    store_u32(out + 44, checksum_crc32c(0, str_from(out, 44)));
}

bool segment_head_decode(struct str in, struct segment_head *ret)
{
    if (in.len < SEGMENT_HEAD_BYTES || load_u32(in.at) != SEGMENT_MAGIC ||
        load_u32(in.at + 4) != JOURNAL_VERSION || load_u64(in.at + 32) != 0 ||
        load_u32(in.at + 40) != 0 || load_u32(in.at + 44) != checksum_crc32c(0, str_take(in, 44)))
        return false;
    *ret = (struct segment_head){ .number = load_u64(in.at + 8),
                                  .first_sequence = load_u64(in.at + 16),
                                  .next_body = load_u64(in.at + 24) };
    return true;
}

uint32_t segment_head_checksum(const char head[SEGMENT_HEAD_BYTES])
{
    return load_u32(head + 44);
}

void record_head_encode(char out[RECORD_HEAD_BYTES], const struct record_head *h)
{
    store_u32(out, RECORD_MAGIC);
    store_u32(out + 4, h->checksum);
    store_u32(out + 8, h->previous);
    store_u32(out + 12, h->body_count);
    store_u64(out + 16, h->sequence);
    store_u64(out + 24, h->length);
    store_u64(out + 32, h->next_body);
    store_u32(out + 40, h->ops_len);
    store_u32(out + 44, 0);
}

bool record_head_decode(struct str in, struct record_head *ret)
{
    if (in.len < RECORD_HEAD_BYTES || load_u32(in.at) != RECORD_MAGIC || load_u32(in.at + 44) != 0)
        return false;

    struct record_head h = { .checksum = load_u32(in.at + 4),
                             .previous = load_u32(in.at + 8),
                             .body_count = load_u32(in.at + 12),
                             .sequence = load_u64(in.at + 16),
                             .length = load_u64(in.at + 24),
                             .next_body = load_u64(in.at + 32),
                             .ops_len = load_u32(in.at + 40) };

    if (h.ops_len > RECORD_OPS_BYTES_MAX || h.length > RECORD_BYTES_MAX ||
        h.length < RECORD_HEAD_BYTES + h.ops_len + h.body_count * BODY_HEAD_BYTES)
        return false;
    *ret = h;
    return true;
}

uint32_t record_checksum(uint32_t behind_head, const char head[RECORD_HEAD_BYTES])
{
    return checksum_crc32c(behind_head, str_from(head + 8, RECORD_HEAD_BYTES - 8));
}

void record_op_put(struct buf *ops, const struct record_op *op)
{
    put_u8(ops, (uint8_t)op->kind);
    put_str(ops, op->key);
    if (op->kind == OP_PUT)
        put_str(ops, op->value);
    else if (op->kind == OP_GRAVE)
        put_varint(ops, op->origin);
}

bool record_op_next(struct reader *ops, struct record_op *ret)
{
    struct record_op op = { .value = STR_EMPTY };

    if (ops->bad || ops->rest.len == 0)
        return false;

    uint8_t kind = get_u8(ops);
    op.key = get_str(ops);
    if (kind == OP_PUT)
        op.value = get_str(ops);
    else if (kind == OP_GRAVE)
        op.origin = get_varint(ops);
    else if (kind != OP_DELETE)
        ops->bad = true;
    if (op.key.len == 0 || op.key.len > KV_KEY_BYTES_MAX || op.value.len > KV_VALUE_BYTES_MAX ||
        op.key.at[0] == '\0')
        ops->bad = true;
    if (ops->bad)
        return false;
    op.kind = (enum record_op_kind)kind;
    *ret = op;
    return true;
}

void body_head_encode(char out[BODY_HEAD_BYTES], const struct body_head *h)
{
    store_u64(out, h->id);
    store_u64(out + 8, h->raw_len);
    store_u32(out + 16, h->dictionary);
    store_u32(out + 20, 0);
}

bool body_head_decode(struct str in, struct body_head *ret)
{
    if (in.len < BODY_HEAD_BYTES || load_u64(in.at) == 0 ||
        load_u64(in.at + 8) > RECORD_BYTES_MAX || load_u32(in.at + 20) != 0)
        return false;
    *ret = (struct body_head){ load_u64(in.at), load_u64(in.at + 8), load_u32(in.at + 16) };
    return true;
}

void chunk_head_encode(char out[CHUNK_HEAD_BYTES], const struct chunk_head *h)
{
    store_u32(out, h->stored_len | (h->raw ? CHUNK_STORED_RAW : 0));
    store_u32(out + 4, h->checksum);
}

bool chunk_head_decode(struct str in, size_t raw_len, struct chunk_head *ret)
{
    if (in.len < CHUNK_HEAD_BYTES)
        return false;

    uint32_t len = load_u32(in.at);
    struct chunk_head h = { .stored_len = len & ~CHUNK_STORED_RAW,
                            .checksum = load_u32(in.at + 4),
                            .raw = (len & CHUNK_STORED_RAW) != 0 };

    if (h.raw ? h.stored_len != raw_len : h.stored_len == 0 || h.stored_len >= raw_len)
        return false;
    *ret = h;
    return true;
}

void body_place_encode(struct buf *out, const struct body_place *p)
{
    put_varint(out, p->segment);
    put_varint(out, p->offset);
    put_varint(out, p->stored_len);
    put_varint(out, p->raw_len);
}

bool body_place_decode(struct str in, struct body_place *ret)
{
    struct reader r = reader_of(in);
    struct body_place p = { .segment = get_varint(&r) };

    p.offset = get_varint(&r);
    p.stored_len = get_varint(&r);
    p.raw_len = get_varint(&r);
    if (!reader_done(&r) || p.stored_len < BODY_HEAD_BYTES)
        return false;
    *ret = p;
    return true;
}

struct str journal_key(char out[JOURNAL_KEY_BYTES], char letter, uint64_t number)
{
    out[0] = letter;
    store_u64(out + 1, number);
    return str_from(out, JOURNAL_KEY_BYTES);
}
