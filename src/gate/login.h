/* gate/login.h - one log-in of a connection, whatever its protocol: keeper asked, its words handed
 * back, until it is decided.
 *
 * A connection has a pointer, null but while a log-in is under way. login_ask takes what the SASL
 * exchange (proto/sasl.h) came to and asks keeper; done() tells what came: words for the peer, or
 * how it ends. Mechanisms with last words are decided before the peer has acknowledged them; the
 * verdict waits here meanwhile, and a session that nobody acknowledges is given back. done() may
 * come from inside login_ask. Tests: login_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_LOGIN_H
#define POSTERN_GATE_LOGIN_H

#include "keeper/client.h"
#include "os/stream.h"
#include "proto/sasl.h"

struct login;

/* Valid during done() alone. */
struct login_result {
    bool decided;
    /* Not decided: octets for sasl_reply. */
    struct str words;
    bool last;
    /* Decided. */
    enum err e;
    uint64_t session;
    uint32_t account;
    struct str address, mechanism;
};

typedef void login_done(void *ctx, const struct login_result *r);

struct login_way {
    struct keeper_client *keeper;
    const struct stream *stream;
    struct str service; /* static: "imap", "pop3" or "smtp" */
    login_done *done;
    void *ctx;
};

/* Makes *login when there is none. When done() says "decided" it is gone again. */
void login_ask(struct login **login, const struct login_way *way, const struct sasl_login *said);
/* True while keeper has been asked. */
bool login_is_asking(const struct login *login);
/* Gives it up, the question to keeper included; null is allowed. */
void login_drop(struct login **login);

/* What a connection may offer of what the service does: bits of enum sasl_offer. `plain`: as if
 * it were under TLS. */
unsigned login_offers(unsigned service, const struct stream *stream, bool plain);

#endif
