/* message/record/walk_test.c - delimiters, limits and hostile shapes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/walk.h"

#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

#define HEAD "Content-Type: multipart/mixed; boundary=b\n\n"

static const struct {
    const char *name;
    struct str message;
    uint32_t parts;
    struct str first; /* the body of the part after the root */
} rows[] = {
    { "plain delimiters", STR_INIT(HEAD "--b\n\none\n--b\n\ntwo\n--b--\n"), 3, STR_INIT("one") },
    { "blanks behind", STR_INIT(HEAD "--b \t\n\none\n--b-- \n"), 2, STR_INIT("one") },
    { "text behind is no delimiter", STR_INIT(HEAD "--b\n\none\n--bc\ntwo\n--b--x\n"), 2,
      STR_INIT("one\n--bc\ntwo\n--b--x\n") },
    { "indented is no delimiter", STR_INIT(HEAD "--b\n\none\n --b\n--b--"), 2,
      STR_INIT("one\n --b") },
    { "nothing after the end", STR_INIT(HEAD "--b\n\none\n--b--\n--b\n\ntwo\n"), 2,
      STR_INIT("one") },
    { "two blank lines belong to the body", STR_INIT(HEAD "--b\n\none\r\n\r\n\r\n--b--"), 2,
      STR_INIT("one\r\n\r\n") },
    { "no line end at the end", STR_INIT(HEAD "--b\n\none"), 2, STR_INIT("one") },
    { "delimiter alone", STR_INIT(HEAD "--b"), 2, STR_INIT("") },
    { "end alone", STR_INIT(HEAD "--b--"), 1, STR_INIT("") },
    { "boundary with dashes",
      STR_INIT("Content-Type: multipart/x; boundary=\"b--\"\n\n--b--\n\none\n"
               "--b----\n"),
      2, STR_INIT("one") },
    { "inner boundary longer",
      STR_INIT(HEAD "--b\nContent-Type: multipart/x; boundary=bb\n\n--bb\n\none\n--bb--\n--b--\n"),
      3, STR_INIT("--bb\n\none\n--bb--") },
    { "inner boundary the same",
      STR_INIT(HEAD "--b\nContent-Type: multipart/x; boundary=b\n\n--b\n\none\n--b--\n--b--\n"), 3,
      STR_INIT("--b\n\none\n--b--") },
};

TEST(delimiters_part_as_the_rows_say)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct arena *mem = arena_new(0);
        struct walk w;

        walk_message(mem, &limits, rows[i].message, &w);
        CHECK_EQ(w.count, rows[i].parts, "%s", rows[i].name);
        if (w.count > 1)
            CHECK_STR(str_sub(rows[i].message, w.parts[1].body_at,
                              w.parts[1].body_end - w.parts[1].body_at),
                      rows[i].first, "%s", rows[i].name);
        arena_free(mem);
    }
}

/* Builds the record of a hostile message, checks that it opens and that all parts can be walked. */
static struct record check_record(const struct message_limits *l, const struct buf *message,
                                  struct buf *octets)
{
    struct record r;
    struct part_iter it;
    struct part p;
    uint32_t count = 0;

    record_build(buf_str(message), l, octets);
    CHECK_OK(record_open(buf_str(octets), &r), "record");
    for (it = record_parts(&r); part_next(&it, &p); count++)
        CHECK(p.body_at + p.body_bytes <= message->len, "part %u", count);
    CHECK_EQ(count, r.part_count, "all parts");
    return r;
}

TEST(ten_thousand_parts_stop_at_the_limit)
{
    struct buf message = { 0 }, octets = { 0 };
    struct message_limits many = limits;

    BUF_ADD(&message, HEAD);
    for (int i = 0; i < 10000; i++)
        BUF_ADD(&message, "--b\r\n\r\nx\r\n");
    BUF_ADD(&message, "--b--\r\n");
    many.parts_max = 20000;

    struct record r = check_record(&many, &message, &octets);
    struct part p;

    CHECK_EQ(r.part_count, 10001, "within the limit");
    CHECK_EQ(r.facts & RECORD_OPAQUE, 0, "the whole truth");
    CHECK(record_find_part(&r, (const uint32_t[]){ 10000 }, 1, &p), "the last");
    CHECK_EQ(p.body_bytes, 1, "its body");
    many.parts_max = 100;
    buf_clear(&octets);
    r = check_record(&many, &message, &octets);
    CHECK_EQ(r.part_count, 100, "at the limit");
    CHECK_EQ(r.facts & RECORD_OPAQUE, RECORD_OPAQUE, "not the whole truth");
    CHECK(record_find_part(&r, (const uint32_t[]){ 99 }, 1, &p), "the last");
    CHECK_EQ(p.body_at + p.body_bytes, message.len, "has all the rest");
    buf_deinit(&message);
    buf_deinit(&octets);
}

TEST(a_thousand_levels_stop_at_the_limit)
{
    struct buf message = { 0 }, octets = { 0 };
    struct message_limits deep = limits;

    for (int i = 0; i < 1000; i++)
        buf_printf(&message, "Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n", i, i);
    BUF_ADD(&message, "\r\nx\r\n");
    for (deep.depth_max = 0; deep.depth_max <= 2 * RECORD_DEPTH_MAX; deep.depth_max += 50) {
        struct record r = check_record(&deep, &message, &octets);

        CHECK_EQ(r.part_count, MIN(deep.depth_max, RECORD_DEPTH_MAX) + 1, "%u levels",
                 deep.depth_max);
        CHECK_EQ(r.facts & RECORD_OPAQUE, RECORD_OPAQUE, "%u levels", deep.depth_max);
        buf_clear(&octets);
    }
    buf_deinit(&message);
    buf_deinit(&octets);
}

TEST(a_thousand_messages_inside_each_other_stop_at_the_limit)
{
    struct buf message = { 0 }, octets = { 0 };
    struct message_limits few = limits;

    for (int i = 0; i < 1000; i++)
        BUF_ADD(&message, "Content-Type: message/rfc822\n\n");
    BUF_ADD(&message, "Subject: in\n\nx\n");
    CHECK_EQ(check_record(&limits, &message, &octets).part_count, limits.depth_max + 1, "depth");
    buf_clear(&octets);
    few.parts_max = 3;
    CHECK_EQ(check_record(&few, &message, &octets).part_count, 3, "parts");
    buf_deinit(&message);
    buf_deinit(&octets);
}

TEST(an_endless_header_line_is_not_kept)
{
    struct buf message = { 0 }, octets = { 0 };

    BUF_ADD(&message, "Subject: ham\r\nTo: ");
    for (int i = 0; i < 200000; i++)
        BUF_ADD(&message, "alice@crepes.fr, ");

    struct record r = check_record(&limits, &message, &octets);
    struct envelope_addresses to = envelope_addresses(r.envelope, ENVELOPE_TO);
    struct mail_address a;

    CHECK_EQ(r.header_bytes, message.len, "all of it is header");
    CHECK_EQ(r.facts & RECORD_OPAQUE, RECORD_OPAQUE, "not looked at");
    CHECK(!envelope_next(&to, &a), "no address is kept");
    CHECK_STR(envelope_text(r.envelope, ENVELOPE_SUBJECT), STR("ham"), "what came before is");
    CHECK(octets.len < 200, "a small record: %zu", octets.len);
    buf_deinit(&message);
    buf_deinit(&octets);
}

TEST(endless_header_fields_are_not_kept)
{
    struct buf message = { 0 }, octets = { 0 };

    BUF_ADD(&message, "Subject: ham\r\n");
    for (int i = 0; i < 50000; i++)
        buf_printf(&message, "X-%d: %d\r\n folded: more\r\n", i, i);
    BUF_ADD(&message, "From: alice@crepes.fr\r\n\r\nx\r\n");

    struct record r = check_record(&limits, &message, &octets);

    CHECK_EQ(r.header_bytes, message.len - 3, "the header ends at its blank line");
    CHECK_EQ(r.facts & RECORD_OPAQUE, RECORD_OPAQUE, "not the whole truth");
    CHECK_STR(envelope_text(r.envelope, ENVELOPE_SUBJECT), STR("ham"), "what came before");
    CHECK(envelope_addresses(r.envelope, ENVELOPE_FROM).rest.rest.at[0] == 0, "what came after");
    buf_deinit(&message);
    buf_deinit(&octets);
}

TEST(more_addresses_than_the_limit_are_left_out)
{
    struct buf message = { 0 }, octets = { 0 };
    struct message_limits few = limits;
    struct mail_address a;
    uint32_t count = 0;

    few.addresses_max = 3;
    BUF_ADD(&message, "To: a@crepes.fr, b@crepes.fr\r\nTo: c@crepes.fr, d@crepes.fr\r\n\r\n");

    struct record r = check_record(&few, &message, &octets);
    struct envelope_addresses to = envelope_addresses(r.envelope, ENVELOPE_TO);

    while (envelope_next(&to, &a))
        count++;
    CHECK_EQ(count, 3, "as many as the limit");
    CHECK_EQ(r.facts & RECORD_OPAQUE, RECORD_OPAQUE, "not the whole truth");
    buf_deinit(&message);
    buf_deinit(&octets);
}

TEST(a_boundary_over_the_limit_leaves_text)
{
    struct buf message = { 0 }, octets = { 0 };

    BUF_ADD(&message, "Content-Type: multipart/mixed; boundary=");
    for (size_t i = 0; i <= limits.boundary_bytes_max; i++)
        buf_add_char(&message, 'b');
    BUF_ADD(&message, "\r\n\r\nx\r\n");

    struct record r = check_record(&limits, &message, &octets);
    struct part p;

    CHECK(record_get_part(&r, 0, &p), "root");
    CHECK_STR(p.subtype, STR("plain"), "text/plain");
    CHECK_EQ(r.facts & RECORD_OPAQUE, RECORD_OPAQUE, "opaque");
    buf_deinit(&message);
    buf_deinit(&octets);
}

/* Work that grew with the square of their number would not come back from this one. */
TEST(the_same_field_very_often_costs_no_more_than_its_octets)
{
    struct buf message = { 0 }, octets = { 0 };
    struct message_limits many = limits;
    enum { FIELDS = 200000 };

    many.fields_max = FIELDS;
    many.header_bytes_max = many.addresses_max = UINT32_MAX;
    for (int i = 0; i < FIELDS; i++)
        BUF_ADD(&message, "To:a\r\n");
    BUF_ADD(&message, "\r\n");

    struct record r = check_record(&many, &message, &octets);
    struct envelope_addresses to = envelope_addresses(r.envelope, ENVELOPE_TO);
    struct mail_address a;
    uint32_t count = 0;

    while (envelope_next(&to, &a))
        count++;
    CHECK_EQ(count, FIELDS, "all in one list");
    buf_deinit(&message);
    buf_deinit(&octets);
}
