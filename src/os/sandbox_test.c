/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/os_test.h"
#include "os/process.h"
#include "os/stream.h"
#include "os/tls.h"
#include "os/workers.h"

/* What a locked-in child tries. Each returns 0, or the errno. */
static int error_of(long result)
{
    return result < 0 ? errno : 0;
}

static char folder_at[64];
static int listening_fd;
static struct address listening_at;

static int try_open(void)
{
    return error_of(open("/etc/passwd", O_RDONLY));
}

static int try_create(void)
{
    char path[100];

    (void)snprintf(path, sizeof path, "%s/new", folder_at);
    return error_of(open(path, O_RDWR | O_CREAT, 0600));
}

static int try_exec(void)
{
    return error_of(execl("/bin/true", "true", (char *)NULL));
}

static int try_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return error_of(pid);
}

static int try_connect(void)
{
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(listening_at.port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    return fd < 0 ? errno : error_of(connect(fd, (struct sockaddr *)&to, sizeof to));
}

/* Nobody waits: an accept that is allowed says so. */
static int try_accept(void)
{
    int number = error_of(accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC));

    return number == EAGAIN ? 0 : number;
}

static int try_listen(void)
{
    return error_of(listen(listening_fd, 3));
}

static int try_kill(void)
{
    return error_of(kill(getppid(), 0));
}

/* Memory that could be run as code. */
static int try_code(void)
{
    void *at =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? errno : 0;
}

enum try { OPEN, CREATE, EXEC, FORK, CONNECT, ACCEPT, LISTEN, KILL, CODE, TRIES };

static const struct {
    const char *name;
    int (*run)(void);
} tries[TRIES] = {
    [OPEN] = { "open", try_open },          [CREATE] = { "create", try_create },
    [EXEC] = { "exec", try_exec },          [FORK] = { "fork", try_fork },
    [CONNECT] = { "connect", try_connect }, [ACCEPT] = { "accept", try_accept },
    [LISTEN] = { "listen", try_listen },    [KILL] = { "kill", try_kill },
    [CODE] = { "code", try_code },
};

static const struct {
    const char *name;
    unsigned calls, allowed; /* of 1 << enum try */
    bool has_folder;
} rows[] = {
    { "gate", SANDBOX_BASE | SANDBOX_ACCEPT, 1 << ACCEPT, false },
    { "keeper", SANDBOX_BASE | SANDBOX_THREADS | SANDBOX_FILES, 1 << CREATE, true },
    { "courier", SANDBOX_BASE | SANDBOX_THREADS | SANDBOX_CONNECT, 1 << CONNECT, false },
    { "nothing", SANDBOX_BASE, 0, false },
};

static void before_each(void)
{
    struct errinfo why = { .text = "" };

    (void)folder_new(folder_at);
    CHECK(address_parse(STR("127.0.0.1"), 0, &listening_at), "address");
    CHECK_OK(process_listen(&listening_at, false, &listening_fd, &why), "%s", why.text);
    listening_at = process_bound_to(listening_fd);
}

static void after_each(void)
{
    process_close(listening_fd);
    folder_remove(str_from_z(folder_at));
}

static enum err enter_row(size_t row, enum sandbox_answer answer, struct sandbox_report *ret,
                          struct errinfo *why)
{
    struct sandbox_path path = { str_from_z(folder_at), SANDBOX_WRITE, false };
    struct sandbox s = { .name = str_from_z(rows[row].name),
                         .calls = rows[row].calls,
                         .answer = answer,
                         .paths = &path,
                         .path_count = rows[row].has_folder ? 1 : 0 };

    return sandbox_enter(&s, ret, why);
}

/* In the child: 0 when everything is as the row says, else what was not, in one octet. */
static int check_row(size_t row)
{
    struct sandbox_report report;
    struct errinfo why = { .text = "" };

    if (enter_row(row, SANDBOX_REFUSE, &report, &why) != OK) {
        (void)fprintf(stderr, "%s: %s\n", rows[row].name, why.text);
        return 100;
    }
    if (!report.calls_locked || (report.landlock_version > 0 && !report.files_locked))
        return 101;
    for (int t = 0; t < TRIES; t++) {
        bool allowed = (rows[row].allowed & (1U << t)) != 0;
        int number = tries[t].run();

        if (allowed ? number != 0 : number != EPERM && number != EACCES)
            return t + 1;
    }
    return 0;
}

static int run_in_child(int (*run)(size_t arg), size_t arg)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0)
        _exit(run(arg));
    CHECK_EQ(waitpid(pid, &status, 0), pid, "wait");
    return status;
}

TEST(a_role_can_do_what_its_row_says_and_nothing_else)
{
    before_each();
    for (size_t row = 0; row < ARRAY_LEN(rows); row++) {
        int status = run_in_child(check_row, row);

        CHECK(WIFEXITED(status), "%s: status %x", rows[row].name, (unsigned)status);
        int failed = WEXITSTATUS(status);
        CHECK_EQ(failed, 0, "%s: %s", rows[row].name,
                 failed >= 1 && failed <= TRIES ? tries[failed - 1].name : "entering");
    }
    after_each();
}

static int break_out(size_t row)
{
    struct sandbox_report report;

    if (enter_row(row, SANDBOX_KILL, &report, NULL) != OK)
        return 100;
    (void)tries[EXEC].run();
    return 0;
}

TEST(a_row_may_ask_for_death_instead_of_a_refusal)
{
    before_each();
    int status = run_in_child(break_out, 0);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS, "status %x", (unsigned)status);
    after_each();
}

static int bad_rows(size_t which)
{
    static const char *const unknown[] = { "no_such_call", NULL };
    struct sandbox_path path = { STR("/no/such/folder"), SANDBOX_READ, which == 2 };
    struct sandbox s = { .name = STR("bad"),
                         .calls = SANDBOX_BASE,
                         .further = which == 0 ? unknown : NULL,
                         .paths = &path,
                         .path_count = which == 0 ? 0 : 1 };
    struct sandbox_report report;

    return (int)sandbox_enter(&s, &report, NULL);
}

TEST(mistakes_in_a_row_are_told)
{
    static const enum err want[] = { ERR_SYNTAX, ERR_NOT_FOUND, OK };

    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        int status = run_in_child(bad_rows, i);

        CHECK(WIFEXITED(status), "row %zu", i);
        CHECK_EQ(WEXITSTATUS(status), want[i], "row %zu", i);
    }
}

/* A locked-in role must still be able to do its daily work. */
struct job {
    struct loop *loop;
    bool ran;
};

static void run_job(void *ctx)
{
    ((struct job *)ctx)->ran = true;
}

static void job_done(void *ctx)
{
    loop_stop(((struct job *)ctx)->loop);
}

static void stop_loop(void *ctx)
{
    loop_stop(ctx);
}

/* Spool files come from keeper, already open. */
static int use_file(struct file *spool)
{
    uint64_t size = 0;
    char got[4];

    if (file_pwrite(spool, 0, STR("mail"), NULL) != OK || file_size(spool, &size, NULL) != OK ||
        size != 4 || file_pread(spool, 0, got, 4, NULL) != OK || file_sync(spool, NULL) != OK ||
        file_truncate(spool, 0, NULL) != OK)
        return 1;
    file_close(spool);
    return 0;
}

static int work_inside(size_t row)
{
    struct loop *l;
    struct fs *fs;
    struct file *spool;
    struct workers *w = NULL;
    struct sandbox_report report;
    struct timer t;
    struct job job = { 0 };

    if (fs_new_real(str_from_z(folder_at), false, &fs, NULL) != OK ||
        fs_open_unnamed(fs, &spool, NULL) != OK || loop_new_real(&l, NULL) != OK ||
        enter_row(row, SANDBOX_KILL, &report, NULL) != OK)
        return 1;
    if (use_file(spool) != 0)
        return 4;
    if ((rows[row].calls & SANDBOX_THREADS) != 0) {
        if (workers_new(l, 2, &w, NULL) != OK)
            return 2;
        job.loop = l;
        workers_run(w, run_job, job_done, &job);
    }
    timer_init(&t, l, stop_loop, l);
    timer_set_in(&t, w != NULL ? 30000 : 20);
    (void)loop_random_u64(l);
    if (loop_run(l, NULL) != OK || (w != NULL && !job.ran))
        return 3;
    workers_free(w);
    return 0;
}

TEST(a_locked_in_role_can_still_work)
{
    before_each();
    for (size_t row = 0; row < 3; row++) {
        int status = run_in_child(work_inside, row);

        CHECK(WIFEXITED(status), "%s: status %x", rows[row].name, (unsigned)status);
        CHECK_EQ(WEXITSTATUS(status), 0, "%s", rows[row].name);
    }
    after_each();
}

struct shaking {
    struct loop *l;
    struct stream *s[2];
    unsigned secured, octets;
};

static size_t count_octets(void *ctx, struct str bytes)
{
    struct shaking *k = ctx;

    k->octets += (unsigned)bytes.len;
    if (k->octets == 10)
        loop_stop(k->l);
    return bytes.len;
}

static void on_secured(void *ctx, enum err e, const struct errinfo *why)
{
    struct shaking *k = ctx;

    if (e != OK)
        (void)fprintf(stderr, "%s\n", why->text);
    if (e != OK || ++k->secured < 2)
        return;
    stream_write(k->s[0], STR("hello"));
    stream_write(k->s[1], STR("hello"));
}

static void on_closed(void *ctx, enum err why)
{
    (void)why;
    loop_stop(((struct shaking *)ctx)->l);
}

static const struct stream_events shaking_events = { count_octets, NULL, NULL, on_secured,
                                                     on_closed };

/* Both ends of a handshake in one locked-in role, with contexts made before. */
static int shake_inside(size_t row)
{
    struct shaking k = { .secured = 0 };
    struct arena *mem = arena_new(0);
    struct str name = STR("mail.crepes.fr"), pem[2];
    struct tls_server *server;
    struct tls_client *client;
    struct sandbox_report report;
    int fd[2];

    if (tls_make_self_signed(mem, &name, 1, 30, pem, NULL) != OK ||
        tls_server_new(pem[0], pem[1], &server, NULL) != OK ||
        tls_client_new(true, pem[0], &client, NULL) != OK || loop_new_real(&k.l, NULL) != OK ||
        process_socket_pair(fd, NULL) != OK || enter_row(row, SANDBOX_KILL, &report, NULL) != OK)
        return 1;
    for (int i = 0; i < 2; i++) {
        k.s[i] = stream_from_fd(k.l, fd[i]);
        stream_set_events(k.s[i], &shaking_events, &k);
    }
    stream_start_tls_server(k.s[0], server);
    stream_start_tls_client(k.s[1], client, name);
    if (loop_run(k.l, NULL) != OK)
        return 2;
    return k.octets == 10 ? 0 : 3;
}

TEST(a_locked_in_role_can_shake_hands)
{
    before_each();
    for (size_t row = 0; row < 3; row += 2) {
        int status = run_in_child(shake_inside, row);

        CHECK(WIFEXITED(status), "%s: status %x", rows[row].name, (unsigned)status);
        CHECK_EQ(WEXITSTATUS(status), 0, "%s", rows[row].name);
    }
    after_each();
}

static int try_ports(size_t allowed)
{
    uint16_t port = (uint16_t)(listening_at.port + (allowed != 0 ? 0 : 1));
    struct sandbox s = { .name = STR("ports"),
                         .calls = SANDBOX_BASE | SANDBOX_CONNECT,
                         .limit_ports = true,
                         .connect_ports = &port,
                         .connect_port_count = 1 };
    struct sandbox_report report;

    if (sandbox_enter(&s, &report, NULL) != OK)
        return 100;
    if (!report.ports_locked) /* a kernel before Landlock 4 */
        return 0;
    return try_connect() == (allowed != 0 ? 0 : EACCES) ? 0 : 1;
}

TEST(connections_are_limited_to_ports_where_the_kernel_can)
{
    before_each();
    for (size_t allowed = 0; allowed < 2; allowed++)
        CHECK_EQ(run_in_child(try_ports, allowed), 0, "allowed %zu", allowed);
    after_each();
}

TEST(the_names_of_calls_can_be_listed)
{
    size_t count = 0;

    while (sandbox_call_name(SANDBOX_ACCEPT | SANDBOX_EXEC, count) != NULL)
        count++;
    CHECK_EQ(count, 5, "accept, accept4, execve, execveat, arch_prctl");
    CHECK(sandbox_call_name(0, 0) == NULL, "none");
}
