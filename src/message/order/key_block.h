/* message/order/key_block.h - what SORT, THREAD and cheap searches need of up to 1,024 messages, as
 * one flat piece of memory that is also a row on disk.
 *
 * Pure (memory only). A block never changes after it was made: numbers and texts stand in columns,
 * so that a search reads one after the other, and opening a row costs one check of its bounds.
 * Texts are decoded and folded when the block is made. Search texts are folded like the texts of a
 * search program (text_fold_case), addresses of one field joined by line feeds; sort texts are keys
 * of i;unicode-casemap (RFC 5255 4.2), cut to KEY_BLOCK_TEXT_MAX. A search text longer than that is
 * left out and marked, so that nobody takes its absence for an answer.
 * Numbers are in the order of the machine; rows of another machine or version are ERR_UNSUPPORTED
 * and are made anew from the structure records. A damaged row is ERR_CORRUPT.
 * Blocks are heap memory, ended with key_block_free; texts of entries point into them.
 * Spec: RFC 5256 2.1, 2.2, 3; RFC 5957 3. Format: doc/formats/key-blocks.md.
 * Tests: key_block_test.c. Fuzz: key_block_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_KEY_BLOCK_H
#define POSTERN_MESSAGE_KEY_BLOCK_H

#include "message/record/record.h"

#define KEY_BLOCK_VERSION 1u
#define KEY_BLOCK_BITS 10u
#define KEY_BLOCK_MAX                                                                              \
    (1u << KEY_BLOCK_BITS) /* messages of a block: UIDs with the same high bits                    \
                            */
#define KEY_BLOCK_TEXT_MAX ((size_t)1024)
#define KEY_REFERENCES_MAX 1000u /* of one message; the newest are kept */

enum key_text {
    KEY_SUBJECT, /* search texts */
    KEY_FROM,
    KEY_TO,
    KEY_CC,
    KEY_BCC,
    KEY_BASE_SUBJECT, /* sort texts: RFC 5256 2.1 */
    KEY_SORT_FROM,    /* addr-mailbox of the first address */
    KEY_SORT_TO,
    KEY_SORT_CC,
    KEY_SHOWN_FROM, /* RFC 5957 3 */
    KEY_SHOWN_TO,
    KEY_TEXT_COUNT
};

enum key_fact {
    KEY_IS_REPLY = 1u << 15 /* the lower bits: 1 << key_text for search texts that are left out */
};

/* One message. */
struct key_entry {
    uint32_t uid;
    uint16_t facts;        /* enum key_fact */
    int16_t sent_zone_min; /* in which the day of the Date field is counted */
    int16_t arrived_zone_min;
    uint64_t email, thread, size;
    int64_t arrived_s, saved_s;
    int64_t sent_s;           /* RFC 5256 2.2: the internal date when there is no usable Date */
    uint64_t message_id_hash; /* 0: none */
    const uint64_t *references;
    uint32_t reference_count;
    struct str texts[KEY_TEXT_COUNT];
};

/* The texts, ids and Date of an entry from a structure record; the other members (uid, email,
 * thread, size, arrived_s, arrived_zone_min, saved_s) are the caller's and stand there already.
 * `mem` keeps all. */
void key_entry_describe(struct arena *mem, const struct record *r, struct key_entry *e);
bool key_entry_equal(const struct key_entry *a, const struct key_entry *b);

struct key_block {
    uint32_t count;
    const uint64_t *email, *thread, *size;
    const int64_t *arrived_s, *saved_s, *sent_s;
    const uint64_t *message_id_hash, *references;
    const uint32_t *uid, *reference_at; /* reference_at: count + 1 */
    const uint16_t *facts;
    const int16_t *sent_zone_min, *arrived_zone_min;
    struct {
        const uint32_t *at; /* count + 1 places in `octets`; null: empty for all */
        const char *octets;
    } text[KEY_TEXT_COUNT];
    char *octets; /* owned: the row */
    size_t octet_count;
};

/* UIDs ascend; 1 <= count <= KEY_BLOCK_MAX. */
struct key_block *key_block_new(const struct key_entry *entries, uint32_t count);
/* `octets` are copied. */
MUST_USE enum err key_block_open(struct str octets, struct key_block **ret);
void key_block_free(struct key_block *b); /* null is allowed */

static inline struct str key_block_text(const struct key_block *b, enum key_text t, uint32_t i)
{
    const uint32_t *at = b->text[t].at;

    return at == NULL ? STR_EMPTY : str_from(b->text[t].octets + at[i], at[i + 1] - at[i]);
}
struct key_entry key_block_entry(const struct key_block *b, uint32_t i);
/* The place of the first UID >= `uid`; count when there is none. */
uint32_t key_block_at_or_after(const struct key_block *b, uint32_t uid);

#endif
