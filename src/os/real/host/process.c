/* os/real/host/process.c - forks, pidfds, users, listening sockets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "os/real/loop_real.h"
#include "os/real/socket.h"

enum { LISTEN_BACKLOG = 1024, NAME_BYTES = 16, PASSWD_BYTES = 16 * 1024, FIRST_OTHER_FD = 3 };

struct process {
    struct loop *loop;
    struct watcher watcher; /* of the pidfd */
    pid_t pid;
    bool ended;
    void (*on_end)(void *ctx, const struct process_end *end);
    void *ctx;
};

static enum err failed(struct errinfo *why, const char *what)
{
    int number = errno;

    return err_set(why, err_from_errno(number), "cannot %s: %s", what, strerror(number));
}

/* ---- the child's first steps ---- */

static void close_range_of(unsigned from, unsigned to)
{
    if (from <= to && syscall(SYS_close_range, from, to, 0) != 0)
        for (unsigned fd = from; fd <= to && fd < 65536; fd++)
            (void)close((int)fd);
}

static int order_numbers(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void close_others(const int *keep, size_t count)
{
    SCRATCH(tmp, NULL);
    int *sorted = ARENA_ARRAY(tmp, int, count + 1);
    unsigned from = FIRST_OTHER_FD;

    if (count > 0)
        memcpy(sorted, keep, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, order_numbers);
    for (size_t i = 0; i < count; i++) {
        if (sorted[i] < (int)from)
            continue;
        if (sorted[i] > (int)from)
            close_range_of(from, (unsigned)sorted[i] - 1);
        from = (unsigned)sorted[i] + 1;
    }
    close_range_of(from, ~0U);
}

static void reset_signals(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The parent may have died before the kernel knew what to do then. */
static void follow_parent(pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        _exit(EXIT_FAILURE);
}

NORETURN static void be_child(const struct process_plan *plan, pid_t parent)
{
    char name[NAME_BYTES] = "";
    struct str shown = str_take(plan->name, sizeof name - 1);

    memcpy(name, shown.at, shown.len);
    reset_signals();
    follow_parent(parent);
    close_others(plan->keep, plan->keep_count);
    (void)prctl(PR_SET_NAME, name);
    int status = plan->main(plan->ctx);
    (void)fflush(NULL);
    _exit(status & 0xFF);
}

/* ---- the parent's side ---- */

static void process_ready(struct watcher *w, uint32_t events)
{
    struct process *p = CONTAINER_OF(w, struct process, watcher);
    siginfo_t info = { .si_pid = 0 };

    (void)events;
    if (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOHANG) != 0 || info.si_pid == 0)
        return;
    p->ended = true;
    watcher_close(p->loop, &p->watcher);

    struct process_end end = { info.si_code != CLD_EXITED, info.si_status };
    p->on_end(p->ctx, &end);
}

enum err process_start(struct loop *l, const struct process_plan *plan,
                       void (*ended)(void *ctx, const struct process_end *end), void *ctx,
                       struct process **ret, struct errinfo *why)
{
    pid_t parent = getpid(), pid;

    BUG_ON(l->ops->simulated);
    (void)fflush(NULL); /* else the child would write the same octets again */
    pid = fork();
    if (pid < 0)
        return failed(why, "start a process");
    if (pid == 0)
        be_child(plan, parent);

    struct process *p = os_new(sizeof *p);
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    *p = (struct process){ l, { process_ready, fd, 0 }, pid, false, ended, ctx };
    if (fd < 0 || !watcher_set(l, &p->watcher, EPOLLIN)) {
        enum err e = failed(why, "watch a process");

        process_free(p);
        return e;
    }
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    *ret = p;
    return OK;
}

int process_id(const struct process *p)
{
    return p->pid;
}

/* The number stays ours until waitid() has taken the end, so it cannot name another process. */
void process_signal(struct process *p, int signal)
{
    if (!p->ended)
        (void)kill(p->pid, signal);
}

void process_free(struct process *p)
{
    if (p == NULL)
        return;
    if (!p->ended) {
        (void)kill(p->pid, SIGKILL);
        while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
            continue;
        p->ended = true;
    }
    watcher_close(p->loop, &p->watcher);
    loop_bury(p->loop, free, p);
}

/* ---- users and rights ---- */

bool process_is_root(void)
{
    return geteuid() == 0;
}

enum err process_find_user(struct str name, struct process_user *ret, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct passwd entry, *found = NULL;
    uint32_t number;

    if (str_to_u32(name, &number)) {
        *ret = (struct process_user){ number, number };
        return OK;
    }
    errno = getpwnam_r(arena_copy_z(tmp, name), &entry, arena_alloc(tmp, PASSWD_BYTES),
                       PASSWD_BYTES, &found);
    if (found == NULL)
        return err_set(why, ERR_NOT_FOUND, "there is no user '%.*s'", STR_ARG(name));
    *ret = (struct process_user){ entry.pw_uid, entry.pw_gid };
    return OK;
}

enum err process_make_user(struct str name, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    char *const argv[] = {
        "/usr/sbin/useradd", "--system", "--user-group",      "--no-create-home",      "--home-dir",
        "/nonexistent",      "--shell",  "/usr/sbin/nologin", arena_copy_z(tmp, name), NULL
    };
    char *const environment[] = { NULL };
    pid_t pid;
    int status;

    /* A name that begins with '-' would be an option. */
    if (name.len == 0 || !ascii_is_alpha(name.at[0]))
        return err_set(why, ERR_SYNTAX, "'%.*s' cannot be the name of a user", STR_ARG(name));
    errno = posix_spawn(&pid, argv[0], NULL, NULL, argv, environment);
    if (errno != 0)
        return err_set(why, ERR_IO, "cannot run %s: %s", argv[0], strerror(errno));
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_set(why, ERR_IO, "cannot wait for %s: %s", argv[0], strerror(errno));
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(why, ERR_IO, "%s could not make the user '%.*s'", argv[0], STR_ARG(name));
    return OK;
}

/* Groups first, the user last: after the user is gone the rest is no longer allowed. The parent's
 * death signal is forgotten by the kernel when the user changes, so it is asked for again. */
enum err process_become(const struct process_user *user, struct errinfo *why)
{
    pid_t parent = getppid();

    if (user->uid == 0)
        return err_set(why, ERR_DENIED, "a role must not run as root");
    if (geteuid() == user->uid && getuid() == user->uid)
        return OK;
    if (setgroups(0, NULL) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
        setresuid(user->uid, user->uid, user->uid) != 0)
        return failed(why, "become another user");
    if (setuid(0) == 0 || seteuid(0) == 0)
        return err_set(why, ERR_DENIED, "root could be regained");
    if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != parent)
        return err_set(why, ERR_CLOSED, "the parent has ended");
    return OK;
}

enum err process_no_new_rights(struct errinfo *why)
{
    struct rlimit none = { 0, 0 };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 ||
        setrlimit(RLIMIT_CORE, &none) != 0)
        return failed(why, "give up gaining rights");
    return OK;
}

enum err process_raise_descriptors(uint64_t want, uint64_t *ret, struct errinfo *why)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) != 0)
        return failed(why, "ask for the limit of descriptors");
    if (r.rlim_cur < want) {
        struct rlimit raised = { want, MAX(r.rlim_max, want) };

        if (setrlimit(RLIMIT_NOFILE, &raised) != 0) {
            raised = (struct rlimit){ MIN(r.rlim_max, want), r.rlim_max };
            (void)setrlimit(RLIMIT_NOFILE, &raised);
        }
        if (getrlimit(RLIMIT_NOFILE, &r) != 0)
            return failed(why, "ask for the limit of descriptors");
    }
    *ret = r.rlim_cur;
    return OK;
}

/* ---- sockets ---- */

static bool bind_socket(int fd, const struct address *at, bool share)
{
    struct sockaddr_storage s;
    socklen_t len = socket_address_to(at, &s);
    int yes = 1;

    return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
           (!share || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &yes, sizeof yes) == 0) &&
           (at->family != ADDRESS_IP6 ||
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) == 0) &&
           bind(fd, (struct sockaddr *)&s, len) == 0 && listen(fd, LISTEN_BACKLOG) == 0;
}

enum err process_listen(const struct address *at, bool share, int *ret_fd, struct errinfo *why)
{
    int family = at->family == ADDRESS_IP4 ? AF_INET : AF_INET6;
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct buf text = { .max = 0 };
    enum err e = OK;

    if (fd < 0 || !bind_socket(fd, at, share)) {
        int number = errno;

        address_format_with_port(at, &text);
        e = err_set(why, err_from_errno(number), "cannot listen on %.*s: %s",
                    STR_ARG(buf_str(&text)), strerror(number));
        buf_deinit(&text);
        process_close(fd);
        return e;
    }
    socket_prepare(fd);
    *ret_fd = fd;
    return OK;
}

struct address process_bound_to(int fd)
{
    return socket_local(fd);
}

enum err process_socket_pair(int ret[2], struct errinfo *why)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ret) != 0)
        return failed(why, "make a pair of sockets");
    return OK;
}

void process_close(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}
