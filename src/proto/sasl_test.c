/* proto/sasl_test.c - exchanges as rows: what the peer sends, how it ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sasl.h"

#include "testing.h"

static const struct {
    const char *name;
    struct str mechanism, initial, first, second; /* responses; first and second are lines */
    enum sasl_status want;
    struct str authzid, authcid, password;
} cases[] = {
    { "PLAIN at once", STR_INIT("PLAIN"), STR_INIT("AGJvYgBodW5ncnk="), STR_INIT(""), STR_INIT(""),
      SASL_LOGIN, STR_INIT(""), STR_INIT("bob"), STR_INIT("hungry") },
    { "PLAIN after a challenge", STR_INIT("plain"), STR_INIT(""), STR_INIT("AGJvYgBodW5ncnk="),
      STR_INIT(""), SASL_LOGIN, STR_INIT(""), STR_INIT("bob"), STR_INIT("hungry") },
    { "PLAIN on behalf of alice", STR_INIT("PLAIN"), STR_INIT("YWxpY2UAYm9iAGh1bmdyeQ=="),
      STR_INIT(""), STR_INIT(""), SASL_LOGIN, STR_INIT("alice"), STR_INIT("bob"),
      STR_INIT("hungry") },
    { "PLAIN without NULs", STR_INIT("PLAIN"), STR_INIT("Ym9i"), STR_INIT(""), STR_INIT(""),
      SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT("") },
    { "PLAIN with a third NUL", STR_INIT("PLAIN"), STR_INIT("AGJvYgBhAGI="), STR_INIT(""),
      STR_INIT(""), SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT("") },
    { "PLAIN without a password", STR_INIT("PLAIN"), STR_INIT("AGJvYgA="), STR_INIT(""),
      STR_INIT(""), SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT("") },
    { "PLAIN empty", STR_INIT("PLAIN"), STR_INIT("="), STR_INIT(""), STR_INIT(""), SASL_MALFORMED,
      STR_INIT(""), STR_INIT(""), STR_INIT("") },
    { "not base64", STR_INIT("PLAIN"), STR_INIT("AGJ!"), STR_INIT(""), STR_INIT(""), SASL_MALFORMED,
      STR_INIT(""), STR_INIT(""), STR_INIT("") },
    { "cancelled", STR_INIT("PLAIN"), STR_INIT(""), STR_INIT("*"), STR_INIT(""), SASL_CANCELLED,
      STR_INIT(""), STR_INIT(""), STR_INIT("") },
    { "LOGIN", STR_INIT("LOGIN"), STR_INIT(""), STR_INIT("Ym9i"), STR_INIT("aHVuZ3J5"), SASL_LOGIN,
      STR_INIT(""), STR_INIT("bob"), STR_INIT("hungry") },
    { "LOGIN with the name at once", STR_INIT("LOGIN"), STR_INIT("Ym9i"), STR_INIT("aHVuZ3J5"),
      STR_INIT(""), SASL_LOGIN, STR_INIT(""), STR_INIT("bob"), STR_INIT("hungry") },
    { "LOGIN with an empty name", STR_INIT("LOGIN"), STR_INIT("="), STR_INIT(""), STR_INIT(""),
      SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT("") },
    { "LOGIN cancelled at the password", STR_INIT("LOGIN"), STR_INIT("Ym9i"), STR_INIT("*"),
      STR_INIT(""), SASL_CANCELLED, STR_INIT(""), STR_INIT(""), STR_INIT("") },
};

TEST(exchanges_end_as_they_should)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sasl *s = sasl_new(cases[i].mechanism);
        enum sasl_status got = sasl_start(s, cases[i].initial);

        if (got == SASL_CHALLENGE)
            got = sasl_feed(s, cases[i].first);
        if (got == SASL_CHALLENGE)
            got = sasl_feed(s, cases[i].second);
        CHECK_EQ(got, cases[i].want, "%s", cases[i].name);
        if (got == SASL_LOGIN) {
            CHECK_STR(sasl_login(s)->authzid, cases[i].authzid, "%s", cases[i].name);
            CHECK_STR(sasl_login(s)->authcid, cases[i].authcid, "%s", cases[i].name);
            CHECK_STR(sasl_login(s)->password, cases[i].password, "%s", cases[i].name);
        }
        sasl_free(s);
    }
}

TEST(login_asks_for_name_and_password_in_the_words_clients_know)
{
    struct sasl *s = sasl_new(STR("LOGIN"));

    CHECK_EQ(sasl_start(s, STR_EMPTY), SASL_CHALLENGE, "name");
    CHECK_STR(sasl_challenge(s), STR("VXNlcm5hbWU6"), "name");
    CHECK_EQ(sasl_feed(s, STR("Ym9i")), SASL_CHALLENGE, "password");
    CHECK_STR(sasl_challenge(s), STR("UGFzc3dvcmQ6"), "password");
    sasl_free(s);
}

TEST(unknown_mechanisms_are_unknown)
{
    CHECK(sasl_new(STR("CRAM-MD5")) == NULL, "CRAM-MD5");
    CHECK(sasl_new(STR_EMPTY) == NULL, "empty");
    sasl_free(NULL);
}

TEST(the_list_is_written_for_each_protocol)
{
    struct buf out = { 0 };

    sasl_add_mechanisms(&out, STR(" AUTH="));
    CHECK_STR(buf_str(&out), STR(" AUTH=PLAIN AUTH=LOGIN"), "IMAP");
    buf_deinit(&out);
}
