/* os/real/tls/tls_context.h - what the streams of both sides see of a TLS context.
 *
 * Inside os/ only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_REAL_TLS_CONTEXT_H
#define POSTERN_OS_REAL_TLS_CONTEXT_H

#include "os/real/openssl.h"

#include "os/tls.h"

/* Sessions ready for a handshake; null when OpenSSL cannot. */
SSL *tls_server_session(struct tls_server *t);
SSL *tls_client_session(struct tls_client *t, struct str server_name);
/* Null when simulated. */
SSL_CTX *tls_server_context(struct tls_server *t);
/* A pem_password_cb: an encrypted key would make OpenSSL ask on the terminal; it gets an empty
 * answer instead. */
int tls_no_password(char *at, int size, int writing, void *ctx);
/* stream_tls_identities: `ret` has room for TLS_IDENTITIES_MAX. */
size_t tls_identities_of(SSL *ssl, struct arena *mem, struct str *ret);
/* OpenSSL's oldest queued error in words; the queue is emptied. */
void tls_error_text(char *ret, size_t size);

#endif
