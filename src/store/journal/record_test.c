/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/record.h"

#include "testing.h"

TEST(heads_are_laid_out_as_documented)
{
    char segment[SEGMENT_HEAD_BYTES], record[RECORD_HEAD_BYTES], body[BODY_HEAD_BYTES],
        chunk[CHUNK_HEAD_BYTES];
    struct segment_head s;

    segment_head_encode(segment, &(struct segment_head){ 0x1122, 7, 9 });
    CHECK(memcmp(segment, "PSEG\0\0\0\1\0\0\0\0\0\0\x11\x22\0\0\0\0\0\0\0\7\0\0\0\0\0\0\0\11",
                 32) == 0,
          "doc/formats/journal.md, segment head");
    CHECK(segment_head_decode(str_from(segment, sizeof(segment)), &s) && s.number == 0x1122 &&
              s.first_sequence == 7 && s.next_body == 9,
          "round trip");
    for (size_t i = 0; i < sizeof(segment); i++) {
        segment[i] ^= 1;
        CHECK(!segment_head_decode(str_from(segment, sizeof(segment)), &s), "octet %zu", i);
        segment[i] ^= 1;
    }

    record_head_encode(record, &(struct record_head){ .checksum = 1,
                                                      .previous = 2,
                                                      .ops_len = 3,
                                                      .body_count = 4,
                                                      .sequence = 5,
                                                      .length = 6,
                                                      .next_body = 7 });
    CHECK(memcmp(record,
                 "PTXN\0\0\0\1\0\0\0\2\0\0\0\4\0\0\0\0\0\0\0\5\0\0\0\0\0\0\0\6"
                 "\0\0\0\0\0\0\0\7\0\0\0\3\0\0\0\0",
                 sizeof(record)) == 0,
          "doc/formats/journal.md, record head");
    body_head_encode(body, &(struct body_head){ 1, 2, 3 });
    CHECK(memcmp(body, "\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\2\0\0\0\3\0\0\0\0", sizeof(body)) == 0,
          "doc/formats/bodies.md, body head");
    chunk_head_encode(chunk, &(struct chunk_head){ 5, 6, true });
    CHECK(memcmp(chunk, "\x80\0\0\5\0\0\0\6", sizeof(chunk)) == 0, "bodies.md, chunk head");
}

TEST(record_heads_with_impossible_lengths_are_refused)
{
    static const struct {
        const char *name;
        struct record_head head;
        bool good;
    } rows[] = {
        { "smallest", { .length = RECORD_HEAD_BYTES }, true },
        { "shorter than its head", { .length = RECORD_HEAD_BYTES - 1 }, false },
        { "shorter than its changes", { .length = 100, .ops_len = 53 }, false },
        { "just its changes", { .length = 100, .ops_len = 52 }, true },
        { "shorter than its bodies", { .length = 100, .body_count = 3 }, false },
        { "too many bodies to count", { .length = 100, .body_count = UINT32_MAX }, false },
        { "too long", { .length = UINT64_MAX }, false },
        { "too many changes", { .length = 1ull << 39, .ops_len = UINT32_MAX }, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char octets[RECORD_HEAD_BYTES];
        struct record_head got;

        record_head_encode(octets, &rows[i].head);
        CHECK_EQ(record_head_decode(str_from(octets, sizeof(octets)), &got), rows[i].good, "%s",
                 rows[i].name);
        for (size_t cut = 0; cut < sizeof(octets); cut++)
            CHECK(!record_head_decode(str_from(octets, cut), &got), "%s cut at %zu", rows[i].name,
                  cut);
    }
}

TEST(changes_come_back_and_every_truncation_is_noticed)
{
    static const struct record_op ops[] = {
        { OP_PUT, STR_INIT("key"), STR_INIT("value"), 0 },
        { OP_PUT, STR_INIT("empty"), STR_INIT(""), 0 },
        { OP_DELETE, STR_INIT("gone"), STR_INIT(""), 0 },
        { OP_GRAVE, STR_INIT("long gone"), STR_INIT(""), 300 },
    };
    struct buf all = { 0 };
    size_t ends[ARRAY_LEN(ops)], next = 0;

    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        record_op_put(&all, &ops[i]);
        ends[i] = all.len;
    }
    for (size_t cut = 0; cut <= all.len; cut++) {
        struct reader r = reader_of(str_take(buf_str(&all), cut));
        struct record_op got;
        size_t count = 0;

        for (; record_op_next(&r, &got); count++) {
            CHECK_EQ(got.kind, ops[count].kind, "change %zu", count);
            CHECK_STR(got.key, ops[count].key, "change %zu", count);
            CHECK_STR(got.value, ops[count].value, "change %zu", count);
            CHECK_EQ(got.origin, ops[count].origin, "change %zu", count);
        }
        if (next < ARRAY_LEN(ops) && cut == ends[next])
            next++;
        CHECK_EQ(count, next, "cut at %zu", cut);
        CHECK_EQ(r.bad, cut != 0 && (next == 0 || cut != ends[next - 1]), "cut at %zu", cut);
    }
    buf_deinit(&all);
}

TEST(malformed_changes_are_refused)
{
    static const struct {
        const char *name;
        struct str in;
    } rows[] = {
        { "unknown kind", STR_INIT("\4\1k") },
        { "kind 0", STR_INIT("\0\1k") },
        { "empty key", STR_INIT("\2\0") },
        { "an engine's key", STR_INIT("\2\2\0k") },
        { "endless length", STR_INIT("\2\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\1k") },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct reader r = reader_of(rows[i].in);
        struct record_op got;

        CHECK(!record_op_next(&r, &got) && r.bad, "%s", rows[i].name);
    }
}

TEST(chunk_heads_must_fit_their_chunk)
{
    static const struct {
        struct chunk_head head;
        size_t raw_len;
        bool good;
    } rows[] = {
        { { 10, 0, false }, 11, true }, { { 10, 0, false }, 10, false },
        { { 10, 0, true }, 10, true },  { { 10, 0, true }, 11, false },
        { { 0, 0, false }, 10, false }, { { 0x7FFFFFFF, 0, false }, 10, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char octets[CHUNK_HEAD_BYTES];
        struct chunk_head got;

        chunk_head_encode(octets, &rows[i].head);
        CHECK_EQ(chunk_head_decode(str_from(octets, sizeof(octets)), rows[i].raw_len, &got),
                 rows[i].good, "row %zu", i);
    }
}
