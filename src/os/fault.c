/* os/fault.c - a file layer that fails at the n-th counted call.
 *
 * A lost sync is the nasty case: the kernel says "failed" once and the pages are clean afterwards,
 * although nothing reached the disk. To show that, writes are remembered until they are synced and
 * undone when the sync is lost: the old octets are put back, as a restart would find them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/fault.h"

#include <pthread.h>

#include "os/dispatch.h"

/* One write that was not synced yet: what stood there before. */
struct undo {
    struct undo *next; /* newest first */
    uint64_t offset, old_size;
    struct str old;
};

struct faulty_fs {
    struct fs base;
    struct fs *inner;
    pthread_mutex_t lock; /* writes and syncs come from worker threads, too */
    enum fault_kind kind;
    uint64_t nth, calls;
    bool lasting;
    unsigned handles; /* open files keep the counters alive */
    bool freed;
};

struct faulty_file {
    struct file base;
    struct file *inner;
    struct faulty_fs *fs;
    struct undo *undo;
};

static const struct fs_ops faulty_fs_ops;
static const struct file_ops faulty_file_ops;

static struct faulty_fs *fs_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct faulty_fs, base);
}

static struct faulty_file *file_of(struct file *f)
{
    return CONTAINER_OF(f, struct faulty_file, base);
}

struct fs *fs_faulty(struct fs *inner)
{
    struct faulty_fs *r = os_new(sizeof *r);

    r->base.ops = &faulty_fs_ops;
    r->inner = inner;
    (void)pthread_mutex_init(&r->lock, NULL);
    return &r->base;
}

void fs_faulty_set(struct fs *faulty, enum fault_kind kind, uint64_t nth, bool lasting)
{
    struct faulty_fs *r = fs_of(faulty);

    (void)pthread_mutex_lock(&r->lock);
    r->kind = kind;
    r->nth = nth;
    r->lasting = lasting;
    r->calls = 0;
    (void)pthread_mutex_unlock(&r->lock);
}

uint64_t fs_faulty_calls(const struct fs *faulty)
{
    return CONTAINER_OF(faulty, const struct faulty_fs, base)->calls;
}

/* Counts a call and says how it must fail. */
static enum fault_kind count_call(struct faulty_fs *r)
{
    (void)pthread_mutex_lock(&r->lock);
    uint64_t call = ++r->calls;
    bool hit =
        r->kind != FAULT_NONE && r->nth != 0 && (call == r->nth || (r->lasting && call > r->nth));
    enum fault_kind kind = hit ? r->kind : FAULT_NONE;
    (void)pthread_mutex_unlock(&r->lock);
    return kind;
}

static enum err fail(enum fault_kind kind, struct errinfo *why, const char *what)
{
    enum err e = kind == FAULT_NO_SPACE ? ERR_NO_SPACE : ERR_IO;

    return err_set(why, e, "cannot %s: %s (on purpose)", what, err_text(e));
}

/* ---- the folder ---- */

static void free_when_unused(struct faulty_fs *r)
{
    if (!r->freed || r->handles != 0)
        return;
    fs_free(r->inner);
    (void)pthread_mutex_destroy(&r->lock);
    free(r);
}

static void faulty_fs_free(struct fs *fs)
{
    fs_of(fs)->freed = true;
    free_when_unused(fs_of(fs));
}

static struct str faulty_path(const struct fs *fs)
{
    return fs_path(CONTAINER_OF(fs, const struct faulty_fs, base)->inner);
}

static struct file *wrap(struct faulty_fs *r, struct file *inner)
{
    struct faulty_file *f = os_new(sizeof *f);

    *f = (struct faulty_file){ { &faulty_file_ops }, inner, r, NULL };
    r->handles++;
    return &f->base;
}

static enum err faulty_open(struct fs *fs, struct str name, enum file_mode mode, struct file **ret,
                            struct errinfo *why)
{
    struct file *inner;
    enum fault_kind kind;
    enum err e;

    if (mode >= FILE_CREATE && (kind = count_call(fs_of(fs))) != FAULT_NONE)
        return fail(kind, why, "create a file");
    if ((e = fs_open(fs_of(fs)->inner, name, mode, &inner, why)) != OK)
        return e;
    *ret = wrap(fs_of(fs), inner);
    return OK;
}

static enum err faulty_open_unnamed(struct fs *fs, struct file **ret, struct errinfo *why)
{
    enum fault_kind kind = count_call(fs_of(fs));
    struct file *inner;
    enum err e;

    if (kind != FAULT_NONE)
        return fail(kind, why, "create a file");
    if ((e = fs_open_unnamed(fs_of(fs)->inner, &inner, why)) != OK)
        return e;
    *ret = wrap(fs_of(fs), inner);
    return OK;
}

static enum err faulty_rename(struct fs *fs, struct str from, struct str to, struct errinfo *why)
{
    enum fault_kind kind = count_call(fs_of(fs));

    return kind != FAULT_NONE ? fail(kind, why, "rename")
                              : fs_rename(fs_of(fs)->inner, from, to, why);
}

static enum err faulty_remove(struct fs *fs, struct str name, struct errinfo *why)
{
    enum fault_kind kind = count_call(fs_of(fs));

    return kind != FAULT_NONE ? fail(kind, why, "remove") : fs_remove(fs_of(fs)->inner, name, why);
}

static enum err faulty_make_folder(struct fs *fs, struct str name, struct errinfo *why)
{
    enum fault_kind kind = count_call(fs_of(fs));

    return kind != FAULT_NONE ? fail(kind, why, "make a folder")
                              : fs_make_folder(fs_of(fs)->inner, name, why);
}

static enum err faulty_sync_folder(struct fs *fs, struct str folder, struct errinfo *why)
{
    enum fault_kind kind = count_call(fs_of(fs));

    return kind != FAULT_NONE ? fail(kind, why, "sync a folder")
                              : fs_sync_folder(fs_of(fs)->inner, folder, why);
}

static enum err faulty_list(struct fs *fs, struct str folder, struct arena *mem, struct str **ret,
                            size_t *ret_count)
{
    return fs_list(fs_of(fs)->inner, folder, mem, ret, ret_count);
}

static enum err faulty_free_bytes(struct fs *fs, uint64_t *ret, struct errinfo *why)
{
    return fs_free_bytes(fs_of(fs)->inner, ret, why);
}

static const struct fs_ops faulty_fs_ops = {
    .free = faulty_fs_free,
    .path = faulty_path,
    .open = faulty_open,
    .open_unnamed = faulty_open_unnamed,
    .rename = faulty_rename,
    .remove = faulty_remove,
    .make_folder = faulty_make_folder,
    .sync_folder = faulty_sync_folder,
    .list = faulty_list,
    .free_bytes = faulty_free_bytes,
};

/* ---- one file ---- */

static enum err faulty_pread(struct file *f, uint64_t offset, void *ret, size_t len,
                             struct errinfo *why)
{
    return file_pread(file_of(f)->inner, offset, ret, len, why);
}

/* Only while lost syncs are wanted are old octets kept: it costs a read before each write. */
static enum err remember(struct faulty_file *f, uint64_t offset, uint64_t len)
{
    uint64_t size;
    enum err e = file_size(f->inner, &size, NULL);

    if (e != OK || f->fs->kind != FAULT_SYNC_LOST)
        return e;

    uint64_t kept = offset >= size ? 0 : MIN(len, size - offset);
    struct undo *u = os_new(sizeof *u);
    char *old = os_grow(NULL, (size_t)kept + 1, 1);

    *u = (struct undo){ NULL, offset, size, { old, (size_t)kept } };
    e = file_pread(f->inner, offset, old, (size_t)kept, NULL);
    (void)pthread_mutex_lock(&f->fs->lock);
    u->next = f->undo;
    f->undo = u;
    (void)pthread_mutex_unlock(&f->fs->lock);
    return e;
}

static struct undo *take_undo(struct faulty_file *f)
{
    (void)pthread_mutex_lock(&f->fs->lock);
    struct undo *all = f->undo;
    f->undo = NULL;
    (void)pthread_mutex_unlock(&f->fs->lock);
    return all;
}

/* Newest first, each write is taken back (or, after a good sync, forgotten). */
static enum err end_undo(struct faulty_file *f, bool take_back)
{
    enum err e = OK;

    for (struct undo *u = take_undo(f), *next; u != NULL; u = next) {
        next = u->next;
        if (take_back && e == OK && (e = file_pwrite(f->inner, u->offset, u->old, NULL)) == OK)
            e = file_truncate(f->inner, u->old_size, NULL);
        free((void *)(uintptr_t)u->old.at);
        free(u);
    }
    return e;
}

static enum err faulty_pwrite(struct file *f, uint64_t offset, struct str bytes,
                              struct errinfo *why)
{
    enum fault_kind kind = count_call(file_of(f)->fs);
    enum err e = remember(file_of(f), offset, bytes.len);

    if (e != OK)
        return err_set(why, e, "cannot keep what a write replaces");
    if (kind == FAULT_NONE || kind == FAULT_SYNC_LOST)
        return file_pwrite(file_of(f)->inner, offset, bytes, why);
    if (kind == FAULT_SHORT_WRITE || kind == FAULT_NO_SPACE)
        e = file_pwrite(file_of(f)->inner, offset, str_take(bytes, bytes.len / 2), why);
    return e != OK ? e : fail(kind, why, "write");
}

/* A fault of another kind is an honest error: nothing was synced, and nothing is lost yet. */
static enum err faulty_sync(struct file *f, struct errinfo *why)
{
    enum fault_kind kind = count_call(file_of(f)->fs);
    enum err e;

    if (kind == FAULT_SYNC_LOST)
        e = end_undo(file_of(f), true);
    else if (kind == FAULT_NONE && (e = file_sync(file_of(f)->inner, why)) == OK)
        return end_undo(file_of(f), false);
    else if (kind == FAULT_NONE)
        return e;
    return fail(kind, why, "sync");
}

static enum err faulty_size(struct file *f, uint64_t *ret, struct errinfo *why)
{
    return file_size(file_of(f)->inner, ret, why);
}

static enum err faulty_truncate(struct file *f, uint64_t size, struct errinfo *why)
{
    enum fault_kind kind = count_call(file_of(f)->fs);
    uint64_t old;
    enum err e = file_size(file_of(f)->inner, &old, why);

    if (e == OK && size < old)
        e = remember(file_of(f), size, old - size);
    if (e != OK)
        return e;
    if (kind != FAULT_NONE && kind != FAULT_SYNC_LOST)
        return fail(kind, why, "cut a file");
    return file_truncate(file_of(f)->inner, size, why);
}

static enum err faulty_reserve(struct file *f, uint64_t offset, uint64_t len, struct errinfo *why)
{
    enum fault_kind kind = count_call(file_of(f)->fs);

    if (kind != FAULT_NONE && kind != FAULT_SYNC_LOST)
        return fail(kind, why, "reserve space");
    return file_reserve(file_of(f)->inner, offset, len, why);
}

static void faulty_close(struct file *f)
{
    struct faulty_file *file = file_of(f);
    struct faulty_fs *r = file->fs;
    enum err ignored = end_undo(file, false);

    (void)ignored;
    file_close(file->inner);
    free(file);
    r->handles--;
    free_when_unused(r);
}

static struct file *faulty_share(struct file *f)
{
    struct file *inner = file_of(f)->inner->ops->share(file_of(f)->inner);

    return inner == NULL ? NULL : wrap(file_of(f)->fs, inner);
}

static int faulty_fd(const struct file *f)
{
    const struct file *inner = CONTAINER_OF(f, const struct faulty_file, base)->inner;

    return inner->ops->fd(inner);
}

static const struct file_ops faulty_file_ops = {
    .pread = faulty_pread,
    .pwrite = faulty_pwrite,
    .sync = faulty_sync,
    .size = faulty_size,
    .truncate = faulty_truncate,
    .reserve = faulty_reserve,
    .close = faulty_close,
    .share = faulty_share,
    .fd = faulty_fd,
};
