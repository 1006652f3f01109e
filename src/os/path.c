/* os/path.c - the folder of a path becomes a struct fs, its last part a name there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/path.h"

/* "/etc/x" is x in /etc, "/x" is x in /, "x" is x in the working folder. */
static enum err open_folder(struct str path, struct fs **ret_fs, struct str *ret_name,
                            struct errinfo *why)
{
    size_t slash = str_find_char_last(path, '/');
    struct str folder = slash == STR_NOT_FOUND ? STR(".") : str_take(path, MAX(slash, (size_t)1));
    struct str name = slash == STR_NOT_FOUND ? path : str_skip(path, slash + 1);
    struct errinfo detail = { 0 };

    if (name.len == 0)
        return err_set(why, ERR_SYNTAX, "'%.*s' names no file", STR_ARG(path));
    enum err e = fs_new_real(folder, false, ret_fs, &detail);
    if (e != OK)
        return err_set(why, e, "cannot open '%.*s': %s", STR_ARG(path), detail.text);
    *ret_name = name;
    return OK;
}

static enum err read_open(struct arena *mem, struct file *f, size_t bytes_max, struct str *ret,
                          struct errinfo *why)
{
    uint64_t size;
    enum err e;

    if ((e = file_size(f, &size, why)) != OK)
        return e;
    if (size > bytes_max)
        return err_set(why, ERR_LIMIT, "it is larger than %zu octets", bytes_max);
    char *at = arena_alloc(mem, (size_t)size + 1);
    if ((e = file_pread(f, 0, at, (size_t)size, why)) != OK)
        return e;
    *ret = str_from(at, (size_t)size);
    return OK;
}

enum err path_read(struct arena *mem, struct str path, size_t bytes_max, struct str *ret,
                   struct errinfo *why)
{
    struct errinfo detail = { 0 };
    struct str name;
    struct file *f;
    struct fs *fs;
    enum err e;

    if ((e = open_folder(path, &fs, &name, why)) != OK)
        return e;
    if ((e = fs_open(fs, name, FILE_READ, &f, &detail)) == OK) {
        e = read_open(mem, f, bytes_max, ret, &detail);
        file_close(f);
    }
    fs_free(fs);
    return e == OK ? OK : err_set(why, e, "cannot read '%.*s': %s", STR_ARG(path), detail.text);
}

enum err path_write(struct str path, struct str bytes, struct errinfo *why)
{
    struct errinfo detail = { 0 };
    struct str name;
    struct fs *fs;
    enum err e;

    if ((e = open_folder(path, &fs, &name, why)) != OK)
        return e;
    e = fs_write_atomic(fs, name, bytes, &detail);
    fs_free(fs);
    return e == OK ? OK : err_set(why, e, "cannot write '%.*s': %s", STR_ARG(path), detail.text);
}

bool path_exists(struct str path)
{
    struct str name;
    struct file *f;
    struct fs *fs;

    if (open_folder(path, &fs, &name, NULL) != OK)
        return false;
    bool found = fs_open(fs, name, FILE_READ, &f, NULL) == OK;
    if (found)
        file_close(f);
    fs_free(fs);
    return found;
}
