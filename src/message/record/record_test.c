/* message/record/record_test.c - numbers, accessors and damage of structure records. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/record.h"

#include "message/record/record_codec.h"
#include "message/text/header.h"
#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

static struct record open_built(struct str message, struct buf *octets)
{
    struct record r;

    record_build(message, &limits, octets);
    CHECK_OK(record_open(buf_str(octets), &r), "record of %zu octets", octets->len);
    return r;
}

static const struct {
    const char *name;
    struct str message;
    uint64_t header_bytes, lines;
    uint8_t facts;
    struct str base_subject, preview;
} rows[] = {
    { "empty", STR_INIT(""), 0, 0, 0, STR_INIT(""), STR_INIT("") },
    { "CRLF", STR_INIT("Subject: Re: ham\r\n\r\none\r\ntwo\r\n"), 20, 2, RECORD_IS_REPLY,
      STR_INIT("ham"), STR_INIT("one two") },
    { "LF", STR_INIT("Subject: ham\n\none\ntwo"), 14, 2, RECORD_BARE_NEWLINE, STR_INIT("ham"),
      STR_INIT("one two") },
    { "mixed ends", STR_INIT("Subject: ham\r\n\none\r\n\n"), 15, 2, RECORD_BARE_NEWLINE,
      STR_INIT("ham"), STR_INIT("one") },
    { "NULs", STR_INIT("Subject: h\0am\r\n\r\n\0\r\n\0"), 17, 2, 0, STR_INIT("h am"),
      STR_INIT("") },
    { "date and id",
      STR_INIT("Date: Thu, 1 Jan 1970 01:00:00 +0100\r\nMessage-ID: <1@crepes.fr>\r\n\r\n"), 67, 0,
      RECORD_HAS_DATE | RECORD_HAS_MESSAGE_ID, STR_INIT(""), STR_INIT("") },
    { "8 bit", STR_INIT("Subject: cr\303\252pes\r\n\r\n"), 20, 0, RECORD_HEADER_8BIT,
      STR_INIT("cr\303\252pes"), STR_INIT("") },
    { "attachment", STR_INIT("Content-Disposition: attachment\r\n\r\nx"), 35, 1,
      RECORD_HAS_ATTACHMENT, STR_INIT(""), STR_INIT("") },
    { "file by name", STR_INIT("Content-Type: image/png; name*=utf-8''a\r\n\r\nx"), 43, 1,
      RECORD_HAS_ATTACHMENT, STR_INIT(""), STR_INIT("") },
    { "inline file",
      STR_INIT("Content-Type: image/png; name=a\r\nContent-Disposition: inline\r\n\r\nx"), 64, 1, 0,
      STR_INIT(""), STR_INIT("") },
    { "mbox line first", STR_INIT("From alice Thu Jan  1\nSubject: ham\n\nx\n"), 36, 1,
      RECORD_BARE_NEWLINE, STR_INIT("ham"), STR_INIT("x") },
    { "blank before the colon", STR_INIT("Subject : ham\n\nx\n"), 15, 1, RECORD_BARE_NEWLINE,
      STR_INIT("ham"), STR_INIT("x") },
    { "From with a blank is a field", STR_INIT("From : alice@crepes.fr\nSubject: ham\n\nx\n"), 37,
      1, RECORD_BARE_NEWLINE, STR_INIT("ham"), STR_INIT("x") },
    { "8 bit in a name", STR_INIT("X-\303\252: a\nSubject: ham\n\nx\n"), 22, 1,
      RECORD_BARE_NEWLINE | RECORD_HEADER_8BIT, STR_INIT("ham"), STR_INIT("x") },
    { "line without a colon ends the header", STR_INIT("Subject: ham\r\nx y\r\nTo: z\r\n"), 14, 2,
      0, STR_INIT("ham"), STR_INIT("x y To: z") },
};

TEST(numbers_facts_and_texts_are_as_the_rows_say)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf octets = { 0 };
        struct record r = open_built(rows[i].message, &octets);

        CHECK_EQ(r.size_bytes, rows[i].message.len, "%s", rows[i].name);
        CHECK_EQ(r.header_bytes, rows[i].header_bytes, "%s", rows[i].name);
        CHECK_EQ(header_length(rows[i].message), rows[i].header_bytes, "%s", rows[i].name);
        CHECK_EQ(r.lines, rows[i].lines, "%s", rows[i].name);
        CHECK_EQ(r.facts & ~RECORD_HAS_FIELDS, rows[i].facts, "%s", rows[i].name);
        CHECK_STR(r.base_subject, rows[i].base_subject, "%s", rows[i].name);
        CHECK_STR(r.preview, rows[i].preview, "%s", rows[i].name);
        buf_deinit(&octets);
    }
}

TEST(a_record_may_follow_other_octets)
{
    struct buf octets = { 0 };
    struct record r;

    BUF_ADD(&octets, "before");
    record_build(STR("Subject: ham\r\n\r\nx"), &limits, &octets);
    CHECK_OK(record_open(str_skip(buf_str(&octets), 6), &r), "behind other octets");
    CHECK_STR(r.base_subject, STR("ham"), "subject");
    buf_deinit(&octets);
}

TEST(a_full_buffer_is_marked_and_not_written)
{
    struct buf octets = { .max = 100 };

    record_build(STR("Subject: a subject that is longer than there is room for\r\n\r\nx"), &limits,
                 &octets);
    CHECK(octets.overflowed, "%zu octets", octets.len);
    buf_deinit(&octets);
}

TEST(dates_and_threads_are_kept)
{
    struct buf octets = { 0 };
    struct record r = open_built(STR("Date: Wed, 17 Jul 1996 02:23:25 -0700\r\n"
                                     "Message-ID: <3@crepes.fr>\r\nIn-Reply-To: <9@crepes.fr>\r\n"
                                     "References: <1@crepes.fr>\r\n\t<2@crepes.fr>\r\n\r\n"),
                                 &octets);

    CHECK_EQ(r.date_s, 837595405, "date");
    CHECK_EQ(r.date_zone_min, -420, "zone");
    CHECK(r.message_id_hash == record_hash_message_id(STR("3@crepes.fr")), "id");
    CHECK_EQ(r.reference_count, 2, "references");
    CHECK(record_reference(&r, 0) == record_hash_message_id(STR("1@crepes.fr")), "first");
    CHECK(record_reference(&r, 1) == record_hash_message_id(STR("2@crepes.fr")), "second");
    buf_clear(&octets);
    r = open_built(STR("In-Reply-To: message of <9@crepes.fr>\r\n\r\n"), &octets);
    CHECK_EQ(r.reference_count, 1, "from In-Reply-To");
    CHECK(record_reference(&r, 0) == record_hash_message_id(STR("9@crepes.fr")), "its id");
    buf_deinit(&octets);
}

TEST(envelope_accessors_find_every_field)
{
    struct buf octets = { 0 };
    struct record r = open_built(
        STR("Message-ID: <1@crepes.fr>\r\nSubject: ham\r\nTo: cooks: bob@hamburger.edu;\r\n"
            "From: Alice <alice@crepes.fr>\r\nBcc: root\r\n\r\n"),
        &octets);
    struct envelope_addresses list = envelope_addresses(r.envelope, ENVELOPE_SENDER);
    struct mail_address a;

    CHECK(envelope_text(r.envelope, ENVELOPE_DATE).at == NULL, "no date");
    CHECK_STR(envelope_text(r.envelope, ENVELOPE_SUBJECT), STR("ham"), "subject");
    CHECK_STR(envelope_text(r.envelope, ENVELOPE_MESSAGE_ID), STR("<1@crepes.fr>"), "id");
    CHECK(envelope_next(&list, &a), "sender is from");
    CHECK_STR(a.name, STR("Alice"), "name");
    CHECK_STR(a.domain, STR("crepes.fr"), "domain");
    CHECK(!envelope_next(&list, &a), "one sender");
    list = envelope_addresses(r.envelope, ENVELOPE_TO);
    CHECK(envelope_next(&list, &a) && a.kind == ADDRESS_GROUP_START, "group");
    CHECK_STR(a.name, STR("cooks"), "its name");
    CHECK(envelope_next(&list, &a) && a.kind == ADDRESS_MAILBOX, "member");
    CHECK_STR(a.local, STR("bob"), "its local part");
    CHECK(envelope_next(&list, &a) && a.kind == ADDRESS_GROUP_END, "end of the group");
    CHECK(!envelope_next(&list, &a), "end");
    list = envelope_addresses(r.envelope, ENVELOPE_BCC);
    CHECK(envelope_next(&list, &a) && a.kind == ADDRESS_MAILBOX, "without a domain");
    CHECK(a.domain.at != NULL && a.domain.len == 0, "empty and there");
    list = envelope_addresses(r.envelope, ENVELOPE_CC);
    CHECK(!envelope_next(&list, &a), "no Cc");
    buf_deinit(&octets);
}

TEST(parameters_have_their_meaning)
{
    struct arena *mem = arena_new(0);
    struct buf octets = { 0 };
    struct record r = open_built(STR("Content-Disposition: attachment; filename*0*=utf-8''cr%C3%AA;"
                                     " filename*1=pes.txt\r\n\r\n"),
                                 &octets);
    struct part p;

    CHECK(record_get_part(&r, 0, &p), "root");
    CHECK(!record_get_part(&r, 1, &p), "no other");
    CHECK_STR(string_list_param(p.disposition_params, STR("FILENAME*1")), STR("pes.txt"), "raw");
    CHECK(string_list_param(p.disposition_params, STR("filename")).at == NULL, "raw name");
    CHECK_STR(string_list_param_text(mem, p.disposition_params, STR("filename")),
              STR("cr\303\252pes.txt"), "text");
    CHECK(string_list_param_text(mem, p.params, STR("name")).at == NULL, "none");
    buf_deinit(&octets);
    arena_free(mem);
}

TEST(damaged_frames_are_refused)
{
    struct buf octets = { 0 };
    struct record r = open_built(STR("Subject: ham\r\nReferences: <a@b>\r\n\r\nx"), &octets);

    for (size_t len = 0; len < octets.len; len++)
        CHECK_EQ(record_open(str_take(buf_str(&octets), len), &r), ERR_CORRUPT, "cut at %zu", len);
    BUF_ADD(&octets, "x");
    CHECK_EQ(record_open(buf_str(&octets), &r), ERR_CORRUPT, "one octet more");
    octets.len--;
    octets.at[FRAME_VERSION]++;
    CHECK_EQ(record_open(buf_str(&octets), &r), ERR_UNSUPPORTED, "version");
    octets.at[FRAME_VERSION]--;
    octets.at[FRAME_ENVELOPE_LEN]++;
    CHECK_EQ(record_open(buf_str(&octets), &r), ERR_CORRUPT, "length");
    octets.at[FRAME_ENVELOPE_LEN]--;
    store_u32(octets.at + FRAME_PART_COUNT, 0);
    CHECK_EQ(record_open(buf_str(&octets), &r), ERR_CORRUPT, "no part");
    buf_deinit(&octets);
}

/* The example of doc/formats/structure-record.md, so that no change of the format goes unseen. */
TEST(the_format_is_the_documented_one)
{
    static const uint8_t want[] = {
        0x02, 0x80, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x2e, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x2d, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x21, 0x00, 0x00, 0x00, 0x13, 0x00, 0x00, 0x00, 0x00,
        0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x03, 0x00, 0x0d, 'h',
        'a',  'm',  0x01, 0x05, 'A',  0x00, 0x15, 'a',  'l',  'i',  'c',  'e',  0x25, 'c',  'r',
        'e',  'p',  'e',  's',  '.',  'f',  'r',  0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
        0x12, 0x00, 0x00, 0x00, 0x00, 0x2d, 0x01, 0x01, 0x11, 't',  'e',  'x',  't',  0x15, 'p',
        'l',  'a',  'i',  'n',  'h',  'a',  'm',  'x',  0x02, 0x04, 0x7f,
    };
    struct buf octets = { 0 };

    record_build(STR("Subject: ham\r\nFrom: \"A\" <alice@crepes.fr>\r\n\r\nx"), &limits, &octets);
    CHECK_STR(buf_str(&octets), str_from(want, sizeof(want)), "a small message");
    buf_deinit(&octets);
}
