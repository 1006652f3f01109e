/* os/real/tls/tls_clients.c - certificates of clients: asked for, verified, and who they say it is.
 *
 * A client is asked for a certificate and need not have one. One that cannot be verified (a foreign
 * authority, expired, revoked, not meant for clients) does not end the handshake either: mail
 * programs offer whatever their user once imported, and must still be able to log in with a
 * password. OpenSSL keeps the verdict beside the certificate, also over a resumed session, and only
 * when it is good the certificate names anybody. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/real/tls/tls_context.h"

#include "base/utf8.h"
#include "os/dispatch.h"

enum { NAME_BYTES_MAX = 320 }; /* local part, "@" and domain (RFC 5321 4.5.3.1) */

/* What is found in a certificate. The limit exceeded, it names nobody. */
struct found {
    struct arena *mem;
    struct str names[TLS_IDENTITIES_MAX];
    size_t count;
    bool too_many;
};

static void add_name(struct found *f, const ASN1_STRING *text)
{
    unsigned char *at = NULL;
    int len = ASN1_STRING_to_UTF8(&at, text);
    struct str name = len > 0 ? str_from(at, (size_t)len) : STR_EMPTY;

    if (f->count == TLS_IDENTITIES_MAX)
        f->too_many = true;
    else if (name.len > 0 && name.len <= NAME_BYTES_MAX && utf8_valid(name) &&
             str_find_char(name, '\0') == STR_NOT_FOUND)
        f->names[f->count++] = arena_copy(f->mem, name);
    OPENSSL_free(at);
}

/* rfc822Name (RFC 5280 4.2.1.6) and SmtpUTF8Mailbox (RFC 8398 3) of subjectAltName. */
static void find_mailboxes(const X509 *cert, struct found *f)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);

    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        int type;
        const void *value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names, i), &type);

        if (type == GEN_EMAIL) {
            add_name(f, value);
        } else if (type == GEN_OTHERNAME) {
            const OTHERNAME *other = value;

            if (OBJ_obj2nid(other->type_id) == NID_id_on_SmtpUTF8Mailbox &&
                other->value->type == V_ASN1_UTF8STRING)
                add_name(f, other->value->value.utf8string);
        }
    }
    GENERAL_NAMES_free(names);
}

static void find_in_subject(const X509 *cert, int nid, struct found *f)
{
    const X509_NAME *subject = X509_get_subject_name(cert);

    for (int at = X509_NAME_get_index_by_NID(subject, nid, -1); at >= 0;
         at = X509_NAME_get_index_by_NID(subject, nid, at))
        add_name(f, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

static void find_subject_emails(const X509 *cert, struct found *f)
{
    find_in_subject(cert, NID_pkcs9_emailAddress, f);
}

static void find_common_names(const X509 *cert, struct found *f)
{
    find_in_subject(cert, NID_commonName, f);
}

/* What a context that asks for certificates has as its application data. */
struct source {
    void (*find)(const X509 *cert, struct found *f);
};

static const struct source sources[] = {
    [TLS_IDENTITY_EMAIL] = { find_mailboxes },
    [TLS_IDENTITY_SUBJECT_EMAIL] = { find_subject_emails },
    [TLS_IDENTITY_COMMON_NAME] = { find_common_names },
};

/* ---- asking ---- */

/* The verdict stays with the session: SSL_get_verify_result. */
static int note_and_go_on(int ok, X509_STORE_CTX *c)
{
    (void)ok;
    (void)c;
    return 1;
}

/* Authorities into the store and onto the list that clients choose by. A list of what was revoked
 * makes it needed for every certificate: one authority's would otherwise be out of date unseen. */
static size_t add_all(SSL_CTX *ctx, X509_STORE *store, STACK_OF(X509_INFO) * all)
{
    size_t count = 0;
    bool lists = false;

    for (int i = 0; i < sk_X509_INFO_num(all); i++) {
        const X509_INFO *one = sk_X509_INFO_value(all, i);

        if (one->x509 != NULL && X509_STORE_add_cert(store, one->x509) == 1 &&
            SSL_CTX_add_client_CA(ctx, one->x509) == 1)
            count++;
        if (one->crl != NULL)
            lists |= X509_STORE_add_crl(store, one->crl) == 1;
    }
    (void)X509_STORE_set_flags(store,
                               X509_V_FLAG_PARTIAL_CHAIN | (lists ? X509_V_FLAG_CRL_CHECK : 0UL));
    return count;
}

enum err tls_server_ask_clients(struct tls_server *t, struct str authorities_pem,
                                enum tls_identity identity, struct errinfo *why)
{
    static const unsigned char session_context[] = "postern";
    SSL_CTX *ctx = tls_server_context(t);
    BIO *bio = BIO_new_mem_buf(authorities_pem.at, (int)authorities_pem.len);
    STACK_OF(X509_INFO) *all = PEM_X509_INFO_read_bio(bio, NULL, tls_no_password, NULL);
    X509_STORE *store = X509_STORE_new();
    size_t count = add_all(ctx, store, all);

    sk_X509_INFO_pop_free(all, X509_INFO_free);
    BIO_free(bio);
    ERR_clear_error();
    if (count == 0) {
        X509_STORE_free(store);
        return err_set(why, ERR_TLS, "there is no certificate of an authority for clients");
    }
    (void)SSL_CTX_set0_verify_cert_store(ctx, store);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, note_and_go_on);
    (void)SSL_CTX_set_session_id_context(ctx, session_context, sizeof session_context - 1);
    SSL_CTX_set_app_data(ctx, (void *)(uintptr_t)&sources[identity]);
    return OK;
}

/* ---- answers ---- */

/* A resumed session brings the verdict of its first handshake, so time is looked at again. */
static bool is_good(SSL *ssl, const X509 *cert)
{
    return SSL_get_verify_result(ssl) == X509_V_OK &&
           X509_cmp_current_time(X509_get0_notAfter(cert)) > 0;
}

size_t tls_identities_of(SSL *ssl, struct arena *mem, struct str *ret)
{
    const struct source *source = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    const X509 *cert = SSL_is_server(ssl) ? SSL_get0_peer_certificate(ssl) : NULL;
    struct found f = { .mem = mem };

    if (source == NULL || cert == NULL || !is_good(ssl, cert))
        return 0;
    source->find(cert, &f);
    ERR_clear_error();
    if (f.too_many)
        return 0;
    memcpy(ret, f.names, f.count * sizeof *ret);
    return f.count;
}
