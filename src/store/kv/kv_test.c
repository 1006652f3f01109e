/* SPDX-License-Identifier: Apache-2.0 */
/* Every row runs over both engines. */
#include "store/kv/kv.h"

#include <unistd.h>

#include "testing.h"

enum { KEYS = 60, STEPS = 1500, SNAPSHOTS = 4 };

struct fixture {
    char folder[64];
    struct kv *kv;
};

static void open_engine(struct fixture *f, int engine)
{
    struct kv_rocks_settings s = { .memtable_bytes = 64 * 1024, .cache_bytes = 1024 * 1024 };
    struct errinfo why = { "" };

    if (engine == 0)
        f->kv = kv_new_mem();
    else
        CHECK_OK(kv_open_rocks(str_from_z(f->folder), &s, &f->kv, &why), "%s", why.text);
}

static struct fixture start(int engine)
{
    struct fixture f = { "/tmp/postern-kv-XXXXXX", NULL };

    CHECK(mkdtemp(f.folder) != NULL, "folder");
    open_engine(&f, engine);
    return f;
}

static void stop(struct fixture *f)
{
    struct errinfo why = { "" };

    kv_close(f->kv);
    CHECK_OK(kv_destroy_rocks(str_from_z(f->folder), &why), "%s", why.text);
    (void)rmdir(f->folder);
}

static void put(struct kv *kv, const char *key, const char *value)
{
    struct kv_batch *b = kv_batch_new(kv);
    struct kv_position at = kv_position(kv);

    at.sequence++;
    kv_batch_put(b, str_from_z(key), str_from_z(value));
    CHECK_OK(kv_apply(kv, b, &at, NULL), "put %s", key);
    kv_batch_free(b);
}

static void check_get(struct kv *kv, const struct kv_snapshot *snap, const char *key,
                      const char *want)
{
    SCRATCH(tmp, NULL);
    struct str got;
    bool found;

    CHECK_OK(kv_get(kv, snap, tmp, str_from_z(key), &found, &got), "%s", key);
    CHECK_EQ(found, want != NULL, "%s", key);
    if (want != NULL)
        CHECK_STR(got, str_from_z(want), "%s", key);
}

static void walk_both_ways(struct kv *kv)
{
    struct kv_iter *it = kv_iter_new(kv, NULL, STR("b"), STR("e"));

    CHECK(kv_iter_first(it) && str_eq(kv_iter_key(it), STR("b")), "first");
    CHECK(kv_iter_next(it) && str_eq(kv_iter_key(it), STR("d")), "next");
    CHECK(kv_iter_prev(it) && str_eq(kv_iter_key(it), STR("b")), "prev");
    CHECK(!kv_iter_prev(it), "before the range");
    CHECK(kv_iter_last(it) && str_eq(kv_iter_value(it), STR("4")), "last");
    CHECK(!kv_iter_next(it), "behind the range");
    CHECK(kv_iter_seek(it, STR("c")) && str_eq(kv_iter_key(it), STR("d")), "seek");
    CHECK(kv_iter_seek(it, STR("a")) && str_eq(kv_iter_key(it), STR("b")), "seek before range");
    CHECK(!kv_iter_seek(it, STR("dd")), "seek behind");
    CHECK(kv_iter_seek_before(it, STR("d")) && str_eq(kv_iter_key(it), STR("b")), "before d");
    CHECK(kv_iter_seek_before(it, STR("z")) && str_eq(kv_iter_key(it), STR("d")), "before z");
    CHECK(!kv_iter_seek_before(it, STR("b")), "before b");
    CHECK_OK(kv_iter_error(it, NULL), "no error");
    kv_iter_free(it);

    it = kv_iter_new(kv, NULL, STR_EMPTY, STR_EMPTY);
    CHECK(kv_iter_last(it) && str_eq(kv_iter_key(it), STR("f")), "open end");
    CHECK(kv_iter_first(it) && str_eq(kv_iter_key(it), STR("a")), "open start");
    CHECK(!kv_iter_prev(it), "the engine's own rows are hidden");
    kv_iter_free(it);
}

TEST(iterators_stay_in_their_range)
{
    for (int engine = 0; engine < 2; engine++) {
        struct fixture f = start(engine);

        put(f.kv, "d", "4");
        put(f.kv, "b", "2");
        put(f.kv, "f", "6");
        put(f.kv, "a", "1");
        put(f.kv, "e", "5");
        walk_both_ways(f.kv);
        CHECK_OK(kv_flush(f.kv, NULL), "flush");
        walk_both_ways(f.kv);
        stop(&f);
    }
}

TEST(a_batch_keeps_the_order_of_its_changes)
{
    for (int engine = 0; engine < 2; engine++) {
        struct fixture f = start(engine);
        struct kv_batch *b = kv_batch_new(f.kv);
        struct kv_position at = { 1, 2, 3, 4 };

        put(f.kv, "k1", "old");
        put(f.kv, "k2", "old");
        kv_batch_put(b, STR("k3"), STR("gone"));
        kv_batch_delete_range(b, STR("k1"), STR("k9"));
        kv_batch_put(b, STR("k2"), STR("new"));
        kv_batch_put(b, STR("k4"), STR("gone"));
        kv_batch_delete(b, STR("k4"));
        CHECK_OK(kv_apply(f.kv, b, &at, NULL), "apply");
        check_get(f.kv, NULL, "k1", NULL);
        check_get(f.kv, NULL, "k2", "new");
        check_get(f.kv, NULL, "k3", NULL);
        check_get(f.kv, NULL, "k4", NULL);
        kv_batch_clear(b);
        kv_batch_put(b, STR("k5"), STR(""));
        CHECK_OK(kv_apply(f.kv, b, &at, NULL), "apply again");
        check_get(f.kv, NULL, "k5", "");
        CHECK_EQ(kv_position(f.kv).offset, 2, "position");
        kv_batch_free(b);

        CHECK_OK(kv_drop_all(f.kv, NULL), "drop");
        check_get(f.kv, NULL, "k2", NULL);
        CHECK_EQ(kv_position(f.kv).sequence, 0, "dropped position");
        stop(&f);
    }
}

/* Beginnings of keys that alternate, more of them than are told apart, and keys that come again: in
 * whatever order the engine takes them, the last change of a key is what counts. */
TEST(a_long_batch_is_the_same_in_clusters)
{
    enum { CHANGES = 6000, DIFFERENT = 900 };
    uint32_t seed = 3;

    for (int engine = 0; engine < 2; engine++) {
        struct fixture f = start(engine);
        struct kv_batch *b = kv_batch_new(f.kv);
        struct kv_position at = { 1, 2, 3, 4 };
        static char want[DIFFERENT][8];
        char key[32];

        memset(want, 0, sizeof want);
        for (uint32_t i = 0; i < CHANGES; i++) {
            uint32_t n = (seed = seed * 1664525 + 1013904223) >> 8;

            n %= i % 3 == 0 ? 20 : DIFFERENT;
            (void)snprintf(key, sizeof key, "%c%07u-%u", 'a' + (char)(n % 3), n % 300, n);
            (void)snprintf(want[n], sizeof want[n], "%u", i);
            if (i % 7 == 0) {
                kv_batch_delete(b, str_from_z(key));
                want[n][0] = '\0';
            } else {
                kv_batch_put(b, str_from_z(key), str_from_z(want[n]));
            }
        }
        CHECK_OK(kv_apply(f.kv, b, &at, NULL), "apply");
        for (uint32_t n = 0; n < DIFFERENT; n++) {
            (void)snprintf(key, sizeof key, "%c%07u-%u", 'a' + (char)(n % 3), n % 300, n);
            check_get(f.kv, NULL, key, want[n][0] == '\0' ? NULL : want[n]);
        }
        kv_batch_free(b);
        stop(&f);
    }
}

TEST(a_snapshot_does_not_see_what_comes_later)
{
    for (int engine = 0; engine < 2; engine++) {
        struct fixture f = start(engine);

        put(f.kv, "a", "1");
        struct kv_snapshot *snap = kv_snapshot_new(f.kv);
        struct kv_iter *it = kv_iter_new(f.kv, NULL, STR_EMPTY, STR_EMPTY);
        put(f.kv, "a", "2");
        put(f.kv, "b", "2");
        check_get(f.kv, snap, "a", "1");
        check_get(f.kv, snap, "b", NULL);
        check_get(f.kv, NULL, "a", "2");
        CHECK(kv_iter_first(it) && str_eq(kv_iter_value(it), STR("1")), "iterator's own moment");
        CHECK(!kv_iter_next(it), "nothing later");
        kv_iter_free(it);
        kv_snapshot_free(f.kv, snap);
        stop(&f);
    }
}

TEST(flushed_tables_come_back_with_their_position)
{
    struct fixture f = start(1);
    struct kv_position at;

    for (int i = 0; i < 9; i++)
        put(f.kv, "a", i == 8 ? "last" : "x");
    CHECK_OK(kv_flush(f.kv, NULL), "flush");
    kv_close(f.kv);
    open_engine(&f, 1);
    at = kv_position(f.kv);
    CHECK_EQ(at.sequence, 9, "position");
    check_get(f.kv, NULL, "a", "last");
    stop(&f);
}

static unsigned random_next(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*state >> 33);
}

struct model {
    int value[KEYS];
};

static void check_model(struct kv *kv, const struct kv_snapshot *snap, const struct model *m,
                        int step)
{
    struct kv_iter *it = kv_iter_new(kv, snap, STR_EMPTY, STR_EMPTY);
    bool more = kv_iter_first(it);

    for (int i = 0; i < KEYS; i++) {
        char key[16], value[16];

        if (m->value[i] == 0)
            continue;
        (void)snprintf(key, sizeof(key), "k%03d", i);
        (void)snprintf(value, sizeof(value), "%d", m->value[i]);
        CHECK(more, "step %d: %s missing", step, key);
        CHECK_STR(kv_iter_key(it), str_from_z(key), "step %d", step);
        CHECK_STR(kv_iter_value(it), str_from_z(value), "step %d", step);
        check_get(kv, snap, key, value);
        more = kv_iter_next(it);
    }
    CHECK(!more, "step %d: a key too many", step);
    kv_iter_free(it);
}

static void change(struct kv *kv, struct model *m, uint64_t *seed, int step)
{
    struct kv_batch *b = kv_batch_new(kv);
    struct kv_position at = kv_position(kv);

    for (unsigned n = random_next(seed) % 5; n > 0; n--) {
        unsigned k = random_next(seed) % KEYS, to = k + random_next(seed) % 5;
        char key[16], end[16], value[16];

        (void)snprintf(key, sizeof(key), "k%03u", k);
        (void)snprintf(end, sizeof(end), "k%03u", to);
        (void)snprintf(value, sizeof(value), "%d", step);
        switch (random_next(seed) % 8) {
        case 0:
            kv_batch_delete_range(b, str_from_z(key), str_from_z(end));
            for (unsigned i = k; i < to && i < KEYS; i++)
                m->value[i] = 0;
            break;
        case 1:
        case 2:
            kv_batch_delete(b, str_from_z(key));
            m->value[k] = 0;
            break;
        default:
            kv_batch_put(b, str_from_z(key), str_from_z(value));
            m->value[k] = step;
        }
    }
    at.sequence++;
    CHECK_OK(kv_apply(kv, b, &at, NULL), "step %d", step);
    kv_batch_free(b);
}

TEST(random_changes_and_snapshots_match_a_plain_model)
{
    for (int engine = 0; engine < 2; engine++) {
        struct fixture f = start(engine);
        struct kv_snapshot *snaps[SNAPSHOTS] = { NULL };
        struct model now = { 0 }, then[SNAPSHOTS] = { { { 0 } } };
        uint64_t seed = 11;

        for (int step = 1; step <= STEPS; step++) {
            unsigned slot = random_next(&seed) % SNAPSHOTS;

            change(f.kv, &now, &seed, step);
            if (step % 20 != 0)
                continue;
            check_model(f.kv, NULL, &now, step);
            if (snaps[slot] != NULL)
                check_model(f.kv, snaps[slot], &then[slot], step);
            kv_snapshot_free(f.kv, snaps[slot]);
            snaps[slot] = kv_snapshot_new(f.kv);
            then[slot] = now;
            if (step % 500 == 0)
                CHECK_OK(kv_flush(f.kv, NULL), "flush");
        }
        for (int i = 0; i < SNAPSHOTS; i++)
            kv_snapshot_free(f.kv, snaps[i]);
        stop(&f);
    }
}
