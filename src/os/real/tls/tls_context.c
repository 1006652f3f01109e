/* os/real/tls/tls_context.c - OpenSSL contexts: versions, certificates, what an idle session
 * may cost.
 *
 * Only AEAD cipher suites with ephemeral keys are left for TLS 1.2; TLS 1.3 has no others.
 * Session tickets let a client come back cheaply without state on our side, so the cache of
 * sessions is off. Renegotiation is refused: it exists in TLS 1.2 alone and nobody needs it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/real/tls/tls_context.h"

#include "os/dispatch.h"

enum { SERIAL_BITS = 127, HOST_BYTES_MAX = 255, SECONDS_A_DAY = 86400, CLOCK_SLACK_S = 3600 };

static const char tls12_ciphers[] = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM";
static const char opportunistic_ciphers[] = "HIGH:!aNULL:!MD5:!RC4:!3DES";
static const char groups[] = "X25519:P-256:P-384";

struct tls_server {
    SSL_CTX *ctx; /* null: simulated */
};

struct tls_client {
    SSL_CTX *ctx;
    bool verify;
};

void tls_error_text(char *ret, size_t size)
{
    unsigned long number = ERR_get_error();

    ret[0] = '\0';
    if (number != 0)
        (void)snprintf(ret, size, "%s",
                       ERR_reason_error_string(number) != NULL ? ERR_reason_error_string(number)
                                                               : "unknown failure");
    ERR_clear_error();
}

static enum err failed(struct errinfo *why, const char *what)
{
    char text[ERRINFO_BYTES_MAX / 2];

    tls_error_text(text, sizeof text);
    return err_set(why, ERR_TLS, "%s: %s", what, text);
}

static SSL_CTX *new_context(const SSL_METHOD *method, const char *ciphers)
{
    SSL_CTX *ctx = SSL_CTX_new(method);

    if (ctx == NULL)
        return NULL;
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                       SSL_OP_IGNORE_UNEXPECTED_EOF |
                                       SSL_OP_CIPHER_SERVER_PREFERENCE);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(ctx, 1);
    if (SSL_CTX_set_cipher_list(ctx, ciphers) != 1 || SSL_CTX_set1_groups_list(ctx, groups) != 1) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/* ---- server ---- */

int tls_no_password(char *at, int size, int writing, void *ctx)
{
    (void)at;
    (void)size;
    (void)writing;
    (void)ctx;
    return 0;
}

static X509 *read_certificate(BIO *pem)
{
    return PEM_read_bio_X509(pem, NULL, tls_no_password, NULL);
}

static enum err use_chain(SSL_CTX *ctx, struct str pem, struct errinfo *why)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    X509 *own = read_certificate(bio), *next;
    enum err e = OK;

    if (own == NULL || SSL_CTX_use_certificate(ctx, own) != 1)
        e = failed(why, "the certificate cannot be used");
    X509_free(own);
    while (e == OK && (next = read_certificate(bio)) != NULL)
        if (SSL_CTX_add0_chain_cert(ctx, next) != 1) {
            X509_free(next);
            e = failed(why, "the certificate's chain cannot be used");
        }
    ERR_clear_error(); /* the chain ends with "no start line" */
    BIO_free(bio);
    return e;
}

static enum err use_key(SSL_CTX *ctx, struct str pem, struct errinfo *why)
{
    BIO *bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, tls_no_password, NULL);
    enum err e = OK;

    if (key == NULL || SSL_CTX_use_PrivateKey(ctx, key) != 1)
        e = failed(why, "the private key cannot be used");
    else if (SSL_CTX_check_private_key(ctx) != 1)
        e = failed(why, "the private key does not belong to the certificate");
    EVP_PKEY_free(key);
    BIO_free(bio);
    return e;
}

enum err tls_server_new(struct str certificate_chain_pem, struct str key_pem,
                        struct tls_server **ret, struct errinfo *why)
{
    SSL_CTX *ctx = new_context(TLS_server_method(), tls12_ciphers);
    enum err e;

    if (ctx == NULL)
        return failed(why, "cannot make a TLS context");
    if ((e = use_chain(ctx, certificate_chain_pem, why)) != OK ||
        (e = use_key(ctx, key_pem, why)) != OK) {
        SSL_CTX_free(ctx);
        return e;
    }
    (void)SSL_CTX_set_num_tickets(ctx, 1);
    *ret = os_new(sizeof **ret);
    (*ret)->ctx = ctx;
    return OK;
}

struct tls_server *tls_server_simulated(void)
{
    return os_new(sizeof(struct tls_server));
}

void tls_server_free(struct tls_server *t)
{
    if (t == NULL)
        return;
    SSL_CTX_free(t->ctx);
    free(t);
}

SSL_CTX *tls_server_context(struct tls_server *t)
{
    return t->ctx;
}

SSL *tls_server_session(struct tls_server *t)
{
    SSL *ssl = t == NULL || t->ctx == NULL ? NULL : SSL_new(t->ctx);

    if (ssl != NULL)
        SSL_set_accept_state(ssl);
    return ssl;
}

/* ---- client ---- */

static enum err use_roots(SSL_CTX *ctx, struct str pem, struct errinfo *why)
{
    X509_STORE *store = SSL_CTX_get_cert_store(ctx);
    BIO *bio;
    X509 *root;
    size_t count = 0;

    if (pem.len == 0)
        return SSL_CTX_set_default_verify_paths(ctx) == 1
                   ? OK
                   : failed(why, "cannot read the system's root certificates");
    bio = BIO_new_mem_buf(pem.at, (int)pem.len);
    while ((root = read_certificate(bio)) != NULL) {
        count += (size_t)(X509_STORE_add_cert(store, root) == 1);
        X509_free(root);
    }
    ERR_clear_error();
    BIO_free(bio);
    return count > 0 ? OK : err_set(why, ERR_TLS, "there is no root certificate in the text given");
}

enum err tls_client_new(bool verify, struct str roots_pem, struct tls_client **ret,
                        struct errinfo *why)
{
    SSL_CTX *ctx = new_context(TLS_client_method(), verify ? tls12_ciphers : opportunistic_ciphers);
    enum err e = OK;

    if (ctx == NULL)
        return failed(why, "cannot make a TLS context");
    SSL_CTX_set_verify(ctx, verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    if (verify)
        e = use_roots(ctx, roots_pem, why);
    if (e != OK) {
        SSL_CTX_free(ctx);
        return e;
    }
    *ret = os_new(sizeof **ret);
    **ret = (struct tls_client){ ctx, verify };
    return OK;
}

struct tls_client *tls_client_simulated(void)
{
    return os_new(sizeof(struct tls_client));
}

enum err tls_client_use(struct tls_client *t, struct str chain_pem, struct str key_pem,
                        struct errinfo *why)
{
    enum err e = use_chain(t->ctx, chain_pem, why);

    return e == OK ? use_key(t->ctx, key_pem, why) : e;
}

void tls_client_free(struct tls_client *t)
{
    if (t == NULL)
        return;
    SSL_CTX_free(t->ctx);
    free(t);
}

/* SNI carries names only (RFC 6066 3), an address is checked as such. */
static bool set_name(SSL *ssl, struct str name, bool verify)
{
    char z[HOST_BYTES_MAX + 1];
    struct address a;

    if (name.len == 0 || name.len > HOST_BYTES_MAX)
        return !verify && name.len == 0;
    if (name.at[name.len - 1] == '.')
        name.len--;
    memcpy(z, name.at, name.len);
    z[name.len] = '\0';
    if (address_parse(name, 0, &a))
        return !verify || X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), z) == 1;
    if (SSL_set_tlsext_host_name(ssl, z) != 1)
        return false;
    return !verify || SSL_set1_host(ssl, z) == 1;
}

SSL *tls_client_session(struct tls_client *t, struct str server_name)
{
    SSL *ssl = t->ctx == NULL ? NULL : SSL_new(t->ctx);

    if (ssl == NULL)
        return NULL;
    if (!set_name(ssl, server_name, t->verify)) {
        SSL_free(ssl);
        return NULL;
    }
    SSL_set_connect_state(ssl);
    return ssl;
}

/* ---- a certificate of one's own ---- */

static bool add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *ext;
    bool ok;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    ok = ext != NULL && X509_add_ext(cert, ext, -1) == 1;
    X509_EXTENSION_free(ext);
    return ok;
}

/* "DNS:a,DNS:b,IP:127.0.0.1"; null when a name holds anything that could change the list. */
static const char *alt_names(struct arena *mem, const struct str *names, size_t count)
{
    struct str list = STR_EMPTY;
    struct address a;

    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < names[i].len; k++) {
            char c = names[i].at[k];

            if (!ascii_is_alpha(c) && !ascii_is_digit(c) && strchr("-.:*_", c) == NULL)
                return NULL;
        }
        list = arena_printf(mem, "%.*s%s%s:%.*s", STR_ARG(list), i == 0 ? "" : ",",
                            address_parse(names[i], 0, &a) ? "IP" : "DNS", STR_ARG(names[i]));
    }
    return list.at;
}

static bool fill_certificate(X509 *cert, EVP_PKEY *key, struct str name, const char *alt,
                             unsigned days)
{
    X509_NAME *subject = X509_get_subject_name(cert);
    BIGNUM *serial = BN_new();
    bool ok = alt != NULL && serial != NULL &&
              BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) != NULL &&
              X509_set_version(cert, X509_VERSION_3) == 1 &&
              X509_gmtime_adj(X509_getm_notBefore(cert), -(long)CLOCK_SLACK_S) != NULL &&
              X509_gmtime_adj(X509_getm_notAfter(cert), (long)days * SECONDS_A_DAY) != NULL &&
              X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_ASC,
                                         (const unsigned char *)name.at,
                                         (int)MIN(name.len, (size_t)ub_common_name), -1, 0) == 1 &&
              X509_set_issuer_name(cert, subject) == 1 && X509_set_pubkey(cert, key) == 1 &&
              add_extension(cert, NID_subject_alt_name, alt) &&
              add_extension(cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
              add_extension(cert, NID_ext_key_usage, "serverAuth") &&
              X509_sign(cert, key, EVP_sha256()) != 0;

    BN_free(serial);
    return ok;
}

static struct str take_pem(struct arena *mem, BIO *bio)
{
    char *at;
    long len = BIO_get_mem_data(bio, &at);

    return arena_copy(mem, str_from(at, (size_t)len));
}

enum err tls_make_self_signed(struct arena *mem, const struct str *names, size_t count,
                              unsigned days, struct str ret_cert_and_key_pem[2],
                              struct errinfo *why)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    BIO *cert_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
    enum err e = OK;

    BUG_ON(count == 0);
    if (key == NULL || cert == NULL ||
        !fill_certificate(cert, key, names[0], alt_names(mem, names, count), days) ||
        PEM_write_bio_X509(cert_pem, cert) != 1 ||
        PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL) != 1)
        e = failed(why, "cannot make a certificate");
    if (e == OK) {
        ret_cert_and_key_pem[0] = take_pem(mem, cert_pem);
        ret_cert_and_key_pem[1] = take_pem(mem, key_pem);
    }
    BIO_free(cert_pem);
    BIO_free(key_pem);
    X509_free(cert);
    EVP_PKEY_free(key);
    return e;
}
