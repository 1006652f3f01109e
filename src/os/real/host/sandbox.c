/* os/real/host/sandbox.c - Landlock for files and ports, seccomp for system calls.
 *
 * Landlock first, because seccomp takes away the calls that set it up. The kernel's numbers are
 * written here since the headers of Debian 12 know only the first two versions of Landlock. Each
 * version handles more; what a kernel cannot handle must not be asked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/arena.h"

/* ---- Landlock ---- */

#define FS_TRUNCATE (1ULL << 14)  /* version 3 */
#define FS_IOCTL_DEV (1ULL << 15) /* version 5 */
#define NET_BIND_TCP (1ULL << 0)  /* version 4 */
#define NET_CONNECT_TCP (1ULL << 1)
#define SCOPE_ABSTRACT_UNIX (1ULL << 0) /* version 6 */
#define SCOPE_SIGNAL (1ULL << 1)

enum { RULE_PATH = 1, RULE_PORT = 2 };

struct ruleset_attr {
    uint64_t fs, net, scoped;
};

struct port_attr {
    uint64_t allowed, port;
};

static const uint64_t fs_read = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t fs_run = LANDLOCK_ACCESS_FS_EXECUTE;
static const uint64_t fs_write = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
                                 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_DIR |
                                 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                                 LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM |
                                 LANDLOCK_ACCESS_FS_REFER | FS_TRUNCATE;
/* Handled and never given: devices. */
static const uint64_t fs_never =
    LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK | FS_IOCTL_DEV;
/* What makes sense for a single file. */
static const uint64_t fs_of_a_file = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                     LANDLOCK_ACCESS_FS_READ_FILE | FS_TRUNCATE;

static int landlock_version(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

    return version < 0 ? 0 : (int)version;
}

static uint64_t known_fs(int version)
{
    uint64_t all = fs_read | fs_run | fs_write | fs_never;

    if (version < 2)
        all &= ~(uint64_t)LANDLOCK_ACCESS_FS_REFER;
    if (version < 3)
        all &= ~FS_TRUNCATE;
    if (version < 5)
        all &= ~FS_IOCTL_DEV;
    return all;
}

static enum err failed(struct errinfo *why, const struct sandbox *s, const char *what)
{
    return err_set(why, ERR_DENIED, "cannot lock %.*s in: %s: %s", STR_ARG(s->name), what,
                   strerror(errno));
}

static uint64_t access_of(unsigned rights)
{
    uint64_t access = 0;

    if ((rights & (SANDBOX_READ | SANDBOX_WRITE | SANDBOX_RUN)) != 0)
        access |= fs_read;
    if ((rights & SANDBOX_WRITE) != 0)
        access |= fs_write;
    if ((rights & SANDBOX_RUN) != 0)
        access |= fs_run;
    return access;
}

static enum err allow_path(int ruleset, const struct sandbox *s, const struct sandbox_path *p,
                           uint64_t known, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct landlock_path_beneath_attr rule = { .allowed_access = access_of(p->rights) & known };
    struct stat st;
    enum err e = OK;
    int fd = open(arena_copy_z(tmp, p->path), O_PATH | O_CLOEXEC);

    if (fd < 0 && p->optional && errno == ENOENT)
        return OK;
    if (fd < 0)
        return err_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED,
                       "cannot open up '%.*s' for %.*s: %s", STR_ARG(p->path), STR_ARG(s->name),
                       strerror(errno));
    if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
        rule.allowed_access &= fs_of_a_file;
    rule.parent_fd = fd;
    if (syscall(SYS_landlock_add_rule, ruleset, RULE_PATH, &rule, 0) != 0)
        e = failed(why, s, "a path's rule");
    (void)close(fd);
    return e;
}

static enum err allow_all(int ruleset, const struct sandbox *s, const struct ruleset_attr *attr,
                          struct errinfo *why)
{
    enum err e = OK;

    for (size_t i = 0; i < s->path_count && attr->fs != 0 && e == OK; i++)
        e = allow_path(ruleset, s, &s->paths[i], attr->fs, why);
    for (size_t i = 0; i < s->connect_port_count && attr->net != 0 && e == OK; i++) {
        struct port_attr rule = { NET_CONNECT_TCP, s->connect_ports[i] };

        if (syscall(SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0) != 0)
            e = failed(why, s, "a port's rule");
    }
    return e;
}

static enum err enter_landlock(const struct sandbox *s, struct sandbox_report *report,
                               struct errinfo *why)
{
    int version = landlock_version();
    bool ports = s->limit_ports && version >= 4;
    struct ruleset_attr attr = {
        .fs = s->all_files ? 0 : known_fs(version),
        .net = ports ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
        .scoped = version >= 6 && (s->calls & SANDBOX_SPAWN) == 0
                      ? SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL
                      : 0,
    };
    size_t size = version >= 6 ? sizeof attr : version >= 4 ? 16 : 8;
    enum err e;

    report->landlock_version = version;
    if (version == 0 || (attr.fs | attr.net | attr.scoped) == 0)
        return OK;

    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
    if (ruleset < 0)
        return failed(why, s, "a Landlock ruleset");
    e = allow_all(ruleset, s, &attr, why);
    if (e == OK && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        e = failed(why, s, "Landlock");
    (void)close(ruleset);
    if (e == OK) {
        report->files_locked = attr.fs != 0;
        report->ports_locked = ports;
    }
    return e;
}

/* ---- seccomp ---- */

/* Leak checks and reports of the sanitizers, which release builds do not have. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
static const char *const sanitizer_calls[] = { "getpid",      "gettid",   "sched_yield",
                                               "sigaltstack", "readlink", "getrlimit",
                                               "ptrace",      NULL };
#else
static const char *const sanitizer_calls[] = { NULL };
#endif

static enum err allow_call(scmp_filter_ctx ctx, const char *name, struct errinfo *why)
{
    int number = seccomp_syscall_resolve_name(name), failure;

    if (number == __NR_SCMP_ERROR)
        return err_set(why, ERR_SYNTAX, "there is no system call '%s'", name);
    if (number < 0) /* other architectures have it */
        return OK;
    failure = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, number, 0);
    if (failure == 0 || failure == -EEXIST)
        return OK;
    return err_set(why, ERR_UNSUPPORTED, "no rule for '%s': %s", name, strerror(-failure));
}

/* Memory may be mapped and changed, but never into code. */
static int allow_memory(scmp_filter_ctx ctx, unsigned calls)
{
    bool any = (calls & SANDBOX_EXEC) != 0;
    struct scmp_arg_cmp no_code = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    int failure = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mmap), any ? 0 : 1, no_code);

    return failure != 0
               ? failure
               : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), any ? 0 : 1, no_code);
}

/* fstat() of today's C library is newfstatat() of an empty path. Without the right to files only
 * that form is there. */
static int allow_fstat(scmp_filter_ctx ctx, unsigned calls)
{
    if ((calls & SANDBOX_FILES) != 0)
        return 0;
    return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                            SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH));
}

/* Threads share everything; a process that is made must be allowed by SANDBOX_SPAWN. prctl is
 * needed to name threads and memory, and only for that. */
static int allow_threads(scmp_filter_ctx ctx, unsigned calls)
{
    int failure = seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);

    if (failure == 0 && (calls & SANDBOX_THREADS) != 0 && (calls & SANDBOX_SPAWN) == 0)
        failure = seccomp_rule_add(
            ctx, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM));
    if (failure == 0 && (calls & SANDBOX_SPAWN) == 0)
        failure = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1,
                                   SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
    return failure;
}

static enum err add_names(scmp_filter_ctx ctx, const char *const *names, struct errinfo *why)
{
    enum err e = OK;

    for (; names != NULL && *names != NULL && e == OK; names++)
        e = allow_call(ctx, *names, why);
    return e;
}

static enum err fill_filter(scmp_filter_ctx ctx, const struct sandbox *s, struct errinfo *why)
{
    const char *name;
    enum err e = OK;
    int failure;

    for (size_t i = 0; e == OK && (name = sandbox_call_name(s->calls, i)) != NULL; i++)
        e = allow_call(ctx, name, why);
    if (e == OK)
        e = add_names(ctx, s->further, why);
    if (e == OK)
        e = add_names(ctx, sanitizer_calls, why);
    if (e != OK)
        return e;
    if ((failure = allow_memory(ctx, s->calls)) != 0 ||
        (failure = allow_fstat(ctx, s->calls)) != 0 ||
        (failure = allow_threads(ctx, s->calls)) != 0)
        return err_set(why, ERR_UNSUPPORTED, "no rule: %s", strerror(-failure));
    return OK;
}

static enum err enter_seccomp(const struct sandbox *s, struct errinfo *why)
{
    uint32_t answer = s->answer == SANDBOX_KILL ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(EPERM);
    scmp_filter_ctx ctx = seccomp_init(answer);
    int failure;
    enum err e;

    if (ctx == NULL)
        return err_set(why, ERR_UNSUPPORTED, "no system call filter can be made");
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1);
    (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree, not a list */
    e = fill_filter(ctx, s, why);
    if (e == OK && (failure = seccomp_load(ctx)) != 0)
        e = err_set(why, ERR_UNSUPPORTED, "the system call filter of %.*s is refused: %s",
                    STR_ARG(s->name), strerror(-failure));
    seccomp_release(ctx);
    return e;
}

enum err sandbox_enter(const struct sandbox *s, struct sandbox_report *ret, struct errinfo *why)
{
    struct sandbox_report report = { .landlock_version = 0 };
    enum err e;

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return failed(why, s, "no new privileges");
    if ((e = enter_landlock(s, &report, why)) != OK || (e = enter_seccomp(s, why)) != OK)
        return e;
    report.calls_locked = true;
    *ret = report;
    return OK;
}
