/* os/tls_clients_test.c - clients with certificates: who they are, and who they are not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/real/openssl.h"

#include <unistd.h>

#include "os/stream_test.h"
#include "os/tls.h"

enum { A_DAY = 86400 };

/* ---- an authority, and what it signs ---- */

struct authority {
    EVP_PKEY *key;
    X509 *cert;
};

struct paper { /* what a certificate says */
    const char *common_name, *subject_email, *alt_names, *usage;
    long from_s, to_s; /* from now */
};

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    CHECK(ext != NULL && X509_add_ext(cert, ext, -1) == 1, "%s", value);
    X509_EXTENSION_free(ext);
}

static void add_to_subject(X509 *cert, int nid, const char *value)
{
    CHECK_EQ(X509_NAME_add_entry_by_NID(X509_get_subject_name(cert), nid, MBSTRING_UTF8,
                                        (const unsigned char *)value, -1, -1, 0),
             1, "%s", value);
}

/* signer null: self-signed, an authority. */
static X509 *sign(const struct authority *signer, EVP_PKEY *key, const struct paper *p)
{
    X509 *cert = X509_new();

    CHECK(cert != NULL, "certificate");
    (void)X509_set_version(cert, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(cert), 7);
    (void)X509_gmtime_adj(X509_getm_notBefore(cert), p->from_s);
    (void)X509_gmtime_adj(X509_getm_notAfter(cert), p->to_s);
    add_to_subject(cert, NID_commonName, p->common_name);
    if (p->subject_email != NULL)
        add_to_subject(cert, NID_pkcs9_emailAddress, p->subject_email);
    (void)X509_set_issuer_name(cert, X509_get_subject_name(signer == NULL ? cert : signer->cert));
    (void)X509_set_pubkey(cert, key);
    if (p->alt_names != NULL)
        add_extension(cert, NID_subject_alt_name, p->alt_names);
    if (p->usage != NULL)
        add_extension(cert, NID_ext_key_usage, p->usage);
    if (signer == NULL)
        add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
    CHECK(X509_sign(cert, signer == NULL ? key : signer->key, EVP_sha256()) != 0, "signature");
    return cert;
}

static struct authority authority_new(const char *name)
{
    struct authority a = { .key = EVP_EC_gen("P-256") };

    a.cert = sign(NULL, a.key, &(struct paper){ .common_name = name, .to_s = A_DAY });
    return a;
}

static void authority_free(struct authority *a)
{
    X509_free(a->cert);
    EVP_PKEY_free(a->key);
}

static struct str take(struct arena *mem, BIO *bio)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);
    struct str text = arena_copy(mem, str_from(at, (size_t)len));

    BIO_free(bio);
    return text;
}

static struct str pem_of(struct arena *mem, X509 *cert)
{
    BIO *bio = BIO_new(BIO_s_mem());

    CHECK_EQ(PEM_write_bio_X509(bio, cert), 1, "PEM");
    return take(mem, bio);
}

static struct str pem_of_key(struct arena *mem, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());

    CHECK_EQ(PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1, "PEM");
    return take(mem, bio);
}

/* A list of `authority` on which number 7 is, or which is empty. */
static struct str list_of(struct arena *mem, const struct authority *authority, bool revoked)
{
    X509_CRL *list = X509_CRL_new();
    ASN1_TIME *from = X509_gmtime_adj(NULL, -60), *to = X509_gmtime_adj(NULL, A_DAY);
    BIO *bio = BIO_new(BIO_s_mem());

    (void)X509_CRL_set_version(list, X509_CRL_VERSION_2);
    (void)X509_CRL_set_issuer_name(list, X509_get_subject_name(authority->cert));
    (void)X509_CRL_set1_lastUpdate(list, from);
    (void)X509_CRL_set1_nextUpdate(list, to);
    if (revoked) {
        X509_REVOKED *one = X509_REVOKED_new();
        ASN1_INTEGER *number = ASN1_INTEGER_new();

        (void)ASN1_INTEGER_set(number, 7);
        (void)X509_REVOKED_set_serialNumber(one, number);
        (void)X509_REVOKED_set_revocationDate(one, from);
        (void)X509_CRL_add0_revoked(list, one);
        ASN1_INTEGER_free(number);
    }
    CHECK(X509_CRL_sign(list, authority->key, EVP_sha256()) != 0, "list");
    CHECK_EQ(PEM_write_bio_X509_CRL(bio, list), 1, "PEM");
    ASN1_TIME_free(from);
    ASN1_TIME_free(to);
    X509_CRL_free(list);
    return take(mem, bio);
}

/* ---- a handshake ---- */

struct world {
    struct arena *mem;
    struct authority ours, foreign;
    EVP_PKEY *key;
    struct str server[2];
};

static void world_open(struct world *w)
{
    static const struct str names[] = { STR_INIT("mail.crepes.fr") };

    *w = (struct world){ .mem = arena_new(0), .key = EVP_EC_gen("P-256") };
    w->ours = authority_new("Crepes authority");
    w->foreign = authority_new("Somebody");
    CHECK_OK(tls_make_self_signed(w->mem, names, 1, 30, w->server, NULL), "certificate");
}

static void world_close(struct world *w)
{
    authority_free(&w->ours);
    authority_free(&w->foreign);
    EVP_PKEY_free(w->key);
    arena_free(w->mem);
}

static bool both_secured(void *ctx)
{
    struct wire *w = ctx;

    return w->client.secured && w->server.secured;
}

/* The names that the server sees, with commas between. `paper` null: nothing is shown. */
static struct str names_seen(struct world *w, struct str authorities, enum tls_identity identity,
                             const struct authority *signer, const struct paper *paper)
{
    struct tls_server *server;
    struct tls_client *client;
    const struct str *names = NULL;
    struct str text = STR_EMPTY;
    struct wire wire;

    CHECK_OK(tls_server_new(w->server[0], w->server[1], &server, NULL), "server");
    CHECK_OK(tls_server_ask_clients(server, authorities, identity, NULL), "authorities");
    CHECK_OK(tls_client_new(false, STR_EMPTY, &client, NULL), "client");
    if (paper != NULL) {
        X509 *cert = sign(signer, w->key, paper);

        CHECK_OK(tls_client_use(client, pem_of(w->mem, cert), pem_of_key(w->mem, w->key), NULL),
                 "use");
        X509_free(cert);
    }
    wire_up(&wire, SIDE_REAL);
    stream_start_tls_server(wire.server.s, server);
    stream_start_tls_client(wire.client.s, client, STR("mail.crepes.fr"));
    CHECK(bench_run(&wire.bench, both_secured, &wire), "handshake");
    CHECK_EQ(wire.server.secured_why, OK, "%s", wire.server.secured_detail.text);
    for (size_t i = 0, n = stream_tls_identities(wire.server.s, w->mem, &names); i < n; i++)
        text =
            arena_printf(w->mem, "%.*s%s%.*s", STR_ARG(text), i == 0 ? "" : ",", STR_ARG(names[i]));
    CHECK_EQ(stream_tls_identities(wire.client.s, w->mem, &names), 0, "the server is nobody");
    wire_close(&wire);
    tls_server_free(server);
    tls_client_free(client);
    return text;
}

#define VALID .from_s = -60, .to_s = A_DAY

static const struct {
    const char *what;
    bool foreign;
    enum tls_identity identity;
    struct paper paper;
    const char *want;
} papers[] = {
    { "an address",
      false,
      TLS_IDENTITY_EMAIL,
      { "Alice", "old@crepes.fr", "email:alice@crepes.fr", "clientAuth", VALID },
      "alice@crepes.fr" },
    { "two, and a name of a host",
      false,
      TLS_IDENTITY_EMAIL,
      { "Bob", NULL, "email:bob@hamburger.edu,DNS:burger,email:bob@crepes.fr", NULL, VALID },
      "bob@hamburger.edu,bob@crepes.fr" },
    { "one beyond ASCII",
      false,
      TLS_IDENTITY_EMAIL,
      { "Zoe", NULL, "otherName:1.3.6.1.5.5.7.8.9;UTF8:zo\351@crepes.fr", NULL, VALID },
      "zo\303\251@crepes.fr" },
    { "in the subject",
      false,
      TLS_IDENTITY_SUBJECT_EMAIL,
      { "Alice", "old@crepes.fr", "email:alice@crepes.fr", "clientAuth", VALID },
      "old@crepes.fr" },
    { "the subject's name",
      false,
      TLS_IDENTITY_COMMON_NAME,
      { "alice@crepes.fr", NULL, NULL, NULL, VALID },
      "alice@crepes.fr" },
    { "no address", false, TLS_IDENTITY_EMAIL, { "Alice", NULL, "DNS:alice", NULL, VALID }, "" },
    { "no names at all", false, TLS_IDENTITY_EMAIL, { "Alice", NULL, NULL, NULL, VALID }, "" },
    { "a foreign authority",
      true,
      TLS_IDENTITY_EMAIL,
      { "Alice", NULL, "email:alice@crepes.fr", NULL, VALID },
      "" },
    { "expired",
      false,
      TLS_IDENTITY_EMAIL,
      { "Alice", NULL, "email:alice@crepes.fr", NULL, -A_DAY, -60 },
      "" },
    { "not yet",
      false,
      TLS_IDENTITY_EMAIL,
      { "Alice", NULL, "email:alice@crepes.fr", NULL, 60, A_DAY },
      "" },
    { "for servers",
      false,
      TLS_IDENTITY_EMAIL,
      { "Alice", NULL, "email:alice@crepes.fr", "serverAuth", VALID },
      "" },
};

TEST(a_certificate_names_whom_its_authority_has_named)
{
    struct world w;

    world_open(&w);
    for (size_t i = 0; i < ARRAY_LEN(papers); i++)
        CHECK_STR(names_seen(&w, pem_of(w.mem, w.ours.cert), papers[i].identity,
                             papers[i].foreign ? &w.foreign : &w.ours, &papers[i].paper),
                  str_from_z(papers[i].want), "%s", papers[i].what);
    CHECK_STR(names_seen(&w, pem_of(w.mem, w.ours.cert), TLS_IDENTITY_EMAIL, NULL, NULL), STR(""),
              "nothing shown");
    world_close(&w);
}

TEST(a_certificate_with_too_many_names_names_nobody)
{
    struct paper p = { "Alice", NULL, NULL, NULL, VALID };
    struct str alt = STR("email:a0@crepes.fr");
    struct world w;

    world_open(&w);
    for (int i = 1; i < TLS_IDENTITIES_MAX; i++)
        alt = arena_printf(w.mem, "%.*s,email:a%d@crepes.fr", STR_ARG(alt), i);
    for (int more = 0; more < 2; more++) {
        struct str seen;

        p.alt_names = arena_copy_z(w.mem, alt);
        seen = names_seen(&w, pem_of(w.mem, w.ours.cert), TLS_IDENTITY_EMAIL, &w.ours, &p);
        CHECK_EQ(seen.len == 0, more == 1, "%.*s", STR_ARG(seen));
        alt = arena_printf(w.mem, "%.*s,email:more@crepes.fr", STR_ARG(alt));
    }
    world_close(&w);
}

TEST(what_was_revoked_names_nobody)
{
    static const struct paper alice = { "Alice", NULL, "email:alice@crepes.fr", NULL, VALID };
    struct world w;

    world_open(&w);
    for (int revoked = 0; revoked < 2; revoked++) {
        struct str authority = pem_of(w.mem, w.ours.cert);
        struct str list = list_of(w.mem, &w.ours, revoked == 1);

        CHECK_STR(
            names_seen(&w, arena_join(w.mem, authority, list), TLS_IDENTITY_EMAIL, &w.ours, &alice),
            revoked == 1 ? STR("") : STR("alice@crepes.fr"), "revoked %d", revoked);
    }
    world_close(&w);
}

TEST(authorities_that_are_none_are_refused)
{
    struct tls_server *server;
    struct errinfo why;
    struct world w;

    world_open(&w);
    CHECK_OK(tls_server_new(w.server[0], w.server[1], &server, NULL), "server");
    CHECK_EQ(tls_server_ask_clients(server, STR("nonsense"), TLS_IDENTITY_EMAIL, &why), ERR_TLS,
             "nonsense");
    CHECK_EQ(tls_server_ask_clients(server, pem_of_key(w.mem, w.key), TLS_IDENTITY_EMAIL, &why),
             ERR_TLS, "a key");
    tls_server_free(server);
    world_close(&w);
}
