/* base/siphash.h - a keyed hash for tables whose keys strangers choose.
 *
 * Pure. SipHash-2-4 with 64 bits of result: without the key nobody can make keys collide, so a
 * peer cannot slow a table down. The key comes from the caller, who has random octets.
 * Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012, with its test
 * vectors. Tests: siphash_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BASE_SIPHASH_H
#define POSTERN_BASE_SIPHASH_H

#include "base/str.h"

struct siphash_key {
    uint64_t half[2];
};

/* From 16 octets, low octet first. */
struct siphash_key siphash_key_of(const uint8_t octets[16]);
uint64_t siphash(struct siphash_key key, struct str octets);

#endif
