/* sim/main.c - runs seeds of the simulated town.
 *
 *   sim --seed N [--trace]      one run, told in detail when it fails
 *   sim --seeds N [--from F]    N runs, one process a processor core; every tenth run is repeated
 *                               and must give the same digest
 *
 * Ends with "N passed, N failed". */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>
#include <unistd.h>

#include "sim/inspector.h"
#include "sim/peers.h"
#include "sim/senders.h"

enum {
    MESSAGES = 1000,
    STEP_MS = 1000,
    DAY_MS = 24 * 3600 * 1000,
    REPEAT_ONE_IN = 10,
    INDEX_ONE_IN = 5
};

static const struct sim_faults rough = {
    .connect_refused = 200,
    .stream_dropped = 5,
    .stream_stalled = 5,
    .write_short = 5,
    .sync_failed = 2,
    .latency_ms_max = 20,
    .work_ms_max = 5,
};
static const struct sim_faults smooth = { .latency_ms_max = 20, .work_ms_max = 5 };

struct run {
    struct sim *sim;
    struct ledger *ledger;
    struct town *town;
    struct inspector *inspector;
    struct peers *peers;
    struct senders *senders;
};

static struct dns *dns_of(void *ctx, struct loop *l)
{
    struct run *r = ctx;

    return peers_dns(r->peers, l);
}

static void keeper_up(void *ctx)
{
    struct run *r = ctx;

    if (r->inspector != NULL)
        inspector_keeper_up(r->inspector);
}

/* Lets the world run until the condition holds; false when it does not within `limit_ms`. */
static bool run_until(struct run *r, bool (*holds)(struct run *r), uint64_t limit_ms)
{
    uint64_t end = sim_now_ms(r->sim) + limit_ms;

    while (!holds(r) && sim_now_ms(r->sim) < end)
        (void)sim_run(r->sim, sim_now_ms(r->sim) + STEP_MS);
    return holds(r);
}

static bool ready(struct run *r)
{
    return inspector_ready(r->inspector);
}

static bool sent(struct run *r)
{
    return senders_done(r->senders);
}

static bool queue_is_empty(struct run *r)
{
    bool empty = inspector_queue(r->inspector) == 0;

    if (!empty)
        inspector_ask_queue(r->inspector);
    return empty;
}

static bool counted(struct run *r)
{
    return inspector_counted(r->inspector);
}

static void live(struct run *r)
{
    if (!run_until(r, ready, 60 * 1000)) {
        ledger_complain(r->ledger, "accounts can not be made");
        return;
    }
    r->senders = senders_new(r->sim, r->town, r->ledger);
    sim_set_faults(r->sim, &rough);
    town_begin_misfortune(r->town);
    if (!run_until(r, sent, DAY_MS))
        ledger_complain(r->ledger, "mail is not taken any more");

    town_calm(r->town);
    peers_calm(r->peers);
    sim_set_faults(r->sim, &smooth);
    inspector_ask_queue(r->inspector);
    if (!run_until(r, queue_is_empty, DAY_MS))
        ledger_complain(r->ledger, "the queue does not empty");
    inspector_count(r->inspector);
    if (!run_until(r, counted, DAY_MS))
        ledger_complain(r->ledger, "mailboxes can not be counted");
    ledger_close(r->ledger);
}

static const struct town_events town_events = { .dns = dns_of, .keeper_up = keeper_up };

/* True when nothing was found wrong. */
static bool run_seed(uint64_t seed, bool trace, bool tell, uint64_t *ret_digest)
{
    struct run r = { .sim = sim_new(seed, &smooth), .ledger = ledger_new(MESSAGES) };

    sim_set_trace(r.sim, trace);
    r.peers = peers_new(r.sim, sim_loop(r.sim, STR("elsewhere")), r.ledger);
    bool with_index = seed % INDEX_ONE_IN == 0;

    r.town = town_new(r.sim, r.ledger, &town_events, &r, with_index);
    r.inspector = inspector_new(r.sim, r.town, r.ledger, with_index);
    live(&r);

    bool good = r.ledger->complaints.len == 0;
    *ret_digest = sim_digest(r.sim);
    if (!good || tell) {
        struct buf summary = { 0 };

        ledger_summary(r.ledger, &summary);
        (void)printf("seed %llu: %s, %.*s, %u deaths, %llu s, digest %016llx\n%.*s",
                     (unsigned long long)seed, good ? "good" : "BAD", STR_ARG(buf_str(&summary)),
                     town_deaths(r.town), (unsigned long long)(sim_now_ms(r.sim) / 1000),
                     (unsigned long long)*ret_digest, STR_ARG(buf_str(&r.ledger->complaints)));
        buf_deinit(&summary);
    }
    if (r.senders != NULL)
        senders_free(r.senders);
    inspector_free(r.inspector);
    struct loop *elsewhere = peers_free(r.peers);
    town_free(r.town);
    loop_free(elsewhere);
    ledger_free(r.ledger);
    sim_free(r.sim);
    return good;
}

static bool run_and_repeat(uint64_t seed)
{
    uint64_t first, second;
    bool good = run_seed(seed, false, false, &first);

    if (good && seed % REPEAT_ONE_IN == 0) {
        good = run_seed(seed, false, false, &second) && first == second;
        if (first != second)
            (void)printf("seed %llu: two runs differ: %016llx, %016llx\n", (unsigned long long)seed,
                         (unsigned long long)first, (unsigned long long)second);
    }
    (void)fflush(stdout);
    return good;
}

/* One process runs every `stride`-th seed; its exit status is the number of failures, 250 at most.
 */
static int run_share(uint64_t from, uint64_t count, uint64_t first, uint64_t stride)
{
    int failed = 0;

    for (uint64_t i = first; i < count; i += stride)
        failed += !run_and_repeat(from + i);
    return MIN(failed, 250);
}

static int run_many(uint64_t from, uint64_t count)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t jobs = MIN((uint64_t)MAX(cores, 1), count), failed = 0;

    (void)fflush(stdout);
    for (uint64_t j = 0; j < jobs; j++)
        if (fork() == 0)
            _exit(run_share(from, count, j, jobs));
    for (uint64_t j = 0; j < jobs; j++) {
        int status;

        if (wait(&status) < 0)
            BUG("a run is gone");
        failed += WIFEXITED(status) ? (uint64_t)WEXITSTATUS(status) : 1;
    }
    (void)printf("%llu passed, %llu failed\n", (unsigned long long)(count - failed),
                 (unsigned long long)failed);
    return failed == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    uint64_t seed = 0, seeds = 0, from = 1, digest;
    bool trace = false;

    for (int i = 1; i < argc; i++) {
        struct str arg = str_from_z(argv[i]), value = str_from_z(i + 1 < argc ? argv[i + 1] : "");

        if (str_eq(arg, STR("--trace")))
            trace = true;
        else if (str_eq(arg, STR("--seed")) && str_to_u64(value, UINT64_MAX, &seed))
            i++;
        else if (str_eq(arg, STR("--seeds")) && str_to_u64(value, UINT32_MAX, &seeds))
            i++;
        else if (str_eq(arg, STR("--from")) && str_to_u64(value, UINT64_MAX, &from))
            i++;
        else {
            (void)fprintf(stderr, "usage: sim --seed N [--trace] | --seeds N [--from F]\n");
            return 64;
        }
    }
    if (seeds > 0)
        return run_many(from, seeds);

    bool good = run_seed(seed, trace, true, &digest);
    (void)printf("%d passed, %d failed\n", good, !good);
    return good ? 0 : 1;
}
