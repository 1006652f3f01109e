/* keeper/calls/server_check.c - check, rebuild, compact, status. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/index/server_blocks.h"
#include "keeper/index/server_index.h"
#include "store/check.h"

enum { PROBLEMS_MAX = 1000, COUNTERS_MAX = 64 };

struct counter_list {
    struct keep_counter *at;
    size_t count;
};

static void add_counter(struct counter_list *l, struct str name, uint64_t value)
{
    BUG_ON(l->count == COUNTERS_MAX);
    l->at[l->count++] = (struct keep_counter){ .name = name, .value = value };
}

static void add_writer_counters(struct keeper *k, struct counter_list *l)
{
    struct writer_stats s;

    writer_get_stats(k->writer, &s);
    add_counter(l, STR("journal_transactions"), s.transactions);
    add_counter(l, STR("journal_batches"), s.batches);
    add_counter(l, STR("journal_segments"), s.segments);
    add_counter(l, STR("journal_bytes"), s.journal_bytes);
    add_counter(l, STR("journal_live_body_bytes"), s.live_body_bytes);
    add_counter(l, STR("journal_segments_compacted"), s.segments_compacted);
    add_counter(l, STR("bodies_written"), s.bodies);
    add_counter(l, STR("bodies_raw_bytes"), s.bodies_raw_bytes);
    add_counter(l, STR("bodies_stored_bytes"), s.bodies_stored_bytes);
}

static struct counter_list counters_new(struct request *j)
{
    return (struct counter_list){ ARENA_ARRAY(j->mem, struct keep_counter, COUNTERS_MAX), 0 };
}

/* ---- check ---- */

static void found_problem(void *ctx, struct str sentence)
{
    struct request *j = ctx;
    struct keep_check_rep *rep = j->rep;

    if (rep->problems_count < PROBLEMS_MAX)
        rep->problems[rep->problems_count++].text = arena_copy(j->mem, sentence);
}

static enum err check_now(struct request *j)
{
    struct keep_check_rep *rep = j->rep;
    struct keeper *k = j->k;
    struct counter_list list = counters_new(j);
    struct check_counts counts;
    struct check_index_counts index;
    enum err e;

    rep->problems = ARENA_ARRAY(j->mem, struct keep_text, PROBLEMS_MAX);
    if ((e = writer_check(k->writer, found_problem, j, &j->why)) != OK ||
        (e = check_tables(k->kv, k->bodies, found_problem, j, &counts, &j->why)) != OK ||
        (e = views_check(k->views, found_problem, j, &j->why)) != OK ||
        (e = check_index(k->kv, k->bodies, !indexer_is_busy(k), found_problem, j, &index,
                         &j->why)) != OK)
        return e;
    add_counter(&list, STR("accounts"), counts.accounts);
    add_counter(&list, STR("mailboxes"), counts.mailboxes);
    add_counter(&list, STR("messages"), counts.messages);
    add_counter(&list, STR("emails"), counts.emails);
    add_counter(&list, STR("bytes"), counts.bytes);
    add_counter(&list, STR("queued"), counts.queued);
    add_counter(&list, STR("annotations"), counts.annotations);
    add_counter(&list, STR("emails_indexed"), index.emails);
    add_counter(&list, STR("index_bytes"), index.bytes);
    add_writer_counters(k, &list);
    rep->counters = list.at;
    rep->counters_count = list.count;
    return OK;
}

static void check_quiet(void *ctx)
{
    struct request *j = ctx;

    request_end(j, check_now(j));
}

void start_check(struct request *j)
{
    writer_when_quiet(j->k->writer, check_quiet, j);
}

/* ---- rebuild, compact, status ---- */

static enum err rebuild_now(struct request *j)
{
    struct keep_rebuild_rep *rep = j->rep;
    struct keeper *k = j->k;
    struct counter_list list = counters_new(j);
    enum err e = writer_rebuild(k->writer, &j->why);

    if (e == OK)
        e = blocks_start(k, &j->why);
    if (e == OK && !k->settings.no_index)
        e = indexer_start(k, &j->why);
    if (e != OK)
        return e;
    add_writer_counters(k, &list);
    rep->counters = list.at;
    rep->counters_count = list.count;
    return OK;
}

static void rebuild_flushed(void *ctx, enum err e);

static void rebuild_quiet(void *ctx)
{
    struct request *j = ctx;
    struct keeper *k = j->k;

    if (!writer_at_rest(k->writer)) {
        writer_flush(k->writer, rebuild_flushed, j);
        return;
    }
    enum err e = rebuild_now(j);
    k->exclusive = NULL;
    request_end(j, e);
}

static void rebuild_flushed(void *ctx, enum err e)
{
    struct request *j = ctx;

    (void)e; /* what is flushed is thrown away */
    writer_when_quiet(j->k->writer, rebuild_quiet, j);
}

/* Requests of others stand between a table read and its answer, so nobody else may be here. What
 * keeper does by itself, a sweep or a flush, comes to its end first; nothing new begins. */
void start_rebuild(struct request *j)
{
    struct keeper *k = j->k;

    if (k->request_count > 1 || k->sessions.count > 0) {
        request_end(j,
                    err_set(&j->why, ERR_STATE, "others are being served; stop the server first"));
        return;
    }
    k->exclusive = j;
    views_clear(k->views);
    indexer_free(k); /* which may be reading what is going to be thrown away */
    blocks_free(k);
    rebuild_quiet(j);
}

/* Compaction runs by itself behind the commits; asking flushes the tables, which is what it and
 * the next start wait for, and tells where things stand. */
static void compact_flushed(void *ctx, enum err e)
{
    (void)ctx, (void)e;
}

enum err read_compact(struct request *j)
{
    struct keep_compact_rep *rep = j->rep;
    struct counter_list list = counters_new(j);

    writer_flush(j->k->writer, compact_flushed, j->k);
    add_writer_counters(j->k, &list);
    rep->counters = list.at;
    rep->counters_count = list.count;
    return OK;
}

enum err read_status(struct request *j)
{
    struct keep_status_rep *rep = j->rep;
    struct keeper *k = j->k;
    struct counter_list list = counters_new(j);
    size_t peers = 0;

    LIST_EACH(it, &k->peers)
    peers++;
    add_counter(&list, STR("channels"), peers);
    add_counter(&list, STR("sessions"), k->sessions.count);
    add_counter(&list, STR("requests_under_way"), k->request_count);
    add_counter(&list, STR("leases"), leases_count(k->leases));
    add_counter(&list, STR("views"), views_count(k->views));
    add_counter(&list, STR("view_bytes"), views_bytes(k->views));
    add_counter(&list, STR("logins"), k->calls[CALL_login]);
    add_counter(&list, STR("delivers"), k->calls[CALL_deliver]);
    add_counter(&list, STR("selects"), k->calls[CALL_select]);
    add_counter(&list, STR("fetches"), k->calls[CALL_fetch]);
    add_counter(&list, STR("searches"), k->calls[CALL_search]);
    add_writer_counters(k, &list);
    rep->counters = list.at;
    rep->counters_count = list.count;
    return OK;
}
