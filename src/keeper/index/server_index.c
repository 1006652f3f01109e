/* keeper/index/server_index.c - one account after the other: read, gather, write, merge.
 *
 * A turn of an account goes through its phases until nothing is left to do:
 *
 *   PLAN   what is left over is removed; which emails are new, which segments should be one
 *   READ   bodies opened on the loop are read in the worker, their terms gathered
 *   WRITE  the gathered terms become rows of a new segment, the manifest last
 *   MERGE  rows of a segment made of several, the manifest last; then PLAN again
 *
 * Rows go into the tables behind each slice. The manifest stands in the last piece of a WRITE or
 * MERGE, so whatever ends in between leaves only rows that nothing names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/index/server_index.h"

#include "message/words/words.h"
#include "store/index/gather.h"
#include "store/journal/bodies.h"
#include "store/kv/kv_engine.h"

enum {
    WAIT_MS = 300, /* mail comes in bursts */
    EMAILS_PER_SLICE = 64,
    SLICE_BODY_BYTES = 8 * 1024 * 1024,
    APPLY_BYTES = 128 * 1024, /* rows put into the tables at once */
    MERGE_SLICE_BYTES = 512 * 1024,
    LEFTOVERS_PER_SLICE = 500,
    ACCOUNTS_PER_SCAN = 64,
    FAILED_WAIT_MS = 60 * 1000
};
#define READ_BYTES_MAX ((uint64_t)64 * 1024 * 1024) /* a larger message may hold anything */

enum phase { PHASE_SCAN, PHASE_PLAN, PHASE_READ, PHASE_WRITE, PHASE_MERGE };

struct reading {
    uint32_t email;
    struct body *body; /* null: it may hold anything */
};

struct waiter {
    struct list link;
    uint32_t account; /* the key */
};

struct indexer {
    struct keeper *k;
    struct workers *workers;
    struct timer due, more; /* the next slice; the next piece of what the last one made */
    struct siphash_key key;
    bool running;  /* a slice is in the worker */
    bool scanning; /* accounts are still to be looked at for the first time */
    uint32_t scan_from;
    struct map waiting; /* by account */
    struct list row;    /* the same, in order */
    struct indexer_stats stats;

    /* The account at hand. */
    bool active;
    enum phase phase;
    struct arena *mem; /* of the manifest; reset by each PLAN */
    struct manifest manifest;
    bool leftovers, wants_merge, merged;
    uint32_t merge_from, merge_count;
    uint32_t emails[EMAILS_PER_SLICE], email_count, last;
    struct reading reading[EMAILS_PER_SLICE];
    uint32_t reading_count;
    struct gather *gather;
    struct merge *merge;

    struct kv_batch *made;  /* by the worker */
    struct kv_batch *piece; /* of it, being applied */
    size_t applied;
    uint32_t found[ACCOUNTS_PER_SCAN], found_count;
    uint64_t slice_began_ms;
    enum err e;
    struct errinfo why;
};

static void step(void *ctx);

/* ---- who waits ---- */

static struct str waiter_key(const uint32_t *account)
{
    return str_from(account, sizeof *account);
}

static void wait_in_row(struct indexer *x, uint32_t account)
{
    struct waiter *w;

    if (map_find(&x->waiting, waiter_key(&account)) != NULL)
        return;
    w = calloc(1, sizeof *w);
    if (w == NULL)
        BUG("out of memory");
    w->account = account;
    list_add_last(&x->row, &w->link);
    (void)map_put(&x->waiting, waiter_key(&w->account), w);
}

static bool next_waiter(struct indexer *x, uint32_t *ret)
{
    struct waiter *w;

    if (list_empty(&x->row))
        return false;
    w = LIST_ITEM(list_first(&x->row), struct waiter, link);
    (void)map_remove(&x->waiting, waiter_key(&w->account));
    list_remove(&w->link);
    *ret = w->account;
    free(w);
    return true;
}

/* ---- in the worker ---- */

static void scan_worker(struct indexer *x)
{
    x->e = index_accounts(x->k->kv, x->scan_from, ACCOUNTS_PER_SCAN, x->found, &x->found_count,
                          &x->why);
}

/* What there is to do. An account whose counters are gone has nothing that should be named. */
static void plan_worker(struct indexer *x)
{
    uint32_t account = x->manifest.account;
    struct counters counters = { 0 };
    struct kv *kv = x->k->kv;
    struct key k;
    bool here;

    arena_reset(x->mem);
    key_of_account(&k, TABLE_COUNTERS, account);
    x->e = table_find_counters(kv, x->mem, &k, &here, &counters, &x->why);
    if (x->e == OK)
        x->e = manifest_load(kv, NULL, x->mem, account, &x->manifest, &x->why);
    if (x->e == ERR_CORRUPT)
        x->e = OK; /* as if there were none: all of it is left over, and made anew */
    if (x->e == OK && !here) {
        key_of_account(&k, TABLE_INDEX, account);
        kv_batch_delete(x->made, key_str(&k));
        x->manifest.count = 0;
    }
    if (x->e == OK)
        x->e =
            index_leftovers(kv, &x->manifest, LEFTOVERS_PER_SLICE, x->made, &x->leftovers, &x->why);
    x->last = x->manifest.indexed;
    x->email_count = 0;
    if (x->e == OK && here)
        x->e = index_emails_after(kv, account, x->last, EMAILS_PER_SLICE, x->emails,
                                  &x->email_count, &x->why);
    x->wants_merge = here && manifest_wants_merge(&x->manifest, counters.messages, &x->merge_from,
                                                  &x->merge_count);
}

static void take_term(void *ctx, struct str term)
{
    gather_term(ctx, term);
}

/* What cannot be read, or only in part, may hold anything; `check` of the store names it. */
static void gather_one(struct indexer *x, const struct reading *r)
{
    struct arena *mem = arena_new(0);
    struct buf octets = { 0 };
    struct str value;
    struct record record;
    struct key k;
    bool found;

    gather_email(x->gather, r->email);
    key_of_email(&k, TABLE_RECORD, x->manifest.account, r->email);
    if (r->body == NULL || body_len(r->body) > READ_BYTES_MAX ||
        kv_get(x->k->kv, NULL, mem, key_str(&k), &found, &value) != OK || !found ||
        body_read(r->body, 0, (size_t)body_len(r->body), &octets, &x->why) != OK)
        gather_odd(x->gather);
    else if (record_open(value, &record) == OK &&
             !words_of_message(&record, buf_str(&octets), take_term, x->gather))
        gather_odd(x->gather);
    buf_deinit(&octets);
    arena_free(mem);
}

/* Another slice might not fit. */
static bool is_full(const struct indexer *x)
{
    return gather_is_full(x->gather) ||
           gather_count(x->gather) + EMAILS_PER_SLICE > GATHER_EMAILS_MAX;
}

static void read_worker(struct indexer *x)
{
    for (uint32_t i = 0; i < x->reading_count; i++)
        gather_one(x, &x->reading[i]);
    if (!is_full(x))
        x->e = index_emails_after(x->k->kv, x->manifest.account, x->last, EMAILS_PER_SLICE,
                                  x->emails, &x->email_count, &x->why);
}

static void write_worker(struct indexer *x)
{
    struct manifest_segment s = { .number = x->manifest.next++ };

    if (x->manifest.count == INDEX_SEGMENTS_MAX) {
        x->e = err_set(&x->why, ERR_LIMIT, "the index has too many segments");
        return;
    }
    x->manifest.indexed = x->last;
    s.emails = gather_count(x->gather);
    if (s.emails > 0) {
        gather_bounds(x->gather, &s.first, &s.last);
        gather_write(x->gather, x->made, x->manifest.account, s.number, &s.bytes);
        manifest_add(&x->manifest, &s);
    }
    manifest_put(x->made, &x->manifest);
}

/* Walks the account's emails beside those that are asked for. */
struct living {
    struct kv_iter *it;
    bool on;
};

static bool is_live(void *ctx, uint32_t email)
{
    struct living *l = ctx;

    while (l->on && load_u64(kv_iter_key(l->it).at + 5) < email)
        l->on = kv_iter_next(l->it);
    return l->on && load_u64(kv_iter_key(l->it).at + 5) == email;
}

static void merge_begin(struct indexer *x)
{
    const struct manifest *m = &x->manifest;
    struct segment from[MERGE_SEGMENTS_MAX];
    struct living living;
    struct key first, end;

    for (uint32_t i = 0; i < x->merge_count && x->e == OK; i++)
        x->e = segment_open(x->k->kv, NULL, x->mem, m->account, m->at[x->merge_from + i].number,
                            &from[i], &x->why);
    if (x->e != OK)
        return;
    key_of_email(&first, TABLE_EMAIL, m->account, m->at[x->merge_from].first);
    key_of_email(&end, TABLE_EMAIL, m->account, UINT64_MAX);
    living.it = kv_iter_new(x->k->kv, NULL, key_str(&first), key_str(&end));
    living.on = kv_iter_first(living.it);
    x->merge = merge_new(from, x->merge_count, m->next, is_live, &living);
    kv_iter_free(living.it);
}

static void merge_worker(struct indexer *x)
{
    struct manifest_segment by;
    struct merged made;

    if (x->merge == NULL)
        merge_begin(x);
    if (x->e == OK)
        x->e = merge_run(x->merge, x->made, MERGE_SLICE_BYTES, &x->merged);
    if (x->e != OK || !x->merged)
        return;
    made = merge_result(x->merge);
    by = (struct manifest_segment){ x->manifest.next++, made.emails, made.first, made.last,
                                    made.bytes };
    manifest_replace(&x->manifest, x->merge_from, x->merge_count, &by);
    manifest_put(x->made, &x->manifest);
}

static void slice_worker(void *ctx)
{
    static void (*const phases[])(struct indexer * x) = {
        [PHASE_SCAN] = scan_worker,   [PHASE_PLAN] = plan_worker,   [PHASE_READ] = read_worker,
        [PHASE_WRITE] = write_worker, [PHASE_MERGE] = merge_worker,
    };
    struct indexer *x = ctx;

    x->e = OK;
    phases[x->phase](x);
}

/* ---- on the loop ---- */

/* Bodies of the next emails, until there are enough octets. Emails that went meanwhile have none.
 */
static void open_bodies(struct indexer *x)
{
    struct keeper *k = x->k;
    struct body_walk *walk = body_walk_new(k->bodies);
    uint64_t bytes = 0;

    x->reading_count = 0;
    for (uint32_t i = 0; i < x->email_count && bytes < SLICE_BODY_BYTES; i++) {
        struct reading *r = &x->reading[x->reading_count];
        SCRATCH(tmp, NULL);
        struct email row;
        struct key key;
        bool found;

        x->last = x->emails[i];
        key_of_email(&key, TABLE_EMAIL, x->manifest.account, x->emails[i]);
        if (table_find_email(k->kv, tmp, &key, &found, &row, &x->why) != OK || !found)
            continue;
        r->email = x->emails[i];
        if (body_walk_open(walk, row.body, &r->body, &x->why) != OK)
            r->body = NULL;
        else
            bytes += body_len(r->body);
        x->reading_count++;
    }
    body_walk_free(walk);
}

static void close_bodies(struct indexer *x)
{
    for (uint32_t i = 0; i < x->reading_count; i++)
        body_close(x->reading[i].body);
    x->reading_count = 0;
}

static void account_end(struct indexer *x)
{
    close_bodies(x);
    gather_free(x->gather);
    merge_free(x->merge);
    x->gather = NULL;
    x->merge = NULL;
    x->active = false;
}

/* Half the time is for others while there are others. */
static void go_on(struct indexer *x)
{
    uint64_t took_ms = loop_now_ms(x->k->loop) - x->slice_began_ms;

    timer_set_in(&x->due, x->k->request_count > 0 ? took_ms + 1 : 0);
}

static void failed(struct indexer *x)
{
    if (!x->k->failed && !writer_stopped(x->k->writer))
        keeper_log(x->k, "event=index_failed account=%u error=\"%s\" detail=\"%s\"",
                   x->manifest.account, err_text(x->e), x->why.text);
    x->stats.failures++;
    x->scanning = false;
    account_end(x);
    kv_batch_clear(x->made);
    x->applied = 0;
    timer_set_in(&x->due, FAILED_WAIT_MS);
}

/* What follows a phase whose rows are in the tables. */
static void after_phase(struct indexer *x)
{
    switch (x->phase) {
    case PHASE_SCAN:
        for (uint32_t i = 0; i < x->found_count; i++)
            wait_in_row(x, x->found[i]);
        x->scanning = x->found_count == ACCOUNTS_PER_SCAN;
        if (x->found_count > 0)
            x->scan_from = x->found[x->found_count - 1] + 1;
        break;
    case PHASE_PLAN:
        if (x->leftovers)
            break;
        if (x->wants_merge) {
            x->phase = PHASE_MERGE; /* first, so that there are never many */
        } else if (x->email_count > 0) {
            x->gather = gather_new(x->key);
            x->phase = PHASE_READ;
        } else {
            account_end(x);
        }
        break;
    case PHASE_READ:
        close_bodies(x);
        if (is_full(x) || x->email_count == 0)
            x->phase = PHASE_WRITE;
        break;
    case PHASE_WRITE:
        x->stats.emails += gather_count(x->gather);
        x->stats.segments++;
        gather_free(x->gather);
        x->gather = NULL;
        x->phase = PHASE_PLAN;
        break;
    case PHASE_MERGE:
        if (!x->merged)
            break;
        x->stats.merges++;
        merge_free(x->merge);
        x->merge = NULL;
        x->phase = PHASE_PLAN;
        break;
    }
}

/* Puts the next piece of what the worker made into the tables; true when that was the last. */
static bool apply_piece(struct indexer *x)
{
    struct kv_change c;
    size_t bytes = 0;
    bool more = false;

    while (bytes < APPLY_BYTES && (more = kv_batch_next(x->made, &x->applied, &c))) {
        if (c.kind == KV_PUT)
            kv_batch_put(x->piece, c.key, c.value);
        else
            kv_batch_delete(x->piece, c.key);
        bytes += c.key.len + c.value.len;
    }
    if (bytes > 0)
        x->e = index_apply(x->k->kv, x->piece, &x->why);
    if (more && x->e == OK)
        return false;
    kv_batch_clear(x->made);
    x->applied = 0;
    return true;
}

static void slice_done(void *ctx)
{
    struct indexer *x = ctx;

    x->running = false;
    if (x->e == OK && !apply_piece(x)) {
        x->running = true;
        timer_set_in(&x->more, 0);
        return;
    }
    if (x->e != OK) {
        failed(x);
        return;
    }
    after_phase(x);
    go_on(x);
}

static bool next_account(struct indexer *x)
{
    uint32_t account;

    if (!next_waiter(x, &account))
        return false;
    x->manifest = (struct manifest){ .account = account };
    x->active = true;
    x->phase = PHASE_PLAN;
    return true;
}

static void step(void *ctx)
{
    struct indexer *x = ctx;

    if (x->running || x->k->stopping || x->k->failed || writer_stopped(x->k->writer))
        return;
    if (!x->active && x->scanning)
        x->phase = PHASE_SCAN;
    else if (!x->active && !next_account(x))
        return;
    if (x->phase == PHASE_READ)
        open_bodies(x);
    x->running = true;
    x->slice_began_ms = loop_now_ms(x->k->loop);
    workers_run(x->workers, slice_worker, slice_done, x);
}

/* ---- outside ---- */

enum err indexer_start(struct keeper *k, struct errinfo *why)
{
    struct indexer *x = calloc(1, sizeof *x);
    uint8_t octets[16];
    enum err e;

    if (x == NULL)
        BUG("out of memory");
    x->k = k;
    if ((e = workers_new(k->loop, 1, &x->workers, why)) != OK) {
        free(x);
        return e;
    }
    workers_give_way(x->workers);
    loop_random(k->loop, octets, sizeof octets);
    x->key = siphash_key_of(octets);
    map_init(&x->waiting, x->key);
    list_init(&x->row);
    timer_init(&x->due, k->loop, step, x);
    timer_init(&x->more, k->loop, slice_done, x);
    x->mem = arena_new(0);
    x->made = kv_batch_new(k->kv);
    x->piece = kv_batch_new(k->kv);
    x->scanning = true;
    k->index = x;
    timer_set_in(&x->due, WAIT_MS);
    return OK;
}

void indexer_free(struct keeper *k)
{
    struct indexer *x = k->index;
    uint32_t account;

    if (x == NULL)
        return;
    k->index = NULL;
    workers_free(x->workers);
    timer_cancel(&x->due);
    timer_cancel(&x->more);
    account_end(x);
    while (next_waiter(x, &account))
        ;
    map_deinit(&x->waiting);
    arena_free(x->mem);
    kv_batch_free(x->made);
    kv_batch_free(x->piece);
    free(x);
}

void indexer_mark(struct keeper *k, uint32_t account)
{
    struct indexer *x = k->index;

    if (x == NULL)
        return;
    wait_in_row(x, account);
    if (!x->running && !timer_is_set(&x->due))
        timer_set_in(&x->due, WAIT_MS);
}

bool indexer_is_busy(const struct keeper *k)
{
    const struct indexer *x = k->index;

    return x != NULL && (x->running || x->active || x->scanning || !list_empty(&x->row));
}

struct indexer_stats indexer_stats(const struct keeper *k)
{
    struct indexer_stats s = { 0 };

    if (k->index != NULL) {
        s = k->index->stats;
        s.accounts_waiting = k->index->waiting.count + (k->index->active ? 1 : 0);
    }
    return s;
}
