/* store/index/posting.h - sets of small numbers as few octets: the postings of a term.
 *
 * Pure. A set is told as ascending numbers below `universe` (the emails of a segment, counted from
 * 0). It is written as its gaps in a Golomb-Rice code whose parameter follows from how many there
 * are, or as the gaps of what is missing when that is less; so what is in every message costs one
 * octet, and nothing costs more than about universe / 8 octets. Decoding is strict: ERR_CORRUPT for
 * anything that encoding does not write. Format: doc/formats/index.md. Tests: posting_test.c.
 * Fuzz: posting_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_POSTING_H
#define POSTERN_STORE_POSTING_H

#include "base/codec.h"
#include "base/err.h"

void posting_encode(const uint32_t *numbers, uint32_t count, uint32_t universe, struct buf *out);

/* `ret` has room for `universe` numbers. */
MUST_USE enum err posting_decode(struct str octets, uint32_t universe, uint32_t *ret,
                                 uint32_t *ret_count);

#endif
