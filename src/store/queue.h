/* store/queue.h - mail that waits to be sent: entries, when they are due, and who works on them.
 *
 * An entry is one message with its recipients; it is in the due index at the earliest next try of a
 * recipient that still waits, unless it is held or done. An entry whose last recipient is done
 * goes, with its hold on the body. Leases are memory alone: a lease is the right of one channel to
 * work on an entry until it runs out; after a restart every entry is free again. A local recipient
 * who asked for notice of success becomes an entry of its own in the state delivered, due at once,
 * so that courier reports it; it ends with the lease. Times are seconds since 1970. Results live in
 * `mem`. Errors: ERR_NOT_FOUND, ERR_CONFLICT (the lease ran out), those of kv.h. Spec: RFC
 * 5321 4.5.4, RFC 3461. Tests: keeper/calls/server_queue_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_STORE_QUEUE_H
#define POSTERN_STORE_QUEUE_H

#include "base/list.h"
#include "base/map.h"
#include "store/table/table.h"

enum { QUEUE_RCPTS_MAX = 200, LEASES_WALK_ALL_S = 30 };

enum queue_state { /* the numbers are stored */
                   QUEUED_WAITING,
                   QUEUED_DELIVERED,
                   QUEUED_RELAYED,
                   QUEUED_FAILED,
                   QUEUED_EXPIRED,
};

/* Adds an entry; the caller has made or taken the reference to its body. */
MUST_USE enum err queue_add(struct txn *t, struct queue_entry *entry, uint64_t *ret_id,
                            struct errinfo *why);
MUST_USE enum err queue_get(struct kv *kv, struct arena *mem, uint64_t id, bool *ret_found,
                            struct queue_entry *ret, struct errinfo *why);
/* Writes a changed entry with its place in the due index, or takes it out when nobody waits. */
MUST_USE enum err queue_update(struct txn *t, uint64_t id, struct queue_entry *entry,
                               struct errinfo *why);
/* Writes an entry in which nobody waits, due at `at_s`, so that its recipients are reported. */
MUST_USE enum err queue_report(struct txn *t, uint64_t id, struct queue_entry *entry, int64_t at_s);
MUST_USE enum err queue_remove(struct txn *t, uint64_t id, const struct queue_entry *entry,
                               struct errinfo *why);

struct queue_found {
    uint64_t id;
    struct queue_entry entry;
};
/* At most `max` entries from number `from` on. */
MUST_USE enum err queue_list(struct kv *kv, struct arena *mem, uint64_t from, uint32_t max,
                             struct queue_found *ret, uint32_t *ret_count, struct errinfo *why);

struct lease {
    uint64_t number; /* the key, random */
    uint64_t entry;
    const void *owner; /* whose channel; compared alone */
    uint64_t until_ms;
};
struct leases;

struct leases *leases_new(struct siphash_key key);
void leases_free(struct leases *l);
uint64_t leases_count(const struct leases *l);
/* What is due at `now_s` and nobody works on. */
struct leases_due {
    int64_t now_s; /* given, with room for `max` entries at `at` */
    uint32_t max;
    struct queue_found *at; /* found, their texts in `mem` */
    uint32_t count;
    int64_t next; /* when the first of the others comes due; 0: none */
};
MUST_USE enum err leases_find_due(struct leases *l, struct kv *kv, struct arena *mem,
                                  struct leases_due *due, struct errinfo *why);
/* When the first entry that nobody works on comes due; INT64_MAX: none will. */
int64_t leases_next_due(struct leases *l, struct kv *kv, int64_t now_s);
/* The index is walked from the first row that may be free, not over the remains of what was sent.
 * Therefore the leases must hear of every row that comes into it (its key, from the writer's
 * observer), and of an entry that is free again with its row unchanged. Should a row come unseen,
 * it is found at the latest LEASES_WALK_ALL_S later. */
void leases_due_came(struct leases *l, struct str key);
void leases_walk_all(struct leases *l);
void leases_take(struct leases *l, const struct lease *lease);
struct lease *leases_find(struct leases *l, uint64_t number);
bool leases_has_entry(const struct leases *l, uint64_t entry);
void leases_drop(struct leases *l, struct lease *lease);
/* All of one owner, and all that ran out; true when any went. */
bool leases_drop_owner(struct leases *l, const void *owner);
bool leases_drop_old(struct leases *l, uint64_t now_ms, uint64_t *ret_next_ms);

#endif
