/* message/text/address.h - the addresses of From, To, Cc and their like.
 *
 * Pure. Made for mail as it comes: obsolete syntax, missing quotes, unclosed comments and unquoted
 * "@" in names yield the most useful reading and are never an error; SMTP commands use the strict
 * message/text/mailbox.h instead. One pass over the raw field value, which may be folded. Results
 * point into the value where it needed no unquoting and live in `mem` where it did, so keep both.
 * Octets above 127 are passed through; results hold no CR, LF or NUL. Encoded words in names stay
 * as they are (message/text/word.h decodes them), because IMAP's ENVELOPE wants them so. Obeys
 * addresses_max. Spec: RFC 5322 3.4, 4.4; RFC 6532; RFC 9051 7.5.2 (ENVELOPE). Tests:
 * address_test.c. Fuzz: address_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_ADDRESS_H
#define POSTERN_MESSAGE_ADDRESS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "message/limits.h"

enum address_kind {
    ADDRESS_MAILBOX,
    ADDRESS_GROUP_START, /* `name` is the group's name; the rest is not there */
    ADDRESS_GROUP_END
};

/* A string that is not there has a null `at` (NIL in ENVELOPE). A mailbox without a domain, as in
 * "To: root", has an empty domain that is there. */
struct mail_address {
    enum address_kind kind;
    struct str name;   /* display name, or the comment that stands for it; unquoted */
    struct str route;  /* obsolete source route, "@a,@b" */
    struct str local;  /* unquoted */
    struct str domain; /* as written, or "[...]" */
};

/* Constructs that were opened and never closed; their openers are ordinary text from then on. */
struct address_broken {
    bool quotes, comments, literals, angles;
};

struct address_parser {
    struct str text;
    size_t pos;
    bool in_group;
    struct address_broken broken;
};

struct address_list {
    struct mail_address *at;
    size_t count;
};

static inline struct address_parser address_parser_of(struct str value)
{
    return (struct address_parser){ .text = value };
}

/* The next mailbox or group mark; false at the end. Empty list items are passed over. A group that
 * is never closed is closed at the end of the text. */
bool address_next(struct arena *mem, struct address_parser *p, struct mail_address *ret);

/* All of them; ERR_LIMIT when there are more than addresses_max. */
MUST_USE enum err address_list_parse(struct arena *mem, const struct message_limits *limits,
                                     struct str value, struct address_list *ret);

/* "name <local@domain>" or "local@domain", quoted where the grammar asks for it; group marks give
 * "name:" and ";". Non-ASCII is written as UTF-8. */
void mail_address_format(struct buf *out, const struct mail_address *a);

/* A display name as phrase, and a local part, each as plain atoms or as a quoted string. */
void address_format_phrase(struct buf *out, struct str name);
void address_format_local(struct buf *out, struct str local);

#endif
