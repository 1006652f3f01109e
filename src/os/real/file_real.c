/* os/real/file_real.c - files below a folder, by descriptor.
 *
 * Names are resolved by openat2 with RESOLVE_BENEATH and without symbolic links, so that even a
 * link planted in the data folder leads nowhere; a kernel or sandbox without openat2 falls back to
 * openat, with names checked already by fs_name_ok. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "os/real/loop_real.h"

enum { FILE_BITS = 0600, FOLDER_BITS = 0700, NAMES_FIRST = 32 };

struct real_fs {
    struct fs base;
    int fd;
    bool no_openat2;
    struct str path;
};

struct real_file {
    struct file base;
    int fd;
};

static const struct file_ops real_file_ops;
static const struct fs_ops real_fs_ops;

static enum err failed(struct errinfo *why, const char *what, struct str name)
{
    int number = errno;

    return err_set(why, err_from_errno(number), "cannot %s '%.*s': %s", what, STR_ARG(name),
                   strerror(number));
}

static enum err failed_file(struct errinfo *why, const char *what, uint64_t offset)
{
    int number = errno;

    return err_set(why, err_from_errno(number), "cannot %s a file at octet %llu: %s", what,
                   (unsigned long long)offset, strerror(number));
}

/* ---- the folder ---- */

static struct real_fs *fs_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct real_fs, base);
}

enum err fs_new_real(struct str folder, bool create, struct fs **ret, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    const char *z = arena_copy_z(tmp, folder);

    if (create && mkdir(z, FOLDER_BITS) != 0 && errno != EEXIST)
        return failed(why, "make the folder", folder);

    int fd = open(z, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return failed(why, "open the folder", folder);

    struct real_fs *r = os_new(sizeof *r);
    char *path = os_grow(NULL, folder.len + 1, 1);
    memcpy(path, z, folder.len + 1);
    *r = (struct real_fs){ { &real_fs_ops }, fd, false, { path, folder.len } };
    *ret = &r->base;
    return OK;
}

static void real_fs_free(struct fs *fs)
{
    struct real_fs *r = fs_of(fs);

    (void)close(r->fd);
    free((void *)(uintptr_t)r->path.at);
    free(r);
}

static struct str real_fs_path(const struct fs *fs)
{
    return CONTAINER_OF(fs, const struct real_fs, base)->path;
}

static int open_below(struct real_fs *r, const char *name, int flags)
{
    struct open_how how = { .flags = (uint64_t)(unsigned)flags | O_CLOEXEC,
                            .mode = (flags & O_CREAT) != 0 ? FILE_BITS : 0,
                            .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };

    if (!r->no_openat2) {
        int fd = (int)syscall(SYS_openat2, r->fd, name, &how, sizeof how);

        if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
            return fd;
        r->no_openat2 = true;
    }
    return openat(r->fd, name, flags | O_CLOEXEC | O_NOFOLLOW, FILE_BITS);
}

struct file *file_from_fd(int fd)
{
    struct real_file *f = os_new(sizeof *f);

    *f = (struct real_file){ { &real_file_ops }, fd };
    return &f->base;
}

static enum err real_open(struct fs *fs, struct str name, enum file_mode mode, struct file **ret,
                          struct errinfo *why)
{
    static const int flags[] = {
        [FILE_READ] = O_RDONLY,
        [FILE_WRITE] = O_RDWR,
        [FILE_CREATE] = O_RDWR | O_CREAT,
        [FILE_CREATE_NEW] = O_RDWR | O_CREAT | O_EXCL,
    };
    SCRATCH(tmp, NULL);
    int fd = open_below(fs_of(fs), arena_copy_z(tmp, name), flags[mode]);

    if (fd < 0)
        return failed(why, "open", name);
    *ret = file_from_fd(fd);
    return OK;
}

/* File systems without O_TMPFILE (overlay in some containers) get a name that is taken away at
 * once; what a crash between the two leaves behind is called spool.* and is harmless. */
static enum err real_open_unnamed(struct fs *fs, struct file **ret, struct errinfo *why)
{
    static unsigned counter;
    struct real_fs *r = fs_of(fs);
    char name[64];
    int fd = openat(r->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, FILE_BITS);

    if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT)) {
        (void)snprintf(name, sizeof name, "spool.%ld.%u", (long)getpid(), counter++);
        fd = open_below(r, name, O_RDWR | O_CREAT | O_EXCL);
        if (fd >= 0)
            (void)unlinkat(r->fd, name, 0);
    }
    if (fd < 0)
        return failed(why, "make an unnamed file in", r->path);
    *ret = file_from_fd(fd);
    return OK;
}

static enum err real_rename(struct fs *fs, struct str from, struct str to, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    int fd = fs_of(fs)->fd;

    if (renameat(fd, arena_copy_z(tmp, from), fd, arena_copy_z(tmp, to)) != 0)
        return failed(why, "rename", from);
    return OK;
}

static enum err real_remove(struct fs *fs, struct str name, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    const char *z = arena_copy_z(tmp, name);

    if (unlinkat(fs_of(fs)->fd, z, 0) == 0)
        return OK;
    if (errno == EISDIR && unlinkat(fs_of(fs)->fd, z, AT_REMOVEDIR) == 0)
        return OK;
    return failed(why, "remove", name);
}

static enum err real_make_folder(struct fs *fs, struct str name, struct errinfo *why)
{
    SCRATCH(tmp, NULL);

    if (mkdirat(fs_of(fs)->fd, arena_copy_z(tmp, name), FOLDER_BITS) != 0)
        return failed(why, "make the folder", name);
    return OK;
}

static int open_folder(struct real_fs *r, struct str folder)
{
    SCRATCH(tmp, NULL);
    const char *z = folder.len == 0 ? "." : arena_copy_z(tmp, folder);

    return open_below(r, z, O_RDONLY | O_DIRECTORY);
}

static enum err real_sync_folder(struct fs *fs, struct str folder, struct errinfo *why)
{
    int fd = open_folder(fs_of(fs), folder);
    enum err e = OK;

    if (fd < 0)
        return failed(why, "open the folder", folder);
    if (fsync(fd) != 0)
        e = failed(why, "sync the folder", folder);
    (void)close(fd);
    return e;
}

static int order_names(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static size_t read_names(DIR *folder, struct arena *mem, struct str **ret)
{
    size_t count = 0, cap = NAMES_FIRST;
    struct str *names = ARENA_ARRAY(mem, struct str, cap);
    struct dirent *entry;

    while ((entry = readdir(folder)) != NULL) {
        struct str name = str_from_z(entry->d_name);

        if (str_eq(name, STR(".")) || str_eq(name, STR("..")))
            continue;
        if (count == cap) {
            struct str *more = ARENA_ARRAY(mem, struct str, cap * 2);

            memcpy(more, names, cap * sizeof *names);
            names = more;
            cap *= 2;
        }
        names[count++] = arena_copy(mem, name);
    }
    qsort(names, count, sizeof *names, order_names);
    *ret = names;
    return count;
}

static enum err real_list(struct fs *fs, struct str folder, struct arena *mem, struct str **ret,
                          size_t *ret_count)
{
    int fd = open_folder(fs_of(fs), folder);

    if (fd < 0)
        return err_from_errno(errno);

    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        (void)close(fd);
        return ERR_IO;
    }
    errno = 0;
    size_t count = read_names(dir, mem, ret);
    enum err e = errno == 0 ? OK : ERR_IO;
    (void)closedir(dir);
    if (e == OK)
        *ret_count = count;
    return e;
}

static enum err real_free_bytes(struct fs *fs, uint64_t *ret, struct errinfo *why)
{
    struct statvfs s;

    if (fstatvfs(fs_of(fs)->fd, &s) != 0)
        return failed(why, "ask for the free space of", fs_of(fs)->path);
    *ret = (uint64_t)s.f_bavail * s.f_frsize;
    return OK;
}

static const struct fs_ops real_fs_ops = {
    .free = real_fs_free,
    .path = real_fs_path,
    .open = real_open,
    .open_unnamed = real_open_unnamed,
    .rename = real_rename,
    .remove = real_remove,
    .make_folder = real_make_folder,
    .sync_folder = real_sync_folder,
    .list = real_list,
    .free_bytes = real_free_bytes,
};

/* ---- one file ---- */

static int fd_of(struct file *f)
{
    return CONTAINER_OF(f, struct real_file, base)->fd;
}

static enum err real_pread(struct file *f, uint64_t offset, void *ret, size_t len,
                           struct errinfo *why)
{
    char *at = ret;

    while (len > 0) {
        ssize_t got = pread(fd_of(f), at, len, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return failed_file(why, "read", offset);
        if (got == 0)
            return err_set(why, ERR_CORRUPT, "a file ends at octet %llu, %zu more were expected",
                           (unsigned long long)offset, len);
        at += got;
        offset += (uint64_t)got;
        len -= (size_t)got;
    }
    return OK;
}

static enum err real_pwrite(struct file *f, uint64_t offset, struct str bytes, struct errinfo *why)
{
    while (bytes.len > 0) {
        ssize_t put = pwrite(fd_of(f), bytes.at, bytes.len, (off_t)offset);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return failed_file(why, "write", offset);
        offset += (uint64_t)put;
        bytes = str_skip(bytes, (size_t)put);
    }
    return OK;
}

static enum err real_sync(struct file *f, struct errinfo *why)
{
    return fdatasync(fd_of(f)) == 0 ? OK : failed_file(why, "sync", 0);
}

static enum err real_size(struct file *f, uint64_t *ret, struct errinfo *why)
{
    struct stat s;

    if (fstat(fd_of(f), &s) != 0)
        return failed_file(why, "ask for the size of", 0);
    *ret = (uint64_t)s.st_size;
    return OK;
}

static enum err real_truncate(struct file *f, uint64_t size, struct errinfo *why)
{
    return ftruncate(fd_of(f), (off_t)size) == 0 ? OK : failed_file(why, "cut", size);
}

static enum err real_reserve(struct file *f, uint64_t offset, uint64_t len, struct errinfo *why)
{
    if (len == 0 || fallocate(fd_of(f), FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)len) == 0)
        return OK;
    return errno == EOPNOTSUPP || errno == ENOSYS ? OK : failed_file(why, "reserve", offset);
}

static void real_close(struct file *f)
{
    (void)close(fd_of(f));
    free(CONTAINER_OF(f, struct real_file, base));
}

static struct file *real_share(struct file *f)
{
    int fd = fcntl(fd_of(f), F_DUPFD_CLOEXEC, 3);

    return fd < 0 ? NULL : file_from_fd(fd);
}

static int real_fd(const struct file *f)
{
    return CONTAINER_OF(f, const struct real_file, base)->fd;
}

static const struct file_ops real_file_ops = {
    .pread = real_pread,
    .pwrite = real_pwrite,
    .sync = real_sync,
    .size = real_size,
    .truncate = real_truncate,
    .reserve = real_reserve,
    .close = real_close,
    .share = real_share,
    .fd = real_fd,
};
