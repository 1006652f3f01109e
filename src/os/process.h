/* os/process.h - start roles as processes, watch them end, take rights away, bind their ports.
 *
 * Used by warden and by the first lines of a role. A process is a fork of the caller that runs one
 * function; it is watched through a pidfd on the caller's (real) loop. Every descriptor of the
 * house is close-on-exec and a child keeps only the ones it is told to, so what a role can reach is
 * what its row says. Errors: ERR_IO, ERR_DENIED, ERR_IN_USE, ERR_NOT_FOUND with the system's words.
 * Tests: process_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_PROCESS_H
#define POSTERN_OS_PROCESS_H

#include "os/address.h"
#include "os/loop.h"

struct process;

struct process_plan {
    struct str name;        /* shown by ps, cut after 15 octets by the kernel */
    int (*main)(void *ctx); /* runs in the child; its result is the exit status (0..255) */
    void *ctx;
    const int *keep; /* descriptors that stay open besides 0, 1, 2; all others are closed */
    size_t keep_count;
};

struct process_end {
    bool by_signal;
    int code; /* exit status, or the signal's number */
};

/* Forks. In the child: signals are as after a fresh start, other descriptors are closed, the
 * process gets SIGTERM when its parent dies. The caller's loop must not be used in the child; it
 * makes its own. `ended` is called once on the caller's loop, after which process_free is due. */
MUST_USE enum err process_start(struct loop *l, const struct process_plan *plan,
                                void (*ended)(void *ctx, const struct process_end *end), void *ctx,
                                struct process **ret, struct errinfo *why);
int process_id(const struct process *p);
/* Sends a signal; nothing happens when the process has ended already. */
void process_signal(struct process *p, int signal);
/* Forgets a process; one that still runs is killed and waited for. Null is allowed. */
void process_free(struct process *p);

/* Users. A numeric name is taken as a user number with the same group number. */
struct process_user {
    uint32_t uid, gid;
};
bool process_is_root(void);
MUST_USE enum err process_find_user(struct str name, struct process_user *ret, struct errinfo *why);
/* Makes a system user of that name with a group of its own, without home or shell, by the system's
 * useradd. For `postern setup`, as root. */
MUST_USE enum err process_make_user(struct str name, struct errinfo *why);
/* For good: groups, group and user; proves that root cannot be regained. */
MUST_USE enum err process_become(const struct process_user *user, struct errinfo *why);
/* No program that is run later can gain rights; no core file and no debugger of other users. */
MUST_USE enum err process_no_new_rights(struct errinfo *why);

/* Raises the limit of open descriptors towards `want`, past the hard limit when root may; *ret is
 * what it is afterwards, which may be less. */
MUST_USE enum err process_raise_descriptors(uint64_t want, uint64_t *ret, struct errinfo *why);

/* Sockets to be handed on. An IPv6 socket is IPv6 alone. Port 0 takes any free one. With
 * `share` several processes can each bind a socket to the same address and the kernel spreads
 * connections over them. ERR_IN_USE, ERR_DENIED (port below 1024), ERR_UNAVAILABLE (the machine
 * has no such address). */
MUST_USE enum err process_listen(const struct address *at, bool share, int *ret_fd,
                                 struct errinfo *why);
/* Where a socket is bound (the port that was chosen). */
struct address process_bound_to(int fd);
/* Two connected Unix stream sockets, for channel_from_fd on both sides. */
MUST_USE enum err process_socket_pair(int ret[2], struct errinfo *why);
void process_close(int fd);

#endif
