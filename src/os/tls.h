/* os/tls.h - TLS contexts for streams (OpenSSL 3, TLS 1.2 and 1.3).
 *
 * Contexts are made before a role locks itself in, from PEM text in memory, and shared by all its
 * streams. Idle sessions give their record buffers back. A simulated loop takes the same contexts
 * but exchanges a marker instead of a handshake. Errors: ERR_TLS with OpenSSL's words.
 * Tests: tls_test.c, tls_clients_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_TLS_H
#define POSTERN_OS_TLS_H

#include "base/arena.h"
#include "base/err.h"

struct tls_server;
struct tls_client;

MUST_USE enum err tls_server_new(struct str certificate_chain_pem, struct str key_pem,
                                 struct tls_server **ret, struct errinfo *why);
void tls_server_free(struct tls_server *t);

enum { TLS_IDENTITIES_MAX = 16 }; /* names in a certificate; one with more names nobody */

/* Where a client's certificate says whose it is. */
enum tls_identity {
    TLS_IDENTITY_EMAIL,         /* mail addresses of subjectAltName            */
    TLS_IDENTITY_SUBJECT_EMAIL, /* emailAddress of the subject, as it once was */
    TLS_IDENTITY_COMMON_NAME
};

/* From now on clients are asked for a certificate (which they may not have) that one of the
 * authorities has signed. Among these may be lists of what was revoked; then each authority needs
 * one. Who the client is, is stream_tls_identities' word. Not for simulated contexts. */
MUST_USE enum err tls_server_ask_clients(struct tls_server *t, struct str authorities_pem,
                                         enum tls_identity identity, struct errinfo *why);

/* verify false: opportunistic (any certificate); true: chain and name against `roots_pem`, or the
 * system's roots when it is empty (read from disk now). */
MUST_USE enum err tls_client_new(bool verify, struct str roots_pem, struct tls_client **ret,
                                 struct errinfo *why);
void tls_client_free(struct tls_client *t);
/* The certificate that it shows to servers that ask for one. Not for simulated contexts. */
MUST_USE enum err tls_client_use(struct tls_client *t, struct str chain_pem, struct str key_pem,
                                 struct errinfo *why);

/* Contexts for simulated streams, which need no keys. */
struct tls_server *tls_server_simulated(void);
struct tls_client *tls_client_simulated(void);

/* A self-signed P-256 certificate for the names given (subject: the first), valid `days`. */
MUST_USE enum err tls_make_self_signed(struct arena *mem, const struct str *names, size_t count,
                                       unsigned days, struct str ret_cert_and_key_pem[2],
                                       struct errinfo *why);

#endif
