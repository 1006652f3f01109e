/* store/mailbox/view.h - hot mailboxes in memory: what FETCH asks for most, 40 octets a
 * message.
 *
 * A view is built from the membership rows when it is first asked for and from then on follows what
 * the writer applies (views_apply is its observer), so it always equals the committed tables. The
 * least recently used ones go when all together pass their budget. A view returned by views_get is
 * valid until views_get or views_apply is called again. Loop's thread only.
 * Errors: those of kv.h. Spec: RFC 7162 3.1 (modseq), RFC 3501 2.3.2 (\Recent).
 * Tests: view_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_VIEW_H
#define POSTERN_STORE_VIEW_H

#include "base/list.h"
#include "base/map.h"
#include "message/set/uidset.h"
#include "store/journal/txn.h"
#include "store/table/rows.h"

struct view_row {
    uint64_t flags, modseq, email;
    int64_t internal; /* date and zone, see below */
    uint32_t uid, size;
};

/* The internal date, and the minutes east of UTC to show it in (less than 2048), in one word. */
static inline int64_t view_internal(int64_t date, int64_t zone)
{
    return (int64_t)((uint64_t)date << 12 | (((uint64_t)zone + 2048) & 0xfff));
}
static inline int64_t view_internal_date(const struct view_row *row)
{
    return row->internal >> 12;
}
static inline int64_t view_internal_zone(const struct view_row *row)
{
    return (row->internal & 0xfff) - 2048;
}

struct view {
    uint32_t account, mailbox; /* the key */
    struct list in_lru;
    struct view_row *at; /* in UID order */
    uint32_t count, cap;
    uint32_t recent_from; /* UIDs from here on were \Recent to nobody yet */
    bool has_holes;       /* rows being removed; inside views_apply only */
};

struct views;

struct views *views_new(struct kv *kv, uint64_t bytes_max, struct siphash_key key);
void views_free(struct views *v);
uint64_t views_bytes(const struct views *v);
uint64_t views_count(const struct views *v);
/* Takes all views out of memory (after a rebuild). */
void views_clear(struct views *v);

MUST_USE enum err views_get(struct views *v, uint32_t account, uint32_t mailbox, struct view **ret,
                            struct errinfo *why);
void views_apply(struct views *v, const struct txn_op *ops, size_t count);

/* The index of the first row with a UID >= `uid`; `count` when there is none. */
uint32_t view_at_or_after(const struct view *view, uint32_t uid);
/* The row of a UID, or null. */
const struct view_row *view_find(const struct view *view, uint32_t uid);
void view_uids(const struct view *view, struct uidset *ret);
/* The UIDs that become \Recent to the caller, and to nobody after it when `take`. */
void view_recent(struct view *view, bool take, struct uidset *ret);

/* Compares every view in memory with the rows that it was made from; found() gets a sentence for
 * each that differs. */
MUST_USE enum err views_check(struct views *v, void (*found)(void *ctx, struct str sentence),
                              void *ctx, struct errinfo *why);

/* What happened after `since`, in the order of modseqs. A page holds about SYNC_ROWS rows; while
 * `more`, ask again with since = modseq. The sets are the caller's, rows are in `mem`. */
enum { SYNC_ROWS = 4096 };
struct sync {
    struct uidset arrived, vanished;
    struct view_row *changed;
    uint32_t changed_count;
    uint64_t modseq;
    bool more;
};
MUST_USE enum err view_sync(struct kv *kv, const struct view *view, uint64_t since,
                            uint64_t mailbox_modseq, struct arena *mem, struct sync *ret,
                            struct errinfo *why);
void sync_deinit(struct sync *s);

#endif
