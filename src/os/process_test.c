/* SPDX-License-Identifier: Apache-2.0 */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "os/os_test.h"

struct child {
    struct process *p;
    bool ended;
    struct process_end end;
};

static void on_end(void *ctx, const struct process_end *end)
{
    struct child *c = ctx;

    c->ended = true;
    c->end = *end;
}

static bool has_ended(void *ctx)
{
    return ((struct child *)ctx)->ended;
}

static int return_number(void *ctx)
{
    return *(int *)ctx;
}

static int sleep_long(void *ctx)
{
    (void)ctx;
    (void)pause();
    return 99;
}

static struct child start(struct bench *w, int (*run)(void *), void *ctx, struct child *c)
{
    struct process_plan plan = { .name = STR("postern child test"), .main = run, .ctx = ctx };
    struct errinfo why = { .text = "" };

    *c = (struct child){ .p = NULL };
    CHECK_OK(process_start(w->a, &plan, on_end, c, &c->p, &why), "%s", why.text);
    return *c;
}

TEST(a_child_reports_how_it_ended)
{
    struct bench w;
    struct child c;
    int status = 42;

    bench_open(&w, SIDE_REAL);
    (void)start(&w, return_number, &status, &c);
    CHECK(process_id(c.p) > 0, "a number");
    CHECK(bench_run(&w, has_ended, &c), "ends");
    CHECK(!c.end.by_signal, "by itself");
    CHECK_EQ(c.end.code, 42, "status");
    process_signal(c.p, SIGTERM); /* nothing happens */
    process_free(c.p);

    (void)start(&w, sleep_long, NULL, &c);
    process_signal(c.p, SIGTERM);
    CHECK(bench_run(&w, has_ended, &c), "ends");
    CHECK(c.end.by_signal, "by a signal");
    CHECK_EQ(c.end.code, SIGTERM, "which");
    process_free(c.p);

    (void)start(&w, sleep_long, NULL, &c);
    process_free(c.p); /* killed and waited for */
    bench_pass(&w, 10);
    CHECK(!c.ended, "no word after it was freed");
    bench_close(&w);
}

struct descriptors {
    int kept, other;
};

static int look_at_descriptors(void *ctx)
{
    struct descriptors *d = ctx;
    sigset_t mask;

    if (fcntl(d->kept, F_GETFD) < 0)
        return 1;
    for (int fd = 3; fd < 200; fd++)
        if (fd != d->kept && fcntl(fd, F_GETFD) >= 0)
            return 2;
    if (sigprocmask(SIG_SETMASK, NULL, &mask) != 0 || sigismember(&mask, SIGUSR1) != 0)
        return 3;
    return 0;
}

static void on_signal(void *ctx, int signal)
{
    (void)ctx;
    (void)signal;
}

TEST(a_child_has_only_the_descriptors_it_was_given)
{
    struct bench w;
    struct child c = { .p = NULL };
    int fd[2];

    bench_open(&w, SIDE_REAL);
    CHECK_OK(loop_on_signal(w.a, SIGUSR1, on_signal, NULL, NULL), "signal");
    CHECK_OK(process_socket_pair(fd, NULL), "pair");
    struct descriptors d = { fd[1], fd[0] };
    struct process_plan plan = { .name = STR("child"),
                                 .main = look_at_descriptors,
                                 .ctx = &d,
                                 .keep = &fd[1],
                                 .keep_count = 1 };
    CHECK_OK(process_start(w.a, &plan, on_end, &c, &c.p, NULL), "start");
    CHECK(bench_run(&w, has_ended, &c), "ends");
    CHECK_EQ(c.end.code, 0, "1: the kept one is gone, 2: another is there, 3: signals");
    process_free(c.p);
    process_close(fd[0]);
    process_close(fd[1]);
    bench_close(&w);
}

static int drop_rights(void *ctx)
{
    struct process_user nobody;

    (void)ctx;
    if (process_find_user(STR("nobody"), &nobody, NULL) != OK || nobody.uid == 0)
        return 1;
    if (process_become(&(struct process_user){ 0, 0 }, NULL) != ERR_DENIED)
        return 2;
    if (process_become(&nobody, NULL) != OK || process_is_root() || getuid() != nobody.uid ||
        getgid() != nobody.gid || getgroups(0, NULL) != 0)
        return 3;
    if (process_no_new_rights(NULL) != OK || setuid(0) == 0)
        return 4;
    return open("/etc/shadow", O_RDONLY) >= 0 ? 5 : 0;
}

TEST(rights_are_dropped_for_good)
{
    struct bench w;
    struct child c;

    if (!process_is_root())
        return;
    bench_open(&w, SIDE_REAL);
    (void)start(&w, drop_rights, NULL, &c);
    CHECK(bench_run(&w, has_ended, &c), "ends");
    CHECK_EQ(c.end.code, 0, "step");
    process_free(c.p);
    bench_close(&w);
}

TEST(users_are_found_by_name_or_number)
{
    struct process_user u;

    CHECK_OK(process_find_user(STR("1234"), &u, NULL), "number");
    CHECK(u.uid == 1234 && u.gid == 1234, "number");
    CHECK_OK(process_find_user(STR("root"), &u, NULL), "name");
    CHECK_EQ(u.uid, 0, "name");
    CHECK_EQ(process_find_user(STR("no-such-user-here"), &u, NULL), ERR_NOT_FOUND, "nobody");
}

TEST(ports_are_bound_once_or_shared)
{
    struct address at, six;
    int a, b, c;

    CHECK(address_parse(STR("127.0.0.1"), 0, &at), "address");
    CHECK_OK(process_listen(&at, true, &a, NULL), "first");
    at = process_bound_to(a);
    CHECK(at.port != 0, "a port was chosen");
    CHECK_OK(process_listen(&at, true, &b, NULL), "shared");
    CHECK_EQ(process_listen(&at, false, &c, NULL), ERR_IN_USE, "not shared");
    CHECK((fcntl(a, F_GETFD) & FD_CLOEXEC) != 0, "close-on-exec");
    CHECK(address_parse(STR("::"), at.port, &six), "address");
    if (process_listen(&six, false, &c, NULL) == OK) /* IPv6 alone: IPv4 is bound already */
        process_close(c);
    process_close(a);
    process_close(b);
    CHECK(address_parse(STR("192.0.2.77"), 0, &at), "address");
    CHECK_EQ(process_listen(&at, false, &a, NULL), ERR_UNAVAILABLE, "not of this machine");
}

TEST(the_limit_of_descriptors_is_raised_as_far_as_allowed)
{
    struct rlimit old;
    uint64_t got = 0;

    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &old), 0, "limit");
    CHECK_OK(process_raise_descriptors(64, &got, NULL), "lower than now");
    CHECK_EQ(got, old.rlim_cur, "never lowered");
    CHECK_OK(process_raise_descriptors(old.rlim_cur + 1, &got, NULL), "one more");
    CHECK(got >= old.rlim_cur, "at least as before");
    (void)setrlimit(RLIMIT_NOFILE, &old);
}

TEST(a_name_that_no_user_can_have_reaches_no_program)
{
    static const struct str names[] = { STR_INIT(""), STR_INIT("-o"), STR_INIT("0"),
                                        STR_INIT("/etc") };

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        CHECK_EQ(process_make_user(names[i], NULL), ERR_SYNTAX, "%.*s", STR_ARG(names[i]));
}
