/* warden/warden_test.c - small roles under the real warden, in real processes.
 *
 * The roles note what happens to them in memory that all processes share. Each test has its own
 * folder and ports; the warden under test runs in this process and is ended by a signal to itself.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "warden/warden.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "os/handover.h"
#include "os/process.h"
#include "testing.h"

enum { GATES = 2, WAIT_MS = 20, ROUNDS_MAX = 500 };

/* What a role was refused: errno of each try, 0 when it was let. */
struct tries {
    atomic_int open_other, open_data, connect_out, run_program, accept_peer;
};

struct seen {
    atomic_int pid, starts, channels, admins, reloads, stops, size_max;
    struct tries tries;
};

static struct shared {
    struct seen by_kind[ROLE_KINDS];
    atomic_int keeper_frames, peers_lost, stop_order, keeper_stopped_as, gate_stopped_as;
} * shared;

/* The role whose start fails, for the next trial; 0: none. */
static enum role_kind failing;

/* ---- the roles ---- */

struct fake {
    enum role_kind kind;
    struct loop *loop;
    struct fs *data;
    struct line *lines[32];
    size_t line_count;
    struct listener *listeners[8];
    size_t listener_count;
    struct timer try_again;
    struct address own_port;
    char data_path[256];
};

static int error_of(int result)
{
    int number = result < 0 ? errno : 0;

    if (result >= 0)
        (void)close(result);
    return number;
}

/* What the table forbids is tried from inside; the results are looked at by the test. */
static void try_things(void *ctx)
{
    struct fake *f = ctx;
    struct tries *t = &shared->by_kind[f->kind].tries;
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(f->own_port.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    atomic_store(&t->open_other, error_of(open("/etc/hosts", O_RDONLY)));
    atomic_store(&t->open_data, error_of(open(f->data_path, O_RDWR | O_CREAT, 0600)));
    if (fd < 0)
        atomic_store(&t->connect_out, errno);
    else {
        int result = connect(fd, (struct sockaddr *)&to, sizeof(to));

        atomic_store(&t->connect_out, result < 0 && errno != EINPROGRESS ? errno : 0);
        (void)close(fd);
    }
    char *argv[] = { NULL };
    (void)execve("/bin/true", argv, argv);
    atomic_store(&t->run_program, errno);
}

static enum err fake_start(enum role_kind kind, const struct role_start *start, void **ret_role,
                           struct errinfo *why)
{
    struct fake *f = calloc(1, sizeof(*f));

    BUG_ON(f == NULL);
    if (failing == kind) {
        if (start->data != NULL)
            fs_free(start->data);
        free(f);
        return err_set(why, ERR_IO, "told to fail");
    }
    f->kind = kind;
    f->loop = start->loop;
    f->data = start->data;
    (void)snprintf(f->data_path, sizeof(f->data_path), "%.*s/tried",
                   STR_ARG(start->config->server.data_dir));
    f->own_port = (struct address){ .port = (uint16_t)start->config->listen.smtp };
    timer_init(&f->try_again, f->loop, try_things, f);
    if (!start->config->server.one_process)
        timer_set_in(&f->try_again, 1);
    atomic_store(&shared->by_kind[kind].pid, (int)getpid());
    atomic_fetch_add(&shared->by_kind[kind].starts, 1);
    *ret_role = f;
    return OK;
}

static void greet(void *ctx, struct stream *s)
{
    (void)ctx;
    stream_write(s, STR("220 hello\r\n"));
    stream_finish(s, 1000);
}

static void stream_over(void *ctx, enum err why)
{
    (void)why;
    stream_free(ctx);
}

static const struct stream_events stream_table = { .closed = stream_over };

static void accept_one(void *ctx, struct stream *s)
{
    stream_set_events(s, &stream_table, s);
    greet(ctx, s);
}

static enum err gate_start(const struct role_start *start, void **ret_role, struct errinfo *why)
{
    enum err e = fake_start(ROLE_GATE, start, ret_role, why);
    struct fake *f = e == OK ? *ret_role : NULL;

    for (size_t i = 0; f != NULL && i < start->listener_count; i++)
        f->listeners[f->listener_count++] =
            listener_from_fd(f->loop, start->listeners[i].fd, accept_one, f);
    return e;
}

static enum err keeper_start(const struct role_start *start, void **ret_role, struct errinfo *why)
{
    return fake_start(ROLE_KEEPER, start, ret_role, why);
}

static enum err courier_start(const struct role_start *start, void **ret_role, struct errinfo *why)
{
    return fake_start(ROLE_COURIER, start, ret_role, why);
}

/* Keeper sends back what it gets; the others count what comes. */
struct line {
    struct fake *fake;
    struct channel *channel;
};

static void on_frame(void *ctx, struct str frame, struct file *file)
{
    struct line *line = ctx;

    (void)file;
    if (line->fake->kind == ROLE_KEEPER)
        channel_send(line->channel, frame, NULL);
    else
        atomic_fetch_add(&shared->keeper_frames, 1);
}

static void on_closed(void *ctx, enum err why)
{
    (void)ctx;
    (void)why;
    atomic_fetch_add(&shared->peers_lost, 1);
}

static const struct channel_events channel_table = { .frame = on_frame, .closed = on_closed };

static void take_channel(void *role, enum role_kind peer, uint32_t index, struct channel *c)
{
    struct fake *f = role;
    struct line *line = calloc(1, sizeof(*line));

    (void)index;
    BUG_ON(line == NULL || f->line_count == ARRAY_LEN(f->lines));
    *line = (struct line){ f, c };
    channel_set_events(c, &channel_table, line);
    f->lines[f->line_count++] = line;
    atomic_fetch_add(peer == ROLE_ADMIN ? &shared->by_kind[f->kind].admins
                                        : &shared->by_kind[f->kind].channels,
                     1);
    if (f->kind != ROLE_KEEPER && peer == ROLE_KEEPER)
        channel_send(c, STR("are you there?"), NULL);
}

static void reload(void *role, const struct config *config)
{
    struct fake *f = role;

    atomic_store(&shared->by_kind[f->kind].size_max, (int)config->smtp.size_max_bytes);
    atomic_fetch_add(&shared->by_kind[f->kind].reloads, 1);
}

static void stop_role(void *role, void (*done)(void *ctx), void *ctx)
{
    struct fake *f = role;
    int order = atomic_fetch_add(&shared->stop_order, 1) + 1;

    atomic_fetch_add(&shared->by_kind[f->kind].stops, 1);
    if (f->kind == ROLE_KEEPER)
        atomic_store(&shared->keeper_stopped_as, order);
    else
        atomic_store(&shared->gate_stopped_as, order);
    done(ctx);
}

static void free_role(void *role)
{
    struct fake *f = role;

    timer_cancel(&f->try_again);
    for (size_t i = 0; i < f->listener_count; i++)
        listener_free(f->listeners[i]);
    for (size_t i = 0; i < f->line_count; i++) {
        channel_free(f->lines[i]->channel);
        free(f->lines[i]);
    }
    if (f->data != NULL)
        fs_free(f->data);
    free(f);
}

#define FAKE_ROLE(word, begin)                                                                     \
    {                                                                                              \
        .name = STR_INIT(word), .start = (begin), .channel = take_channel, .reload = reload,       \
        .stop = stop_role, .free = free_role                                                       \
    }
static const struct role_ops fake_gate = FAKE_ROLE("gate", gate_start);
static const struct role_ops fake_keeper = FAKE_ROLE("keeper", keeper_start);
static const struct role_ops fake_courier = FAKE_ROLE("courier", courier_start);

/* ---- a warden and what is done while it runs ---- */

struct trial {
    struct arena *mem;
    struct config *config;
    struct timer poll;
    unsigned rounds;
    bool ready, timed_out;
    /* Called every few milliseconds once all roles stand, until it says true: then SIGTERM. */
    bool (*step)(struct trial *t);
    int phase, number, fd;
};

static void poll_again(void *ctx)
{
    struct trial *t = ctx;

    if (t->step(t))
        (void)raise(SIGTERM);
    else if (++t->rounds == ROUNDS_MAX) {
        t->timed_out = true;
        (void)raise(SIGTERM);
    } else
        timer_set_in(&t->poll, WAIT_MS);
}

static void on_ready(void *ctx, struct loop *loop)
{
    struct trial *t = ctx;

    t->ready = true;
    timer_init(&t->poll, loop, poll_again, t);
    timer_set_in(&t->poll, 1);
}

static uint16_t free_port(void)
{
    struct address at;
    int fd;

    CHECK(address_parse(STR("127.0.0.1"), 0, &at), "address");
    CHECK_OK(process_listen(&at, false, &fd, NULL), "listen");
    uint16_t port = process_bound_to(fd).port;
    process_close(fd);
    return port;
}

static enum err read_again(void *ctx, struct arena *mem, struct config **ret, struct errinfo *why)
{
    struct trial *t = ctx;

    *ret = config_copy(mem, t->config);
    return config_set(mem, *ret, STR("smtp.size_max"), STR("1MB"), why);
}

static enum err run(struct trial *t, const char *more, bool (*step)(struct trial *t),
                    struct errinfo *why)
{
    char folder[] = "/tmp/postern-warden-XXXXXX";
    struct warden_plan plan = { .ops = { [ROLE_GATE] = &fake_gate,
                                         [ROLE_KEEPER] = &fake_keeper,
                                         [ROLE_COURIER] = &fake_courier },
                                .reload = read_again,
                                .ready = on_ready,
                                .ctx = t };

    if (shared == NULL)
        shared =
            mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(shared, 0, sizeof(*shared));
    CHECK(mkdtemp(folder) != NULL, "folder");
    *t = (struct trial){ .mem = arena_new(0), .step = step, .fd = -1 };
    struct str text = arena_printf(
        t->mem,
        "[server]\ndata_dir='%s'\ngates=%d\ngate_user=''\nkeeper_user=''\ncourier_user=''\n"
        "one_process=%s\n[listen]\naddresses=['127.0.0.1']\nsmtp=%u\nsubmission=0\npop3=0\nimap=0\n"
        "[log]\nlevel='error'\n",
        folder, GATES, more, free_port());
    CHECK_OK(config_parse(t->mem, text, &t->config, why), "%s", why->text);
    plan.config = t->config;
    enum err e = warden_run(&plan, why);
    char left[300];

    (void)snprintf(left, sizeof(left), "%s/tried", folder);
    (void)unlink(left);
    (void)snprintf(left, sizeof(left), "%s/control.sock", folder);
    CHECK_EQ(access(left, F_OK), -1, "the control socket is removed");
    CHECK_EQ(rmdir(folder), 0, "nothing else was left");
    if (t->fd >= 0)
        (void)close(t->fd);
    arena_free(t->mem);
    return e;
}

static int count(enum role_kind kind, size_t field)
{
    return atomic_load((atomic_int *)(void *)((char *)&shared->by_kind[kind] + field));
}
#define COUNT(kind, field) count(kind, offsetof(struct seen, field))

static int greeting(const struct trial *t)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons((uint16_t)t->config->listen.smtp),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    char text[20] = "";
    int fd = socket(AF_INET, SOCK_STREAM, 0), good;

    good = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
           read(fd, text, sizeof(text) - 1) > 0 && memcmp(text, "220 ", 4) == 0;
    (void)close(fd);
    return good;
}

/* ---- the tests ---- */

static bool all_joined(struct trial *t)
{
    return COUNT(ROLE_KEEPER, channels) == GATES + 1 &&
           COUNT(ROLE_COURIER, channels) == GATES + 1 && COUNT(ROLE_GATE, channels) == 2 * GATES &&
           atomic_load(&shared->keeper_frames) == GATES + 1 && greeting(t);
}

TEST(roles_start_are_joined_serve_and_stop_keeper_last)
{
    struct trial t;
    struct errinfo why = { 0 };

    CHECK_OK(run(&t, "false", all_joined, &why), "%s", why.text);
    CHECK(t.ready && !t.timed_out, "in time");
    CHECK_EQ(COUNT(ROLE_GATE, stops), GATES, "gates");
    CHECK_EQ(COUNT(ROLE_COURIER, stops), 1, "courier");
    CHECK_EQ(atomic_load(&shared->keeper_stopped_as), GATES + 2, "keeper last");
}

static bool all_joined_in_one(struct trial *t)
{
    /* The loop is this one, so a connection can only be looked at in two steps. */
    (void)t;
    return COUNT(ROLE_KEEPER, channels) == 2 && COUNT(ROLE_COURIER, channels) == 2 &&
           COUNT(ROLE_GATE, channels) == 2 && atomic_load(&shared->keeper_frames) == 2;
}

TEST(one_process_joins_the_roles_alike)
{
    struct trial t;
    struct errinfo why = { 0 };

    CHECK_OK(run(&t, "true", all_joined_in_one, &why), "%s", why.text);
    CHECK(t.ready && !t.timed_out, "in time");
    CHECK_EQ(COUNT(ROLE_KEEPER, pid), getpid(), "this process");
    CHECK_EQ(atomic_load(&shared->keeper_stopped_as), 3, "keeper last");
}

static bool all_tried(struct trial *t)
{
    (void)t;
    return COUNT(ROLE_GATE, tries.run_program) != 0 && COUNT(ROLE_KEEPER, tries.run_program) != 0 &&
           COUNT(ROLE_COURIER, tries.run_program) != 0;
}

TEST(each_role_is_refused_what_its_row_does_not_give)
{
    struct trial t;
    struct errinfo why = { 0 };

    CHECK_OK(run(&t, "false", all_tried, &why), "%s", why.text);
    CHECK(!t.timed_out, "in time");
    CHECK(COUNT(ROLE_GATE, tries.open_other) != 0, "gate opens no file");
    CHECK(COUNT(ROLE_GATE, tries.open_data) != 0, "nor the data");
    CHECK(COUNT(ROLE_GATE, tries.connect_out) != 0, "gate does not connect");
    CHECK(COUNT(ROLE_KEEPER, tries.open_other) != 0, "keeper opens no other file");
    CHECK_EQ(COUNT(ROLE_KEEPER, tries.open_data), 0, "but the data");
    CHECK(COUNT(ROLE_KEEPER, tries.connect_out) != 0, "keeper does not connect");
    CHECK(COUNT(ROLE_COURIER, tries.open_other) != 0, "courier opens no file");
    CHECK(COUNT(ROLE_COURIER, tries.open_data) != 0, "nor the data");
    CHECK_EQ(COUNT(ROLE_COURIER, tries.connect_out), 0, "courier connects");
    for (enum role_kind k = ROLE_GATE; k <= ROLE_COURIER; k++)
        CHECK_EQ(COUNT(k, tries.run_program), EPERM, "role %d runs no program", (int)k);

    /* This process was the warden; what it gave up is gone for good. */
    char *argv[] = { NULL };
    CHECK_EQ(execve("/bin/true", argv, argv), -1, "the warden runs no program");
    CHECK_EQ(errno, EPERM, "nor does it");
}

/* Each role in turn is killed; the others go on, and all are joined again. */
static bool killed_one_by_one(struct trial *t)
{
    static const enum role_kind order[] = { ROLE_KEEPER, ROLE_COURIER, ROLE_GATE };
    enum role_kind kind = order[MIN((size_t)t->phase, ARRAY_LEN(order) - 1)];

    if ((size_t)t->phase == ARRAY_LEN(order))
        return true;
    if (t->number == 0) {
        if (!greeting(t) || COUNT(ROLE_KEEPER, channels) < GATES + 1)
            return false;
        t->number = COUNT(kind, starts);
        atomic_store(&shared->keeper_frames, 0);
        (void)kill(COUNT(kind, pid), SIGKILL);
        return false;
    }
    if (COUNT(kind, starts) == t->number || atomic_load(&shared->keeper_frames) == 0)
        return false;
    t->number = 0;
    t->phase++;
    return false;
}

TEST(a_killed_role_is_started_again_and_joined_to_the_others)
{
    struct trial t;
    struct errinfo why = { 0 };

    CHECK_OK(run(&t, "false", killed_one_by_one, &why), "%s", why.text);
    CHECK(!t.timed_out, "in time, phase %d", t.phase);
    CHECK_EQ(COUNT(ROLE_KEEPER, starts), 2, "keeper");
    CHECK_EQ(COUNT(ROLE_COURIER, starts), 2, "courier");
    CHECK_EQ(COUNT(ROLE_GATE, starts), GATES + 1, "one gate");
}

static bool reloaded(struct trial *t)
{
    if (t->phase++ == 0)
        (void)raise(SIGHUP);
    return COUNT(ROLE_GATE, reloads) == GATES && COUNT(ROLE_KEEPER, reloads) == 1 &&
           COUNT(ROLE_COURIER, reloads) == 1;
}

TEST(a_hangup_brings_the_new_settings_to_every_role)
{
    struct trial t;
    struct errinfo why = { 0 };

    for (int one = 0; one < 2; one++) {
        bool single = one == 1;

        CHECK_OK(run(&t, single ? "true" : "false", single ? all_joined_in_one : reloaded, &why),
                 "%s", why.text);
        CHECK(!t.timed_out, "in time");
        if (!single)
            CHECK_EQ(COUNT(ROLE_KEEPER, size_max), 1048576, "the new value");
    }
}

static bool command_answered(struct trial *t)
{
    struct errinfo why = { 0 };
    SCRATCH(tmp, NULL);

    if (t->fd < 0) {
        struct str path = arena_join(tmp, t->config->server.data_dir, STR("/" WARDEN_CONTROL_NAME));

        CHECK_OK(handover_connect(path, &t->fd, &why), "%s", why.text);
        CHECK_EQ(write(t->fd, "\0\0\0\2hi", 6), 6, "a frame");
    }
    char text[6] = "";
    return read(t->fd, text, sizeof(text)) == 6 && memcmp(text, "\0\0\0\2hi", 6) == 0;
}

TEST(a_command_reaches_keeper_through_the_control_socket)
{
    struct trial t;
    struct errinfo why = { 0 };

    CHECK_OK(run(&t, "false", command_answered, &why), "%s", why.text);
    CHECK(!t.timed_out, "in time");
    CHECK_EQ(COUNT(ROLE_KEEPER, admins), 1, "as an administrator");
    CHECK_OK(run(&t, "true", command_answered, &why), "%s", why.text);
    CHECK(!t.timed_out, "in time, in one process");
}

static bool never(struct trial *t)
{
    (void)t;
    return false;
}

TEST(a_role_that_cannot_start_ends_the_whole_start)
{
    struct trial t;

    for (enum role_kind k = ROLE_GATE; k <= ROLE_COURIER; k++) {
        struct errinfo why = { 0 };

        failing = k;
        CHECK(run(&t, "false", never, &why) != OK, "role %d", (int)k);
        CHECK(!t.ready, "role %d", (int)k);
        CHECK(str_find(str_from_z(why.text), STR("could not start")) != STR_NOT_FOUND, "%s",
              why.text);
        why = (struct errinfo){ 0 };
        CHECK(run(&t, "true", never, &why) != OK, "role %d in one process", (int)k);
        CHECK_STR(str_from_z(why.text), STR("told to fail"), "role %d in one process", (int)k);
        failing = 0;
    }
}
