/* message/compose/downgrade_test.c - rows of messages and what they become. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/compose/downgrade.h"

#include "message/record/record.h"
#include "testing.h"

static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;

#define MULTI "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n"
#define TEXT8 "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
#define TEXTQP                                                                                     \
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "                       \
    "quoted-printable\r\n\r\n"

static const struct {
    const char *name;
    struct str in;
    enum downgrade result;
    struct str want;
} rows[] = {
    { "7-bit already", STR_INIT("Subject: a\r\n\r\nhi\r\n"), DOWNGRADE_NOT_NEEDED, STR_INIT("") },
    { "empty", STR_INIT(""), DOWNGRADE_NOT_NEEDED, STR_INIT("") },
    { "8 bits in the header alone", STR_INIT("Subject: \xc3\xa9\r\n\r\nhi\r\n"),
      DOWNGRADE_NOT_NEEDED, STR_INIT("") },
    { "a text", STR_INIT("MIME-Version: 1.0\r\n" TEXT8 "cr\xc3\xaapes\r\n"), DOWNGRADE_DONE,
      STR_INIT("MIME-Version: 1.0\r\n" TEXTQP "cr=C3=AApes\r\n") },
    { "no MIME at all", STR_INIT("Subject: a\r\n\r\ncr\xeapes\r\n"), DOWNGRADE_DONE,
      STR_INIT("Subject: a\r\nMIME-Version: 1.0\r\n"
               "Content-Type: text/plain; charset=unknown-8bit\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\ncr=EApes\r\n") },
    { "no header", STR_INIT("\r\n\xc3\xa9\r\n"), DOWNGRADE_DONE,
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A9\r\n") },
    { "octets become base64",
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
               "Content-Transfer-Encoding: binary\r\n\r\n\x89PNG\r\n\x1a\n"),
      DOWNGRADE_DONE,
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: image/png\r\n"
               "Content-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n") },
    { "parts, and the text around them",
      STR_INIT(MULTI "Content-Transfer-Encoding: 8bit\r\n\r\np\xe9\r\n--b\r\n" TEXT8
                     "e \xc3\xa9\r\n--b\r\n\r\nplain\r\n--b--\r\ne\xe9\r\n"),
      DOWNGRADE_DONE,
      STR_INIT(MULTI "\r\np?\r\n--b\r\n" TEXTQP
                     "e =C3=A9\r\n--b\r\n\r\nplain\r\n--b--\r\ne?\r\n") },
    { "a message inside",
      STR_INIT(MULTI
               "\r\n--b\r\nContent-Type: message/rfc822\r\n"
               "Content-Transfer-Encoding: 8bit\r\n\r\nSubject: in\r\n\r\net \xe9\r\n--b--\r\n"),
      DOWNGRADE_DONE,
      STR_INIT(MULTI "\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n"
                     "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
                     "Content-Transfer-Encoding: quoted-printable\r\n\r\net =E9\r\n--b--\r\n") },
    { "a message inside, behind a header that only a line without a name ends",
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\nFrom nobody\r\n"
               "Subject: in\r\n\r\net \xe9\r\n"),
      DOWNGRADE_DONE,
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\nSubject: in\r\n"
               "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\net =E9\r\n") },
    { "a boundary that is not 7-bit itself",
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"b\xe9\"\r\n\r\n"
               "--b\xe9\r\n\r\nham\r\n--b\xe9--\r\n"),
      DOWNGRADE_OPAQUE, STR_INIT("") },
    { "signed",
      STR_INIT(
          "MIME-Version: 1.0\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n" TEXT8
          "e \xc3\xa9\r\n--b--\r\n"),
      DOWNGRADE_SIGNED, STR_INIT("") },
    { "signed, but 7-bit",
      STR_INIT(MULTI
               "\r\n--b\r\nContent-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\nhi\r\n"
               "--c--\r\n\r\n--b\r\n" TEXT8 "e \xc3\xa9\r\n--b--\r\n"),
      DOWNGRADE_DONE,
      STR_INIT(MULTI
               "\r\n--b\r\nContent-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n\r\nhi\r\n"
               "--c--\r\n\r\n--b\r\n" TEXTQP "e =C3=A9\r\n--b--\r\n") },
    { "an encoding nobody knows",
      STR_INIT("MIME-Version: 1.0\r\nContent-Transfer-Encoding: x-strange\r\n\r\n\xe9\r\n"),
      DOWNGRADE_OPAQUE, STR_INIT("") },
    { "a multipart without parts",
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\xe9\r\n"),
      DOWNGRADE_OPAQUE, STR_INIT("") },
    { "a partial message",
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: message/partial; id=x\r\n\r\n\xe9\r\n"),
      DOWNGRADE_OPAQUE, STR_INIT("") },
    { "8 bits in what is encoded already",
      STR_INIT("MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
               "a=3D\xe9\r\n"),
      DOWNGRADE_DONE,
      STR_INIT("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=unknown-8bit\r\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\na=3D=E9\r\n") },
    { "LF ends", STR_INIT("Content-Type: text/plain\nMIME-Version: 1.0\n\n\xe9\n"), DOWNGRADE_DONE,
      STR_INIT("Content-Type: text/plain\nMIME-Version: 1.0\n"
               "Content-Transfer-Encoding: quoted-printable\r\n\r\n=E9\r\n") },
};

TEST(messages_become_7_bit)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf out = { 0 };

        CHECK_EQ(downgrade_to_7bit(rows[i].in, &limits, &out), rows[i].result, "%s", rows[i].name);
        CHECK_STR(buf_str(&out), rows[i].want, "%s", rows[i].name);
        buf_deinit(&out);
    }
}

TEST(every_beginning_of_a_message_can_be_made_7_bit_or_is_left_alone)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (size_t len = 0; len <= rows[i].in.len; len++) {
            struct buf out = { 0 }, again = { 0 };
            enum downgrade result = downgrade_to_7bit(str_take(rows[i].in, len), &limits, &out);

            CHECK_EQ(result == DOWNGRADE_DONE, out.len > 0, "%s, %zu", rows[i].name, len);
            if (result == DOWNGRADE_DONE)
                CHECK_EQ(downgrade_to_7bit(buf_str(&out), &limits, &again), DOWNGRADE_NOT_NEEDED,
                         "%s, %zu", rows[i].name, len);
            buf_deinit(&out);
            buf_deinit(&again);
        }
}

TEST(what_is_too_deep_to_look_into_is_not_touched)
{
    struct message_limits shallow = limits;
    struct buf out = { 0 };

    shallow.depth_max = 0;
    CHECK_EQ(
        downgrade_to_7bit(STR(MULTI "\r\n--b\r\n" TEXT8 "e \xc3\xa9\r\n--b--\r\n"), &shallow, &out),
        DOWNGRADE_OPAQUE, "too deep");
    CHECK_EQ(out.len, 0, "untouched");
    buf_deinit(&out);
}
