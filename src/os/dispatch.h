/* os/dispatch.h - the tables through which a real or a simulated object is reached.
 *
 * Inside os/ only. Every object begins with a pointer to its side's table; the public functions
 * look it up and call. What both sides share (timers, work for later) is kept in struct loop.
 * An object that is freed inside a callback must stay readable until the turn is over: it is
 * buried with loop_bury, and its memory goes on the loop's next turn. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_DISPATCH_H
#define POSTERN_OS_DISPATCH_H

#include "os/channel.h"
#include "os/file.h"
#include "os/loop.h"
#include "os/stream.h"
#include "os/workers.h"

/* ---- loop ---- */

struct loop_ops {
    uint64_t (*now_ms)(struct loop *l);
    int64_t (*wall_ms)(struct loop *l);
    void (*random)(struct loop *l, void *ret, size_t len);
    enum err (*run)(struct loop *l, struct errinfo *why);
    void (*free)(struct loop *l);
    struct stream *(*stream_connect)(struct loop *l, const struct address *to,
                                     const struct address *from, uint64_t timeout_ms);
    enum err (*channel_pair)(struct loop *a, struct loop *b, struct channel **ret_a,
                             struct channel **ret_b, struct errinfo *why);
    enum err (*workers_new)(struct loop *l, unsigned threads, struct workers **ret,
                            struct errinfo *why);
    void (*note)(struct loop *l, struct str line); /* null: real, the log writes itself */
    bool simulated;
};

struct post {
    void (*run)(void *ctx);
    void *ctx;
    bool burial; /* must also run when the loop is freed before its next turn */
};

struct loop {
    const struct loop_ops *ops;
    struct timer **timers; /* a binary heap by at_ms; place 0 is not used */
    uint32_t timer_count, timer_cap;
    struct post *posts;
    size_t post_count, post_cap;
    bool stopped;
};

/* Frees `memory` by `free_it` once nothing of this turn can look at it. */
void loop_bury(struct loop *l, void (*free_it)(void *memory), void *memory);
/* The parts of a turn that both sides share. */
bool loop_has_posts(const struct loop *l);
void loop_run_posts(struct loop *l);
bool loop_next_timer(const struct loop *l, uint64_t *ret_at_ms);
void loop_run_timers(struct loop *l, uint64_t now_ms);
void loop_deinit(struct loop *l); /* runs burials, drops everything else */

/* malloc and realloc that end the process when there is none; zeroed for os_new. */
void *os_new(size_t size);
void *os_grow(void *at, size_t count, size_t size);

/* ---- streams and listeners ---- */

struct stream_ops {
    void (*set_events)(struct stream *s);
    void (*free)(struct stream *s);
    void (*write)(struct stream *s, struct str bytes);
    size_t (*queued)(const struct stream *s);
    void (*pause)(struct stream *s);
    void (*resume)(struct stream *s);
    void (*finish)(struct stream *s, uint64_t within_ms);
    void (*drop_held)(struct stream *s);
    void (*start_tls_server)(struct stream *s, struct tls_server *context);
    void (*start_tls_client)(struct stream *s, struct tls_client *context, struct str server_name);
    bool (*is_secure)(const struct stream *s);
    struct str (*tls_version)(const struct stream *s);
    struct str (*tls_cipher)(const struct stream *s);
    void (*tls_bindings)(const struct stream *s, struct arena *mem, struct stream_bindings *ret);
    size_t (*tls_identities)(const struct stream *s, struct arena *mem, struct str *ret);
    struct address (*peer)(const struct stream *s);
    struct address (*local)(const struct stream *s);
};

struct stream {
    const struct stream_ops *ops;
    struct loop *loop;
    const struct stream_events *events;
    void *ctx;
};

/* Whether the end of the peer must wait for the owner. */
static inline bool stream_owner_busy(const struct stream *s)
{
    return s->events->busy != NULL && s->events->busy(s->ctx);
}

struct listener_ops {
    void (*pause)(struct listener *l);
    void (*resume)(struct listener *l);
    void (*free)(struct listener *l);
};

struct listener {
    const struct listener_ops *ops;
    struct loop *loop;
    void (*accept)(void *ctx, struct stream *s);
    void *ctx;
};

/* ---- channels ---- */

struct channel_ops {
    void (*send)(struct channel *c, struct str frame, struct file *file);
    size_t (*queued)(const struct channel *c);
    void (*free)(struct channel *c);
    bool (*room_take)(struct channel *c, struct channel_room *ret);
    void (*room_send)(struct channel *c, struct channel_room *room, struct str frame);
    void (*allow_rooms)(struct channel *c);
};

struct channel {
    const struct channel_ops *ops;
    struct loop *loop;
    const struct channel_events *events;
    void *ctx;
};

/* ---- files ---- */

struct fs_ops {
    void (*free)(struct fs *fs);
    struct str (*path)(const struct fs *fs);
    enum err (*open)(struct fs *fs, struct str name, enum file_mode mode, struct file **ret,
                     struct errinfo *why);
    enum err (*open_unnamed)(struct fs *fs, struct file **ret, struct errinfo *why);
    enum err (*rename)(struct fs *fs, struct str from, struct str to, struct errinfo *why);
    enum err (*remove)(struct fs *fs, struct str name, struct errinfo *why);
    enum err (*make_folder)(struct fs *fs, struct str name, struct errinfo *why);
    enum err (*sync_folder)(struct fs *fs, struct str folder, struct errinfo *why);
    enum err (*list)(struct fs *fs, struct str folder, struct arena *mem, struct str **ret,
                     size_t *ret_count);
    enum err (*free_bytes)(struct fs *fs, uint64_t *ret, struct errinfo *why);
};

struct fs {
    const struct fs_ops *ops;
};

struct file_ops {
    enum err (*pread)(struct file *f, uint64_t offset, void *ret, size_t len, struct errinfo *why);
    enum err (*pwrite)(struct file *f, uint64_t offset, struct str bytes, struct errinfo *why);
    enum err (*sync)(struct file *f, struct errinfo *why);
    enum err (*size)(struct file *f, uint64_t *ret, struct errinfo *why);
    enum err (*truncate)(struct file *f, uint64_t size, struct errinfo *why);
    enum err (*reserve)(struct file *f, uint64_t offset, uint64_t len, struct errinfo *why);
    void (*close)(struct file *f);
    struct file *(*share)(struct file *f); /* a second handle; null when that fails */
    int (*fd)(const struct file *f);       /* -1: no descriptor (simulated) */
};

struct file {
    const struct file_ops *ops;
};

/* A handle for a descriptor, which it owns from now on. */
struct file *file_from_fd(int fd);
/* Relative, no empty, "." or ".." part, no NUL, at most FS_NAME_BYTES_MAX. */
#define FS_NAME_BYTES_MAX ((size_t)1000)
bool fs_name_ok(struct str name);

/* ---- workers ---- */

struct workers_ops {
    void (*free)(struct workers *w);
    void (*run)(struct workers *w, void (*run)(void *ctx), void (*done)(void *ctx), void *ctx);
    size_t (*waiting)(const struct workers *w);
    void (*give_way)(struct workers *w); /* null: there is nothing to give */
};

struct workers {
    const struct workers_ops *ops;
};

#endif
