/* store/index/query.h - which emails of an account hold a string, or words like these.
 *
 * Two ways of asking. index_substring is for exact searches: it gives two sets, the emails that
 * surely hold the string and, with them, those that perhaps do; what is in neither does not, so
 * only the difference must be looked at. index_words is for people: words with their forms,
 * beginnings and without regard to accents; it gives sets with a score. Both speak only of emails
 * up to `indexed`; those behind it are unknown. Sets are roaring bitmaps of email numbers, freed by
 * the caller. Reading is allowed from every thread. Errors: those of kv.h, ERR_CORRUPT. Spec: RFC
 * 3501 6.4.4, RFC 6203 2. Tests: query_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_INDEX_QUERY_H
#define POSTERN_STORE_INDEX_QUERY_H

#include <roaring/roaring.h>

#include "message/words/fuzzy.h"
#include "store/index/index.h"

struct index_reader {
    uint32_t indexed;
    uint32_t count;
    struct segment *segments;
};

/* Opens all segments; in `mem`, which must live as long. */
MUST_USE enum err index_open(struct kv *kv, const struct kv_snapshot *snap, struct arena *mem,
                             uint32_t account, struct index_reader *ret, struct errinfo *why);

/* Adds the emails that may hold anything. */
void index_add_odd(const struct index_reader *r, roaring_bitmap_t *set);

/* `needle` is folded. field: null, or the name of the HEADER field in whose value it must be; then
 * `classes` is that of HEADER, and an empty needle asks whether there is such a field. */
struct index_substring {
    unsigned classes; /* bits of enum text_class */
    struct str needle;
    const struct str *field;
    roaring_bitmap_t *sure, *maybe; /* results; maybe includes sure */
};
MUST_USE enum err index_find_substring(const struct index_reader *r, struct index_substring *q);

/* All words of `text` must be there. Of the emails that have them, scores[n] are those that score
 * at least (n + 1) / INDEX_SCORES of the best; each set includes those after it. */
enum { INDEX_SCORES = FUZZY_FULL / FUZZY_STEP };
struct index_words {
    unsigned classes;
    struct str text;
    struct stems *stems;
    roaring_bitmap_t *scores[INDEX_SCORES];
};
MUST_USE enum err index_find_words(const struct index_reader *r, struct index_words *q);
void index_words_free(struct index_words *q);

#endif
