/* message/text/mailbox.h - the addresses of SMTP commands, strictly by the grammar.
 *
 * Pure. Results are copies in `mem`. The local part is unquoted, so that all quoted forms of it are
 * equal, and keeps its case; the domain is lower-cased (ASCII) and brought into Unicode NFC. A
 * source route is accepted, checked and forgotten. Errors: ERR_SYNTAX; ERR_LIMIT for parts that are
 * too long; ERR_UNSUPPORTED for octets above 127 where MAILBOX_UTF8 is not given (the session then
 * asks for SMTPUTF8). Spec: RFC 5321 4.1.2, 4.1.3, 4.5.3.1; RFC 6531 3.3. Tests: mailbox_test.c.
 * Fuzz: mailbox_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_MAILBOX_H
#define POSTERN_MESSAGE_MAILBOX_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

enum {
    /* RFC 5321 4.5.3.1.1 asks that 64 octets be taken; bounce addresses of lists are longer. */
    MAILBOX_LOCAL_BYTES_MAX = 256,
    MAILBOX_DOMAIN_BYTES_MAX = 255, /* RFC 5321 4.5.3.1.2 */
    MAILBOX_LABEL_BYTES_MAX = 63    /* RFC 1035 2.3.4; UTF-8 labels may take more octets */
};

/* What the text may be, besides a mailbox (a path) in ASCII. */
enum mailbox_allow {
    MAILBOX_UTF8 = 1,    /* RFC 6531 internationalised addresses */
    PATH_NULL = 2,       /* "<>", the reverse-path of notifications */
    PATH_POSTMASTER = 4, /* "<Postmaster>" without a domain, RFC 5321 4.1.1.3 */
    PATH_BARE = 8        /* a mailbox without "<" and ">", as people type it */
};

struct mailbox {
    struct str local;
    struct str domain; /* "[...]" for an address literal; empty for null and bare Postmaster */
    bool utf8;         /* needs SMTPUTF8 on its way */
};

/* The whole of `text` is one mailbox, local@domain. */
MUST_USE enum err mailbox_parse(struct arena *mem, struct str text, unsigned allow,
                                struct mailbox *ret);

/* Takes a path, "<...>", from the front of *rest and moves *rest behind it. */
MUST_USE enum err path_parse(struct arena *mem, struct str *rest, unsigned allow,
                             struct mailbox *ret);

static inline bool mailbox_is_null(const struct mailbox *m)
{
    return m->local.len == 0 && m->domain.len == 0;
}

static inline bool mailbox_is_literal(const struct mailbox *m)
{
    return m->domain.len > 0 && m->domain.at[0] == '[';
}

/* Same local part, octet by octet, and same domain. */
bool mailbox_eq(const struct mailbox *a, const struct mailbox *b);

/* local@domain with the least quoting; nothing for the null path. */
void mailbox_format(struct buf *out, const struct mailbox *m);

/* Splits "user+detail" at the first `separator` (RFC 5233); false when it is not there or nothing
 * stands before it. The results point into `local`. */
bool mailbox_split_detail(struct str local, char separator, struct str *ret_user,
                          struct str *ret_detail);

/* True for a domain name as SMTP takes it (RFC 5321 4.1.2 Domain), not a literal. */
bool domain_is_valid(struct str domain, bool utf8);

/* The address of "[192.0.2.1]" or "[IPv6:...]", IPv4 in its mapped form ::ffff:192.0.2.1; false for
 * other literals and anything else. */
bool address_literal_ip(struct str literal, uint8_t ret_ip[16]);

/* An IPv4 or IPv6 address in text form, without brackets (RFC 4291 2.2, RFC 5321 4.1.3). */
bool ip_parse(struct str text, uint8_t ret_ip[16]);

#endif
