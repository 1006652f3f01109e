/* store/journal/record.h - the octets of a journal: segment heads, records, changes, body heads.
 *
 * Pure. Numbers are big-endian. Everything here is described octet by octet in
 * doc/formats/journal.md and bodies.md. Decoding trusts nothing: lengths are compared with limits
 * and with what is there, reserved octets must be zero. Tests: record_test.c. Fuzz: record_fuzz.c.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_JOURNAL_RECORD_H
#define POSTERN_STORE_JOURNAL_RECORD_H

#include "base/codec.h"

#define SEGMENT_MAGIC 0x50534547u /* PSEG */
#define RECORD_MAGIC 0x5054584Eu  /* PTXN */
#define JOURNAL_VERSION 1u
#define SEGMENT_HEAD_BYTES ((size_t)48)
#define RECORD_HEAD_BYTES ((size_t)48)
#define BODY_HEAD_BYTES ((size_t)24)
#define CHUNK_HEAD_BYTES ((size_t)8)
#define CHUNK_RAW_BYTES_MAX ((size_t)256 * 1024) /* BODY_CHUNK_BYTES of bodies.h */
#define CHUNK_STORED_RAW 0x80000000u             /* bit of the stored length: not compressed */
#define RECORD_OPS_BYTES_MAX ((uint32_t)256 * 1024 * 1024)
#define RECORD_BYTES_MAX ((uint64_t)1 << 40)

struct segment_head {
    uint64_t number, first_sequence, next_body;
};

void segment_head_encode(char out[SEGMENT_HEAD_BYTES], const struct segment_head *h);
/* False when magic, version or checksum are wrong. */
MUST_USE bool segment_head_decode(struct str in, struct segment_head *ret);
uint32_t segment_head_checksum(const char head[SEGMENT_HEAD_BYTES]);

/* `checksum` covers the octets behind the head and then those of the head behind the checksum
 * itself, so that a record can be summed up while it is written and its length still unknown.
 * `previous` is the checksum of the record before it (or of the segment head), so octets of an
 * earlier attempt that happen to follow a record can never be taken for its successor. */
struct record_head {
    uint32_t checksum, previous, ops_len, body_count;
    uint64_t sequence, length, next_body;
};

void record_head_encode(char out[RECORD_HEAD_BYTES], const struct record_head *h);
/* Checks magic, reserved octets and lengths against limits, not the checksum. */
MUST_USE bool record_head_decode(struct str in, struct record_head *ret);
/* The checksum of a record from that of its octets behind the head. */
uint32_t record_checksum(uint32_t behind_head, const char head[RECORD_HEAD_BYTES]);

/* A grave is a delete that compaction has carried forward: `origin` is the segment of the delete
 * it stands for, and it is needed as long as an older segment exists. */
enum record_op_kind { OP_PUT = 1, OP_DELETE = 2, OP_GRAVE = 3 };

struct record_op {
    enum record_op_kind kind;
    struct str key, value;
    uint64_t origin;
};

void record_op_put(struct buf *ops, const struct record_op *op);
/* The next change; false at the end and (then ops->bad) when malformed. */
MUST_USE bool record_op_next(struct reader *ops, struct record_op *ret);

struct body_head {
    uint64_t id, raw_len;
    uint32_t dictionary;
};

void body_head_encode(char out[BODY_HEAD_BYTES], const struct body_head *h);
MUST_USE bool body_head_decode(struct str in, struct body_head *ret);
static inline uint64_t body_chunk_count(uint64_t raw_len)
{
    return raw_len / CHUNK_RAW_BYTES_MAX + (raw_len % CHUNK_RAW_BYTES_MAX != 0);
}

struct chunk_head {
    uint32_t stored_len, checksum;
    bool raw;
};

void chunk_head_encode(char out[CHUNK_HEAD_BYTES], const struct chunk_head *h);
/* `raw_len` is the chunk's length before compression; a compressed chunk is always shorter. */
MUST_USE bool chunk_head_decode(struct str in, size_t raw_len, struct chunk_head *ret);

/* Where a body lies: the value of its row 'B'. */
struct body_place {
    uint64_t segment, offset, stored_len, raw_len;
};

void body_place_encode(struct buf *out, const struct body_place *p);
MUST_USE bool body_place_decode(struct str in, struct body_place *ret);

/* Keys of the journal's own rows: a letter and a number, so that they sort by number. */
#define JOURNAL_KEY_BYTES ((size_t)9)
struct str journal_key(char out[JOURNAL_KEY_BYTES], char letter, uint64_t number);
static inline bool journal_key_is(struct str key, char letter)
{
    return key.len == JOURNAL_KEY_BYTES && key.at[0] == letter;
}
static inline uint64_t journal_key_number(struct str key)
{
    return load_u64(key.at + 1);
}
/* 'B', 'R' and 'S' rows are not told to observers. */
static inline bool journal_key_is_own(struct str key)
{
    return key.at[0] == 'B' || key.at[0] == 'R' || key.at[0] == 'S';
}

#endif
