/* proto/imap/url.h - IMAP URLs that name a message, or a part of one, of this session.
 *
 * Pure. Read are relative URLs as CATENATE has them: "/mailbox;UIDVALIDITY=1/;UID=2/;SECTION=1.2"
 * with ";PARTIAL=0.1024" behind, names of parameters in any case. "%" and two hex digits stand for
 * any octet but NUL. A URL with a scheme or a server, one that names a mailbox alone, and one with
 * parameters that are not known (URLAUTH) are refused. ";UID=2" alone is a message of the open
 * mailbox; any other name is counted from the root, with a leading "/" or without.
 * Results point into the text or into `mem`. Errors: ERR_SYNTAX, ERR_LIMIT (a name too long).
 * Spec: RFC 5092 6, 7; RFC 4469 3; RFC 5550 (URL-PARTIAL). Tests: url_test.c. Fuzz: url_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_URL_H
#define POSTERN_PROTO_IMAP_URL_H

#include "base/err.h"
#include "message/record/section.h"
#include "proto/imap/parse/scan.h"

struct imap_url {
    bool here;            /* the mailbox is the open one; else: */
    struct str mailbox;   /* UTF-8, INBOX in capitals */
    uint32_t uidvalidity; /* 0: any */
    uint32_t uid;
    struct section section;
    struct str_list fields; /* of HEADER.FIELDS and HEADER.FIELDS.NOT */
    uint64_t from, count;   /* octets of the section; count UINT64_MAX: to the end */
};

MUST_USE enum err imap_url_parse(struct arena *mem, const struct scan_limits *limits,
                                 struct str text, struct imap_url *ret);

#endif
