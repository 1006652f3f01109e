/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/model_test.h"

#include <ftw.h>
#include <unistd.h>

#include "store/journal/record.h"

enum { FTW_OPEN_MAX = 8 };

struct model_job {
    struct rig *rig;
    struct model_txn txn;
    size_t slot; /* in rig.outstanding */
    char *octets[MODEL_CHANGES];
};

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
    (void)st;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* In memory where that is possible: nobody pulls a plug here, and faults are made, not awaited. */
void rig_new(struct rig *r, uint64_t seed, bool rocks)
{
    struct fs *real;

    *r = (struct rig){ .folder = "/dev/shm/postern-journal-XXXXXX",
                       .random = seed * 2654435761u + 1,
                       .rocks = rocks,
                       .body_len_max = 3000,
                       .settings = {
                           .segment_bytes = 8192, .no_training = true, .reserve_bytes = 1 } };
    if (mkdtemp(r->folder) == NULL) {
        (void)snprintf(r->folder, sizeof(r->folder), "/tmp/postern-journal-XXXXXX");
        CHECK(mkdtemp(r->folder) != NULL, "folder");
    }
    CHECK_OK(fs_new_real(str_from_z(r->folder), false, &real, NULL), "folder");
    r->fs = fs_faulty(real);
    CHECK_OK(loop_new_real(&r->loop, NULL), "loop");
}

void rig_free(struct rig *r)
{
    fs_free(r->fs);
    loop_free(r->loop);
    CHECK(nftw(r->folder, remove_one, FTW_OPEN_MAX, FTW_DEPTH | FTW_PHYS) == 0, "clean up");
}

enum err rig_open(struct rig *r, struct errinfo *why)
{
    struct kv_rocks_settings rocks = { .memtable_bytes = 64 * 1024, .cache_bytes = 1 << 20 };
    char tables[80];
    enum err e;

    (void)snprintf(tables, sizeof(tables), "%s/tables", r->folder);
    if (!r->rocks)
        r->kv = kv_new_mem();
    else if ((e = kv_open_rocks(str_from_z(tables), &rocks, &r->kv, why)) != OK)
        return e;
    e = writer_open(r->loop, r->fs, r->kv, &r->settings, &r->writer, why);
    if (e != OK) {
        kv_close(r->kv);
        r->kv = NULL;
    }
    return e;
}

void rig_close(struct rig *r)
{
    if (r->kv == NULL)
        return;
    writer_close(r->writer);
    kv_close(r->kv);
    r->kv = NULL;
    r->writer = NULL;
}

unsigned rig_random(struct rig *r, unsigned below)
{
    r->random = r->random * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(r->random >> 33) % below;
}

/* ---- octets ---- */

static struct str key_of(char out[16], char letter, unsigned n)
{
    (void)snprintf(out, 16, "%c%03u", letter, n);
    return str_from_z(out);
}

/* Half text that compresses, half noise. */
static char *body_octets(uint64_t seed, size_t len)
{
    char *at = malloc(len + 1);

    CHECK(at != NULL, "memory");
    for (size_t i = 0; i < len; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        at[i] = (i / 512) % 2 == 0 ? "postern "[i % 8] : (char)(seed >> 40);
    }
    return at;
}

/* ---- transactions ---- */

static enum err slot_body(struct txn *t, unsigned slot, bool *ret_found, uint64_t *ret)
{
    SCRATCH(tmp, NULL);
    char key[16];
    struct str value;
    enum err e = txn_get(t, tmp, key_of(key, 's', slot), ret_found, &value);

    if (e == OK && *ret_found)
        *ret = load_u64(value.at);
    return e;
}

static enum err set_slot(struct txn *t, unsigned slot, uint64_t body)
{
    char key[16], value[8];
    bool found;
    uint64_t old;
    enum err e = slot_body(t, slot, &found, &old);

    if (e == OK && found)
        e = txn_body_unref(t, old);
    if (e != OK)
        return e;
    store_u64(value, body);
    if (body == 0)
        txn_delete(t, key_of(key, 's', slot));
    else
        txn_put(t, key_of(key, 's', slot), str_from(value, sizeof(value)));
    return OK;
}

static enum err build_change(struct model_job *j, size_t i, struct txn *t)
{
    const struct model_change *c = &j->txn.changes[i];
    char key[16], value[16];
    struct body_source source = { .prefix = { j->octets[i], c->len / 3 },
                                  .bytes = { j->octets[i] + c->len / 3, c->len - c->len / 3 } };
    bool found;
    uint64_t id;
    enum err e;

    switch (c->kind) {
    case CHANGE_PUT:
        (void)snprintf(value, sizeof(value), "%d", c->value);
        txn_put(t, key_of(key, 'k', c->at), str_from_z(value));
        return OK;
    case CHANGE_DELETE:
        txn_delete(t, key_of(key, 'k', c->at));
        return OK;
    case CHANGE_BODY:
        return set_slot(t, c->at, txn_body_new(t, &source));
    case CHANGE_COPY:
        if ((e = slot_body(t, c->from, &found, &id)) != OK || !found)
            return e == OK ? set_slot(t, c->at, 0) : e;
        if ((e = txn_body_ref(t, id)) != OK)
            return e;
        return set_slot(t, c->at, id);
    case CHANGE_DROP:
        return set_slot(t, c->at, 0);
    }
    return OK;
}

static enum err build(void *ctx, struct txn *t)
{
    struct model_job *j = ctx;
    enum err e = OK;

    for (size_t i = 0; i < j->txn.count && e == OK; i++)
        e = build_change(j, i, t);
    return e;
}

static void model_apply(struct model *m, const struct model_txn *t)
{
    for (size_t i = 0; i < t->count; i++) {
        const struct model_change *c = &t->changes[i];

        switch (c->kind) {
        case CHANGE_PUT:
        case CHANGE_DELETE:
            m->value[c->at] = c->value;
            break;
        case CHANGE_BODY:
        case CHANGE_DROP:
            m->seed[c->at] = c->seed;
            m->len[c->at] = c->len;
            break;
        case CHANGE_COPY:
            m->seed[c->at] = m->seed[c->from];
            m->len[c->at] = m->len[c->from];
            break;
        }
    }
}

static void job_free(struct model_job *j)
{
    for (size_t i = 0; i < j->txn.count; i++)
        free(j->octets[i]);
    free(j);
}

static void done(void *ctx, enum err e)
{
    struct model_job *j = ctx;
    struct rig *r = j->rig;

    if (e == OK) {
        model_apply(&r->sure, &j->txn);
    } else if (e == ERR_CLOSED && writer_stopped(r->writer)) {
        CHECK(r->unknown_count < MODEL_UNKNOWN, "room");
        r->unknown[r->unknown_count++] = j->txn;
    } else {
        CHECK(e == ERR_NO_SPACE || e == ERR_IO, "%s", err_text(e));
    }
    r->outstanding[j->slot] = NULL;
    job_free(j);
    if (--r->pending == 0 && r->sim == NULL)
        loop_stop(r->loop);
}

/* Half of the keys and a few slots are cold: they change seldom, so that old segments stay in use
 * and what later segments say about them must not get lost. */
static struct model_change random_change(struct rig *r)
{
    struct model_change c = { .kind = CHANGE_PUT, .at = rig_random(r, MODEL_KEYS) };
    unsigned what = rig_random(r, 100);

    if (what < 45) {
        if (c.at < MODEL_KEYS / 2 && rig_random(r, 8) != 0)
            c.at += MODEL_KEYS / 2;
        c.value = ++r->steps;
        return c;
    }
    if (what < 60) {
        c.kind = CHANGE_DELETE;
        return c;
    }
    c.at = rig_random(r, MODEL_SLOTS);
    if (c.at < MODEL_COLD_SLOTS && r->steps > 50 && rig_random(r, 40) != 0)
        c.at += MODEL_COLD_SLOTS;
    c.from = rig_random(r, MODEL_SLOTS);
    c.kind = what < 85 ? CHANGE_BODY : what < 92 ? CHANGE_COPY : CHANGE_DROP;
    if (c.kind == CHANGE_BODY) {
        c.seed = (uint64_t)++r->steps;
        c.len = rig_random(r, (unsigned)r->body_len_max);
        if (c.at < MODEL_COLD_SLOTS)
            c.len += 2 * r->body_len_max;
    }
    return c;
}

static void submit_random(struct rig *r, size_t count)
{
    CHECK(count <= MODEL_UNKNOWN, "room");
    r->pending = count;
    for (size_t n = 0; n < count; n++) {
        struct model_job *j = calloc(1, sizeof(*j));

        CHECK(j != NULL, "memory");
        j->rig = r;
        j->slot = n;
        r->outstanding[n] = j;
        j->txn.count = 1 + rig_random(r, MODEL_CHANGES);
        for (size_t i = 0; i < j->txn.count; i++) {
            j->txn.changes[i] = random_change(r);
            j->octets[i] = body_octets(j->txn.changes[i].seed, j->txn.changes[i].len);
        }
        writer_submit(r->writer, build, done, j);
    }
}

void rig_run(struct rig *r, size_t count)
{
    submit_random(r, count);
    CHECK_OK(loop_run(r->loop, NULL), "loop");
    CHECK_EQ(r->pending, 0, "all done");
}

static void stop_loop(void *ctx)
{
    loop_stop(ctx);
}

void rig_pass(struct rig *r, uint64_t ms)
{
    struct timer t;

    timer_init(&t, r->loop, stop_loop, r->loop);
    timer_set_in(&t, ms);
    CHECK_OK(loop_run(r->loop, NULL), "loop");
    timer_cancel(&t);
}

/* ---- comparing ---- */

static bool same_row(struct rig *r, char letter, unsigned n, struct arena *mem, struct str *ret)
{
    char key[16];
    bool found;

    CHECK_OK(kv_get(r->kv, NULL, mem, key_of(key, letter, n), &found, ret), "get");
    return found;
}

static bool same_body(struct rig *r, unsigned slot, const struct model *m)
{
    SCRATCH(tmp, NULL);
    struct body *body;
    struct errinfo why = { "" };
    struct buf got = { 0 };
    struct str value;
    bool found = same_row(r, 's', slot, tmp, &value), same;

    if (!found || m->seed[slot] == 0)
        return !found && m->seed[slot] == 0;
    CHECK_OK(body_open(writer_bodies(r->writer), load_u64(value.at), &body, &why), "%s", why.text);
    same = body_len(body) == m->len[slot];
    if (same) {
        char *want = body_octets(m->seed[slot], m->len[slot]);

        CHECK_OK(body_read(body, 0, m->len[slot], &got, &why), "%s", why.text);
        same = str_eq(buf_str(&got), str_from(want, m->len[slot]));
        free(want);
    }
    body_close(body);
    buf_deinit(&got);
    return same;
}

static bool same_as(struct rig *r, const struct model *m)
{
    SCRATCH(tmp, NULL);

    for (unsigned i = 0; i < MODEL_KEYS; i++) {
        struct str value;
        bool found = same_row(r, 'k', i, tmp, &value);
        uint64_t number = 0;

        if (found != (m->value[i] != 0))
            return false;
        if (found && (!str_to_u64(value, UINT32_MAX, &number) || number != (uint64_t)m->value[i]))
            return false;
    }
    for (unsigned i = 0; i < MODEL_SLOTS; i++)
        if (!same_body(r, i, m))
            return false;
    return true;
}

/* Every body row belongs to a slot, counts fit, and the segments' counters add up. */
static void check_own_rows(struct rig *r, const char *row)
{
    struct kv_iter *it = kv_iter_new(r->kv, NULL, STR("B"), STR("C"));
    struct writer_stats stats;
    uint64_t live = 0;

    for (bool more = kv_iter_first(it); more; more = kv_iter_next(it)) {
        SCRATCH(tmp, NULL);
        struct body_place place;
        uint64_t id = journal_key_number(kv_iter_key(it)), users = 0, count = 1;
        struct str value;
        char key[JOURNAL_KEY_BYTES];
        bool found;

        CHECK(body_place_decode(kv_iter_value(it), &place), "%s", row);
        live += place.stored_len;
        for (unsigned i = 0; i < MODEL_SLOTS; i++)
            users += same_row(r, 's', i, tmp, &value) && load_u64(value.at) == id;
        CHECK_OK(kv_get(r->kv, NULL, tmp, journal_key(key, 'R', id), &found, &value), "R");
        if (found) {
            struct reader in = reader_of(value);
            count = get_varint(&in);
        }
        CHECK_EQ(count, users, "%s: references of body %" PRIu64, row, id);
    }
    kv_iter_free(it);
    writer_get_stats(r->writer, &stats);
    CHECK_EQ(stats.live_body_bytes, live, "%s: live octets", row);
}

void rig_check(struct rig *r, const char *row)
{
    struct model m = r->sure;
    size_t known = 0;

    while (!same_as(r, &m)) {
        CHECK(known < r->unknown_count, "%s: neither the model nor what may be added", row);
        model_apply(&m, &r->unknown[known++]);
    }
    r->sure = m;
    r->unknown_count = 0;
    check_own_rows(r, row);
}

/* ---- tests ---- */

static void reopen(struct rig *r, const char *row)
{
    struct errinfo why = { "" };

    rig_close(r);
    CHECK_OK(rig_open(r, &why), "%s: %s", row, why.text);
}

static void random_life(struct rig *r, int rounds, uint64_t compactions_min)
{
    struct errinfo why = { "" };
    struct writer_stats stats;
    uint64_t compacted = 0, bytes_max = 4 * (8192 * 4 + MODEL_SLOTS * r->body_len_max);

    CHECK_OK(rig_open(r, &why), "%s", why.text);
    for (int round = 0; round < rounds; round++) {
        char row[32];

        (void)snprintf(row, sizeof(row), "round %d", round);
        rig_run(r, 1 + rig_random(r, 12));
        if (round % 10 == 4)
            rig_pass(r, 15);
        if (round % 7 == 0)
            rig_check(r, row);
        if (round % 6 == 0) {
            writer_get_stats(r->writer, &stats);
            compacted += stats.segments_compacted;
            reopen(r, row);
            rig_check(r, row);
        }
    }
    /* Left alone, it gives the space back. */
    for (int i = 0; i < 200; i++) {
        writer_get_stats(r->writer, &stats);
        if (stats.journal_bytes < bytes_max)
            break;
        rig_pass(r, 20);
    }
    compacted += stats.segments_compacted;
    rig_check(r, "at rest");
    CHECK(compacted >= compactions_min, "only %" PRIu64 " segments were compacted", compacted);
    CHECK(stats.journal_bytes < bytes_max, "the journal grew: %" PRIu64, stats.journal_bytes);
}

TEST(a_random_life_with_compaction_matches_the_model_after_every_rebuild)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct rig r;

        rig_new(&r, seed, false);
        if (seed == 3)
            r.body_len_max = 600 * 1024;
        random_life(&r, seed == 3 ? 60 : 300, seed == 3 ? 3 : 10);
        rig_close(&r);
        rig_free(&r);
    }
}

TEST(a_random_life_over_tables_on_disk_matches_too)
{
    struct rig r;
    struct errinfo why = { "" };

    rig_new(&r, 9, true);
    random_life(&r, 300, 10);
    r.settings.no_compaction = true; /* nothing may run beside the rebuild */
    reopen(&r, "last time");
    CHECK_OK(writer_rebuild(r.writer, &why), "%s", why.text);
    rig_check(&r, "rebuilt");
    rig_close(&r);
    rig_free(&r);
}

/* ---- power cuts ---- */

static void power_cut(struct rig *r, struct sim_disk *disk, const char *row)
{
    struct errinfo why = { "" };

    sim_kill_loop(r->loop);
    for (size_t i = 0; i < MODEL_UNKNOWN; i++)
        if (r->outstanding[i] != NULL)
            r->unknown[r->unknown_count++] = r->outstanding[i]->txn;
    rig_close(r);
    for (size_t i = 0; i < MODEL_UNKNOWN; i++) {
        if (r->outstanding[i] != NULL)
            job_free(r->outstanding[i]);
        r->outstanding[i] = NULL;
    }
    fs_free(r->fs);
    loop_free(r->loop);
    sim_disk_lose_unsynced(disk);
    r->loop = sim_loop(r->sim, STR("keeper"));
    r->fs = fs_faulty(sim_fs(disk));
    CHECK_OK(rig_open(r, &why), "%s: %s", row, why.text);
    r->torn += writer_replayed(r->writer)->cut_bytes > 0;
    rig_check(r, row);
}

/* What was not synced is lost in part, range by range; so records of a batch may be whole behind
 * others that are not, and remains of one attempt may lie behind the next. */
TEST(after_power_cuts_everything_acknowledged_is_there_and_nothing_is_half_there)
{
    static const struct sim_faults faults = { .work_ms_max = 3 };
    size_t torn = 0, acknowledged = 0;

    for (uint64_t seed = 1; seed <= 40; seed++) {
        struct rig r = { .random = seed * 2654435761u + 1,
                         .body_len_max = 3000,
                         .settings = {
                             .segment_bytes = 8192, .no_training = true, .reserve_bytes = 1 } };
        struct sim_disk *disk;
        char row[32];

        r.sim = sim_new(seed, &faults);
        disk = sim_disk_new(r.sim);
        r.loop = sim_loop(r.sim, STR("keeper"));
        r.fs = fs_faulty(sim_fs(disk));
        CHECK_OK(rig_open(&r, NULL), "open");
        for (int cut = 0; cut < 25; cut++) {
            (void)snprintf(row, sizeof(row), "seed %" PRIu64 ", cut %d", seed, cut);
            /* The disk goes away some calls before the power does, often between write and sync. */
            fs_faulty_set(r.fs, cut % 2 == 0 ? FAULT_IO : FAULT_SHORT_WRITE, 1 + rig_random(&r, 6),
                          true);
            submit_random(&r, 1 + rig_random(&r, 8));
            size_t count = r.pending;
            (void)sim_run(r.sim, sim_now_ms(r.sim) + rig_random(&r, 12));
            acknowledged += count - r.pending - r.unknown_count;
            power_cut(&r, disk, row);
        }
        torn += r.torn;
        rig_close(&r);
        fs_free(r.fs);
        loop_free(r.loop);
        sim_disk_free(disk);
        sim_free(r.sim);
    }
    CHECK(torn > 20 && acknowledged > 500, "%zu torn tails, %zu acknowledged", torn, acknowledged);
}

/* ---- faults ---- */

static const struct {
    const char *name;
    enum fault_kind kind;
    bool lasting;
} faults[] = {
    { "io", FAULT_IO, false },
    { "io for good", FAULT_IO, true },
    { "short", FAULT_SHORT_WRITE, true },
    { "full once", FAULT_NO_SPACE, false },
    { "full", FAULT_NO_SPACE, true },
    { "sync lost", FAULT_SYNC_LOST, true },
};

/* One life in which the n-th call that changes something fails; true when there was an n-th. */
static bool life_with_fault(size_t kind, uint64_t nth, uint64_t seed)
{
    struct errinfo why = { "" };
    struct rig r;
    char row[64];
    bool reached;

    (void)snprintf(row, sizeof(row), "%s at call %" PRIu64, faults[kind].name, nth);
    rig_new(&r, seed, false);
    r.settings.segment_bytes = 3000;
    fs_faulty_set(r.fs, faults[kind].kind, nth, faults[kind].lasting);
    if (rig_open(&r, &why) == OK) {
        for (int i = 0; i < 12 && !writer_stopped(r.writer); i++)
            rig_run(&r, 1 + rig_random(&r, 4));
        rig_pass(&r, 2);
    }
    reached = fs_faulty_calls(r.fs) >= nth;
    rig_close(&r);

    fs_faulty_set(r.fs, FAULT_NONE, 0, false);
    reopen(&r, row);
    rig_check(&r, row);
    rig_run(&r, 3);
    rig_check(&r, row);
    reopen(&r, row);
    rig_check(&r, row);
    rig_close(&r);
    rig_free(&r);
    return reached;
}

TEST(whatever_call_fails_nothing_acknowledged_is_lost_and_nothing_refused_appears)
{
    for (size_t kind = 0; kind < ARRAY_LEN(faults); kind++) {
        uint64_t nth = 1;

        while (life_with_fault(kind, nth, 100 + nth % 5))
            nth++;
        CHECK(nth > 40, "%s: only %" PRIu64 " calls", faults[kind].name, nth);
    }
}
