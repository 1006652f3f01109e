/* proto/sasl.h - logging in, as SMTP, POP3, IMAP and ManageSieve all do it.
 *
 * Pure (memory only). One struct sasl per AUTH command; the protocol carries its challenges and
 * responses as base64 words and this module says what they mean. It does not know passwords: the
 * end is a struct sasl_login for the keeper to judge. Everything a peer sent is wiped when the
 * exchange is freed. Mechanisms are rows of one table in sasl.c, from which the capability lists
 * of all protocols are written.
 * Both mechanisms send the password as it is, so a machine offers them only under TLS (or where
 * its listener allows it otherwise).
 * Spec: RFC 4422, RFC 4616 (PLAIN), RFC 4954, RFC 5034, RFC 4959; LOGIN has no RFC.
 * Tests: sasl_test.c. Fuzz: sasl_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_SASL_H
#define POSTERN_PROTO_SASL_H

#include "base/buf.h"

enum {
    SASL_LINE_MAX = 12288, /* octets of one base64 word (RFC 4954 4) */
    SASL_NAME_MAX = 255,   /* octets of a log-in name, decoded (RFC 4616 2) */
    SASL_PASSWORD_MAX = 1024
};

struct sasl;

/* What the peer claims. `authzid` is whom it wants to act as; empty means as itself. */
struct sasl_login {
    struct str mechanism, authzid, authcid, password;
};

enum sasl_status {
    SASL_CHALLENGE, /* send sasl_challenge() and feed the answer   */
    SASL_LOGIN,     /* sasl_login() is complete; check it          */
    SASL_MALFORMED, /* the peer's word makes no sense; it is over  */
    SASL_CANCELLED  /* the peer sent "*"; it is over               */
};

/* Null when no such mechanism (compared without case) is known. The caller frees it. */
struct sasl *sasl_new(struct str mechanism);
void sasl_free(struct sasl *s); /* null is allowed */

/* Begins. `initial` is the response that came with the command, or empty when none came; "="
 * stands for one that is there but empty. */
MUST_USE enum sasl_status sasl_start(struct sasl *s, struct str initial);

/* The peer's next line. */
MUST_USE enum sasl_status sasl_feed(struct sasl *s, struct str line);

/* In base64, perhaps empty; static. After SASL_CHALLENGE only. */
struct str sasl_challenge(const struct sasl *s);

/* Valid until sasl_free. After SASL_LOGIN only. */
const struct sasl_login *sasl_login(const struct sasl *s);

/* Appends every mechanism, each behind `prefix`: " " gives SMTP's list, " AUTH=" IMAP's. */
void sasl_add_mechanisms(struct buf *out, struct str prefix);

#endif
