/* message/words/texts_test.c */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/texts.h"
#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

static const char example[] =
    "From: Alice <alice@crepes.fr>\r\n"
    "To: =?utf-8?q?B=C3=B6b?= <bob@hamburger.edu>, carol@crepes.fr\r\n"
    "Cc: team: dave@hamburger.edu;\r\n"
    "Subject:=?utf-8?q?Cr=C3=AApes?=\r\n"
    "X-Fold: one\r\n two\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n"
    "\r\n"
    "--b\r\n"
    "Content-Type: text/plain; charset=iso-8859-1\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n"
    "\r\n"
    "caf=E9 sof=\r\nt\r\n"
    "--b\r\n"
    "Content-Type: text/html\r\n"
    "Content-Transfer-Encoding: base64\r\n"
    "\r\n"
    "PGI+aDwvYj50bWw=\r\n"
    "--b\r\n"
    "Content-Type: application/pdf\r\n"
    "Content-Disposition: attachment; filename*=utf-8''d%C3%A9j%C3%A0.pdf\r\n"
    "\r\n"
    "not text\r\n"
    "--b--\r\n";

static bool take(void *ctx, const struct text_found *t)
{
    struct buf *out = ctx;

    buf_add_char(out, text_class_letter(t->class));
    buf_add_char(out, '=');
    buf_add(out, t->text);
    buf_add_char(out, '\n');
    return false;
}

static void texts_of(struct str octets, unsigned classes, struct buf *out)
{
    struct buf record = { 0 };
    struct record r;

    record_build(octets, &limits, &record);
    CHECK_EQ(record_open(buf_str(&record), &r), OK, "%s", "its own record");
    (void)texts_each(&r, octets, classes, take, out);
    buf_deinit(&record);
}

static const struct {
    const char *name;
    unsigned classes;
    struct str want;
} rows[] = {
    { "subject", TEXT_BIT(SUBJECT), STR_INIT("S=Cr\303\252pes\n") },
    { "from", TEXT_BIT(FROM), STR_INIT("F=Alice <alice@crepes.fr>\n") },
    { "to", TEXT_BIT(TO), STR_INIT("T=B\303\266b <bob@hamburger.edu>\nT= <carol@crepes.fr>\n") },
    { "cc, a group", TEXT_BIT(CC), STR_INIT("C=team\nC= <dave@hamburger.edu>\nC=\n") },
    { "bcc", TEXT_BIT(BCC), STR_INIT("") },
    { "header", TEXT_BIT(HEADER),
      STR_INIT("H=From: Alice <alice@crepes.fr>\n"
               "H=To: B\303\266b <bob@hamburger.edu>, carol@crepes.fr\n"
               "H=Cc: team: dave@hamburger.edu;\n"
               "H=Subject: Cr\303\252pes\n"
               "H=X-Fold: one two\n"
               "H=Content-Type: multipart/mixed; boundary=b\n") },
    { "body", TEXT_BIT(BODY), STR_INIT("X=caf\303\251 soft\nX=html\n") },
    { "markup", TEXT_BIT(MARKUP), STR_INIT("R=<b>h</b>tml\n") },
    { "file names", TEXT_BIT(FILENAME), STR_INIT("N=d\303\251j\303\240.pdf\n") },
};

TEST(texts_are_decoded)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { 0 };

        texts_of(str_from(example, sizeof example - 1), rows[i].classes, &out);
        CHECK_STR(buf_str(&out), rows[i].want, "%s", rows[i].name);
        buf_deinit(&out);
    }
}

TEST(a_field_has_its_value_behind_its_name)
{
    struct text_found t = { TEXT_HEADER, STR("Subject"), STR("Subject: a") };

    CHECK_STR(text_value(&t), STR("a"), "%s", "header");
    t = (struct text_found){ TEXT_BODY, STR_EMPTY, STR("Subject: a") };
    CHECK_STR(text_value(&t), STR("Subject: a"), "%s", "body");
}

TEST(a_message_cut_anywhere_has_texts)
{
    for (size_t len = 0; len < sizeof example; len++) {
        char *exact = malloc(len + 1);
        struct buf out = { 0 };

        memcpy(exact + 1, example, len);
        texts_of(str_from(exact + 1, len), TEXTS_ALL, &out);
        CHECK(out.len < 8192, "cut %zu", len);
        buf_deinit(&out);
        free(exact);
    }
}
