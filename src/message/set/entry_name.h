/* message/set/entry_name.h - names of annotations: "/private/comment", "/shared/vendor/x/y".
 *
 * Pure. A name begins with its scope, /private (each user has one of its own) or /shared (one for
 * all who may read it); its components are separated by "/" and compared without regard to case.
 * Names are kept in lower case, so that equal names are equal octets.
 * Spec: RFC 5464 3.2, 4.2.2. Tests: entry_name_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_ENTRY_NAME_H
#define POSTERN_MESSAGE_ENTRY_NAME_H

#include "base/arena.h"

#define ENTRY_NAME_BYTES_MAX ((size_t)255)
#define ENTRY_VALUE_BYTES_MAX ((size_t)8192) /* RFC 5464 4.1 asks for 1,024 at least */
#define ENTRY_DEPTH_ALL UINT32_MAX

/* The name in lower case, in `mem`. False when it is not a name of an annotation; `asking` lets
 * also pass what only leads to names, such as "/private". */
MUST_USE bool entry_name_normalise(struct arena *mem, struct str name, bool asking,
                                   struct str *ret);

bool entry_is_private(struct str name); /* of a normalised name */

/* Does `name` stand at `from` or at most `depth` levels below it? Both are normalised. */
bool entry_is_within(struct str name, struct str from, uint32_t depth);

#endif
