/* message/text/msgid.h - message identifiers: read, compared, made.
 *
 * Pure. An identifier is handled without its angle brackets and in the form in which it is
 * compared: quotes that are not needed, comments and folding removed. Results point into the value
 * or live in `mem`. Everything outside of angle brackets in References and In-Reply-To (phrases,
 * dates, addresses of old programs) is passed over.
 * Spec: RFC 5322 3.6.4, 4.5.4; RFC 5256 2 (normalising). Tests: msgid_test.c. Fuzz: msgid_fuzz.c.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_MSGID_H
#define POSTERN_MESSAGE_MSGID_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "message/limits.h"

struct msgid_list {
    struct str *at;
    size_t count;
};

/* The next identifier in *rest, which moves behind it; false when there is none. Identifiers that
 * are empty or never closed are passed over. */
bool msgid_next(struct arena *mem, struct str *rest, struct str *ret);

/* The first one: Message-ID. A value without brackets is taken whole when it has an "@". */
bool msgid_parse(struct arena *mem, struct str value, struct str *ret);

/* All of them, in order, each once. Past references_max the oldest but the first are left out, so
 * that the root of the thread and the nearest ancestors stay. */
struct msgid_list msgid_list_parse(struct arena *mem, const struct message_limits *limits,
                                   struct str value);

/* A new identifier, without brackets: time and 16 random octets as letters and digits, "@",
 * domain. */
void msgid_make(struct buf *out, int64_t epoch_s, const uint8_t random[16], struct str domain);

#endif
