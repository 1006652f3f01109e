/* os/real/loop_real.h - the real loop as its streams, channels and workers see it.
 *
 * Inside os/real only. A watcher is embedded in the object that owns the descriptor; its ready()
 * is called with epoll's events, level-triggered. One 64 KiB buffer a loop serves every read. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_REAL_LOOP_REAL_H
#define POSTERN_OS_REAL_LOOP_REAL_H

#include <sys/epoll.h>

#include "os/dispatch.h"

struct watcher {
    void (*ready)(struct watcher *w, uint32_t events);
    int fd;
    uint32_t events; /* what epoll was told; 0: it does not know the descriptor */
};

/* Asks for `events` (0: none, and epoll forgets the descriptor). False when the kernel has no
 * room for one more. */
MUST_USE bool watcher_set(struct loop *l, struct watcher *w, uint32_t events);
/* The same as asking for nothing, which cannot fail. */
void watcher_forget(struct loop *l, struct watcher *w);
/* Stops, closes the descriptor, and makes sure that ready() is not called again. */
void watcher_close(struct loop *l, struct watcher *w);

#define REAL_READ_BYTES ((size_t)64 * 1024)
char *real_read_buffer(struct loop *l);

enum err err_from_errno(int number);

struct stream *real_stream_connect(struct loop *l, const struct address *to,
                                   const struct address *from, uint64_t timeout_ms);
enum err real_channel_pair(struct loop *a, struct loop *b, struct channel **ret_a,
                           struct channel **ret_b, struct errinfo *why);
enum err real_workers_new(struct loop *l, unsigned threads, struct workers **ret,
                          struct errinfo *why);

#endif
