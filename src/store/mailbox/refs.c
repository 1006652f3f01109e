/* store/mailbox/refs.c - in how many places an email stands. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "store/mailbox/refs.h"

/* So many emails of one block are worth a row of the block. In it an email is as a UID of block 1,
 * whatever its number, since UIDs have 32 bits; the modseq of every run is 1. */
enum { REFS_WORTH = 16, REFS_BLOCK = 1, REFS_MODSEQ = 1 };

static uint32_t uid_of(uint64_t email)
{
    return REFS_BLOCK << MARKS_BLOCK_BITS | (uint32_t)(email & (MARKS_BLOCK_UIDS - 1));
}

enum err refs_decode(struct str octets, struct marks *ret)
{
    enum err e;

    ret->block = REFS_BLOCK;
    if ((e = marks_decode(octets, ret)) != OK)
        return e;
    for (uint32_t i = 0; i < ret->count; i++)
        if (ret->at[i].modseq != REFS_MODSEQ || ret->at[i].flags == 0)
            return ERR_CORRUPT;
    return OK;
}

/* The block of an email, in `mem`. A run has four octets at least, so that is room enough. */
static enum err find_block(struct kv *kv, uint32_t account, uint64_t email, struct arena *mem,
                           struct key *k, struct marks *ret, struct errinfo *why)
{
    struct str octets;
    bool found;
    enum err e;

    *ret = (struct marks){ .block = REFS_BLOCK };
    key_of_email(k, TABLE_REFS, account, email >> MARKS_BLOCK_BITS);
    if ((e = table_find_text(kv, mem, k, &found, &octets, why)) != OK || !found)
        return e;
    ret->at = ARENA_ARRAY(mem, struct marks_run, octets.len / 2 + 1);
    return refs_decode(octets, ret) == OK ? OK : table_damaged(key_str(k), why);
}

static void put_block(struct account_txn *a, const struct key *k, const struct marks *m)
{
    struct buf octets = { 0 };

    if (m->count == 0) {
        txn_delete(a->t, key_str(k));
        return;
    }
    marks_encode(m, &octets);
    txn_put(a->t, key_str(k), buf_str(&octets));
    buf_deinit(&octets);
}

/* Numbers of places by email, as runs and one by one. */
static void spread(const struct marks *m, uint64_t counts[MARKS_BLOCK_UIDS])
{
    memset(counts, 0, MARKS_BLOCK_UIDS * sizeof *counts);
    for (uint32_t i = 0; i < m->count; i++)
        for (uint32_t uid = m->at[i].first; uid <= m->at[i].last; uid++)
            counts[uid & (MARKS_BLOCK_UIDS - 1)] = m->at[i].flags;
}

static void gather(const uint64_t counts[MARKS_BLOCK_UIDS], struct marks *m)
{
    m->count = 0;
    for (uint32_t i = 0; i < MARKS_BLOCK_UIDS; i++)
        if (counts[i] > 0)
            marks_add(m, uid_of(i), uid_of(i), counts[i], REFS_MODSEQ);
}

/* The rows of few emails. */
static enum err add_few(struct account_txn *a, const uint64_t *emails, size_t count)
{
    struct email row;
    struct key k;
    enum err e;

    for (size_t i = 0; i < count; i++) {
        key_of_email(&k, TABLE_EMAIL, a->account, emails[i]);
        if ((e = table_get_email(a->kv, a->mem, &k, &row, a->why)) != OK)
            return e;
        row.refs++;
        table_put_email(a->t, &k, &row);
    }
    return OK;
}

static enum err add_block(struct account_txn *a, const uint64_t *emails, size_t count)
{
    SCRATCH(tmp, a->mem);
    uint64_t *counts = ARENA_ARRAY(tmp, uint64_t, MARKS_BLOCK_UIDS);
    struct marks m;
    struct key k;
    enum err e = find_block(a->kv, a->account, emails[0], tmp, &k, &m, a->why);

    if (e != OK)
        return e;
    spread(&m, counts);
    for (size_t i = 0; i < count; i++)
        counts[emails[i] & (MARKS_BLOCK_UIDS - 1)]++;
    m.at = ARENA_ARRAY(tmp, struct marks_run, MARKS_BLOCK_UIDS);
    gather(counts, &m);
    put_block(a, &k, &m);
    return OK;
}

static int by_number(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static bool are_sorted(const uint64_t *emails, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (emails[i - 1] > emails[i])
            return false;
    return true;
}

enum err refs_add(struct account_txn *a, uint64_t *emails, size_t count)
{
    enum err e = OK;

    if (!are_sorted(emails, count))
        qsort(emails, count, sizeof *emails, by_number);
    for (size_t i = 0, end; i < count && e == OK; i = end) {
        for (end = i + 1;
             end < count && emails[end] >> MARKS_BLOCK_BITS == emails[i] >> MARKS_BLOCK_BITS;)
            end++;
        e = end - i < REFS_WORTH ? add_few(a, emails + i, end - i)
                                 : add_block(a, emails + i, end - i);
    }
    return e;
}

/* Adds a run behind the others, or makes the last one longer. */
static void add_run(struct marks *m, uint32_t first, uint32_t last, uint64_t places)
{
    struct marks_run *before = m->count == 0 ? NULL : &m->at[m->count - 1];

    if (places == 0 || first > last)
        return;
    if (before != NULL && before->last + 1 == first && before->flags == places)
        before->last = last;
    else
        m->at[m->count++] = (struct marks_run){ places, REFS_MODSEQ, first, last };
}

enum err refs_take(struct account_txn *a, uint64_t email, bool *ret_taken)
{
    SCRATCH(tmp, a->mem);
    struct marks old, fresh = { .block = REFS_BLOCK };
    uint32_t uid = uid_of(email);
    struct key k;
    enum err e = find_block(a->kv, a->account, email, tmp, &k, &old, a->why);

    *ret_taken = e == OK && marks_find(&old, uid) != NULL;
    if (!*ret_taken)
        return e;
    fresh.at = ARENA_ARRAY(tmp, struct marks_run, old.count + 2); /* one run may become three */
    for (uint32_t i = 0; i < old.count; i++) {
        const struct marks_run *r = &old.at[i];

        if (uid < r->first || uid > r->last) {
            add_run(&fresh, r->first, r->last, r->flags);
            continue;
        }
        add_run(&fresh, r->first, uid - 1, r->flags);
        add_run(&fresh, uid, uid, r->flags - 1);
        add_run(&fresh, uid + 1, r->last, r->flags);
    }
    put_block(a, &k, &fresh);
    return OK;
}

enum err refs_extra(struct kv *kv, uint32_t account, uint64_t email, uint64_t *ret,
                    struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    const struct marks_run *run;
    struct marks m;
    struct key k;
    enum err e = find_block(kv, account, email, tmp, &k, &m, why);

    run = e == OK ? marks_find(&m, uid_of(email)) : NULL;
    *ret = run == NULL ? 0 : run->flags;
    return e;
}
