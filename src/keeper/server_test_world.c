/* keeper/server_test_world.c - a keeper on a simulated disk, for tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "keeper/server_test_world.h"

#include "message/record/record.h"

enum { ANSWER_MS_MAX = 600000 };

struct waiting {
    bool done;
    enum err e;
    struct buf octets;
    struct file *file;
};

void world_settle(struct world *w, uint64_t ms)
{
    (void)sim_run(w->sim, sim_now_ms(w->sim) + ms);
}

static void wait_for(struct world *w, struct waiting *x)
{
    for (uint64_t ms = 0; !x->done && ms < ANSWER_MS_MAX; ms += 10)
        world_settle(w, 10);
    CHECK(x->done, "no answer came");
}

/* The reply is written again and read into the world's arena, so that it outlives the call. */
#define WORLD_ASK_CODE(name, who)                                                                  \
    static void came_##name(void *ctx, enum err e, const struct keep_##name##_rep *rep,            \
                            struct file *file)                                                     \
    {                                                                                              \
        struct waiting *x = ctx;                                                                   \
                                                                                                   \
        x->done = true;                                                                            \
        x->e = e;                                                                                  \
        x->file = file;                                                                            \
        if (e == OK)                                                                               \
            keep_##name##_rep_put(&x->octets, rep);                                                \
    }                                                                                              \
    enum err ask_##name(struct world *w, struct keeper_client *k,                                  \
                        const struct keep_##name##_req *req, struct keep_##name##_rep *ret)        \
    {                                                                                              \
        struct waiting x = { 0 };                                                                  \
        struct keep_##name##_rep unused, *rep = ret == NULL ? &unused : ret;                       \
                                                                                                   \
        (void)keeper_##name(k, req, came_##name, &x);                                              \
        wait_for(w, &x);                                                                           \
        if (x.e == OK)                                                                             \
            CHECK(keep_##name##_rep_get(w->mem, arena_copy(w->mem, buf_str(&x.octets)), rep),      \
                  #name);                                                                          \
        buf_deinit(&x.octets);                                                                     \
        if (x.file != NULL) {                                                                      \
            file_close(w->spool_file);                                                             \
            w->spool_file = x.file;                                                                \
        }                                                                                          \
        return x.e;                                                                                \
    }
CONTRACT_CALLS(WORLD_ASK_CODE)

static void on_changed(void *ctx, const struct keep_changed_note *note)
{
    (void)note;
    ((struct world *)ctx)->changed_notes++;
}

static void on_due(void *ctx, const struct keep_queue_due_note *note)
{
    ((struct world *)ctx)->due_notes++;
    ((struct world *)ctx)->anew_notes += note->anew;
}

/* "kind name[<old name] what(of messages) entries; marks: ! not there, + subscribed" */
static void on_event(void *ctx, const struct keep_event_note *n)
{
    static const char *const kinds[] = { "messages", "name", "subscription", "metadata",
                                         "overflow" };
    struct buf *b = &((struct world *)ctx)->events;

    buf_printf(b, "%s %.*s%s%s", kinds[n->kind], STR_ARG(n->name),
               n->exists || n->name.len == 0 ? "" : "!", n->subscribed ? "+" : "");
    if (n->old_name.len > 0)
        buf_printf(b, "<%.*s", STR_ARG(n->old_name));
    if (n->kind == EVENT_MESSAGES)
        buf_printf(b, " %u messages=%u next=%u unseen=%u", n->what, n->messages, n->uidnext,
                   n->unseen);
    for (size_t i = 0; i < n->entries_count; i++)
        buf_printf(b, " %.*s", STR_ARG(n->entries[i].text));
    BUF_ADD(b, "\n");
}

static void on_lost(void *ctx)
{
    ((struct world *)ctx)->lost = true;
}

static void on_failed(void *ctx, struct str why)
{
    (void)why;
    ((struct world *)ctx)->failed = true;
}

static struct keeper_client *connect_as(struct world *w, enum keep_who who)
{
    static const struct keeper_notes notes = { on_changed, on_due, on_lost, on_event };
    struct channel *ours, *theirs;
    struct errinfo why;

    CHECK_OK(channel_pair(w->loop, w->keeper_loop, &ours, &theirs, &why), "channel");
    keeper_add_channel(w->keeper, theirs, who);
    return keeper_client_new(w->loop, ours, &notes, w);
}

static void start_keeper(struct world *w)
{
    const struct keeper_settings settings = {
        .argon2_kib = 8,
        .argon2_passes = 1,
        .auth_threads = 1,
        .scram_iterations = 100,
        .certificates = true,
        .undelete_s = 7 * 86400,
        .undelete_bytes = 100000,
        .public_prefix = STR("Public"),
        .public_owner = STR("Public@crepes.fr"),
        .no_training = true,
        .failed = on_failed,
        .ctx = w,
    };
    struct errinfo why = { 0 };

    w->keeper_loop = sim_loop(w->sim, STR("keeper"));
    w->loop = sim_loop(w->sim, STR("clients"));
    w->fs = fs_faulty(sim_fs(w->disk));
    CHECK_OK(keeper_start(w->keeper_loop, w->fs, &settings, &w->keeper, &why), "%s", why.text);
    w->gate = connect_as(w, BY_GATE);
    w->courier = connect_as(w, BY_COURIER);
    w->control = connect_as(w, BY_CONTROL);
}

void world_open_empty(struct world *w)
{
    static const struct sim_faults none;

    memset(w, 0, sizeof *w);
    w->mem = arena_new(0);
    w->sim = sim_new(7, &none);
    w->disk = sim_disk_new(w->sim);
    start_keeper(w);
}

static void stop_keeper(struct world *w)
{
    keeper_client_free(w->gate);
    keeper_client_free(w->courier);
    keeper_client_free(w->control);
    keeper_free(w->keeper);
    fs_free(w->fs);
    loop_free(w->keeper_loop);
    loop_free(w->loop);
}

void world_close_unchecked(struct world *w)
{
    file_close(w->spool_file);
    stop_keeper(w);
    sim_disk_free(w->disk);
    sim_free(w->sim);
    buf_deinit(&w->events);
    arena_free(w->mem);
}

void world_close(struct world *w)
{
    CHECK_EQ(world_check(w, true), 0, "problems at the end");
    world_close_unchecked(w);
}

void world_restart(struct world *w, bool lose_unsynced)
{
    sim_kill_loop(w->keeper_loop);
    sim_kill_loop(w->loop);
    stop_keeper(w);
    if (lose_unsynced)
        sim_disk_lose_unsynced(w->disk);
    w->failed = w->lost = false;
    start_keeper(w);
}

uint64_t world_login(struct world *w, struct str name, struct str password)
{
    const struct keep_login_req req = {
        .name = name, .password = password, .service = STR("imap"), .peer = STR("127.0.0.1")
    };
    struct keep_login_rep rep;

    return ask_login(w, w->gate, &req, &rep) == OK ? rep.session : 0;
}

void world_open(struct world *w)
{
    static const struct str domains[] = { STR_INIT("crepes.fr"), STR_INIT("hamburger.edu") };
    static const struct str people[] = { STR_INIT("alice@crepes.fr"),
                                         STR_INIT("bob@hamburger.edu") };

    world_open_empty(w);
    for (size_t i = 0; i < ARRAY_LEN(domains); i++)
        CHECK_OK(ask_domain_add(w, w->control, &(struct keep_domain_add_req){ .name = domains[i] },
                                NULL),
                 "domain %zu", i);
    for (size_t i = 0; i < ARRAY_LEN(people); i++)
        CHECK_OK(ask_account_add(w, w->control,
                                 &(struct keep_account_add_req){ .address = people[i],
                                                                 .password = STR("hungry") },
                                 NULL),
                 "account %zu", i);
    w->session = world_login(w, STR("alice@crepes.fr"), STR("hungry"));
    CHECK(w->session != 0, "alice logs in");
}

enum err world_deliver(struct world *w, struct str from, struct str to, struct str text)
{
    static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
    struct keep_rcpt rcpt = { .address = to, .orcpt = STR_EMPTY };
    struct buf record = { 0 };
    struct keep_deliver_req req = {
        .reverse_path = from, .rcpts = &rcpt, .rcpts_count = 1, .bytes = text
    };
    enum err e;

    record_build(text, &limits, &record);
    req.record = buf_str(&record);
    e = ask_deliver(w, w->gate, &req, NULL);
    buf_deinit(&record);
    return e;
}

uint32_t world_check(struct world *w, bool print)
{
    struct keep_check_rep rep;

    CHECK_OK(ask_check(w, w->control, &(struct keep_check_req){}, &rep), "check");
    for (size_t i = 0; print && i < rep.problems_count; i++)
        testing_print_str("problem", rep.problems[i].text);
    return (uint32_t)rep.problems_count;
}

struct str uids_text(struct world *w, struct str octets)
{
    struct reader r = reader_of(octets);
    struct uidset s = { 0 };
    struct buf b = { 0 };
    struct str text;

    CHECK_OK(uidset_decode(&r, 1000, &s), "a set");
    uidset_format(&s, &b);
    text = arena_copy(w->mem, buf_str(&b));
    uidset_deinit(&s);
    buf_deinit(&b);
    return text;
}

struct str uids_of(struct world *w, const char *text)
{
    struct uidset s = { 0 };
    struct buf b = { 0 };
    struct str octets;

    CHECK_OK(uidset_parse(str_from_z(text), UINT32_MAX, 1000, &s), "%s", text);
    uidset_encode(&s, &b);
    octets = arena_copy(w->mem, buf_str(&b));
    uidset_deinit(&s);
    buf_deinit(&b);
    return octets;
}
