/* message/record/fields_test.c - header fields out of a record against those of the message. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/fields.h"

#include "message/record/record_codec.h"
#include "message/record/section.h"
#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

/* most: octets that the section takes at most, which shows what is rebuilt and what is kept. */
static const struct {
    const char *name;
    struct str message;
    size_t most;
} rows[] = {
    { "as programs write it",
      STR_INIT("Received: from x\r\n\tby y\r\nFrom: Alice <alice@crepes.fr>\r\n"
               "To: bob@hamburger.edu, Carol Cook <carol@crepes.fr>\r\nSubject: ham and eggs\r\n"
               "Date: Wed, 17 Jul 1996 02:23:25 -0700\r\nMessage-ID: <1@crepes.fr>\r\n"
               "X-Long: nobody asks\r\n\r\nbody"),
      6 },
    { "quoted names",
      STR_INIT("From: \"Alice, C.\" <alice@crepes.fr>\r\nCc: \"B\" <bob@hamburger.edu>\r\n\r\n"),
      3 },
    { "mixed quotes are kept",
      STR_INIT("To: \"B\" <bob@hamburger.edu>, A <alice@crepes.fr>\r\n\r\nx"), 60 },
    { "folds are kept", STR_INIT("Subject: ham\r\n and eggs\r\nFrom: alice@crepes.fr\r\n\r\n"),
      40 },
    { "names in other letters", STR_INIT("SUBJECT: ham\r\nmessage-id: <1@crepes.fr>\r\n\r\n"), 60 },
    { "Message-Id", STR_INIT("Message-Id: <1@crepes.fr>\r\n\r\n"), 2 },
    { "blanks", STR_INIT("Subject:  ham \r\nTo:bob@hamburger.edu\r\nCc : a@b\r\n\r\n"), 80 },
    { "LF alone", STR_INIT("Subject: ham\nFrom: alice@crepes.fr\n\nbody"), 80 },
    { "twice", STR_INIT("Subject: a\r\nSubject: b\r\nTo: a@b\r\nTo: c@d\r\n\r\n"), 80 },
    { "groups and routes",
      STR_INIT("To: cooks: bob@hamburger.edu;\r\nFrom: <@a,@b:alice@crepes.fr>\r\n"
               "Reply-To: undisclosed:;\r\n\r\n"),
      140 },
    { "8 bit and encoded words",
      STR_INIT("Subject: cr\303\252pes\r\nFrom: =?utf-8?q?=C3=89?= <alice@crepes.fr>\r\n\r\n"), 3 },
    { "NUL", STR_INIT("Subject: h\0m\r\nFrom: a\0b <alice@crepes.fr>\r\n\r\n"), 80 },
    { "empty fields", STR_INIT("Subject:\r\nTo: \r\nCc:\r\n\r\n"), 60 },
    { "no end", STR_INIT("From: alice@crepes.fr\r\nSubject: ham"), 40 },
    { "mbox line", STR_INIT("From alice Thu Jan  1\r\nFrom: alice@crepes.fr\r\n\r\n"), 2 },
    { "no header", STR_INIT("\r\nSubject: in the body\r\n"), 1 },
    { "nothing", STR_INIT(""), 0 },
    { "references",
      STR_INIT("References: <1@crepes.fr>\r\n <2@crepes.fr>\r\nIn-Reply-To: <2@crepes.fr>\r\n"
               "Content-Type: text/plain; charset=utf-8\r\nMIME-Version: 1.0\r\nList-Id: <l.x>\r\n"
               "\r\n"),
      160 },
};

static const struct str asked[][5] = {
    { STR_INIT("From"), STR_INIT("To"), STR_INIT("Subject"), STR_INIT("Date"),
      STR_INIT("Message-ID") },
    { STR_INIT("cc"), STR_INIT("REPLY-TO"), STR_INIT("Sender"), STR_INIT("References"),
      STR_INIT("in-reply-to") },
    { STR_INIT("List-Id"), STR_INIT("Content-Type"), STR_INIT("MIME-Version"), STR_INIT("Bcc"),
      STR_INIT("X-Priority") },
};

/* Every beginning of every message, so that each also ends within each of its fields. */
TEST(the_fields_are_those_of_the_message_octet_by_octet)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t cut = 0; cut <= rows[i].message.len; cut++) {
            struct str message = str_take(rows[i].message, cut);
            struct buf octets = { 0 };
            struct record r;

            record_build(message, &limits, &octets);
            CHECK_OK(record_open(buf_str(&octets), &r), "%s", rows[i].name);
            for (size_t a = 0; a < ARRAY_LEN(asked); a++) {
                struct buf out = { 0 }, want = { 0 };

                header_subset(str_take(message, r.header_bytes), asked[a], 5, false, &want);
                CHECK(record_fields(&r, asked[a], 5, &out), "%s at %zu", rows[i].name, cut);
                CHECK_STR(buf_str(&out), buf_str(&want), "%s at %zu", rows[i].name, cut);
                buf_deinit(&out);
                buf_deinit(&want);
            }
            if (cut == rows[i].message.len)
                CHECK(r.fields.len <= rows[i].most, "%s: %zu", rows[i].name, r.fields.len);
            buf_deinit(&octets);
        }
}

TEST(too_many_octets_are_left_to_the_message)
{
    struct buf message = { 0 }, octets = { 0 }, out = { 0 };
    struct record r;

    BUF_ADD(&message, "References:");
    while (message.len <= RECORD_FIELDS_BYTES_MAX)
        BUF_ADD(&message, " <1@crepes.fr>\r\n");
    BUF_ADD(&message, "Subject: ham\r\n\r\n");
    record_build(buf_str(&message), &limits, &octets);
    CHECK_OK(record_open(buf_str(&octets), &r), "record");
    CHECK_EQ(r.fields.len, 0, "fields");
    CHECK(!record_fields(&r, asked[0], 5, &out), "nothing is told");
    CHECK_EQ(out.len, 0, "nothing is written");
    buf_deinit(&message);
    buf_deinit(&octets);
}

/* A record of version 1 is one of version 2 without the last number of the frame and the fields. */
TEST(an_old_record_is_read_and_has_no_fields)
{
    struct buf octets = { 0 }, old = { 0 }, out = { 0 };
    struct record r, o;

    record_build(rows[0].message, &limits, &octets);
    CHECK_OK(record_open(buf_str(&octets), &r), "record");
    buf_add(&old, str_take(buf_str(&octets), FRAME_BYTES_OF_1));
    buf_add(&old, str_sub(buf_str(&octets), RECORD_FRAME_BYTES,
                          octets.len - RECORD_FRAME_BYTES - r.fields.len));
    old.at[FRAME_VERSION] = 1;
    old.at[FRAME_FACTS] = (char)(r.facts & ~RECORD_HAS_FIELDS);
    CHECK_OK(record_open(buf_str(&old), &o), "version 1");
    CHECK_STR(o.envelope, r.envelope, "envelope");
    CHECK_STR(o.preview, r.preview, "preview");
    CHECK(!record_fields(&o, asked[0], 5, &out), "no fields");
    for (size_t len = 0; len < old.len; len++)
        CHECK_EQ(record_open(str_take(buf_str(&old), len), &o), ERR_CORRUPT, "cut at %zu", len);
    buf_deinit(&octets);
    buf_deinit(&old);
}

TEST(a_record_can_be_cut_down_to_some_sections)
{
    struct arena *mem = arena_new(0);
    struct buf octets = { 0 };
    struct record r, t;

    record_build(rows[0].message, &limits, &octets);
    CHECK_OK(record_open(buf_str(&octets), &r), "record");
    for (unsigned sections = 0; sections < 64; sections++) {
        struct str cut = record_trim(mem, buf_str(&octets), sections);

        CHECK_OK(record_open(cut, &t), "%u", sections);
        CHECK_STR(t.envelope, sections & RECORD_ENVELOPE ? r.envelope : STR_EMPTY, "%u", sections);
        CHECK_STR(t.parts, sections & RECORD_PARTS ? r.parts : STR_EMPTY, "%u", sections);
        CHECK_STR(t.preview, sections & RECORD_PREVIEW ? r.preview : STR_EMPTY, "%u", sections);
        CHECK_STR(t.fields, sections & RECORD_FIELDS ? r.fields : STR_EMPTY, "%u", sections);
        CHECK_EQ(t.size_bytes, r.size_bytes, "%u", sections);
    }
    CHECK_STR(record_trim(mem, STR("no record"), 0), STR("no record"), "as it is");
    buf_deinit(&octets);
    arena_free(mem);
}

/* Any octet of the section changed, and the section cut anywhere: fewer or other fields, no fault.
 */
TEST(a_damaged_section_is_no_fault)
{
    struct buf octets = { 0 };
    struct record r;

    record_build(rows[17].message, &limits, &octets);
    CHECK_OK(record_open(buf_str(&octets), &r), "record");
    for (size_t at = 0; at < r.fields.len; at++)
        for (int value = 0; value < 256; value += value < 20 ? 1 : 59) {
            char *octet = (char *)(uintptr_t)r.fields.at + at, was = *octet;
            struct record cut = r;
            struct buf out = { 0 };

            *octet = (char)value;
            CHECK(record_fields(&r, asked[1], 5, &out), "%zu", at);
            cut.fields = str_take(cut.fields, at);
            CHECK(record_fields(&cut, asked[1], 5, &out), "%zu", at);
            *octet = was;
            buf_deinit(&out);
        }
    buf_deinit(&octets);
}
