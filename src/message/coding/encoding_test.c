/* message/coding/encoding_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/coding/encoding.h"
#include "testing.h"

static const struct {
    enum encoding encoding;
    struct str in, want;
    bool damaged;
} rows[] = {
    { ENCODING_7BIT, STR_INIT("a=3D\r\n"), STR_INIT("a=3D\r\n"), false },
    { ENCODING_BINARY, STR_INIT("a\0b"), STR_INIT("a\0b"), false },
    { ENCODING_QP, STR_INIT("a=3Db=\r\nc \t \r\nd"), STR_INIT("a=bc\r\nd"), false },
    { ENCODING_QP, STR_INIT("cr=c3=aape"), STR_INIT("cr\xC3\xAApe"), false },
    { ENCODING_QP, STR_INIT("a=  \r\nb=\nc"), STR_INIT("abc"), false },
    { ENCODING_QP, STR_INIT("a=XYb=4"), STR_INIT("a=XYb=4"), true },
    { ENCODING_QP, STR_INIT("a=4Zb==41"), STR_INIT("a=4Zb=A"), true },
    { ENCODING_QP, STR_INIT("a= x"), STR_INIT("a= x"), true },
    { ENCODING_QP, STR_INIT("a b\tc  "), STR_INIT("a b\tc"), false },
    { ENCODING_QP, STR_INIT("end="), STR_INIT("end"), false },
    { ENCODING_BASE64, STR_INIT(""), STR_INIT(""), false },
    { ENCODING_BASE64, STR_INIT("Y3LDqnBl"), STR_INIT("cr\xC3\xAApe"), false },
    { ENCODING_BASE64, STR_INIT("Y3L\r\n DqnBl\r\n"), STR_INIT("cr\xC3\xAApe"), false },
    { ENCODING_BASE64, STR_INIT("YQ=="), STR_INIT("a"), false },
    { ENCODING_BASE64, STR_INIT("YWI="), STR_INIT("ab"), false },
    { ENCODING_BASE64, STR_INIT("YWI"), STR_INIT("ab"), false },
    { ENCODING_BASE64, STR_INIT("YQ==YmM="), STR_INIT("abc"), false },
    { ENCODING_BASE64, STR_INIT("Y!W*I="), STR_INIT("ab"), true },
    { ENCODING_BASE64, STR_INIT("YWJjZ"), STR_INIT("abc"), true },
};

TEST(bodies_decode_the_same_split_anywhere)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t step = 1; step <= rows[i].in.len + 1; step++) {
            struct decoder d = decoder_of(rows[i].encoding);
            struct buf out = { .at = NULL };

            for (size_t at = 0; at < rows[i].in.len; at += step)
                decoder_feed(&d, str_sub(rows[i].in, at, step), &out);
            decoder_end(&d, &out);
            CHECK_STR(buf_str(&out), rows[i].want, "row %zu step %zu", i, step);
            CHECK_EQ(d.damaged, rows[i].damaged, "row %zu step %zu", i, step);
            buf_deinit(&out);
        }
}

TEST(bodies_cut_anywhere_decode_to_a_beginning)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut <= rows[i].in.len; cut++) {
            struct buf out = { .at = NULL };

            (void)encoding_decode(rows[i].encoding, str_take(rows[i].in, cut), &out);
            CHECK(out.len <= cut, "row %zu cut %zu", i, cut);
            buf_deinit(&out);
        }
}

static const struct {
    bool binary;
    struct str in, want;
} qp_rows[] = {
    { false, STR_INIT("plain text\n"), STR_INIT("plain text\r\n") },
    { false, STR_INIT("a=b \r\nc\t\nd "), STR_INIT("a=3Db=20\r\nc=09\r\nd=20") },
    { false, STR_INIT("x\ry"), STR_INIT("x=0Dy") },
    { false, STR_INIT(".\r\n..a"), STR_INIT("=2E\r\n=2E.a") },
    { true, STR_INIT("a\r\nb\n"), STR_INIT("a=0D=0Ab=0A") },
    { false, STR_INIT("cr\xC3\xAApe"), STR_INIT("cr=C3=AApe") },
    { false,
      STR_INIT("1234567890123456789012345678901234567890123456789012345678901234567890123456"),
      STR_INIT("123456789012345678901234567890123456789012345678901234567890123456789012345=\r\n"
               "6") },
};

TEST(quoted_printable_is_written_in_short_lines)
{
    for (size_t i = 0; i < ARRAY_LEN(qp_rows); i++)
        for (size_t step = 1; step <= qp_rows[i].in.len; step++) {
            struct encoder en = { .encoding = ENCODING_QP, .binary = qp_rows[i].binary };
            struct buf out = { .at = NULL };

            for (size_t at = 0; at < qp_rows[i].in.len; at += step)
                encoder_feed(&en, str_sub(qp_rows[i].in, at, step), &out);
            encoder_end(&en, &out);
            CHECK_STR(buf_str(&out), qp_rows[i].want, "row %zu step %zu", i, step);
            buf_deinit(&out);
        }
}

TEST(what_is_encoded_decodes_to_itself)
{
    static const enum encoding both[] = { ENCODING_BASE64, ENCODING_QP };
    char octets[700];

    for (size_t i = 0; i < sizeof(octets); i++)
        octets[i] = (char)(i * 7 + i / 256);
    for (size_t e = 0; e < 2; e++)
        for (size_t len = 0; len < sizeof(octets); len += 13) {
            struct encoder en = { .encoding = both[e], .binary = true };
            struct buf coded = { .at = NULL }, plain = { .at = NULL };
            size_t line = 0;

            encoder_feed(&en, str_from(octets, len), &coded);
            encoder_end(&en, &coded);
            for (size_t i = 0; i < coded.len; i++) {
                line = coded.at[i] == '\n' ? 0 : line + 1;
                CHECK(line <= ENCODING_LINE_BYTES + 1, "line with CR, len %zu", len);
            }
            CHECK(encoding_decode(both[e], buf_str(&coded), &plain), "len %zu", len);
            CHECK_STR(buf_str(&plain), str_from(octets, len), "len %zu", len);
            buf_deinit(&coded);
            buf_deinit(&plain);
        }
}

TEST(names_and_choice_of_encodings)
{
    char long_line[1200];

    memset(long_line, 'x', sizeof(long_line));
    CHECK_EQ(encoding_from_name(STR("Quoted-Printable")), ENCODING_QP, "case");
    CHECK_EQ(encoding_from_name(STR("")), ENCODING_7BIT, "default");
    CHECK_EQ(encoding_from_name(STR("x-uuencode")), ENCODING_UNKNOWN, "unknown");
    CHECK_STR(encoding_name(ENCODING_8BIT), STR("8bit"), "name");
    CHECK_EQ(encoding_choose(STR("hello\r\nworld\n")), ENCODING_7BIT, "ascii");
    CHECK_EQ(encoding_choose(STR("cr\xC3\xAApes are served warm")), ENCODING_QP, "mostly ascii");
    CHECK_EQ(encoding_choose(STR("\xE4\xBD\xA0\xE5\xA5\xBD")), ENCODING_BASE64, "mostly not");
    CHECK_EQ(encoding_choose(str_from(long_line, 998)), ENCODING_7BIT, "998");
    CHECK_EQ(encoding_choose(str_from(long_line, 999)), ENCODING_QP, "999");
    CHECK_EQ(encoding_choose(STR("a\rb and some more text")), ENCODING_QP, "bare CR");
}
