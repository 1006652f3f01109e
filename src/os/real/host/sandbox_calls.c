/* os/real/host/sandbox_calls.c - which system calls each right stands for.
 *
 * The C library and OpenSSL choose between old and new forms of a call by kernel and version, so
 * both are named; a name that this machine's architecture lacks is passed over by libseccomp. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/sandbox.h"

/* Nothing here reaches a new file, a new peer or another process. clone3 is answered with ENOSYS
 * elsewhere, so that threads are made by clone, whose flags a filter can read. */
static const char *const base_calls[] = {
    "brk",
    "clock_getres",
    "clock_gettime",
    "clock_nanosleep",
    "close",
    "close_range",
    "dup",
    "dup2",
    "dup3",
    "epoll_create1",
    "epoll_ctl",
    "epoll_pwait",
    "epoll_pwait2",
    "epoll_wait",
    "eventfd2",
    "exit",
    "fallocate",
    "fdatasync",
    "fsync",
    "ftruncate",
    "pipe",
    "exit_group",
    "fcntl",
    "fstat",
    "fstatfs",
    "futex",
    "futex_waitv",
    "getegid",
    "geteuid",
    "getgid",
    "getpeername",
    "getpid",
    "getppid",
    "getrandom",
    "getrlimit",
    "getrusage",
    "getsockname",
    "getsockopt",
    "gettid",
    "gettimeofday",
    "getuid",
    "lseek",
    "madvise",
    "membarrier",
    "mlock",
    "mremap",
    "munmap",
    "nanosleep",
    "pipe2",
    "poll",
    "ppoll",
    "pread64",
    "preadv",
    "preadv2",
    "prlimit64",
    "pwrite64",
    "pwritev",
    "pwritev2",
    "read",
    "readv",
    "recvfrom",
    "recvmmsg",
    "recvmsg",
    "restart_syscall",
    "rseq",
    "rt_sigaction",
    "rt_sigpending",
    "rt_sigprocmask",
    "rt_sigreturn",
    "rt_sigtimedwait",
    "sched_getaffinity",
    "sched_yield",
    "select",
    "pselect6",
    "sendmmsg",
    "sendmsg",
    "sendto",
    "set_robust_list",
    "setsockopt",
    "shutdown",
    "sigaltstack",
    "signalfd4",
    "socketpair",
    "sysinfo",
    "tgkill",
    "time",
    "timerfd_create",
    "timerfd_settime",
    "uname",
    "write",
    "writev",
    NULL,
};

static const char *const thread_calls[] = {
    "set_tid_address",
    "sched_setaffinity",
    "sched_setscheduler",
    "sched_getparam",
    "sched_getscheduler",
    "setpriority",
    "getpriority",
    "ioprio_get",
    "ioprio_set",
    "mbind",
    "get_mempolicy",
    "getcpu",
    NULL,
};

static const char *const file_calls[] = {
    "access",
    "chdir",
    "chmod",
    "creat",
    "copy_file_range",
    "faccessat",
    "faccessat2",
    "fadvise64",
    "fchdir",
    "fchmod",
    "fchmodat",
    "flock",
    "getcwd",
    "getdents",
    "getdents64",
    "getxattr",
    "ioctl",
    "link",
    "linkat",
    "lstat",
    "memfd_create",
    "mkdir",
    "mkdirat",
    "newfstatat",
    "open",
    "openat",
    "openat2",
    "readahead",
    "readlink",
    "readlinkat",
    "rename",
    "renameat",
    "renameat2",
    "rmdir",
    "stat",
    "statfs",
    "statx",
    "sync_file_range",
    "symlinkat",
    "truncate",
    "umask",
    "unlink",
    "unlinkat",
    "utimensat",
    NULL,
};

static const char *const accept_calls[] = { "accept", "accept4", NULL };
static const char *const connect_calls[] = { "socket", "connect", "bind", NULL };
static const char *const listen_calls[] = { "socket", "bind", "listen", NULL };

static const char *const spawn_calls[] = {
    "clone",
    "fork",
    "vfork",
    "wait4",
    "waitid",
    "kill",
    "pidfd_open",
    "pidfd_send_signal",
    "prctl",
    "seccomp",
    "landlock_create_ruleset",
    "landlock_add_rule",
    "landlock_restrict_self",
    "setgroups",
    "setresgid",
    "setresuid",
    "setuid",
    "setgid",
    "setreuid",
    "setrlimit",
    "setsid",
    "capget",
    "capset",
    NULL,
};

static const char *const exec_calls[] = { "execve", "execveat", "arch_prctl", NULL };

static const struct {
    unsigned flag;
    const char *const *names;
} groups[] = {
    { SANDBOX_BASE, base_calls },       { SANDBOX_THREADS, thread_calls },
    { SANDBOX_FILES, file_calls },      { SANDBOX_ACCEPT, accept_calls },
    { SANDBOX_CONNECT, connect_calls }, { SANDBOX_LISTEN, listen_calls },
    { SANDBOX_SPAWN, spawn_calls },     { SANDBOX_EXEC, exec_calls },
};

const char *sandbox_call_name(unsigned calls, size_t i)
{
    for (size_t g = 0; g < ARRAY_LEN(groups); g++) {
        if ((calls & groups[g].flag) == 0)
            continue;
        for (const char *const *name = groups[g].names; *name != NULL; name++)
            if (i-- == 0)
                return *name;
    }
    return NULL;
}
