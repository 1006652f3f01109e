/* keeper/index/server_index_call.c - the administrator asks about the index, has it checked or made
 * anew. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/index/server_index.h"
#include "store/check.h"

enum { PROBLEMS_MAX = 1000, COUNTERS_MAX = 16, ACCOUNTS_AT_ONCE = 64 };

static void add_counter(struct keep_index_rep *rep, struct str name, uint64_t value)
{
    BUG_ON(rep->counters_count == COUNTERS_MAX);
    rep->counters[rep->counters_count++] = (struct keep_counter){ .name = name, .value = value };
}

static void found_problem(void *ctx, struct str sentence)
{
    struct request *j = ctx;
    struct keep_index_rep *rep = j->rep;

    if (rep->problems_count < PROBLEMS_MAX)
        rep->problems[rep->problems_count++].text = arena_copy(j->mem, sentence);
}

static void add_counts(struct keep_index_rep *rep, const struct check_index_counts *c)
{
    add_counter(rep, STR("accounts"), c->accounts);
    add_counter(rep, STR("segments"), c->segments);
    add_counter(rep, STR("emails_indexed"), c->emails);
    add_counter(rep, STR("emails_waiting"), c->emails_waiting);
    add_counter(rep, STR("bytes"), c->bytes);
}

static enum err check(struct request *j)
{
    struct keep_index_rep *rep = j->rep;
    struct check_index_counts counts;
    enum err e = check_index(j->k->kv, j->k->bodies, !indexer_is_busy(j->k), found_problem, j,
                             &counts, &j->why);

    if (e != OK)
        return e;
    add_counts(rep, &counts);
    add_counter(rep, STR("terms"), counts.terms);
    add_counter(rep, STR("emails_compared"), counts.emails_compared);
    return OK;
}

/* Manifests and counters alone: two rows an account. */
static enum err sum_account(struct keeper *k, uint32_t account, struct check_index_counts *sum,
                            struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct counters counters;
    struct manifest m;
    struct key key;
    bool found;
    enum err e = manifest_load(k->kv, NULL, tmp, account, &m, why);

    key_of_account(&key, TABLE_COUNTERS, account);
    if (e == OK)
        e = table_find_counters(k->kv, tmp, &key, &found, &counters, why);
    if (e != OK)
        return e;
    sum->accounts++;
    sum->segments += m.count;
    sum->emails += manifest_emails(&m);
    sum->bytes += manifest_bytes(&m);
    if (found && counters.email_last > m.indexed)
        sum->emails_waiting += counters.email_last - m.indexed;
    return OK;
}

static enum err status(struct request *j)
{
    uint32_t accounts[ACCOUNTS_AT_ONCE], count = ACCOUNTS_AT_ONCE;
    struct check_index_counts sum = { 0 };
    struct indexer_stats s = indexer_stats(j->k);
    enum err e = OK;

    for (uint32_t from = 0; e == OK && count == ACCOUNTS_AT_ONCE;) {
        e = index_accounts(j->k->kv, from, ACCOUNTS_AT_ONCE, accounts, &count, &j->why);
        for (uint32_t i = 0; i < count && e == OK; i++) {
            e = sum_account(j->k, accounts[i], &sum, &j->why);
            from = accounts[i] + 1;
        }
    }
    if (e != OK)
        return e;
    add_counts(j->rep, &sum);
    add_counter(j->rep, STR("emails_since_start"), s.emails);
    add_counter(j->rep, STR("segments_since_start"), s.segments);
    add_counter(j->rep, STR("merges_since_start"), s.merges);
    add_counter(j->rep, STR("failures_since_start"), s.failures);
    return OK;
}

static enum err rebuild(struct request *j)
{
    static const enum table tables[] = { TABLE_INDEX, TABLE_TERMS, TABLE_POSTINGS };
    struct keeper *k = j->k;
    struct kv_batch *batch;
    enum err e;

    if (k->settings.no_index)
        return err_set(&j->why, ERR_STATE, "the setting store.index is false");
    indexer_free(k);
    batch = kv_batch_new(k->kv);
    for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
        struct key from, to;

        key_start(&from, tables[i]);
        to = from;
        key_end(&to);
        kv_batch_delete_range(batch, key_str(&from), key_str(&to));
    }
    e = index_apply(k->kv, batch, &j->why);
    kv_batch_free(batch);
    if (e == OK)
        e = indexer_start(k, &j->why);
    return e == OK ? status(j) : e;
}

enum err read_index(struct request *j)
{
    static enum err (*const actions[])(struct request * j) = {
        [INDEX_STATUS] = status,
        [INDEX_CHECK] = check,
        [INDEX_REBUILD] = rebuild,
    };
    const struct keep_index_req *req = j->req;
    struct keep_index_rep *rep = j->rep;

    if (req->action >= INDEX_ACTION_COUNT)
        return err_set(&j->why, ERR_SYNTAX, "no such action");
    rep->problems = ARENA_ARRAY(j->mem, struct keep_text, PROBLEMS_MAX);
    rep->counters = ARENA_ARRAY(j->mem, struct keep_counter, COUNTERS_MAX);
    return actions[req->action](j);
}
