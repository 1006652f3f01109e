/* os/sandbox.h - a role gives up what it does not need, from rows of data, for good.
 *
 * Files and TCP ports are limited by Landlock, system calls by seccomp (libseccomp). A role enters
 * after it has become its user and before its first octet from outside and its first thread.
 * A kernel without Landlock is reported, not an error, so that the role's owner can decide;
 * seccomp is required. Test builds with sanitizers get the calls that these need added.
 * Tests: sandbox_test.c, from inside forked children. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_SANDBOX_H
#define POSTERN_OS_SANDBOX_H

#include "base/err.h"
#include "base/str.h"

/* Groups of system calls; a row is a sum. The names are in real/host/sandbox_calls.c. */
enum sandbox_calls {
    SANDBOX_BASE = 1 << 0,    /* loop, memory, clock, random, reading and writing what is open */
    SANDBOX_THREADS = 1 << 1, /* worker threads (never processes) */
    SANDBOX_FILES = 1 << 2,   /* open, rename, remove, sync, stat below the paths of the row */
    SANDBOX_ACCEPT = 1 << 3,  /* accept on sockets that are listening already */
    SANDBOX_CONNECT = 1 << 4, /* sockets that connect: TCP, UDP */
    SANDBOX_LISTEN = 1 << 5,  /* bind and listen */
    SANDBOX_SPAWN = 1 << 6,   /* fork, wait, signal, change user, enter a sandbox: warden */
    SANDBOX_EXEC = 1 << 7,    /* run programs */
};

enum sandbox_rights {
    SANDBOX_READ = 1 << 0,  /* read files, list folders                       */
    SANDBOX_WRITE = 1 << 1, /* read, and write, make, rename, remove, truncate */
    SANDBOX_RUN = 1 << 2,   /* read and run programs                          */
};

struct sandbox_path {
    struct str path; /* a folder with everything below it, or one file */
    unsigned rights;
    bool optional; /* a path that does not exist is passed over, else ERR_NOT_FOUND */
};

enum sandbox_answer {
    SANDBOX_REFUSE, /* a call outside the row fails with EPERM */
    SANDBOX_KILL,   /* it ends the process (SIGSYS)            */
};

struct sandbox {
    struct str name;            /* of the role, for messages */
    unsigned calls;             /* enum sandbox_calls, summed */
    const char *const *further; /* names of further calls, ended by null; or null */
    enum sandbox_answer answer;
    bool all_files;                   /* files are not limited, `paths` is not looked at: warden */
    const struct sandbox_path *paths; /* none: no file can be opened */
    size_t path_count;
    bool limit_ports; /* TCP connections go to connect_ports alone (Landlock 4 and later) */
    const uint16_t *connect_ports;
    size_t connect_port_count;
};

struct sandbox_report {
    int landlock_version; /* 0: the kernel has none */
    bool files_locked, ports_locked, calls_locked;
};

/* ERR_UNSUPPORTED without seccomp, ERR_NOT_FOUND for a missing path, ERR_SYNTAX for an unknown
 * call's name. After an error the role must end: some locks may be on already. */
MUST_USE enum err sandbox_enter(const struct sandbox *s, struct sandbox_report *ret,
                                struct errinfo *why);

/* The names that `calls` stands for, for tests and documents: call number `i`, null at the end. */
const char *sandbox_call_name(unsigned calls, size_t i);

#endif
