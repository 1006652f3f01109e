/* message/compose/downgrade.h - a message with 8-bit or binary parts, made fit for a server of 7
 * bits.
 *
 * Pure. The parts stay as they are and where they are; leaves with octets that a 7-bit server does
 * not take become quoted-printable or base64, and the parts around them are labelled anew. Headers
 * keep their octets. What was signed as a whole must not be changed, and what can not be encoded
 * (a message inside that is too deep to look into, an encoding nobody knows) neither; then the
 * message can not go to that server. Output is appended, nothing on failure.
 * Spec: RFC 6152 3, RFC 2045 6.4, RFC 1428 (text in a charset nobody named), RFC 1847 2.1.
 * Obeys all of struct message_limits. Tests: downgrade_test.c. Fuzz: downgrade_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_DOWNGRADE_H
#define POSTERN_MESSAGE_DOWNGRADE_H

#include "base/buf.h"
#include "message/limits.h"

enum downgrade {
    DOWNGRADE_NOT_NEEDED, /* its body is 7-bit already; nothing was appended */
    DOWNGRADE_DONE,
    DOWNGRADE_SIGNED, /* a part that would have to be changed is signed */
    DOWNGRADE_OPAQUE  /* a part that would have to be changed can not be encoded, or the message is
                       * so malformed that its parts would become others */
};

enum downgrade downgrade_to_7bit(struct str message, const struct message_limits *limits,
                                 struct buf *out);

#endif
