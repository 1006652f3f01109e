/* message/compose/dsn.h - delivery status notifications: what became of a message, told to its
 * sender.
 *
 * Pure: time, identifiers and the boundary are inputs. dsn_format appends a whole message,
 * multipart/report with a part for people, a part for programs, and the original message or its
 * header. It is to be sent with the null reverse-path. With `utf8` (the message came by SMTPUTF8)
 * the parts are those of RFC 6533 and addresses stay as they are; without it, an address beyond
 * ASCII is written as utf-8-addr-xtext and other octets above 127 as "?". What the other side said
 * cannot break out of its field.
 * Spec: RFC 3461 6, RFC 3464, RFC 6522, RFC 6533, RFC 3834 (Auto-Submitted). Tests: dsn_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_DSN_H
#define POSTERN_MESSAGE_DSN_H

#include "base/buf.h"
#include "base/str.h"
#include "message/text/mailbox.h"

enum dsn_action { /* RFC 3464 2.3.3; the order is that of weight in the subject */
                  DSN_DELIVERED,
                  DSN_RELAYED,
                  DSN_EXPANDED,
                  DSN_DELAYED,
                  DSN_FAILED
};

struct dsn_recipient {
    enum dsn_action action;
    struct mailbox address;
    struct str original;    /* ORCPT with its xtext decoded, "rfc822;..."; empty when not given */
    struct str status;      /* "5.1.1", RFC 3463 */
    struct str diagnostic;  /* the reply, "550 5.1.1 No such user"; empty when there was none */
    struct str remote_mta;  /* who said so; empty when we did */
    int64_t last_attempt_s; /* 0: none */
    int64_t retry_until_s;  /* delayed: when we will give up; 0: not said */
};

struct dsn {
    struct str reporting_mta; /* our host name */
    struct mailbox from, to;  /* MAILER-DAEMON or postmaster; the reverse-path of the original */
    struct str envid;         /* ENVID with its xtext decoded; empty when not given */
    struct str message_id;    /* of the notification, without brackets */
    struct str boundary;      /* unique in it: random letters and digits */
    int64_t now_s, arrival_s; /* arrival of the original */
    int16_t zone_min;
    const struct dsn_recipient *recipients;
    size_t recipient_count;
    struct str original; /* the message, or its header */
    bool return_full;    /* RET=FULL; obeyed for failures only, RFC 3461 4.3 */
    bool utf8;
};

void dsn_format(struct buf *out, const struct dsn *d);

/* True when the notification has octets above 127, and so needs 8BITMIME on its way. */
bool dsn_needs_8bit(const struct dsn *d);

#endif
