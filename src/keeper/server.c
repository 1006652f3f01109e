/* keeper/server.c - keeper's beginning and end, and its channels. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>

#include "keeper/fetch/server_ahead.h"
#include "keeper/index/server_blocks.h"
#include "keeper/index/server_index.h"
#include "keeper/login/server_attempt.h"
#include "message/words/stems.h"

enum { LOG_LINE_BYTES_MAX = 1000, STORE_VERSION = 1, READER_THREADS = 2 };

void keeper_log(struct keeper *k, const char *fmt, ...)
{
    struct buf b = { .max = LOG_LINE_BYTES_MAX };
    char line[LOG_LINE_BYTES_MAX];
    va_list args;
    int len;

    if (k->settings.log == NULL)
        return;
    va_start(args, fmt);
    len = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    /* A line is for people; what peers sent must not break it in two. */
    for (int i = 0; i < len && i < (int)sizeof line - 1; i++)
        buf_add_char(&b, (unsigned char)line[i] < 0x20 || line[i] == 0x7f ? '?' : line[i]);
    k->settings.log(k->settings.ctx, buf_str(&b));
    buf_deinit(&b);
}

/* ---- channels ---- */

static void peer_free(struct peer *p)
{
    struct keeper *k = p->k;

    while (!list_empty(&p->sessions))
        session_forget(LIST_ITEM(list_first(&p->sessions), struct session, in_peer));
    while (!list_empty(&p->spools))
        spool_free(LIST_ITEM(list_first(&p->spools), struct spool, in_peer));
    LIST_EACH_SAFE(it, &p->jobs)
    {
        struct request *j = LIST_ITEM(it, struct request, in_peer);

        j->peer = NULL;
        list_remove(&j->in_peer);
    }
    exchanges_free(p);
    if (leases_drop_owner(k->leases, p))
        queue_timer_set(k);
    timer_cancel(&p->end);
    list_remove(&p->link);
    channel_free(p->channel);
    free(p);
}

static void on_frame(void *ctx, struct str frame, struct file *file)
{
    /* No request carries a file. */
    file_close(file);
    request_from_frame(ctx, frame);
}

static void on_closed(void *ctx, enum err why)
{
    (void)why;
    peer_free(ctx);
}

static void on_end(void *ctx)
{
    peer_free(ctx);
}

static const struct channel_events peer_events = { .frame = on_frame, .closed = on_closed };

void keeper_add_channel(struct keeper *k, struct channel *c, enum keep_who who)
{
    struct peer *p = calloc(1, sizeof *p);

    if (p == NULL)
        BUG("out of memory");
    p->k = k;
    p->channel = c;
    p->who = who;
    list_init(&p->sessions);
    list_init(&p->spools);
    list_init(&p->jobs);
    list_init(&p->exchanges);
    timer_init(&p->end, k->loop, on_end, p);
    list_add_last(&k->peers, &p->link);
    channel_set_events(c, &peer_events, p);
    if (who == BY_COURIER)
        timer_set_in(&k->queue_due, 0);
}

/* ---- stopping ---- */

static void after_flush(void *ctx, enum err e)
{
    struct keeper *k = ctx;
    void (*stopped)(void *) = k->stopped;

    (void)e;
    k->stopped = NULL;
    if (stopped != NULL)
        stopped(k->stopped_ctx);
}

void keeper_maybe_stopped(struct keeper *k)
{
    if (!k->stopping || k->request_count > 0 || k->stopped == NULL || writer_waiting(k->writer) > 0)
        return;
    if (timer_is_set(&k->check_end))
        return;
    timer_set_in(&k->check_end, 0);
}

/* Runs on a turn of its own: at the end of stopping, and when the disk has failed. */
static void on_check_end(void *ctx)
{
    struct keeper *k = ctx;

    if (k->failed) {
        keeper_log(k, "event=store_failed detail=\"%s\"", writer_last_error(k->writer));
        if (k->settings.failed != NULL)
            k->settings.failed(k->settings.ctx, str_from_z(writer_last_error(k->writer)));
        if (k->stopping)
            after_flush(k, ERR_IO);
        return;
    }
    if (k->stopping && k->request_count == 0)
        writer_flush(k->writer, after_flush, k);
}

void keeper_stop(struct keeper *k, void (*done)(void *ctx), void *ctx)
{
    k->stopping = true;
    ahead_drop_all(k); /* nobody would come for it */
    k->stopped = done;
    k->stopped_ctx = ctx;
    keeper_maybe_stopped(k);
}

void keeper_free(struct keeper *k)
{
    if (k == NULL)
        return;
    indexer_free(k);
    blocks_free(k);
    if (k->auth != NULL)
        workers_free(k->auth);
    if (k->slow != NULL)
        workers_free(k->slow);
    if (k->readers != NULL)
        workers_free(k->readers);
    if (k->sorts != NULL)
        workers_free(k->sorts);
    while (!list_empty(&k->peers))
        peer_free(LIST_ITEM(list_first(&k->peers), struct peer, link));
    /* The commit thread may be reading what requests own, and requests hold bodies open. */
    if (k->writer != NULL)
        writer_end_work(k->writer);
    while (!list_empty(&k->jobs))
        request_free(LIST_ITEM(list_first(&k->jobs), struct request, in_keeper));
    if (k->writer != NULL)
        writer_close(k->writer);
    /* Only now: peers that go give leases back, which sets timers. */
    timer_cancel(&k->notes_due);
    timer_cancel(&k->queue_due);
    timer_cancel(&k->check_end);
    timer_cancel(&k->ahead_due);
    timer_cancel(&k->ahead_old);
    timer_cancel(&k->purge_due);
    sweep_free(k);
    keys_saving_free(k);
    key_cache_free(k->keys);
    views_free(k->views);
    leases_free(k->leases);
    if (k->kv != NULL)
        kv_close(k->kv);
    map_deinit(&k->sessions);
    map_deinit(&k->watched);
    map_deinit(&k->guests);
    map_deinit(&k->locks);
    buf_deinit(&k->languages);
    proven_free(k->proven);
    delays_free(k->delays);
    guesses_free(k->guesses);
    explicit_bzero(k->salt_secret, sizeof k->salt_secret);
    free(k->notes);
    free(k);
}

/* ---- starting ---- */

void keeper_reload(struct keeper *k, const struct keeper_settings *settings)
{
    char separator = settings->separator;

    k->settings.certificates = settings->certificates;
    k->settings.pop3_delay_s = settings->pop3_delay_s;
    k->directory.separator = separator == '\0' ? '+' : separator == '\1' ? '\0' : separator;
}

#define DEFAULT(setting, value)                                                                    \
    do {                                                                                           \
        if (k->settings.setting == 0)                                                              \
            k->settings.setting = (value);                                                         \
    } while (0)

static void set_prefix(struct str wanted, const char *usual, char ret[NAMESPACE_BYTES_MAX + 1])
{
    struct str prefix = wanted.at == NULL ? str_from_z(usual) : wanted;

    BUG_ON(prefix.len > NAMESPACE_BYTES_MAX);
    memcpy(ret, prefix.at, prefix.len);
    ret[prefix.len] = '\0';
}

/* An address that is none is nobody's, and so is what would stand below the prefix. */
static void set_public(struct keeper *k)
{
    SCRATCH(tmp, NULL);
    struct str owner;

    if (k->settings.public_owner.len == 0 || k->settings.public_prefix.len == 0 ||
        directory_normalise(tmp, k->settings.public_owner, false, &owner) != OK)
        return;
    set_prefix(k->settings.public_prefix, "", k->public_prefix);
    BUG_ON(owner.len > ADDRESS_BYTES_MAX);
    memcpy(k->public_owner, owner.at, owner.len);
    k->public_owner[owner.len] = '\0';
}

static void set_defaults(struct keeper *k)
{
    DEFAULT(separator, '+');
    DEFAULT(argon2_kib, 19456);
    DEFAULT(argon2_passes, 2);
    DEFAULT(auth_threads, 2);
    DEFAULT(auth_cache_s, 600);
    DEFAULT(scram_iterations, 15000);
    DEFAULT(view_bytes_max, (uint64_t)64 << 20);
    DEFAULT(key_bytes_max, (uint64_t)128 << 20);
    DEFAULT(sort_page_bytes, KEEP_PAGE_BYTES);
    DEFAULT(requests_max, 20000);
    DEFAULT(queued_bytes_max, (uint64_t)8 << 20);
    DEFAULT(message_bytes_max, (uint64_t)1 << 30);
    DEFAULT(free_bytes_min, (uint64_t)16 << 20);
    /* Sizes stand in 32 bits in the views. */
    k->settings.message_bytes_max = MIN(k->settings.message_bytes_max, UINT32_MAX);
    k->directory.separator = k->settings.separator == '\1' ? '\0' : k->settings.separator;
    set_prefix(k->settings.others_prefix, "Other Users", k->others_prefix);
    set_public(k);
    k->password.kib = k->settings.argon2_kib;
    k->password.passes = k->settings.argon2_passes;
}

static struct siphash_key random_key(struct loop *l)
{
    uint8_t octets[16];

    loop_random(l, octets, sizeof octets);
    return siphash_key_of(octets);
}

/* Tables that are damaged are thrown away: the journal makes them anew. */
static enum err open_tables(struct keeper *k, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    const struct kv_rocks_settings settings = { .cache_bytes = k->settings.cache_bytes };
    struct str path = fs_path(k->fs), folder;
    enum err e;

    if (k->settings.tables_in_memory || path.len == 0) {
        k->kv = kv_new_mem();
        return OK;
    }
    folder = arena_printf(tmp, "%.*s/tables", STR_ARG(path));
    e = kv_open_rocks(folder, &settings, &k->kv, why);
    if (e != ERR_CORRUPT)
        return e;
    keeper_log(k, "event=tables_damaged detail=\"%s\"", why->text);
    if ((e = kv_destroy_rocks(folder, why)) != OK)
        return e;
    return kv_open_rocks(folder, &settings, &k->kv, why);
}

static enum err write_version(void *ctx, struct txn *t)
{
    struct key k;

    (void)ctx;
    key_of_text(&k, TABLE_NUMBER, STR("version"));
    table_put_number(t, &k, STORE_VERSION);
    return OK;
}

static void version_written(void *ctx, enum err e)
{
    (void)ctx, (void)e;
}

static enum err check_version(struct keeper *k, struct errinfo *why)
{
    struct key key;
    uint64_t version;
    bool found;
    enum err e;

    key_of_text(&key, TABLE_NUMBER, STR("version"));
    if ((e = table_find_number(k->kv, &key, &found, &version, why)) != OK)
        return e;
    if (found && version != STORE_VERSION)
        return err_set(why, ERR_UNSUPPORTED, "the store has format %llu, this program knows %d",
                       (unsigned long long)version, STORE_VERSION);
    if (!found)
        writer_submit(k->writer, write_version, version_written, k);
    return OK;
}

/* ---- the secret behind the salts of those whom nobody knows ---- */

static enum err write_secret(void *ctx, struct txn *t)
{
    struct keeper *k = ctx;

    credentials_secret_put(t, k->salt_secret);
    return OK;
}

static enum err find_secret(struct keeper *k, struct errinfo *why)
{
    bool found;
    enum err e = credentials_secret(k->kv, &found, k->salt_secret, why);

    if (e != OK || found)
        return e;
    loop_random(k->loop, k->salt_secret, sizeof k->salt_secret);
    writer_submit(k->writer, write_secret, version_written, k);
    return OK;
}

static enum err open_store(struct keeper *k, struct errinfo *why)
{
    const struct writer_settings settings = {
        .segment_bytes = k->settings.segment_bytes,
        .no_training = k->settings.no_training,
        .no_compaction = k->settings.no_compaction,
        .compact_below = k->settings.compact_below,
        .no_sync = k->settings.no_sync,
    };
    enum err e;

    if ((e = open_tables(k, why)) != OK ||
        (e = writer_open(k->loop, k->fs, k->kv, &settings, &k->writer, why)) != OK ||
        (e = check_version(k, why)) != OK || (e = find_secret(k, why)) != OK ||
        (e = workers_new(k->loop, k->settings.auth_threads, &k->auth, why)) != OK ||
        (e = workers_new(k->loop, 1, &k->slow, why)) != OK ||
        (e = workers_new(k->loop, READER_THREADS, &k->readers, why)) != OK ||
        (e = workers_new(k->loop, 1, &k->sorts, why)) != OK)
        return e;
    k->bodies = writer_bodies(k->writer);
    k->views = views_new(k->kv, k->settings.view_bytes_max, random_key(k->loop));
    k->keys = key_cache_new(k->settings.key_bytes_max, random_key(k->loop));
    writer_observe(k->writer, notes_observe, k);

    const struct writer_report *r = writer_replayed(k->writer);

    keeper_log(k, "event=store_open replayed=%llu cut_bytes=%llu",
               (unsigned long long)r->transactions, (unsigned long long)r->cut_bytes);
    return OK;
}

static enum err set_languages(struct keeper *k, struct errinfo *why)
{
    struct str names = k->settings.languages;
    struct stems *stems;
    enum err e;

    buf_add(&k->languages, names.at == NULL ? KEEPER_LANGUAGES : names);
    k->settings.languages = buf_str(&k->languages);
    if ((e = stems_new(k->settings.languages, &stems, why)) == OK)
        stems_free(stems);
    return e;
}

enum err keeper_start(struct loop *l, struct fs *fs, const struct keeper_settings *settings,
                      struct keeper **ret, struct errinfo *why)
{
    struct keeper *k = calloc(1, sizeof *k);
    struct errinfo unused = { 0 };
    enum err e;

    if (k == NULL)
        BUG("out of memory");
    k->loop = l;
    k->fs = fs;
    k->settings = *settings;
    set_defaults(k);
    list_init(&k->peers);
    list_init(&k->jobs);
    list_init(&k->watchers);
    list_init(&k->readings);
    map_init(&k->sessions, random_key(l));
    map_init(&k->watched, random_key(l));
    map_init(&k->guests, random_key(l));
    map_init(&k->locks, random_key(l));
    k->proven = proven_new(l);
    k->delays = delays_new();
    k->guesses = guesses_new(random_key(l));
    k->leases = leases_new(random_key(l));
    timer_init(&k->notes_due, l, notes_send, k);
    timer_init(&k->queue_due, l, queue_due_send, k);
    timer_init(&k->check_end, l, on_check_end, k);
    timer_init(&k->ahead_due, l, ahead_run, k);
    timer_init(&k->ahead_old, l, ahead_look, k);
    timer_init(&k->purge_due, l, purge_start, k);
    if ((e = open_store(k, why == NULL ? &unused : why)) != OK) {
        keeper_free(k);
        return e;
    }
    if ((e = set_languages(k, why == NULL ? &unused : why)) != OK) {
        keeper_free(k);
        return e;
    }
    if ((e = blocks_start(k, why == NULL ? &unused : why)) != OK ||
        (!k->settings.no_index && (e = indexer_start(k, why == NULL ? &unused : why)) != OK)) {
        keeper_free(k);
        return e;
    }
    sweep_start(k);
    *ret = k;
    return OK;
}
