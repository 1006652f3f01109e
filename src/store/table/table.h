/* store/table/table.h - single rows read and written, inside and outside transactions.
 *
 * Reading takes a struct kv: the committed tables, or txn_kv(t) inside a build. A row that must be
 * there is read with _get (ERR_CORRUPT when missing: the tables contradict themselves), one that
 * may be absent with _find. Results live in `mem`. Errors: those of kv.h; a row that cannot be read
 * is ERR_CORRUPT and names its table. Tests: every test of the store. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_TABLE_H
#define POSTERN_STORE_TABLE_H

#include "store/journal/txn.h"
#include "store/table/rows.h"

#define TABLE_ROW(row, FIELDS)                                                                     \
    MUST_USE enum err table_find_##row(struct kv *kv, struct arena *mem, const struct key *k,      \
                                       bool *ret_found, struct row *ret, struct errinfo *why);     \
    MUST_USE enum err table_get_##row(struct kv *kv, struct arena *mem, const struct key *k,       \
                                      struct row *ret, struct errinfo *why);                       \
    void table_put_##row(struct txn *t, const struct key *k, const struct row *v);
ROWS(TABLE_ROW)

MUST_USE enum err table_find_text(struct kv *kv, struct arena *mem, const struct key *k,
                                  bool *ret_found, struct str *ret, struct errinfo *why);
/* Numbers stand alone in their rows: a version octet and a varint. */
MUST_USE enum err table_find_number(struct kv *kv, const struct key *k, bool *ret_found,
                                    uint64_t *ret, struct errinfo *why);
void table_put_number(struct txn *t, const struct key *k, uint64_t v);

/* The next of a row of numbers that never repeat, by its name in TABLE_NUMBER. */
MUST_USE enum err table_next_number(struct txn *t, struct str name, uint64_t *ret,
                                    struct errinfo *why);

/* The value of a row, or its damage in words. */
enum err table_damaged(struct str key, struct errinfo *why);

#endif
