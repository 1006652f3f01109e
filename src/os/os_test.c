/* os/os_test.c - both sides of os/ for the tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/os_test.h"

#include <ftw.h>
#include <unistd.h>

#include "os/process.h"
#include "os/sim.h"

enum { SLICE_MS = 2, RUN_MS_MAX = 5000, FTW_OPEN_MAX = 8 };

const char *side_name(enum side side)
{
    return side == SIDE_REAL ? "real" : "simulated";
}

void bench_open(struct bench *w, enum side side)
{
    *w = (struct bench){ .side = side };
    if (side == SIDE_REAL) {
        CHECK_OK(loop_new_real(&w->a, NULL), "loop a");
        CHECK_OK(loop_new_real(&w->b, NULL), "loop b");
        return;
    }
    struct sim_faults faults = { .latency_ms_max = 3, .work_ms_max = 5 };

    w->sim = sim_new(7, &faults);
    w->a = sim_loop(w->sim, STR("a"));
    w->b = sim_loop(w->sim, STR("b"));
}

void bench_close(struct bench *w)
{
    loop_free(w->a);
    loop_free(w->b);
    if (w->sim != NULL)
        sim_free(w->sim);
}

static void stop(void *ctx)
{
    loop_stop(ctx);
}

static void run_slice(struct loop *l, uint64_t ms)
{
    struct timer end;

    timer_init(&end, l, stop, l);
    timer_set_in(&end, ms);
    CHECK_OK(loop_run(l, NULL), "a slice");
    timer_cancel(&end);
}

bool bench_run(struct bench *w, bool (*until)(void *ctx), void *ctx)
{
    uint64_t start = loop_now_ms(w->a);

    while (!until(ctx)) {
        if (loop_now_ms(w->a) - start > RUN_MS_MAX)
            return false;
        if (w->side == SIDE_SIMULATED) {
            (void)sim_run(w->sim, sim_now_ms(w->sim) + 1);
            continue;
        }
        run_slice(w->a, SLICE_MS);
        run_slice(w->b, SLICE_MS);
    }
    return true;
}

struct pass {
    struct loop *l;
    uint64_t end_ms;
};

static bool has_passed(void *ctx)
{
    struct pass *p = ctx;

    return loop_now_ms(p->l) >= p->end_ms;
}

void bench_pass(struct bench *w, uint64_t ms)
{
    struct pass p = { w->a, loop_now_ms(w->a) + ms };

    CHECK(bench_run(w, has_passed, &p), "time passes");
}

struct address bench_listen(struct bench *w, void (*accept)(void *ctx, struct stream *s), void *ctx,
                            struct listener **ret)
{
    struct address at;
    int fd;

    CHECK(address_parse(STR("127.0.0.1"), w->side == SIDE_REAL ? 0 : 25, &at), "address");
    if (w->side == SIDE_SIMULATED) {
        *ret = listener_simulated(w->b, &at, accept, ctx);
        return at;
    }
    CHECK_OK(process_listen(&at, false, &fd, NULL), "listen");
    *ret = listener_from_fd(w->b, fd, accept, ctx);
    return process_bound_to(fd);
}

struct str folder_new(char at[64])
{
    (void)snprintf(at, 64, "/tmp/postern-test-XXXXXX");
    CHECK(mkdtemp(at) != NULL, "a folder for the test");
    return str_from_z(at);
}

static int remove_one(const char *path, const struct stat *s, int kind, struct FTW *place)
{
    (void)s;
    (void)kind;
    (void)place;
    return remove(path);
}

void folder_remove(struct str path)
{
    (void)nftw(path.at, remove_one, FTW_OPEN_MAX, FTW_DEPTH | FTW_PHYS);
}
