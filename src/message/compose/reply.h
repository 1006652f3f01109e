/* message/compose/reply.h - the beginning of an answer: whom to, about what, with the old text
 * quoted.
 *
 * Pure. The caller gives what it knows of the old message (from the structure record) and gets a
 * struct compose with addresses, subject, thread fields and text filled in; sender, date,
 * identifiers and the writer's own words are added by the caller before builder_format. Results
 * live in `mem` or point into the original. Spec: RFC 5322 3.6.3, 3.6.4, 3.6.5 (subject); RFC
 * 3676 4.5 (quoting). Tests: reply_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_REPLY_H
#define POSTERN_MESSAGE_REPLY_H

#include "base/arena.h"
#include "message/compose/builder.h"
#include "message/limits.h"

/* The message that is answered or passed on; text decoded to UTF-8. */
struct reply_original {
    struct address_list from, reply_to, to, cc;
    struct str subject;
    struct str message_id;        /* without brackets */
    const struct str *references; /* its References, or failing that its In-Reply-To */
    size_t reference_count;
    int64_t date_s;
    int16_t zone_min;
    struct str text;
    struct str raw; /* the whole message; used by forwarding as attachment */
};

enum forward_kind { FORWARD_INLINE, FORWARD_ATTACHED };

/* To the Reply-To or else the From addresses; with `to_all` also to all of To and Cc. Addresses of
 * `self` are left out, unless nothing else would remain. */
struct compose reply_compose(struct arena *mem, const struct message_limits *limits,
                             const struct reply_original *original, const struct address_list *self,
                             bool to_all);

/* The old message as text below a short header, or whole as message/rfc822. */
struct compose forward_compose(struct arena *mem, const struct reply_original *original,
                               enum forward_kind kind);

#endif
