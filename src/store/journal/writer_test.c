/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal/writer.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/journal/model_test.h"
#include "store/journal/record.h"

/* One submission that runs `build` and stops the loop when it is the last. */
struct step {
    struct rig *rig;
    enum err (*build)(void *ctx, struct txn *t);
    enum err result;
    int order; /* of its done() */
    uint64_t body;
};

static int orders;

static enum err step_build(void *ctx, struct txn *t)
{
    struct step *s = ctx;

    return s->build(s, t);
}

static void step_done(void *ctx, enum err e)
{
    struct step *s = ctx;

    s->result = e;
    s->order = ++orders;
    if (--s->rig->pending == 0)
        loop_stop(s->rig->loop);
}

static void run_steps(struct rig *r, struct step *steps, size_t count)
{
    r->pending = count;
    for (size_t i = 0; i < count; i++) {
        steps[i].rig = r;
        writer_submit(r->writer, step_build, step_done, &steps[i]);
        CHECK_EQ(steps[i].order, 0, "done is not called from inside");
    }
    CHECK_OK(loop_run(r->loop, NULL), "loop");
}

static void rig_start(struct rig *r)
{
    struct errinfo why = { "" };

    rig_new(r, 1, false);
    r->settings.segment_bytes = 1 << 20;
    CHECK_OK(rig_open(r, &why), "%s", why.text);
}

static void rig_again(struct rig *r)
{
    struct errinfo why = { "" };

    rig_close(r);
    CHECK_OK(rig_open(r, &why), "%s", why.text);
}

static void rig_end(struct rig *r)
{
    rig_close(r);
    rig_free(r);
}

static void check_row(struct rig *r, struct str key, const char *want)
{
    SCRATCH(tmp, NULL);
    struct str got;
    bool found;

    CHECK_OK(kv_get(r->kv, NULL, tmp, key, &found, &got), "get");
    CHECK_EQ(found, want != NULL, "%.*s", STR_ARG(key));
    if (want != NULL)
        CHECK_STR(got, str_from_z(want), "%.*s", STR_ARG(key));
}

/* ---- group commit ---- */

static enum err build_first(void *ctx, struct txn *t)
{
    struct step *s = ctx;

    s->body = txn_body_new(t, &(struct body_source){ .bytes = STR("first"), .prefix = STR_EMPTY });
    txn_put(t, STR("a"), STR("1"));
    txn_put(t, STR("b"), STR("1"));
    return OK;
}

static enum err build_refused(void *ctx, struct txn *t)
{
    struct step *s = ctx;

    s->body = txn_body_new(t, &(struct body_source){ .bytes = STR("lost"), .prefix = STR_EMPTY });
    txn_put(t, STR("a"), STR("2"));
    txn_delete(t, STR("b"));
    txn_put(t, STR("c"), STR("2"));
    return ERR_QUOTA;
}

static enum err build_third(void *ctx, struct txn *t)
{
    struct step *s = ctx;
    SCRATCH(tmp, NULL);
    struct str got;
    bool found;

    CHECK_OK(txn_get(t, tmp, STR("a"), &found, &got), "a");
    CHECK(found && str_eq(got, STR("1")), "the first one's change is seen, the second one's not");
    CHECK_OK(txn_get(t, tmp, STR("c"), &found, &got), "c");
    CHECK(!found, "nothing of the refused one");
    s->body = txn_body_new(t, &(struct body_source){ .bytes = STR("third"), .prefix = STR_EMPTY });
    txn_put(t, STR("c"), STR("3"));
    txn_delete(t, STR("a"));
    txn_delete(t, STR("never there"));
    return OK;
}

static enum err build_nothing(void *ctx, struct txn *t)
{
    (void)ctx;
    (void)t;
    return OK;
}

struct seen {
    char text[200];
};

static void observe(void *ctx, const struct txn_op *ops, size_t count)
{
    struct seen *s = ctx;

    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(s->text);

        (void)snprintf(s->text + len, sizeof(s->text) - len, "%s%.*s",
                       ops[i].kind == TXN_PUT ? "+" : "-", STR_ARG(ops[i].key));
    }
    size_t len = strlen(s->text);
    (void)snprintf(s->text + len, sizeof(s->text) - len, "|");
}

TEST(a_refused_request_leaves_its_batch_untouched)
{
    struct rig r;
    struct seen seen = { "" };
    struct step steps[] = { { .build = build_first },
                            { .build = build_refused },
                            { .build = build_third },
                            { .build = build_nothing } };
    struct writer_stats stats;

    rig_start(&r);
    orders = 0;
    writer_observe(r.writer, observe, &seen);
    run_steps(&r, steps, ARRAY_LEN(steps));
    CHECK_EQ(steps[0].result, OK, "first");
    CHECK_EQ(steps[1].result, ERR_QUOTA, "refused");
    CHECK_EQ(steps[2].result, OK, "third");
    CHECK_EQ(steps[3].result, OK, "nothing");
    for (int i = 0; i < 4; i++)
        CHECK_EQ(steps[i].order, i + 1, "in the order of submission");
    CHECK_EQ(steps[2].body, steps[0].body + 1, "the refused one's body id is free again");
    CHECK_STR(str_from_z(seen.text), STR("+a+b|+c-a-never there|"), "observer");
    writer_get_stats(r.writer, &stats);
    CHECK_EQ(stats.batches, 1, "one batch");
    CHECK_EQ(stats.transactions, 2, "two transactions");
    for (int i = 0; i < 2; i++) {
        check_row(&r, STR("a"), NULL);
        check_row(&r, STR("b"), "1");
        check_row(&r, STR("c"), "3");
        rig_again(&r);
    }
    rig_end(&r);
}

static enum err build_rows(void *ctx, struct txn *t)
{
    (void)ctx;
    txn_put(t, STR("row"), STR("x"));
    return OK;
}

TEST(a_full_disk_refuses_a_batch_and_the_next_may_succeed)
{
    struct rig r;
    struct step full[] = { { .build = build_first }, { .build = build_rows } };
    struct step after = { .build = build_first };

    rig_start(&r);
    fs_faulty_set(r.fs, FAULT_NO_SPACE, 1, false);
    run_steps(&r, full, 2);
    CHECK_EQ(full[0].result, ERR_NO_SPACE, "first");
    CHECK_EQ(full[1].result, ERR_NO_SPACE, "second");
    CHECK(!writer_stopped(r.writer), "goes on");
    run_steps(&r, &after, 1);
    CHECK_EQ(after.result, OK, "later");
    CHECK_EQ(after.body, full[0].body, "nothing remembers the failed one");
    rig_again(&r);
    check_row(&r, STR("row"), NULL);
    check_row(&r, STR("a"), "1");
    rig_end(&r);
}

TEST(a_failed_sync_stops_the_writer_for_good)
{
    struct rig r;
    struct step one = { .build = build_first }, two = { .build = build_rows };

    rig_start(&r);
    fs_faulty_set(r.fs, FAULT_IO, 2, false); /* the write, then the sync */
    run_steps(&r, &one, 1);
    CHECK_EQ(one.result, ERR_CLOSED, "unknown");
    CHECK(writer_stopped(r.writer), "stopped");
    run_steps(&r, &two, 1);
    CHECK_EQ(two.result, ERR_IO, "later");
    rig_end(&r);
}

TEST(little_space_refuses_new_bodies_but_not_flags_and_deletions)
{
    struct rig r;
    struct step steps[] = { { .build = build_first }, { .build = build_rows } };

    rig_new(&r, 1, false);
    r.settings.reserve_bytes = UINT64_MAX;
    CHECK_OK(rig_open(&r, NULL), "open");
    run_steps(&r, steps, 2);
    CHECK_EQ(steps[0].result, ERR_NO_SPACE, "a body");
    CHECK_EQ(steps[1].result, OK, "a row");
    rig_end(&r);
}

/* ---- the overlay ---- */

enum { WALK_KEYS = 50 };

static void walk_and_compare(struct txn *t, const bool *present, const bool *changed)
{
    struct kv_iter *it = txn_iter(t, STR("w010"), STR("w040"));
    char key[16];
    bool more = kv_iter_first(it);

    for (int i = 10; i < 40; i++) {
        if (!present[i])
            continue;
        (void)snprintf(key, sizeof(key), "w%03d", i);
        CHECK(more, "forward %d", i);
        CHECK_STR(kv_iter_key(it), str_from_z(key), "forward");
        CHECK_STR(kv_iter_value(it), changed[i] ? STR("new") : STR("old"), "forward %d", i);
        if (i % 3 == 0 && kv_iter_prev(it)) /* to and fro must not lose the place */
            CHECK(kv_iter_next(it) && str_eq(kv_iter_key(it), str_from_z(key)), "turn %d", i);
        else if (i % 3 == 0)
            CHECK(kv_iter_seek(it, str_from_z(key)), "seek %d", i);
        more = kv_iter_next(it);
    }
    CHECK(!more, "forward end");
    more = kv_iter_last(it);
    for (int i = 39; i >= 10; i--) {
        if (!present[i])
            continue;
        (void)snprintf(key, sizeof(key), "w%03d", i);
        CHECK(more, "back %d", i);
        CHECK_STR(kv_iter_key(it), str_from_z(key), "back");
        CHECK_STR(kv_iter_value(it), changed[i] ? STR("new") : STR("old"), "back %d", i);
        more = kv_iter_prev(it);
    }
    CHECK(!more, "back end");
    kv_iter_free(it);
}

static enum err build_walk_base(void *ctx, struct txn *t)
{
    (void)ctx;
    for (int i = 0; i < WALK_KEYS; i += 2) {
        char key[16];

        (void)snprintf(key, sizeof(key), "w%03d", i);
        txn_put(t, str_from_z(key), STR("old"));
    }
    return OK;
}

static enum err build_walk(void *ctx, struct txn *t)
{
    struct step *s = ctx;
    bool present[WALK_KEYS], changed[WALK_KEYS] = { false };

    for (int i = 0; i < WALK_KEYS; i++)
        present[i] = i % 2 == 0;
    for (int n = 0; n < 60; n++) {
        unsigned i = rig_random(s->rig, WALK_KEYS);
        char key[16];

        (void)snprintf(key, sizeof(key), "w%03u", i);
        present[i] = changed[i] = rig_random(s->rig, 2) == 0;
        if (present[i])
            txn_put(t, str_from_z(key), STR("new"));
        else
            txn_delete(t, str_from_z(key));
        walk_and_compare(t, present, changed);
    }
    return ERR_STATE; /* all of it is forgotten again */
}

TEST(a_transaction_walks_its_own_changes_and_the_tables_as_one)
{
    struct rig r;
    struct step base = { .build = build_walk_base };

    rig_start(&r);
    run_steps(&r, &base, 1);
    for (int i = 0; i < 30; i++) {
        struct step walk = { .build = build_walk };

        run_steps(&r, &walk, 1);
        CHECK_EQ(walk.result, ERR_STATE, "refused");
    }
    check_row(&r, STR("w000"), "old");
    rig_end(&r);
}

/* ---- bodies ---- */

static char big[700 * 1024];
static struct file *spool;

static enum err build_big(void *ctx, struct txn *t)
{
    struct step *s = ctx;

    s->body =
        txn_body_new(t, &(struct body_source){ .prefix = { big, 1000 },
                                               .bytes = { big + 1000, 300 * 1024 },
                                               .spool = spool,
                                               .spool_at = 5,
                                               .spool_len = sizeof(big) - 1000 - 300 * 1024 });
    return OK;
}

TEST(any_range_of_a_big_body_can_be_read)
{
    static const size_t places[] = { 0,          1,      999,    1000,   262143, 262144,
                                     262145,     308200, 524287, 524288, 600000, sizeof(big) - 1,
                                     sizeof(big) };
    struct rig r;
    struct step s = { .build = build_big };
    struct body *body;
    struct errinfo why = { "" };

    rig_start(&r);
    for (size_t i = 0; i < sizeof(big); i++)
        big[i] = i < 300000 ? "abcdefg\n"[i % 8] : (char)rig_random(&r, 256);
    CHECK_OK(fs_open_unnamed(r.fs, &spool, NULL), "spool");
    CHECK_OK(file_pwrite(spool, 5, str_skip(str_from(big, sizeof(big)), 1000 + 300 * 1024), NULL),
             "spool");
    run_steps(&r, &s, 1);
    CHECK_EQ(s.result, OK, "written");
    file_close(spool);
    CHECK_OK(body_open(writer_bodies(r.writer), s.body, &body, &why), "%s", why.text);
    CHECK_EQ(body_len(body), sizeof(big), "length");
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        for (size_t j = 0; j < ARRAY_LEN(places); j++) {
            struct buf got = { 0 };

            CHECK_OK(body_read(body, places[i], places[j], &got, &why), "%s", why.text);
            CHECK(str_eq(buf_str(&got), str_sub(str_from(big, sizeof(big)), places[i], places[j])),
                  "from %zu, %zu octets", places[i], places[j]);
            buf_deinit(&got);
        }
    body_close(body);
    CHECK_EQ(body_open(writer_bodies(r.writer), 99, &body, &why), ERR_NOT_FOUND, "no such body");
    rig_end(&r);
}

static enum err build_letter(void *ctx, struct txn *t)
{
    struct step *s = ctx;
    struct str text =
        arena_printf(s->rig->scratch,
                     "Received: from mail%u.hamburger.edu by mx.crepes.fr; Mon, %u Nov\r\n"
                     "From: bob@hamburger.edu\r\nTo: alice@crepes.fr\r\n"
                     "Subject: Menu %u\r\n\r\nDo you like ketchup %u times?\r\n",
                     rig_random(s->rig, 9), rig_random(s->rig, 28), rig_random(s->rig, 1000),
                     rig_random(s->rig, 1000));

    s->body = txn_body_new(t, &(struct body_source){ .bytes = text, .prefix = STR_EMPTY });
    return OK;
}

TEST(a_dictionary_is_trained_and_used_and_found_again)
{
    struct rig r;
    struct step *steps = calloc(600, sizeof(*steps));
    struct writer_stats before, after;
    struct errinfo why = { "" };
    uint64_t plain, trained;

    rig_new(&r, 1, false);
    r.settings.segment_bytes = 1 << 20;
    r.settings.no_training = false;
    r.settings.train_bodies = 250;
    r.scratch = arena_new(0);
    CHECK_OK(rig_open(&r, NULL), "open");
    for (int i = 0; i < 600; i++)
        steps[i].build = build_letter;
    run_steps(&r, steps, 300);
    writer_get_stats(r.writer, &before);
    plain = before.bodies_stored_bytes / 300;
    rig_pass(&r, 400);
    run_steps(&r, steps + 300, 300);
    writer_get_stats(r.writer, &after);
    trained = (after.bodies_stored_bytes - before.bodies_stored_bytes) / 300;
    CHECK(trained * 2 < plain, "%" PRIu64 " octets each before, %" PRIu64 " after", plain, trained);
    rig_again(&r);
    for (int i = 0; i < 600; i += 7) {
        struct buf got = { 0 };
        struct body *body;

        CHECK_OK(body_open(writer_bodies(r.writer), steps[i].body, &body, &why), "%s", why.text);
        CHECK_OK(body_read(body, 0, 4096, &got, &why), "%s", why.text);
        CHECK(str_ends(buf_str(&got), STR("times?\r\n")), "body %d", i);
        body_close(body);
        buf_deinit(&got);
    }
    rig_end(&r);
    arena_free(r.scratch);
    free(steps);
}

/* ---- damage ---- */

static void flip(struct rig *r, const char *name, uint64_t at)
{
    struct file *f;
    char octet;

    CHECK_OK(fs_open(r->fs, str_from_z(name), FILE_WRITE, &f, NULL), "%s", name);
    CHECK_OK(file_pread(f, at, &octet, 1, NULL), "read");
    octet = (char)(octet ^ 0x10);
    CHECK_OK(file_pwrite(f, at, str_from(&octet, 1), NULL), "write");
    file_close(f);
}

TEST(damage_before_the_last_segment_is_named_and_never_skipped)
{
    struct errinfo why = { "" };
    struct rig r;

    rig_new(&r, 5, false);
    r.settings.no_compaction = true;
    CHECK_OK(rig_open(&r, NULL), "open");
    for (int i = 0; i < 20; i++)
        rig_run(&r, 3);
    rig_close(&r);
    flip(&r, "journal/seg-0000000000000001", 3000);
    CHECK_EQ(rig_open(&r, &why), ERR_CORRUPT, "opened");
    CHECK(str_find(str_from_z(why.text), STR("segment 1, offset")) != STR_NOT_FOUND, "%s",
          why.text);
    flip(&r, "journal/seg-0000000000000001", 3000);
    CHECK_OK(rig_open(&r, &why), "%s", why.text);
    rig_check(&r, "mended");
    rig_end(&r);
}

TEST(a_torn_tail_is_cut_off_and_reported)
{
    struct rig r;
    struct step steps[] = { { .build = build_rows },
                            { .build = build_first },
                            { .build = build_first } };
    const struct writer_report *report;
    struct writer_stats stats;

    rig_start(&r);
    run_steps(&r, &steps[0], 1);
    run_steps(&r, &steps[1], 1);
    writer_get_stats(r.writer, &stats);
    rig_close(&r);
    flip(&r, "journal/seg-0000000000000001", stats.journal_bytes - 1);
    CHECK_OK(rig_open(&r, NULL), "open");
    report = writer_replayed(r.writer);
    CHECK_EQ(report->transactions, 1, "the first one is there");
    CHECK(report->cut_bytes > 0 && report->cut_segment == 1, "reported");
    check_row(&r, STR("row"), "x");
    check_row(&r, STR("a"), NULL);
    run_steps(&r, &steps[2], 1);
    rig_again(&r);
    CHECK_EQ(writer_replayed(r.writer)->cut_bytes, 0, "clean");
    check_row(&r, STR("a"), "1");
    rig_end(&r);
}

struct found {
    int count;
};

static void count_found(void *ctx, struct str sentence)
{
    struct found *f = ctx;

    CHECK(sentence.len > 0, "a sentence");
    f->count++;
}

TEST(a_check_finds_rows_and_bodies_that_are_not_what_the_journal_says)
{
    struct errinfo why = { "" };
    struct found found = { 0 };
    struct rig r;

    rig_new(&r, 8, false);
    r.settings.no_compaction = true;
    CHECK_OK(rig_open(&r, NULL), "open");
    for (int i = 0; i < 20; i++)
        rig_run(&r, 3);
    CHECK_OK(writer_check(r.writer, count_found, &found, &why), "%s", why.text);
    CHECK_EQ(found.count, 0, "clean");

    struct kv_position at = kv_position(r.kv);
    struct kv_batch *b = kv_batch_new(r.kv);
    kv_batch_put(b, STR("k999"), STR("too much"));
    kv_batch_delete(b, STR("k001"));
    kv_batch_put(b, STR("k002"), STR("wrong"));
    CHECK_OK(kv_apply(r.kv, b, &at, NULL), "spoil");
    kv_batch_free(b);
    CHECK_OK(writer_check(r.writer, count_found, &found, &why), "%s", why.text);
    CHECK(found.count >= 2, "%d found", found.count);
    CHECK_OK(writer_rebuild(r.writer, &why), "%s", why.text);
    found.count = 0;
    CHECK_OK(writer_check(r.writer, count_found, &found, &why), "%s", why.text);
    CHECK_EQ(found.count, 0, "clean after a rebuild");
    rig_check(&r, "rebuilt");
    rig_end(&r);
}

/* ---- kill -9 ---- */

struct load {
    struct rig *rig;
    uint32_t next;
    int report;
};

struct load_job {
    struct load *load;
    uint32_t number;
    char text[64];
};

static enum err build_load(void *ctx, struct txn *t)
{
    struct load_job *j = ctx;
    char key[16], value[8];

    (void)snprintf(key, sizeof(key), "n%08u", j->number);
    (void)snprintf(j->text, sizeof(j->text), "message %u", j->number);
    store_u64(value, txn_body_new(t, &(struct body_source){ .bytes = str_from_z(j->text),
                                                            .prefix = STR_EMPTY }));
    txn_put(t, str_from_z(key), str_from(value, sizeof(value)));
    if (j->number > 50) { /* something for compaction to do */
        (void)snprintf(key, sizeof(key), "o%08u", j->number % 50);
        txn_put(t, str_from_z(key), str_from_z(j->text));
    }
    return OK;
}

static void load_done(void *ctx, enum err e)
{
    struct load_job *j = ctx;
    struct load *load = j->load;

    if (e != OK || write(load->report, &j->number, sizeof(j->number)) != sizeof(j->number))
        _exit(1);
    j->number = ++load->next;
    writer_submit(load->rig->writer, build_load, load_done, j);
}

static NORETURN void load_until_killed(struct rig *r, int report)
{
    struct load load = { r, 0, report };
    struct load_job jobs[8];

    if (rig_open(r, NULL) != OK)
        _exit(1);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        jobs[i] = (struct load_job){ .load = &load, .number = ++load.next };
        writer_submit(r->writer, build_load, load_done, &jobs[i]);
    }
    (void)!loop_run(r->loop, NULL);
    _exit(1);
}

static uint32_t read_reports(int from, uint32_t enough, pid_t child)
{
    uint32_t number, last = 0, count = 0;

    while (read(from, &number, sizeof(number)) == sizeof(number)) {
        last = MAX(last, number);
        if (++count == enough)
            CHECK(kill(child, SIGKILL) == 0, "kill");
    }
    return last;
}

static void check_load(struct rig *r, uint32_t acknowledged, uint32_t enough)
{
    struct errinfo why = { "" };

    for (uint32_t n = 1;; n++) {
        SCRATCH(tmp, NULL);
        struct body *body;
        struct buf got = { 0 };
        struct str value;
        char key[16], text[64];
        bool found;

        (void)snprintf(key, sizeof(key), "n%08u", n);
        (void)snprintf(text, sizeof(text), "message %u", n);
        CHECK_OK(kv_get(r->kv, NULL, tmp, str_from_z(key), &found, &value), "get");
        if (!found) {
            CHECK(n > acknowledged, "message %u of %u is lost (killed at %u)", n, acknowledged,
                  enough);
            return;
        }
        CHECK_OK(body_open(writer_bodies(r->writer), load_u64(value.at), &body, &why), "%s",
                 why.text);
        CHECK_OK(body_read(body, 0, 100, &got, &why), "%s", why.text);
        CHECK_STR(buf_str(&got), str_from_z(text), "message %u", n);
        body_close(body);
        buf_deinit(&got);
    }
}

/* RocksDB keeps threads in its process that a fork would lose, so the child is this program again,
 * running this test alone with the folder and the pipe named in its environment. */
#define KILL_FOLDER "POSTERN_TEST_KILL_FOLDER"
enum { REPORT_FD = 9 };

static void be_the_child(const char *folder)
{
    struct rig r;
    struct fs *real;

    rig_new(&r, 1, true);
    fs_free(r.fs);
    (void)rmdir(r.folder);
    (void)snprintf(r.folder, sizeof(r.folder), "%s", folder);
    r.settings.flush_bytes = 30000;
    CHECK_OK(fs_new_real(str_from_z(r.folder), false, &real, NULL), "folder");
    r.fs = real;
    load_until_killed(&r, REPORT_FD);
}

static pid_t start_child(const struct rig *r, int report)
{
    pid_t child = fork();

    if (child == 0) {
        (void)dup2(report, REPORT_FD);
        (void)setenv(KILL_FOLDER, r->folder, 1);
        (void)execl("/proc/self/exe", "journal_test", "killed_at_any_moment", (char *)NULL);
        _exit(1);
    }
    CHECK(child > 0, "fork");
    return child;
}

TEST(killed_at_any_moment_it_has_kept_everything_acknowledged)
{
    if (getenv(KILL_FOLDER) != NULL)
        be_the_child(getenv(KILL_FOLDER));
    for (uint32_t enough = 1; enough < 3000; enough = enough * 3 + 7) {
        struct errinfo why = { "" };
        struct rig r;
        int ends[2];

        rig_new(&r, 1, true);
        CHECK(pipe(ends) == 0, "pipe");
        pid_t child = start_child(&r, ends[1]);
        (void)close(ends[1]);
        uint32_t acknowledged = read_reports(ends[0], enough, child);
        (void)close(ends[0]);
        CHECK(waitpid(child, NULL, 0) == child, "wait");
        CHECK(acknowledged >= enough, "the child died by itself");

        CHECK_OK(rig_open(&r, &why), "%s", why.text);
        check_load(&r, acknowledged, enough);
        rig_end(&r);
    }
}
