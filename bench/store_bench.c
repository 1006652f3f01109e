/* bench/store_bench.c - how many durable transactions a second the store commits, and what each
 * costs.
 *
 * Usage: store_bench FOLDER [SECONDS]. For 1, 8, 64 and 512 waiting submissions and bodies of 4 and
 * 16 KiB: each transaction brings one body and six rows; a row is submitted anew as soon as it is
 * done. The folder is used for journal and tables (RocksDB) and should lie on the disk to measure.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>

#include "base/codec.h"
#include "store/journal/writer.h"

enum { WAITING_MAX = 512, ROWS = 6, VARIANTS = 64 };

struct bench {
    struct loop *loop;
    struct writer *writer;
    uint64_t done, number;
    size_t body_len, running;
    bool ending;
    char *text[VARIANTS];
};

struct job {
    struct bench *b;
    uint64_t number;
};

static void check(enum err e, const struct errinfo *why)
{
    if (e == OK)
        return;
    (void)fprintf(stderr, "store_bench: %s: %s\n", err_text(e), why->text);
    exit(1);
}

/* Keys as a delivery has them: clustered by mailbox, one of them a hash. */
static enum err build(void *ctx, struct txn *t)
{
    static const char letters[ROWS] = "mceuth";
    struct job *j = ctx;
    struct bench *b = j->b;
    struct body_source source = { .prefix = STR_EMPTY,
                                  .bytes = { b->text[j->number % VARIANTS], b->body_len } };
    uint64_t body = txn_body_new(t, &source);

    for (size_t i = 0; i < ROWS; i++) {
        char key[33] = { letters[i] }, value[150];

        store_u64(key + 1, letters[i] == 'h' ? j->number * 0x9E3779B97F4A7C15u : j->number % 100);
        store_u64(key + 9, j->number);
        memset(value, (int)(j->number % 251), sizeof(value));
        store_u64(value, body);
        txn_put(t, str_from(key, sizeof(key)), str_from(value, i == 0 ? sizeof(value) : 60));
    }
    return OK;
}

static void done(void *ctx, enum err e)
{
    struct job *j = ctx;
    struct bench *b = j->b;

    check(e, &(struct errinfo){ "a transaction failed" });
    b->done++;
    if (b->ending) {
        if (--b->running == 0)
            loop_stop(b->loop);
        return;
    }
    j->number = ++b->number;
    writer_submit(b->writer, build, done, j);
}

static void time_is_up(void *ctx)
{
    struct bench *b = ctx;

    b->ending = true;
}

static double cpu_s(void)
{
    struct rusage u;

    (void)getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double now_s(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(struct bench *b, size_t waiting, uint64_t ms)
{
    static struct job jobs[WAITING_MAX];
    struct errinfo why = { "" };
    struct timer end;
    struct writer_stats before, after;
    double cpu = cpu_s(), start = now_s();

    writer_get_stats(b->writer, &before);
    b->done = 0;
    b->ending = false;
    b->running = waiting;
    for (size_t i = 0; i < waiting; i++) {
        jobs[i] = (struct job){ b, ++b->number };
        writer_submit(b->writer, build, done, &jobs[i]);
    }
    timer_init(&end, b->loop, time_is_up, b);
    timer_set_in(&end, ms);
    check(loop_run(b->loop, &why), &why);
    double s = now_s() - start;
    cpu = cpu_s() - cpu;
    writer_get_stats(b->writer, &after);
    (void)printf(
        "%6zu KiB %8zu waiting %10.0f /s %8.1f us CPU %8.1f in a batch   packed to %3.0f %%\n",
        b->body_len / 1024, waiting, (double)b->done / s, cpu * 1e6 / (double)b->done,
        (double)b->done / (double)(after.batches - before.batches),
        100.0 * (double)(after.bodies_stored_bytes - before.bodies_stored_bytes) /
            (double)(after.bodies_raw_bytes - before.bodies_raw_bytes));
}

/* Words of mail-like frequency: packs to about a third without a dictionary. */
static void make_text(struct bench *b)
{
    static const char *const words[] = { "the",      "alice@crepes.fr",   "Received:", "and",
                                         "ketchup",  "bob@hamburger.edu", "with",      "on",
                                         "Subject:", "pancakes",          "in",        "\r\n" };
    uint64_t seed = 1;

    for (size_t v = 0; v < VARIANTS; v++) {
        size_t at = 0, room = 16 * 1024;

        b->text[v] = malloc(room + 64);
        if (b->text[v] == NULL)
            BUG("out of memory");
        while (at < room) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            if (seed >> 63 != 0)
                at += (size_t)snprintf(b->text[v] + at, 64, "%s ",
                                       words[(seed >> 40) % ARRAY_LEN(words)]);
            else
                at += (size_t)snprintf(b->text[v] + at, 64, "%x ", (unsigned)(seed >> 44));
        }
    }
}

int main(int argc, char **argv)
{
    static const size_t lens[] = { 4096, 16384 }, waiting[] = { 1, 8, 64, 512 };
    struct bench b = { 0 };
    struct errinfo why = { "" };
    struct fs *fs;
    struct kv *kv;
    char tables[4096];
    uint64_t ms = 3000;

    if (argc < 2 || (argc > 2 && !str_to_u64(str_from_z(argv[2]), 3600, &ms))) {
        (void)fprintf(stderr, "usage: store_bench FOLDER [SECONDS]\n");
        return 2;
    }
    ms = argc > 2 ? ms * 1000 : ms;
    (void)snprintf(tables, sizeof(tables), "%s/tables", argv[1]);
    check(fs_new_real(str_from_z(argv[1]), true, &fs, &why), &why);
    check(loop_new_real(&b.loop, &why), &why);
    check(kv_open_rocks(str_from_z(tables), &(struct kv_rocks_settings){ 0 }, &kv, &why), &why);
    check(writer_open(b.loop, fs, kv, &(struct writer_settings){ 0 }, &b.writer, &why), &why);
    make_text(&b);
    for (size_t i = 0; i < ARRAY_LEN(lens); i++)
        for (size_t j = 0; j < ARRAY_LEN(waiting); j++) {
            b.body_len = lens[i];
            measure(&b, waiting[j], ms);
        }
    double start = now_s();
    writer_close(b.writer);
    kv_close(kv);
    (void)printf("closed in %.0f ms\n", (now_s() - start) * 1e3);
    start = now_s();
    check(kv_open_rocks(str_from_z(tables), &(struct kv_rocks_settings){ 0 }, &kv, &why), &why);
    check(writer_open(b.loop, fs, kv, &(struct writer_settings){ 0 }, &b.writer, &why), &why);
    (void)printf("opened in %.0f ms\n", (now_s() - start) * 1e3);
    start = now_s();
    check(writer_rebuild(b.writer, &why), &why);
    (void)printf("rebuilt %llu transactions in %.1f s\n",
                 (unsigned long long)writer_replayed(b.writer)->transactions, now_s() - start);
    writer_close(b.writer);
    kv_close(kv);
    fs_free(fs);
    loop_free(b.loop);
    for (size_t v = 0; v < VARIANTS; v++)
        free(b.text[v]);
    return 0;
}
