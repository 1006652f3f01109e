/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sim.h"

#include "os/channel.h"
#include "os/stream_test.h"
#include "os/workers.h"

static const struct sim_faults calm = { .latency_ms_max = 4 };

/* ---- the disk ---- */

static struct file *must_open(struct fs *fs, struct str name, enum file_mode mode)
{
    struct file *f = NULL;

    CHECK_OK(fs_open(fs, name, mode, &f, NULL), "%.*s", STR_ARG(name));
    return f;
}

TEST(what_was_synced_survives_a_power_cut_and_the_rest_may_not)
{
    size_t lost = 0, kept = 0, torn = 0;

    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct arena *mem = arena_new(0);
        struct sim *s = sim_new(seed, &calm);
        struct sim_disk *d = sim_disk_new(s);
        struct fs *fs = sim_fs(d);
        struct file *f = must_open(fs, STR("journal"), FILE_CREATE);
        char *big = calloc(1, 20000);
        struct str got;

        memset(big, 'x', 20000);
        CHECK_OK(file_pwrite(f, 0, STR("safe"), NULL), "write");
        CHECK_OK(file_sync(f, NULL), "sync");
        CHECK_OK(fs_sync_folder(fs, STR_EMPTY, NULL), "sync the name");
        CHECK_OK(file_pwrite(f, 4, str_from(big, 20000), NULL), "write more");
        file_close(f);
        sim_disk_lose_unsynced(d);
        CHECK_OK(fs_read_all(fs, STR("journal"), 100000, mem, &got), "seed %d", (int)seed);
        CHECK(str_starts(got, STR("safe")), "seed %d", (int)seed);
        bool hole = str_find_char(str_skip(got, 4), '\0') != STR_NOT_FOUND;
        lost += got.len == 4;
        kept += got.len == 20004 && !hole;
        torn += hole || (got.len > 4 && got.len < 20004);
        free(big);
        fs_free(fs);
        sim_disk_free(d);
        sim_free(s);
        arena_free(mem);
    }
    CHECK(torn > 10, "%zu lost, %zu kept, %zu torn", lost, kept, torn);
}

TEST(unsynced_names_are_lost_or_kept_and_never_half)
{
    size_t old_names = 0, new_names = 0, created = 0;

    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct arena *mem = arena_new(0);
        struct sim *s = sim_new(seed, &calm);
        struct sim_disk *d = sim_disk_new(s);
        struct fs *fs = sim_fs(d);
        struct str got;

        CHECK_OK(fs_write_atomic(fs, STR("conf"), STR("old"), NULL), "old");
        struct file *f = must_open(fs, STR("draft"), FILE_CREATE);
        CHECK_OK(file_pwrite(f, 0, STR("new"), NULL), "new");
        CHECK_OK(file_sync(f, NULL), "new");
        file_close(f);
        file_close(must_open(fs, STR("other"), FILE_CREATE));
        CHECK_OK(fs_rename(fs, STR("draft"), STR("conf"), NULL), "rename");
        sim_disk_lose_unsynced(d);
        CHECK_OK(fs_read_all(fs, STR("conf"), 100, mem, &got), "seed %d", (int)seed);
        CHECK(str_eq(got, STR("old")) || str_eq(got, STR("new")), "seed %d", (int)seed);
        old_names += str_eq(got, STR("old"));
        new_names += str_eq(got, STR("new"));
        created += fs_read_all(fs, STR("other"), 100, mem, &got) == OK;
        fs_free(fs);
        sim_disk_free(d);
        sim_free(s);
        arena_free(mem);
    }
    CHECK(old_names > 5 && new_names > 5, "%zu old, %zu new", old_names, new_names);
    CHECK(created > 5 && created < 55, "%zu", created);
}

TEST(faults_of_the_disk_come_as_often_as_asked)
{
    static const struct {
        const char *name;
        struct sim_faults faults;
        enum err write, sync;
    } rows[] = {
        { "short", { .write_short = 10000 }, ERR_IO, OK },
        { "full", { .write_full = 10000 }, ERR_NO_SPACE, OK },
        { "sync", { .sync_failed = 10000 }, OK, ERR_IO },
        { "never", { .work_ms_max = 1 }, OK, OK },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct sim *s = sim_new(1, &rows[i].faults);
        struct sim_disk *d = sim_disk_new(s);
        struct fs *fs = sim_fs(d);
        struct file *f = must_open(fs, STR("x"), FILE_CREATE);

        CHECK_EQ(file_pwrite(f, 0, STR("abcd"), NULL), rows[i].write, "%s", rows[i].name);
        CHECK_EQ(file_sync(f, NULL), rows[i].sync, "%s", rows[i].name);
        sim_set_faults(s, &calm);
        sim_disk_set_free(d, 3);
        CHECK_EQ(file_pwrite(f, 100, STR("abcd"), NULL), ERR_NO_SPACE, "%s", rows[i].name);
        file_close(f);
        fs_free(fs);
        sim_disk_free(d);
        sim_free(s);
    }
}

/* ---- repetition ---- */

struct busy {
    struct loop *l;
    struct timer tick;
    struct stream *s;
    struct workers *pool;
    unsigned left;
};

static void worked(void *ctx)
{
    struct busy *b = ctx;

    if (b->s != NULL && loop_random_u64(b->l) % 2 == 0)
        stream_write(b->s, STR("worked\r\n"));
}

static void nothing(void *ctx)
{
    (void)ctx;
}

static void tick(void *ctx)
{
    struct busy *b = ctx;

    workers_run(b->pool, nothing, worked, b);
    if (--b->left > 0)
        timer_set_in(&b->tick, loop_random_u64(b->l) % 20);
}

static size_t take_all(void *ctx, struct str bytes)
{
    (void)ctx;
    return bytes.len;
}

static void on_closed(void *ctx, enum err why)
{
    struct busy *b = ctx;

    (void)why;
    stream_free(b->s);
    b->s = NULL;
}

static const struct stream_events busy_events = { take_all, NULL, NULL, NULL, on_closed };

struct host {
    struct stream *s[8];
    size_t count;
};

static size_t echo(void *ctx, struct str bytes)
{
    stream_write(*(struct stream **)ctx, bytes);
    return bytes.len;
}

static void host_closed(void *ctx, enum err why)
{
    struct stream **s = ctx;

    (void)why;
    stream_free(*s);
    *s = NULL;
}

static const struct stream_events echo_events = { echo, NULL, NULL, NULL, host_closed };

static void host_accept(void *ctx, struct stream *s)
{
    struct host *h = ctx;

    h->s[h->count] = s;
    stream_set_events(s, &echo_events, &h->s[h->count++]);
}

/* A small busy world: four clients of one echo through faults, jobs, random octets. The server's
 * role is killed half way. */
static uint64_t run_world(uint64_t seed, bool kill)
{
    static const struct sim_faults rough = { .connect_refused = 1000,
                                             .stream_dropped = 300,
                                             .stream_stalled = 100,
                                             .latency_ms_max = 9,
                                             .work_ms_max = 9 };
    struct sim *s = sim_new(seed, &rough);
    struct loop *server = sim_loop(s, STR("server")), *client = sim_loop(s, STR("client"));
    struct host host = { .count = 0 };
    struct busy busy[4];
    struct address at;

    CHECK(address_parse(STR("192.0.2.1"), 25, &at), "address");
    struct listener *l = listener_simulated(server, &at, host_accept, &host);
    for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
        busy[i] = (struct busy){ .l = client, .left = 50 };
        CHECK_OK(workers_new(client, (unsigned)i + 1, &busy[i].pool, NULL), "pool");
        busy[i].s = stream_connect(client, &at, NULL, 5000);
        stream_set_events(busy[i].s, &busy_events, &busy[i]);
        timer_init(&busy[i].tick, client, tick, &busy[i]);
        timer_set_in(&busy[i].tick, i);
    }
    CHECK(sim_run(s, 1300), "busy");
    if (kill)
        sim_kill_loop(server);
    sim_note(s, STR("half way"));
    (void)sim_run(s, 200000);
    uint64_t digest = sim_digest(s);
    for (size_t i = 0; i < host.count; i++)
        stream_free(host.s[i]);
    listener_free(l);
    for (size_t i = 0; i < ARRAY_LEN(busy); i++) {
        CHECK(!kill || busy[i].s == NULL, "a dead role's streams break");
        stream_free(busy[i].s);
        workers_free(busy[i].pool);
    }
    loop_free(server);
    loop_free(client);
    sim_free(s);
    return digest;
}

TEST(the_same_seed_gives_the_same_run)
{
    uint64_t last = 0;

    for (uint64_t seed = 1; seed <= 30; seed++)
        for (int kill = 0; kill < 2; kill++) {
            uint64_t digest = run_world(seed, kill != 0);

            CHECK(digest == run_world(seed, kill != 0), "seed %d", (int)seed);
            CHECK(kill != 0 || digest != last, "seed %d: another run", (int)seed);
            last = digest;
        }
}

/* ---- death of a role ---- */

struct peer {
    struct channel *c;
    unsigned frames, closed;
};

static void on_frame(void *ctx, struct str frame, struct file *file)
{
    (void)frame;
    file_close(file);
    ((struct peer *)ctx)->frames++;
}

static void channel_closed(void *ctx, enum err why)
{
    (void)why;
    ((struct peer *)ctx)->closed++;
}

static const struct channel_events channel_events = { on_frame, NULL, channel_closed };

static void never(void *ctx)
{
    (void)ctx;
    CHECK(false, "a dead role was called");
}

TEST(nothing_of_a_dead_role_runs_and_the_others_hear_of_it)
{
    struct sim *s = sim_new(5, &calm);
    struct loop *a = sim_loop(s, STR("a")), *b = sim_loop(s, STR("b"));
    struct peer at_a = { .c = NULL }, at_b = { .c = NULL };
    struct workers *pool;
    struct timer t;

    CHECK_OK(channel_pair(a, b, &at_a.c, &at_b.c, NULL), "pair");
    channel_set_events(at_a.c, &channel_events, &at_a);
    channel_set_events(at_b.c, &channel_events, &at_b);
    CHECK_OK(workers_new(a, 1, &pool, NULL), "pool");
    workers_run(pool, never, never, NULL);
    timer_init(&t, a, never, NULL);
    timer_set_in(&t, 5);
    loop_post(a, never, NULL);
    channel_send(at_a.c, STR("last words"), NULL);
    channel_send(at_b.c, STR("to the dead"), NULL);
    sim_kill_loop(a);
    CHECK(!sim_run(s, 100000), "nothing is left to do");
    CHECK_EQ(at_b.frames, 1, "what was sent before still arrives");
    CHECK_EQ(at_b.closed, 1, "then the end");
    CHECK_EQ(at_a.frames + at_a.closed, 0, "nothing at the dead");
    loop_free(a); /* with its channel, its pool and its timer */
    channel_free(at_b.c);
    loop_free(b);
    sim_free(s);
}

TEST(a_simulated_loop_is_run_by_its_world)
{
    struct sim *s = sim_new(1, &calm);
    struct loop *l = sim_loop(s, STR("a"));

    CHECK_EQ(loop_run(l, NULL), ERR_STATE, "not by itself");
    CHECK(!sim_run(s, 5000), "nothing to do");
    CHECK_EQ(sim_now_ms(s), 5000, "time passes all the same");
    loop_free(l);
    sim_free(s);
}
