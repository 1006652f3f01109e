/* proto/imap/match.h - LIST patterns.
 *
 * Pure, no allocation. "*" stands for any octets, "%" for any octets but the hierarchy delimiter
 * "/". INBOX as the first level matches in any case. The work is bounded by the product of the two
 * lengths, whatever the wildcards. Names and patterns are UTF-8.
 * Spec: RFC 3501 6.3.8. Tests: match_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_MATCH_H
#define POSTERN_PROTO_IMAP_MATCH_H

#include "base/arena.h"

#define MATCH_DELIMITER '/'
#define MATCH_NAME_BYTES_MAX 2048

/* Longer names or patterns never match. */
bool match_name(struct str pattern, struct str name);

/* The pattern that a LIST means: reference and mailbox pattern put together (RFC 3501 6.3.8: the
 * reference is a prefix unless the pattern starts at the root), INBOX in capitals. */
struct str match_pattern(struct arena *mem, struct str reference, struct str pattern);

#endif
