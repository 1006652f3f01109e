/* proto/imap/parse/mutf7.h - mailbox names on the wire: modified UTF-7.
 *
 * Pure; results are allocated in `mem`. The decoder is strict, so that a name has exactly one wire
 * form: printable US-ASCII stands for itself ("&" as "&-"), everything else is one shifted run of
 * UTF-16 in base64 with "," for "/", ended by "-", with zero padding bits and no second run right
 * behind it. Anything else is refused, never repaired.
 * Spec: RFC 3501 5.1.3. Tests: mutf7_test.c. Fuzz: mutf7_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_MUTF7_H
#define POSTERN_PROTO_IMAP_MUTF7_H

#include "base/arena.h"
#include "base/buf.h"

/* Wire form to UTF-8; false when it is not valid. */
MUST_USE bool mutf7_decode(struct arena *mem, struct str wire, struct str *ret);

/* UTF-8 to wire form, appended to `out`. Octets that are not UTF-8 become U+FFFD. */
void mutf7_encode(struct buf *out, struct str name);

#endif
