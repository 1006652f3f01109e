/* os/file.c - the common face of all file layers, and whole small files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/dispatch.h"

/* Every layer checks names by this one function, so a name that a simulated disk refuses is
 * refused by a real one and the other way round. */
bool fs_name_ok(struct str name)
{
    struct str rest = name;

    if (name.len == 0 || name.len > FS_NAME_BYTES_MAX ||
        str_find_char(name, '\0') != STR_NOT_FOUND || name.at[name.len - 1] == '/')
        return false;
    while (rest.len > 0) {
        struct str part = str_split(&rest, '/');

        if (part.len == 0 || str_eq(part, STR(".")) || str_eq(part, STR("..")))
            return false;
    }
    return true;
}

static enum err bad_name(struct str name, struct errinfo *why)
{
    return err_set(why, ERR_SYNTAX, "'%.*s' is no name below the folder", STR_ARG(name));
}

void fs_free(struct fs *fs)
{
    if (fs != NULL)
        fs->ops->free(fs);
}

struct str fs_path(const struct fs *fs)
{
    return fs->ops->path(fs);
}

enum err fs_open(struct fs *fs, struct str name, enum file_mode mode, struct file **ret,
                 struct errinfo *why)
{
    return fs_name_ok(name) ? fs->ops->open(fs, name, mode, ret, why) : bad_name(name, why);
}

enum err fs_open_unnamed(struct fs *fs, struct file **ret, struct errinfo *why)
{
    return fs->ops->open_unnamed(fs, ret, why);
}

enum err fs_rename(struct fs *fs, struct str from, struct str to, struct errinfo *why)
{
    if (!fs_name_ok(from))
        return bad_name(from, why);
    return fs_name_ok(to) ? fs->ops->rename(fs, from, to, why) : bad_name(to, why);
}

enum err fs_remove(struct fs *fs, struct str name, struct errinfo *why)
{
    return fs_name_ok(name) ? fs->ops->remove(fs, name, why) : bad_name(name, why);
}

enum err fs_make_folder(struct fs *fs, struct str name, struct errinfo *why)
{
    return fs_name_ok(name) ? fs->ops->make_folder(fs, name, why) : bad_name(name, why);
}

enum err fs_sync_folder(struct fs *fs, struct str folder, struct errinfo *why)
{
    if (folder.len != 0 && !fs_name_ok(folder))
        return bad_name(folder, why);
    return fs->ops->sync_folder(fs, folder, why);
}

enum err fs_list(struct fs *fs, struct str folder, struct arena *mem, struct str **ret,
                 size_t *ret_count)
{
    if (folder.len != 0 && !fs_name_ok(folder))
        return ERR_SYNTAX;
    return fs->ops->list(fs, folder, mem, ret, ret_count);
}

enum err fs_free_bytes(struct fs *fs, uint64_t *ret, struct errinfo *why)
{
    return fs->ops->free_bytes(fs, ret, why);
}

enum err file_pread(struct file *f, uint64_t offset, void *ret, size_t len, struct errinfo *why)
{
    return f->ops->pread(f, offset, ret, len, why);
}

enum err file_pwrite(struct file *f, uint64_t offset, struct str bytes, struct errinfo *why)
{
    return f->ops->pwrite(f, offset, bytes, why);
}

enum err file_sync(struct file *f, struct errinfo *why)
{
    return f->ops->sync(f, why);
}

enum err file_size(struct file *f, uint64_t *ret, struct errinfo *why)
{
    return f->ops->size(f, ret, why);
}

enum err file_truncate(struct file *f, uint64_t size, struct errinfo *why)
{
    return f->ops->truncate(f, size, why);
}

enum err file_reserve(struct file *f, uint64_t offset, uint64_t len, struct errinfo *why)
{
    return f->ops->reserve(f, offset, len, why);
}

void file_close(struct file *f)
{
    if (f != NULL)
        f->ops->close(f);
}

/* ---- whole small files ---- */

enum err fs_read_all(struct fs *fs, struct str name, size_t max, struct arena *mem, struct str *ret)
{
    struct file *f;
    uint64_t size;
    enum err e;

    if ((e = fs_open(fs, name, FILE_READ, &f, NULL)) != OK)
        return e;
    if ((e = file_size(f, &size, NULL)) == OK && size > max)
        e = ERR_LIMIT;
    if (e == OK) {
        char *at = arena_alloc(mem, (size_t)size + 1);

        if ((e = file_pread(f, 0, at, (size_t)size, NULL)) == OK)
            *ret = str_from(at, (size_t)size);
    }
    file_close(f);
    return e;
}

static enum err write_new(struct fs *fs, struct str name, struct str bytes, struct errinfo *why)
{
    struct file *f;
    enum err e;

    if ((e = fs_open(fs, name, FILE_CREATE, &f, why)) != OK)
        return e;
    if ((e = file_truncate(f, 0, why)) == OK && (e = file_pwrite(f, 0, bytes, why)) == OK)
        e = file_sync(f, why);
    file_close(f);
    return e;
}

/* The order is what makes it atomic: the octets are durable before the name points to them. A
 * failure leaves the old file; the temporary one is removed when that is still possible. */
enum err fs_write_atomic(struct fs *fs, struct str name, struct str bytes, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str draft = arena_join(tmp, name, STR(".new"));
    size_t slash = str_find_char_last(name, '/');
    struct str folder = slash == STR_NOT_FOUND ? STR_EMPTY : str_take(name, slash);
    enum err e;

    if ((e = write_new(fs, draft, bytes, why)) != OK ||
        (e = fs_rename(fs, draft, name, why)) != OK) {
        enum err ignored = fs_remove(fs, draft, NULL);

        (void)ignored;
        return e;
    }
    return fs_sync_folder(fs, folder, why);
}
