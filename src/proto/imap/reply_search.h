/* proto/imap/reply_search.h - responses of searching commands as octets.
 *
 * Pure. Everything is appended to a struct buf. Results come as a set of numbers (mailbox order) or
 * as a list in another order. Spec: RFC 3501 7.2.5, RFC 4731 3, RFC 5256 4, RFC 5267 3, RFC 7162 7,
 * RFC 9394 3. Tests: reply_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_REPLY_SEARCH_H
#define POSTERN_PROTO_IMAP_REPLY_SEARCH_H

#include "message/set/uidset.h"
#include "proto/imap/parse/args.h"

/* "* SEARCH 2 84 882 (MODSEQ 917162500)"; modseq 0 is left out. */
void reply_search_line(struct buf *out, const struct uidset *numbers, uint64_t modseq);

/* "* ESEARCH (TAG "a") UID COUNT 5 ALL 4:19,21,28" (RFC 4731 3.1). */
struct esearch_line {
    struct str tag;
    bool uid;
    uint32_t returns; /* bits of enum imap_search_return */
    uint64_t modseq;  /* 0 is left out */
    struct imap_partial partial;
    bool utf8;
    struct str mailbox; /* RFC 7377 2.1; null `at`: the selected one, which is not named */
    uint32_t uidvalidity;
    struct str scores; /* RELEVANCY: an octet for each number of ALL or PARTIAL (RFC 6203 4) */
};
/* partial: the numbers of the PARTIAL result; null when none was asked for. */
void reply_esearch_line(struct buf *out, const struct esearch_line *line,
                        const struct uidset *numbers, const struct uidset *partial);
/* The same of a sorted list: MIN is its first number, MAX its last (RFC 5267 3.1). */
void reply_esort_line(struct buf *out, const struct esearch_line *line, const uint32_t *numbers,
                      uint32_t count);

/* Which of `count` results a range means: the index of the first, and how many. */
uint32_t reply_partial_range(const struct imap_partial *p, uint32_t count, uint32_t *ret_count);
/* The same of a set; *ret is replaced. */
void reply_partial_set(const struct imap_partial *p, const struct uidset *numbers,
                       struct uidset *ret);

/* Numbers in their order as a sequence-set; only what ascends becomes a range (RFC 5267 3.2). */
void reply_ordered_set(struct buf *out, const uint32_t *numbers, uint32_t count);

#endif
