/* store/accounts/scram_test.c - the exchanges of RFC 5802 5 and RFC 7677 3, and all that fails. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/accounts/scram.h"

#include "base/base64.h"
#include "testing.h"

static const struct {
    const char *mechanism, *salt, *nonce;
    const char *first, *challenge, *last, *final;
} examples[] = {
    { "SCRAM-SHA-1", "QSXCR+Q6sek8bf92", "3rfcNHYJY1ZVvWVs7j",
      "n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
      "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
      "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
      "v=rmF9pqV8S7suAoZWja4dJRkFsKQ=" },
    { "scram-sha-256", "W22ZaJ0SNY7soEsUEjb6gQ==", "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
      "n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
      "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
      "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
      "p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
      "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=" },
};

static const struct scram_bindings none;
static const struct scram_bindings some = { .tls_exporter = STR_INIT("exported"),
                                            .tls_server_end_point = STR_INIT("hash") };

TEST(the_examples_of_the_rfcs_run_to_their_end)
{
    struct arena *mem = arena_new(0);

    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct scram s;
        struct scram_keys keys;
        struct str salt, out;

        CHECK_OK(base64_decode(mem, str_from_z(examples[i].salt), &salt), "salt");
        CHECK_OK(scram_first(mem, str_from_z(examples[i].mechanism), str_from_z(examples[i].first),
                             &none, &s),
                 "%s", examples[i].mechanism);
        CHECK_STR(s.username, STR("user"), "name");
        CHECK_STR(scram_challenge(mem, &s, str_from_z(examples[i].nonce), salt, 4096),
                  str_from_z(examples[i].challenge), "challenge");
        scram_keys_make(s.hash, STR("pencil"), salt, 4096, &keys);
        CHECK_OK(scram_last(mem, &s, str_from_z(examples[i].last), &keys, &out), "last");
        CHECK_STR(out, str_from_z(examples[i].final), "final");
        for (size_t len = 0; len < strlen(examples[i].last); len++)
            CHECK(scram_last(mem, &s, str_from(examples[i].last, len), &keys, &out) != OK,
                  "%s cut at %zu", examples[i].mechanism, len);
    }
    arena_free(mem);
}

static const struct {
    const char *name, *mechanism, *message;
    bool bound; /* the connection has bindings */
    enum err e;
} firsts[] = {
    { "plain", "SCRAM-SHA-256", "n,,n=user,r=x", true, OK },
    { "could bind, we cannot", "SCRAM-SHA-1", "y,,n=user,r=x", false, OK },
    { "could bind, and we offered it", "SCRAM-SHA-1", "y,,n=user,r=x", true, ERR_AUTH },
    { "bound", "SCRAM-SHA-256-PLUS", "p=tls-exporter,,n=user,r=x", true, OK },
    { "bound to the certificate", "SCRAM-SHA-1-PLUS", "p=tls-server-end-point,,n=user,r=x", true,
      OK },
    { "bound to what is not there", "SCRAM-SHA-1-PLUS", "p=tls-unique,,n=user,r=x", true,
      ERR_UNSUPPORTED },
    { "an unknown binding", "SCRAM-SHA-1-PLUS", "p=moon,,n=user,r=x", true, ERR_UNSUPPORTED },
    { "bound without TLS", "SCRAM-SHA-1-PLUS", "p=tls-exporter,,n=user,r=x", false,
      ERR_UNSUPPORTED },
    { "PLUS without binding", "SCRAM-SHA-1-PLUS", "n,,n=user,r=x", true, ERR_SYNTAX },
    { "PLUS that denies it", "SCRAM-SHA-1-PLUS", "y,,n=user,r=x", true, ERR_SYNTAX },
    { "binding without PLUS", "SCRAM-SHA-1", "p=tls-exporter,,n=user,r=x", true, ERR_SYNTAX },
    { "another mechanism", "SCRAM-SHA-512", "n,,n=user,r=x", true, ERR_UNSUPPORTED },
    { "mandatory extension", "SCRAM-SHA-1", "n,,m=future,n=user,r=x", false, ERR_UNSUPPORTED },
    { "optional extension", "SCRAM-SHA-1", "n,,n=user,r=x,z=1", false, OK },
    { "broken extension", "SCRAM-SHA-1", "n,,n=user,r=x,z", false, ERR_SYNTAX },
    { "authzid", "SCRAM-SHA-1", "n,a=other,n=user,r=x", false, OK },
    { "escapes", "SCRAM-SHA-1", "n,,n=u=2Cs=3Der,r=x", false, OK },
    { "a wrong escape", "SCRAM-SHA-1", "n,,n=u=2cs,r=x", false, ERR_SYNTAX },
    { "half an escape", "SCRAM-SHA-1", "n,,n=u=2,r=x", false, ERR_SYNTAX },
    { "no name", "SCRAM-SHA-1", "n,,n=,r=x", false, ERR_SYNTAX },
    { "no nonce", "SCRAM-SHA-1", "n,,n=user,r=", false, ERR_SYNTAX },
    { "nonce with a blank", "SCRAM-SHA-1", "n,,n=user,r=a b", false, ERR_SYNTAX },
    { "nonce and name changed places", "SCRAM-SHA-1", "n,,r=x,n=user", false, ERR_SYNTAX },
    { "no header", "SCRAM-SHA-1", "n=user,r=x", false, ERR_SYNTAX },
    { "an unknown flag", "SCRAM-SHA-1", "q,,n=user,r=x", false, ERR_SYNTAX },
    { "trailing comma", "SCRAM-SHA-1", "n,,n=user,r=x,", false, ERR_SYNTAX },
    { "not UTF-8", "SCRAM-SHA-1", "n,,n=caf\xE9,r=x", false, ERR_SYNTAX },
    { "nothing", "SCRAM-SHA-1", "", false, ERR_SYNTAX },
};

TEST(first_messages_are_read_strictly)
{
    struct arena *mem = arena_new(0);

    for (size_t i = 0; i < ARRAY_LEN(firsts); i++) {
        struct scram s = { 0 };

        CHECK_EQ(scram_first(mem, str_from_z(firsts[i].mechanism), str_from_z(firsts[i].message),
                             firsts[i].bound ? &some : &none, &s),
                 firsts[i].e, "%s", firsts[i].name);
        for (size_t len = 0; len < strlen(firsts[i].message); len++)
            (void)!scram_first(mem, str_from_z(firsts[i].mechanism),
                               str_from(firsts[i].message, len), &some, &s);
    }
    arena_free(mem);
}

TEST(names_are_unescaped)
{
    struct arena *mem = arena_new(0);
    struct scram s;

    CHECK_OK(scram_first(mem, STR("SCRAM-SHA-1"), STR("n,a=a=3Db,n=u=2Cs=3Der,r=x"), &none, &s),
             "escapes");
    CHECK_STR(s.username, STR("u,s=er"), "name");
    CHECK_STR(s.authzid, STR("a=b"), "authzid");
    arena_free(mem);
}

/* A client of our own: the last message for what the server said. */
static struct str client_last(struct arena *mem, const struct scram *s, struct str password,
                              struct str salt, struct str bound_to)
{
    uint8_t salted[32], client[32], stored[32], mask[32];
    struct str without = arena_printf(
        mem, "c=%.*s,r=%.*s", STR_ARG(base64_encode(mem, arena_join(mem, s->gs2_header, bound_to))),
        STR_ARG(s->nonce));
    struct str text = arena_printf(mem, "%.*s,%.*s,%.*s", STR_ARG(s->first_bare),
                                   STR_ARG(s->server_first), STR_ARG(without));

    digest_pbkdf2(DIGEST_SHA_256, password, salt, 4096, salted);
    digest_hmac(DIGEST_SHA_256, salted, STR("Client Key"), client);
    digest_of(DIGEST_SHA_256, str_from(client, 32), stored);
    digest_hmac(DIGEST_SHA_256, stored, text, mask);
    for (int i = 0; i < 32; i++)
        mask[i] ^= client[i];
    return arena_printf(mem, "%.*s,p=%.*s", STR_ARG(without),
                        STR_ARG(base64_encode(mem, str_from(mask, 32))));
}

static const struct {
    const char *name, *password, *bound_to;
    enum err e;
} lasts[] = {
    { "right", "pencil", "exported", OK },
    { "wrong password", "pencil ", "exported", ERR_AUTH },
    { "another connection", "pencil", "imported", ERR_AUTH },
    { "the certificate instead", "pencil", "hash", ERR_AUTH },
    { "no binding", "pencil", "", ERR_AUTH },
};

TEST(a_proof_counts_for_this_password_and_this_connection_alone)
{
    struct arena *mem = arena_new(0);
    struct str salt = STR("0123456789abcdef"), out;
    struct scram_keys keys;

    scram_keys_make(DIGEST_SHA_256, STR("pencil"), salt, 4096, &keys);
    for (size_t i = 0; i < ARRAY_LEN(lasts); i++) {
        struct scram s;

        CHECK_OK(scram_first(mem, STR("SCRAM-SHA-256-PLUS"), STR("p=tls-exporter,,n=user,r=x"),
                             &some, &s),
                 "first");
        (void)scram_challenge(mem, &s, STR("server"), salt, 4096);
        CHECK_EQ(scram_last(mem, &s,
                            client_last(mem, &s, str_from_z(lasts[i].password), salt,
                                        str_from_z(lasts[i].bound_to)),
                            &keys, &out),
                 lasts[i].e, "%s", lasts[i].name);
    }
    arena_free(mem);
}

TEST(a_last_message_is_of_its_own_exchange)
{
    static const struct {
        const char *name, *message;
        enum err e;
    } rows[] = {
        { "the client's half of the nonce", "c=biws,r=x,p=AAAA", ERR_AUTH },
        { "somebody's nonce", "c=biws,r=xother,p=AAAA", ERR_AUTH },
        { "no proof", "c=biws,r=xserver", ERR_SYNTAX },
        { "no binding", "r=xserver,p=AAAA", ERR_SYNTAX },
        { "not base64", "c=biws,r=xserver,p=!", ERR_SYNTAX },
        { "binding not base64", "c=b iws,r=xserver,p=AAAA", ERR_SYNTAX },
        { "two commas", "c=biws,r=xserver,,p=AAAA", ERR_SYNTAX },
        { "an empty proof", "c=biws,r=xserver,p=", ERR_AUTH },
        { "extension", "c=biws,r=xserver,z=1,p=AAAA", ERR_AUTH },
        { "nothing", "", ERR_SYNTAX },
    };
    struct arena *mem = arena_new(0);
    struct scram_keys keys = { 0 };
    struct scram s;
    struct str out;

    CHECK_OK(scram_first(mem, STR("SCRAM-SHA-1"), STR("n,,n=user,r=x"), &none, &s), "first");
    (void)scram_challenge(mem, &s, STR("server"), STR("salt"), 4096);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        CHECK_EQ(scram_last(mem, &s, str_from_z(rows[i].message), &keys, &out), rows[i].e, "%s",
                 rows[i].name);
    arena_free(mem);
}
