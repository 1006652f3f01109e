/* store/index/gather.h - the terms of many emails, put in order: what a new segment is made of.
 *
 * Emails are begun in the order of their numbers, their terms added in any order and as often as
 * they come; gather_write then writes the segment. Memory is bounded: an email with more than
 * GATHER_TERMS_PER_EMAIL different terms is odd (it may hold anything) and keeps none, and
 * gather_is_full says when it is time to write. The key keeps senders of mail from choosing words
 * that hash alike. One thread at a time. Tests: segment_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_INDEX_GATHER_H
#define POSTERN_STORE_INDEX_GATHER_H

#include "base/siphash.h"
#include "store/index/segment.h"

enum {
    GATHER_EMAILS_MAX = 4096,
    GATHER_PAIRS_MAX = 5 * 1000 * 1000, /* of term and email; 20 MB, and as much when written */
    GATHER_TERMS_PER_EMAIL = 200 * 1000
};

struct gather;

struct gather *gather_new(struct siphash_key key);
void gather_free(struct gather *g); /* null is allowed */
void gather_email(struct gather *g, uint32_t email);
void gather_term(struct gather *g, struct str term); /* of the last email */
void gather_odd(struct gather *g);                   /* the last email may hold anything */
uint32_t gather_count(const struct gather *g);
/* The first and the last email; there must be one. */
void gather_bounds(const struct gather *g, uint32_t *ret_first, uint32_t *ret_last);
bool gather_is_full(const struct gather *g);

/* Writes everything as one segment into the batch; *ret_bytes: octets of its rows. */
void gather_write(struct gather *g, struct kv_batch *batch, uint32_t account, uint32_t number,
                  uint64_t *ret_bytes);

#endif
