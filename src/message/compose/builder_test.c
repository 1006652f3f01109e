/* message/compose/builder_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"
#include "message/compose/builder.h"
#include "testing.h"

static struct mail_address alice_at = { .name = STR_INIT("Alice"),
                                        .local = STR_INIT("alice"),
                                        .domain = STR_INIT("crepes.fr") };
static struct mail_address bob_at = { .local = STR_INIT("bob"),
                                      .domain = STR_INIT("hamburger.edu") };

static struct compose simple(void)
{
    return (struct compose){
        .from = { &alice_at, 1 },
        .to = { &bob_at, 1 },
        .bcc = { &alice_at, 1 },
        .subject = STR("Lunch"),
        .date_s = 837596665,
        .message_id = STR("m1@crepes.fr"),
        .boundary_seed = STR("seed"),
    };
}

TEST(a_text_message_is_plain)
{
    struct compose c = simple();
    struct buf out = { .at = NULL };

    c.text = STR("Crepes?\nAt noon.\n");
    builder_format(&out, &c);
    CHECK_STR(buf_str(&out),
              STR("Date: Wed, 17 Jul 1996 09:44:25 +0000\r\n"
                  "From: Alice <alice@crepes.fr>\r\n"
                  "To: bob@hamburger.edu\r\n"
                  "Subject: Lunch\r\n"
                  "Message-ID: <m1@crepes.fr>\r\n"
                  "MIME-Version: 1.0\r\n"
                  "Content-Type: text/plain;\r\n charset=us-ascii\r\n"
                  "Content-Transfer-Encoding: 7bit\r\n"
                  "\r\n"
                  "Crepes?\r\nAt noon.\r\n"),
              "plain");
    buf_deinit(&out);
}

TEST(flowed_text_says_so)
{
    struct compose c = simple();
    struct buf out = { .at = NULL };

    c.text = STR("a line of text that is a little too long to stand on one line of seventy-two\n");
    c.flowed = true;
    builder_format(&out, &c);
    CHECK(str_ends(buf_str(&out),
                   STR("charset=us-ascii;\r\n format=flowed\r\n"
                       "Content-Transfer-Encoding: 7bit\r\n\r\n"
                       "a line of text that is a little too long to stand on one line of \r\n"
                       "seventy-two\r\n")),
          "%.*s", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

TEST(every_level_of_the_tree_is_there)
{
    static const struct builder_file image = { .type = STR_INIT("image/png"),
                                               .content_id = STR_INIT("i1@crepes.fr"),
                                               .body = STR_INIT("\x89PNG") };
    static const struct builder_file files[] = {
        { .type = STR_INIT("application/pdf"),
          .name = STR_INIT("cr\xC3\xAApes.pdf"),
          .body = STR_INIT("%PDF") },
        { .type = STR_INIT("message/rfc822"), .body = STR_INIT("Subject: x\n\ny\n") },
    };
    struct compose c = simple();
    struct buf out = { .at = NULL };

    c.text = STR("cr\xC3\xAApes are served warm\n");
    c.html = STR("<p><img src=\"cid:i1@crepes.fr\">\n");
    c.inlines = &image;
    c.inline_count = 1;
    c.attachments = files;
    c.attachment_count = 2;
    builder_format(&out, &c);
    struct str body = str_skip(buf_str(&out), str_find(buf_str(&out), STR("MIME-Version")));
    CHECK_STR(body,
              STR("MIME-Version: 1.0\r\n"
                  "Content-Type: multipart/mixed;\r\n boundary=\"=_seed_1\"\r\n"
                  "\r\n--=_seed_1\r\n"
                  "Content-Type: multipart/alternative;\r\n boundary=\"=_seed_2\"\r\n"
                  "\r\n--=_seed_2\r\n"
                  "Content-Type: text/plain;\r\n charset=utf-8\r\n"
                  "Content-Transfer-Encoding: quoted-printable\r\n\r\n"
                  "cr=C3=AApes are served warm\r\n"
                  "\r\n--=_seed_2\r\n"
                  "Content-Type: multipart/related; type=\"text/html\";\r\n"
                  " boundary=\"=_seed_3\"\r\n"
                  "\r\n--=_seed_3\r\n"
                  "Content-Type: text/html;\r\n charset=us-ascii\r\n"
                  "Content-Transfer-Encoding: 7bit\r\n\r\n"
                  "<p><img src=\"cid:i1@crepes.fr\">\r\n"
                  "\r\n--=_seed_3\r\n"
                  "Content-Type: image/png\r\n"
                  "Content-Disposition: inline\r\n"
                  "Content-ID: <i1@crepes.fr>\r\n"
                  "Content-Transfer-Encoding: base64\r\n\r\n"
                  "iVBORw==\r\n"
                  "\r\n--=_seed_3--\r\n"
                  "\r\n--=_seed_2--\r\n"
                  "\r\n--=_seed_1\r\n"
                  "Content-Type: application/pdf;\r\n name*=utf-8''cr%C3%AApes.pdf\r\n"
                  "Content-Disposition: attachment;\r\n filename*=utf-8''cr%C3%AApes.pdf\r\n"
                  "Content-Transfer-Encoding: base64\r\n\r\n"
                  "JVBERg==\r\n"
                  "\r\n--=_seed_1\r\n"
                  "Content-Type: message/rfc822\r\n"
                  "Content-Disposition: attachment\r\n"
                  "Content-Transfer-Encoding: 7bit\r\n\r\n"
                  "Subject: x\r\n\r\ny\r\n"
                  "\r\n--=_seed_1--\r\n"),
              "tree");
    buf_deinit(&out);
}

TEST(blind_copies_stay_blind_and_drafts_keep_them)
{
    struct compose c = simple();
    struct buf out = { .at = NULL };

    builder_format(&out, &c);
    CHECK(str_find(buf_str(&out), STR("Bcc")) == STR_NOT_FOUND, "sent");
    buf_clear(&out);
    c.keep_bcc = true;
    builder_format(&out, &c);
    CHECK(str_find(buf_str(&out), STR("Bcc: Alice <alice@crepes.fr>\r\n")) != STR_NOT_FOUND,
          "draft");
    buf_deinit(&out);
}

TEST(hostile_names_and_types_stay_in_their_place)
{
    static const struct builder_file file = { .type = STR_INIT("text/html\r\nX: y"),
                                              .name = STR_INIT("a\"\r\nX: y\r\n\r\n.txt"),
                                              .content_id = STR_INIT("a>\r\nX: y"),
                                              .body = STR_INIT("b") };
    struct compose c = simple();
    struct buf out = { .at = NULL };

    c.attachments = &file;
    c.attachment_count = 1;
    builder_format(&out, &c);
    CHECK(str_find(buf_str(&out), STR("\nX: y")) == STR_NOT_FOUND, "%.*s", STR_ARG(buf_str(&out)));
    CHECK(str_find(buf_str(&out), STR("Content-Type: application/octet-stream;")) != STR_NOT_FOUND,
          "%.*s", STR_ARG(buf_str(&out)));
    buf_deinit(&out);
}

TEST(header_text_beyond_ascii_is_encoded_or_not)
{
    struct compose c = simple();
    struct buf out = { .at = NULL };

    c.subject = STR("Cr\xC3\xAApes");
    c.text = STR("x");
    builder_format(&out, &c);
    CHECK(utf8_is_ascii(buf_str(&out)), "encoded");
    CHECK(!builder_needs_utf8(&c), "a subject does not need SMTPUTF8");
    buf_clear(&out);
    c.utf8 = true;
    builder_format(&out, &c);
    CHECK(str_find(buf_str(&out), STR("Subject: Cr\xC3\xAApes\r\n")) != STR_NOT_FOUND, "raw");
    struct mail_address utf8_at = { .local = STR("al\xC3\xAD"), .domain = STR("crepes.fr") };
    c.cc = (struct address_list){ &utf8_at, 1 };
    CHECK(builder_needs_utf8(&c), "an address does");
    buf_deinit(&out);
}
