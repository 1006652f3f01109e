/* base/checksum.h - sums that find damage, and a fast hash for content.
 *
 * Pure. CRC32C (Castagnoli) guards records on disk and on the wire; it uses the processor's
 * instruction where there is one. XXH3 with 64 bits names and compares larger content. Neither
 * stands up to someone who chooses the input: tables keyed by peers use base/siphash.h.
 * Spec: RFC 3720 12.1 and B.4 for CRC32C. Tests: checksum_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_CHECKSUM_H
#define POSTERN_BASE_CHECKSUM_H

#include "base/str.h"

/* Continue with the sum of what came before; start with 0. */
uint32_t checksum_crc32c(uint32_t before, struct str octets);

uint64_t checksum_xxh3(struct str octets);

#endif
