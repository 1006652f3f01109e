/* os/real/stream_tls.c - TLS over a stream's socket, with OpenSSL.
 *
 * OpenSSL reads and writes through a BIO of ours that holds no memory: first the octets that came
 * before the handshake, then the socket. Read-ahead lets one recv serve several records, and
 * SSL_MODE_RELEASE_BUFFERS gives both record buffers back whenever a read found nothing more. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <sys/socket.h>

#include "os/real/stream_real.h"

/* ---- the BIO ---- */

static int bio_write(BIO *b, const char *at, int len)
{
    const struct real_stream *s = BIO_get_data(b);
    ssize_t sent = send(s->watcher.fd, at, (size_t)len, MSG_NOSIGNAL);

    BIO_clear_retry_flags(b);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(b);
    return (int)sent;
}

static int bio_read(BIO *b, char *at, int len)
{
    const struct real_stream *s = BIO_get_data(b);
    struct real_tls *t = s->tls;
    uint32_t early = t->early_len - t->early_at;
    ssize_t got;

    BIO_clear_retry_flags(b);
    if (early > 0) {
        uint32_t count = MIN(early, (uint32_t)len);

        memcpy(at, t->early + t->early_at, count);
        t->early_at += count;
        return (int)count;
    }
    got = recv(s->watcher.fd, at, (size_t)len, 0);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(b);
    return (int)got;
}

static long bio_ctrl(BIO *b, int what, long number, void *pointer)
{
    (void)b;
    (void)number;
    (void)pointer;
    return what == BIO_CTRL_FLUSH ? 1 : 0;
}

static int bio_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

/* One a process, made at the first use and never freed, as OpenSSL's own methods are. */
static BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *method;

    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");
        if (method == NULL || BIO_meth_set_write(method, bio_write) != 1 ||
            BIO_meth_set_read(method, bio_read) != 1 || BIO_meth_set_ctrl(method, bio_ctrl) != 1 ||
            BIO_meth_set_create(method, bio_create) != 1)
            BUG("OpenSSL gives no BIO method");
    }
    return method;
}

/* ---- life ---- */

void tls_attach(struct real_stream *s, SSL *ssl)
{
    s->tls = os_new(sizeof *s->tls);
    s->tls->ssl = ssl;
    s->tls->plain_left = s->queued;
    if (ssl == NULL)
        return;

    BIO *bio = BIO_new(bio_method());
    if (bio == NULL)
        BUG("out of memory");
    BIO_set_data(bio, s);
    SSL_set_bio(ssl, bio, bio);
}

void tls_begin(struct real_stream *s)
{
    struct real_tls *t = s->tls;

    t->state = TLS_HANDSHAKE;
    t->early = s->held;
    t->early_len = s->held_len;
    s->held = NULL;
    s->held_len = 0;
}

void tls_free(struct real_stream *s)
{
    if (s->tls == NULL)
        return;
    SSL_free(s->tls->ssl);
    free(s->tls->early);
    free(s->tls);
    s->tls = NULL;
    ERR_clear_error();
}

void tls_say_goodbye(struct real_stream *s)
{
    if (s->tls == NULL || s->tls->state != TLS_UP)
        return;
    (void)SSL_shutdown(s->tls->ssl);
    ERR_clear_error();
}

/* ---- work ---- */

/* EOF inside a handshake and an unknown failure both count as TLS's own. */
static enum io_result result_of(struct real_stream *s, int ret)
{
    int number = errno;

    switch (SSL_get_error(s->tls->ssl, ret)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        return IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return IO_END;
    case SSL_ERROR_SYSCALL:
        errno = number;
        return IO_BROKEN;
    default:
        errno = 0;
        return IO_BROKEN;
    }
}

enum io_result tls_handshake(struct real_stream *s, bool *ret_wants_write, struct errinfo *why)
{
    struct real_tls *t = s->tls;
    char text[ERRINFO_BYTES_MAX / 2];

    if (t->ssl == NULL) {
        (void)err_set(why, ERR_TLS, "no TLS session could be made");
        return IO_BROKEN;
    }
    ERR_clear_error();
    errno = 0;
    int done = SSL_do_handshake(t->ssl);
    if (done == 1) {
        t->state = TLS_UP;
        return IO_SOME;
    }
    if (result_of(s, done) == IO_AGAIN) {
        *ret_wants_write = SSL_want_write(t->ssl);
        return IO_AGAIN;
    }
    tls_error_text(text, sizeof text);
    long verified = SSL_get_verify_result(t->ssl);
    (void)err_set(why, ERR_TLS, "the TLS handshake failed: %s%s%s",
                  text[0] != '\0' ? text : "the peer went away", verified == X509_V_OK ? "" : ": ",
                  verified == X509_V_OK ? "" : X509_verify_cert_error_string(verified));
    return IO_BROKEN;
}

enum io_result tls_read(struct real_stream *s, char *at, size_t len, size_t *ret, bool *ret_more)
{
    struct real_tls *t = s->tls;
    enum io_result r = IO_SOME;
    size_t got;

    ERR_clear_error();
    for (*ret = 0; *ret < len; *ret += got) {
        errno = 0;
        int ok = SSL_read_ex(t->ssl, at + *ret, len - *ret, &got);

        if (ok == 1)
            continue;
        r = result_of(s, ok);
        ERR_clear_error();
        break;
    }
    if (t->early != NULL && t->early_at == t->early_len) {
        free(t->early);
        t->early = NULL;
        t->early_at = t->early_len = 0;
    }
    /* What ended the reading is met again when the octets before it have been offered. */
    *ret_more = *ret > 0 && r != IO_AGAIN;
    return *ret > 0 ? IO_SOME : r;
}

enum io_result tls_write(struct real_stream *s, struct str bytes, size_t *ret)
{
    ERR_clear_error();
    errno = 0;
    int ok = SSL_write_ex(s->tls->ssl, bytes.at, bytes.len, ret);

    return ok == 1 ? IO_SOME : result_of(s, ok);
}

struct str tls_version_of(const struct real_stream *s)
{
    return str_from_z(SSL_get_version(s->tls->ssl));
}

struct str tls_cipher_of(const struct real_stream *s)
{
    return str_from_z(SSL_get_cipher_name(s->tls->ssl));
}

/* ---- channel bindings ---- */

enum { EXPORTER_BYTES = 32 };

/* RFC 9266: 32 octets for this label and an empty context. Under TLS 1.2 they are only unique when
 * the master secret depends on the handshake (RFC 7627). */
static struct str exporter_of(SSL *ssl, struct arena *mem)
{
    static const char label[] = "EXPORTER-Channel-Binding";
    uint8_t made[EXPORTER_BYTES];

    if (SSL_version(ssl) < TLS1_3_VERSION && SSL_get_extms_support(ssl) != 1)
        return STR_EMPTY;
    if (SSL_export_keying_material(ssl, made, sizeof made, label, sizeof label - 1, NULL, 0, 1) !=
        1)
        return STR_EMPTY;
    return arena_copy(mem, str_from(made, sizeof made));
}

/* The server's certificate under the digest of its own signature, and SHA-256 in place of those
 * that are broken (RFC 5929 4.1). A signature without a digest (Ed25519) has no such binding. */
static struct str end_point_of(SSL *ssl, struct arena *mem)
{
    X509 *cert = SSL_is_server(ssl) ? SSL_get_certificate(ssl) : SSL_get0_peer_certificate(ssl);
    uint8_t made[EVP_MAX_MD_SIZE];
    int digest = NID_undef, key = NID_undef;
    unsigned len;

    if (cert == NULL || X509_get_signature_info(cert, &digest, &key, NULL, NULL) != 1 ||
        digest == NID_undef)
        return STR_EMPTY;
    if (digest == NID_md5 || digest == NID_sha1)
        digest = NID_sha256;
    if (EVP_get_digestbynid(digest) == NULL ||
        X509_digest(cert, EVP_get_digestbynid(digest), made, &len) != 1)
        return STR_EMPTY;
    return arena_copy(mem, str_from(made, len));
}

/* The first Finished message of the handshake (RFC 5929 3): the client's, but the server's when a
 * session was resumed. TLS 1.3 does not have it. */
static struct str unique_of(SSL *ssl, struct arena *mem)
{
    uint8_t made[EVP_MAX_MD_SIZE];
    bool own = SSL_is_server(ssl) == SSL_session_reused(ssl);
    size_t len;

    if (SSL_version(ssl) != TLS1_2_VERSION || SSL_get_extms_support(ssl) != 1)
        return STR_EMPTY;
    len = own ? SSL_get_finished(ssl, made, sizeof made)
              : SSL_get_peer_finished(ssl, made, sizeof made);
    return arena_copy(mem, str_from(made, MIN(len, sizeof made)));
}

void tls_bindings_of(const struct real_stream *s, struct arena *mem, struct stream_bindings *ret)
{
    SSL *ssl = s->tls->ssl;

    ret->tls_exporter = exporter_of(ssl, mem);
    ret->tls_server_end_point = end_point_of(ssl, mem);
    ret->tls_unique = unique_of(ssl, mem);
    ERR_clear_error();
}
