/* proto/smtp/param.h - the parameters behind the path of MAIL and RCPT, and their xtext.
 *
 * Pure. Results of esmtp_param_next point into the line. Errors: ERR_SYNTAX.
 * Spec: RFC 5321 4.1.2 (esmtp-param), RFC 3461 4 (xtext). Tests: param_test.c.
 * Fuzz: smtp_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_SMTP_PARAM_H
#define POSTERN_PROTO_SMTP_PARAM_H

#include "base/arena.h"
#include "base/err.h"

/* esmtp-param = esmtp-keyword ["=" esmtp-value] */
struct esmtp_param {
    struct str keyword, value;
    bool has_value;
};

/* Takes the next one, with the blanks in front of it, from *rest; *ret_end is true when there was
 * none. */
MUST_USE enum err esmtp_param_next(struct str *rest, struct esmtp_param *ret, bool *ret_end);

/* True when `s` is well-formed and stands for printable ASCII, as RET's neighbours ENVID and ORCPT
 * must (RFC 3461 4.2, 4.4). */
bool xtext_valid(struct str s);
/* The octets that valid xtext stands for, and the other way round. */
struct str xtext_decode(struct arena *mem, struct str s);
struct str xtext_encode(struct arena *mem, struct str octets);

#endif
