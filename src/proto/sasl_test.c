/* proto/sasl_test.c - exchanges as rows: what the peer sends, how it ends. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/sasl.h"

#include "testing.h"

static const struct {
    const char *name;
    struct str mechanism, initial, first, second; /* responses; first and second are lines */
    enum sasl_status want;
    struct str authzid, authcid, password;
    enum sasl_kind kind;
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
    { "RFC 7628 4.1", STR_INIT("OAUTHBEARER"),
      STR_INIT("bixhPXVzZXJAZXhhbXBsZS5jb20sAWhvc3Q9c2VydmVyLmV4YW1wbGUuY29tAXBvcnQ9MTQzAWF1dGg9QmV"
               "hcmVyIHZGOWRmdDRxbVRjMk52YjNSbGNrQmhiSFJoZG1semRHRXVZMjl0Q2c9PQEB"),
      STR_INIT(""), STR_INIT(""), SASL_LOGIN, STR_INIT(""), STR_INIT("user@example.com"),
      STR_INIT("vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="), SASL_TOKEN },
    { "bearer without a name", STR_INIT("OAUTHBEARER"),
      STR_INIT("biwsAWF1dGg9QmVhcmVyIHB0MS4xLkFBQUEBAQ=="), STR_INIT(""), STR_INIT(""), SASL_LOGIN,
      STR_INIT(""), STR_INIT(""), STR_INIT("pt1.1.AAAA"), SASL_TOKEN },
    { "bearer with an escaped name", STR_INIT("OAUTHBEARER"),
      STR_INIT("bixhPWE9MkNiPTNELAFhdXRoPWJlYXJlciB4AQE="), STR_INIT(""), STR_INIT(""), SASL_LOGIN,
      STR_INIT(""), STR_INIT("a,b="), STR_INIT("x"), SASL_TOKEN },
    { "bearer with two tokens", STR_INIT("OAUTHBEARER"),
      STR_INIT("biwsAWF1dGg9QmVhcmVyIHgBYXV0aD1CZWFyZXIgeQEB"), STR_INIT(""), STR_INIT(""),
      SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""), SASL_PASSWORD },
    { "bearer without a token", STR_INIT("OAUTHBEARER"), STR_INIT("biwsAWhvc3Q9eAEB"), STR_INIT(""),
      STR_INIT(""), SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""), SASL_PASSWORD },
    { "bearer that is not", STR_INIT("OAUTHBEARER"), STR_INIT("biwsAWF1dGg9QmFzaWMgeAEB"),
      STR_INIT(""), STR_INIT(""), SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""),
      SASL_PASSWORD },
    { "bearer with a blank", STR_INIT("OAUTHBEARER"), STR_INIT("biwsAWF1dGg9QmVhcmVyIHggeQEB"),
      STR_INIT(""), STR_INIT(""), SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""),
      SASL_PASSWORD },
    { "bearer not ended", STR_INIT("OAUTHBEARER"), STR_INIT("biwsAWF1dGg9QmVhcmVyIHgB"),
      STR_INIT(""), STR_INIT(""), SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""),
      SASL_PASSWORD },
    { "bearer bound", STR_INIT("OAUTHBEARER"), STR_INIT("cD10bHMtdW5pcXVlLCwBYXV0aD1CZWFyZXIgeAEB"),
      STR_INIT(""), STR_INIT(""), SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""),
      SASL_PASSWORD },
    { "bearer with nothing", STR_INIT("OAUTHBEARER"), STR_INIT("AQ=="), STR_INIT(""), STR_INIT(""),
      SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""), SASL_PASSWORD },
    { "XOAUTH2", STR_INIT("XOAUTH2"), STR_INIT("dXNlcj1ib2IBYXV0aD1CZWFyZXIgeC55AQE="),
      STR_INIT(""), STR_INIT(""), SASL_LOGIN, STR_INIT(""), STR_INIT("bob"), STR_INIT("x.y"),
      SASL_TOKEN },
    { "XOAUTH2 without a name", STR_INIT("XOAUTH2"), STR_INIT("dXNlcj0BYXV0aD1CZWFyZXIgeAEB"),
      STR_INIT(""), STR_INIT(""), SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""),
      SASL_PASSWORD },
    { "XOAUTH2 with a tail", STR_INIT("XOAUTH2"), STR_INIT("dXNlcj1ib2IBYXV0aD1CZWFyZXIgeAEBeA=="),
      STR_INIT(""), STR_INIT(""), SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""),
      SASL_PASSWORD },
    { "EXTERNAL as oneself", STR_INIT("EXTERNAL"), STR_INIT("="), STR_INIT(""), STR_INIT(""),
      SASL_LOGIN, STR_INIT(""), STR_INIT(""), STR_INIT(""), SASL_CERTIFICATE },
    { "EXTERNAL after a challenge", STR_INIT("EXTERNAL"), STR_INIT(""), STR_INIT("Ym9i"),
      STR_INIT(""), SASL_LOGIN, STR_INIT(""), STR_INIT("bob"), STR_INIT(""), SASL_CERTIFICATE },
    { "EXTERNAL with a NUL", STR_INIT("EXTERNAL"), STR_INIT("YgBi"), STR_INIT(""), STR_INIT(""),
      SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""), SASL_PASSWORD },
    { "SCRAM", STR_INIT("scram-sha-256"), STR_INIT("biwsbj11c2VyLHI9eA=="), STR_INIT(""),
      STR_INIT(""), SASL_LOGIN, STR_INIT(""), STR_INIT(""), STR_INIT(""), SASL_MESSAGE },
    { "SCRAM that says nothing", STR_INIT("SCRAM-SHA-1"), STR_INIT("="), STR_INIT(""), STR_INIT(""),
      SASL_MALFORMED, STR_INIT(""), STR_INIT(""), STR_INIT(""), SASL_PASSWORD },
};

#define ALL                                                                                        \
    (SASL_OFFER_PASSWORDS | SASL_OFFER_SCRAM | SASL_OFFER_PLUS | SASL_OFFER_TOKENS |               \
     SASL_OFFER_CERTIFICATE)

TEST(exchanges_end_as_they_should)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sasl *s = sasl_new(cases[i].mechanism, ALL);
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
            CHECK_EQ(sasl_login(s)->kind, cases[i].kind, "%s", cases[i].name);
        }
        sasl_free(s);
    }
}

TEST(login_asks_for_name_and_password_in_the_words_clients_know)
{
    struct sasl *s = sasl_new(STR("LOGIN"), ALL);

    CHECK_EQ(sasl_start(s, STR_EMPTY), SASL_CHALLENGE, "name");
    CHECK_STR(sasl_challenge(s), STR("VXNlcm5hbWU6"), "name");
    CHECK_EQ(sasl_feed(s, STR("Ym9i")), SASL_CHALLENGE, "password");
    CHECK_STR(sasl_challenge(s), STR("UGFzc3dvcmQ6"), "password");
    sasl_free(s);
}

TEST(unknown_mechanisms_are_unknown)
{
    CHECK(sasl_new(STR("CRAM-MD5"), ALL) == NULL, "CRAM-MD5");
    CHECK(sasl_new(STR_EMPTY, ALL) == NULL, "empty");
    sasl_free(NULL);
}

TEST(the_list_is_written_for_each_protocol)
{
    struct buf out = { 0 };

    sasl_add_mechanisms(&out, SASL_OFFER_PASSWORDS, STR(" AUTH="));
    CHECK_STR(buf_str(&out), STR(" AUTH=PLAIN AUTH=LOGIN"), "IMAP");
    buf_clear(&out);
    sasl_add_mechanisms(&out, ALL, STR(" "));
    CHECK_STR(buf_str(&out),
              STR(" SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 EXTERNAL PLAIN"
                  " LOGIN OAUTHBEARER XOAUTH2"),
              "SMTP");
    buf_deinit(&out);
}

TEST(what_is_not_offered_is_not_known)
{
    static const struct {
        struct str mechanism;
        unsigned need;
    } rows[] = {
        { STR_INIT("PLAIN"), SASL_OFFER_PASSWORDS },
        { STR_INIT("SCRAM-SHA-256"), SASL_OFFER_SCRAM },
        { STR_INIT("SCRAM-SHA-256-PLUS"), SASL_OFFER_SCRAM | SASL_OFFER_PLUS },
        { STR_INIT("XOAUTH2"), SASL_OFFER_TOKENS },
        { STR_INIT("EXTERNAL"), SASL_OFFER_CERTIFICATE },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (unsigned offers = 0; offers <= ALL; offers++) {
            struct sasl *s = sasl_new(rows[i].mechanism, offers);

            CHECK_EQ(s != NULL, (offers & rows[i].need) == rows[i].need, "%.*s with %u",
                     STR_ARG(rows[i].mechanism), offers);
            sasl_free(s);
        }
}

TEST(keepers_words_go_between_and_the_last_are_acknowledged)
{
    struct sasl *s = sasl_new(STR("SCRAM-SHA-256"), SASL_OFFER_SCRAM);

    CHECK_EQ(sasl_start(s, STR_EMPTY), SASL_CHALLENGE, "the client speaks first");
    CHECK_STR(sasl_challenge(s), STR_EMPTY, "nothing to say");
    CHECK_EQ(sasl_feed(s, STR("bixh")), SASL_LOGIN, "its first message");
    CHECK_STR(sasl_login(s)->message, STR("n,a"), "as it is");
    CHECK_EQ(sasl_reply(s, STR("r=x"), false), SASL_CHALLENGE, "challenge");
    CHECK_STR(sasl_challenge(s), STR("cj14"), "challenge");
    CHECK_EQ(sasl_feed(s, STR("Yz0=")), SASL_LOGIN, "its last message");
    CHECK_EQ(sasl_login(s)->kind, SASL_MESSAGE, "for keeper");
    CHECK_EQ(sasl_reply(s, STR("v=x"), true), SASL_CHALLENGE, "the last words");
    CHECK_EQ(sasl_feed(s, STR_EMPTY), SASL_LOGIN, "heard");
    CHECK_EQ(sasl_login(s)->kind, SASL_ACKNOWLEDGED, "heard");
    sasl_free(s);
}

TEST(who_does_not_believe_the_last_words_cancels)
{
    struct sasl *s = sasl_new(STR("SCRAM-SHA-256"), SASL_OFFER_SCRAM);

    CHECK_EQ(sasl_start(s, STR("bixh")), SASL_LOGIN, "message");
    CHECK_EQ(sasl_reply(s, STR("v=x"), true), SASL_CHALLENGE, "the last words");
    CHECK_EQ(sasl_feed(s, STR("*")), SASL_CANCELLED, "not believed");
    sasl_free(s);
}
