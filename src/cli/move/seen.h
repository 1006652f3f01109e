/* cli/move/seen.h - the set of what was taken already, as hashes of 128 bits.
 *
 * Pure (memory only). Open addressing over 16-octet hashes, which are keyless SipHash pairs of what
 * identifies a message in its source; about 32 octets each. seen_deinit frees. Tests:
 * move_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_MOVE_SEEN_H
#define POSTERN_CLI_MOVE_SEEN_H

#include "base/codec.h"

struct seen_id {
    uint64_t half[2];
};

struct seen {
    struct seen_id *at;
    size_t count, cap; /* cap is 0 or a power of two */
};

/* Of two texts, one behind the other, with the border between them. */
struct seen_id seen_id_of(struct str first, struct str second);
bool seen_has(const struct seen *s, struct seen_id id);
/* False when it was there already. */
bool seen_add(struct seen *s, struct seen_id id);
void seen_deinit(struct seen *s);

#endif
