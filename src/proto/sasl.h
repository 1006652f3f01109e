/* proto/sasl.h - logging in, as SMTP, POP3, IMAP and ManageSieve all do it.
 *
 * Pure (memory only). One struct sasl per AUTH command; the protocol carries its challenges and
 * responses as base64 words and this module says what they mean. It knows neither passwords nor
 * keys: what the peer has shown ends as a struct sasl_login for keeper to judge. Of mechanisms with
 * proofs (SCRAM) keeper judges each message: the machine asks, and hands keeper's words back by
 * sasl_reply. The last words before the end are acknowledged by the peer, and then the machine asks
 * once more with SASL_ACKNOWLEDGED, so that the session says how it ended.
 *
 *   start, feed --> CHALLENGE --line--> feed
 *        |
 *        +--> LOGIN (ask) --sasl_reply--> CHALLENGE --line--> LOGIN (ask) ... --> answered
 *
 * Everything a peer sent is wiped when the exchange is freed. Mechanisms are rows of one table in
 * sasl.c, from which the capability lists of all protocols are written; which of them a connection
 * offers is said by bits of enum sasl_offer.
 * Spec: RFC 4422, RFC 4616 (PLAIN), RFC 5802, RFC 7677 (SCRAM), RFC 7628 (OAUTHBEARER), RFC 4954,
 * RFC 5034, RFC 4959; LOGIN and XOAUTH2 have no RFC. Tests: sasl_test.c. Fuzz: sasl_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_SASL_H
#define POSTERN_PROTO_SASL_H

#include "base/buf.h"

enum {
    SASL_LINE_MAX = 12288, /* octets of one base64 word (RFC 4954 4) */
    SASL_NAME_MAX = 255,   /* octets of a log-in name, decoded (RFC 4616 2) */
    SASL_PASSWORD_MAX = 1024
};

/* What a connection may do. Passwords and tokens go as they are, so they need TLS, or a listener
 * that allows them without; so does SCRAM, because what follows it would be in the clear. */
enum sasl_offer {
    SASL_OFFER_PASSWORDS = 1 << 0,
    SASL_OFFER_SCRAM = 1 << 1,
    SASL_OFFER_PLUS = 1 << 2, /* SCRAM bound to the connection: under TLS alone */
    SASL_OFFER_TOKENS = 1 << 3,
    SASL_OFFER_CERTIFICATE = 1 << 4 /* the peer has shown one that was verified */
};

struct sasl;

enum sasl_kind {
    SASL_PASSWORD,    /* authcid, password                                   */
    SASL_TOKEN,       /* password is the token; authcid may be empty         */
    SASL_CERTIFICATE, /* authcid may be empty                                */
    SASL_MESSAGE,     /* message: for keeper to read; sasl_reply follows     */
    SASL_ACKNOWLEDGED /* the last words have been heard; now say how it ends */
};

/* What the peer claims. `authzid` is whom it wants to act as; empty means as itself. */
struct sasl_login {
    struct str mechanism, authzid, authcid, password, message;
    enum sasl_kind kind;
};

enum sasl_status {
    SASL_CHALLENGE, /* send sasl_challenge() and feed the answer   */
    SASL_LOGIN,     /* sasl_login() is complete; check it          */
    SASL_MALFORMED, /* the peer's word makes no sense; it is over  */
    SASL_CANCELLED  /* the peer sent "*"; it is over               */
};

/* Null when no such mechanism (compared without case) is offered. The caller frees it. */
struct sasl *sasl_new(struct str mechanism, unsigned offers);
void sasl_free(struct sasl *s); /* null is allowed */

/* Begins. `initial` is the response that came with the command, or empty when none came; "="
 * stands for one that is there but empty. */
MUST_USE enum sasl_status sasl_start(struct sasl *s, struct str initial);

/* The peer's next line. */
MUST_USE enum sasl_status sasl_feed(struct sasl *s, struct str line);

/* After SASL_LOGIN: octets for the peer instead of an answer. last: the exchange is decided and
 * the peer only has to acknowledge. */
MUST_USE enum sasl_status sasl_reply(struct sasl *s, struct str octets, bool last);

/* In base64, perhaps empty; valid until the next call. After SASL_CHALLENGE only. */
struct str sasl_challenge(const struct sasl *s);

/* Valid until sasl_free. After SASL_LOGIN only. */
const struct sasl_login *sasl_login(const struct sasl *s);

/* What a mechanism tells before it fails; empty for most (RFC 7628 3.2.2). Static. */
struct str sasl_failure_words(const struct sasl_login *login);

/* Appends every mechanism that is offered, each behind `prefix`: " " gives SMTP's list, " AUTH="
 * IMAP's. */
void sasl_add_mechanisms(struct buf *out, unsigned offers, struct str prefix);

#endif
