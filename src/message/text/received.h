/* message/text/received.h - the trace line that every server adds, and loops found by counting it.
 *
 * Pure: names, addresses and time are inputs. What came from the peer (its greeting, its reverse
 * name) is written with every octet that could break the field replaced, so it cannot forge trace.
 * Spec: RFC 5321 4.4, RFC 3848, RFC 6531 4.3, RFC 8314 4.3. Tests: received_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_RECEIVED_H
#define POSTERN_MESSAGE_RECEIVED_H

#include "base/buf.h"
#include "base/str.h"

enum { RECEIVED_HOPS_MAX = 100 /* RFC 5321 6.3 asks for at least 100 */ };

/* Strings that are empty are left out of the line. */
struct received {
    struct str helo;        /* what the peer called itself */
    struct str client_name; /* its verified reverse name */
    struct str client_ip;   /* "192.0.2.1" or "2001:db8::1" */
    struct str account;     /* who logged in; written only when given */
    struct str by;          /* our name */
    struct str with;        /* received_protocol() */
    struct str tls;         /* "TLSv1.3 TLS_AES_256_GCM_SHA384" */
    struct str id;          /* of the queue or the session */
    struct str recipient;   /* only when there is one, so that blind copies stay blind */
    int64_t epoch_s;
    int16_t zone_min;
};

/* The whole field with its CRLF. */
void received_format(struct buf *out, const struct received *r);

/* The "with" keyword: SMTP, ESMTP, ESMTPS, ESMTPA, ESMTPSA, or their UTF8 forms. */
struct str received_protocol(bool esmtp, bool tls, bool authenticated, bool utf8);

/* Received fields of the message; a message with more than RECEIVED_HOPS_MAX is looping. */
uint32_t received_count(struct str message);

#endif
