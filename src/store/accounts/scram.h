/* store/accounts/scram.h - SCRAM: proving that one knows a password without sending it.
 *
 * Pure (memory only). The server's half of one exchange: what the client says goes in, what it is
 * told comes out. The keys are made from the password when it is set (scram_keys_make, slow on
 * purpose and meant for a worker thread) and do not give the password away; with them a proof is
 * checked in microseconds. Client messages are strict: what the grammar does not have is
 * ERR_SYNTAX. An exchange borrows nothing; its texts are in the arena given to scram_first.
 *
 * Channel bindings: `bindings` is what this connection has. A client that could bind and believes
 * that we can not ("y"), although we offered it, was lied to by somebody in the middle: ERR_AUTH.
 * Spec: RFC 5802, RFC 7677; channel bindings RFC 5929, RFC 9266. Tests: scram_test.c.
 * Fuzz: scram_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_SCRAM_H
#define POSTERN_STORE_SCRAM_H

#include "base/arena.h"
#include "base/err.h"
#include "store/accounts/digest.h"

enum {
    SCRAM_SALT_BYTES = 16,
    SCRAM_NONCE_BYTES = 18,        /* of ours, before base64 */
    SCRAM_MESSAGE_BYTES_MAX = 4096 /* of one client message */
};

/* StoredKey and ServerKey (RFC 5802 3). */
struct scram_keys {
    uint8_t stored[DIGEST_BYTES_MAX], server[DIGEST_BYTES_MAX];
};

/* `password` has been prepared (message/text/saslprep.h). Takes `iterations` of PBKDF2. */
void scram_keys_make(enum digest_kind hash, struct str password, struct str salt,
                     uint32_t iterations, struct scram_keys *ret);

/* The channel bindings of a connection; empty where there is none. */
struct scram_bindings {
    struct str tls_exporter, tls_server_end_point, tls_unique;
};

struct scram {
    enum digest_kind hash;
    struct str authzid, username; /* unescaped; authzid empty: as oneself */
    struct str gs2_header, first_bare, nonce, server_first;
    struct str binding; /* the octets that the client must have bound to */
};

/* The mechanism by its name, compared without case; false when it is none of ours. */
bool scram_mechanism(struct str name, enum digest_kind *ret_hash, bool *ret_plus);

/* Reads the client's first message. ERR_SYNTAX; ERR_UNSUPPORTED for an extension that must be
 * known or a binding that this connection has not; ERR_AUTH for a downgrade. */
MUST_USE enum err scram_first(struct arena *mem, struct str mechanism, struct str message,
                              const struct scram_bindings *bindings, struct scram *ret);

/* The answer to it, after the keys were found. `nonce` is our half of it: printable, no comma. */
struct str scram_challenge(struct arena *mem, struct scram *s, struct str nonce, struct str salt,
                           uint32_t iterations);

/* Reads the client's last message and checks its proof in constant time; *ret is what the client is
 * told to know us by. ERR_SYNTAX, ERR_AUTH. */
MUST_USE enum err scram_last(struct arena *mem, const struct scram *s, struct str message,
                             const struct scram_keys *keys, struct str *ret);

#endif
