/* os/file.h - files below one folder: real, simulated, or failing on purpose.
 *
 * A struct fs is a folder; names are relative paths below it without "..". Real ones work with
 * openat beneath a descriptor; simulated ones keep octets and forget what was not synced when their
 * world crashes; os/fault.h wraps either and fails, shortens or refuses the n-th call. pread,
 * pwrite and sync may be called from worker threads; everything else from the loop's thread or
 * before it. Reads and writes are whole or an error: after a failed write it is unknown how much
 * reached the file. Errors: ERR_IO, ERR_NO_SPACE, ERR_NOT_FOUND, ERR_EXISTS. Tests: file_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_FILE_H
#define POSTERN_OS_FILE_H

#include "base/arena.h"
#include "base/err.h"

struct fs;
struct file;

enum file_mode {
    FILE_READ,       /* must exist                        */
    FILE_WRITE,      /* read and write, must exist        */
    FILE_CREATE,     /* read and write, made when missing */
    FILE_CREATE_NEW, /* read and write, must not exist    */
};

MUST_USE enum err fs_new_real(struct str folder, bool create, struct fs **ret, struct errinfo *why);
void fs_free(struct fs *fs);
/* The folder's path, for libraries that open files themselves (RocksDB); empty when simulated. */
struct str fs_path(const struct fs *fs);

MUST_USE enum err fs_open(struct fs *fs, struct str name, enum file_mode mode, struct file **ret,
                          struct errinfo *why);
/* An unnamed file that vanishes with its last descriptor. */
MUST_USE enum err fs_open_unnamed(struct fs *fs, struct file **ret, struct errinfo *why);
MUST_USE enum err fs_rename(struct fs *fs, struct str from, struct str to, struct errinfo *why);
MUST_USE enum err fs_remove(struct fs *fs, struct str name, struct errinfo *why);
MUST_USE enum err fs_make_folder(struct fs *fs, struct str name, struct errinfo *why);
/* Makes renames, creations and removals in `folder` ("" for the top) durable. */
MUST_USE enum err fs_sync_folder(struct fs *fs, struct str folder, struct errinfo *why);
/* Names in `folder`, sorted, allocated in `mem`. */
MUST_USE enum err fs_list(struct fs *fs, struct str folder, struct arena *mem, struct str **ret,
                          size_t *ret_count);
/* Free space for unprivileged users, octets. */
MUST_USE enum err fs_free_bytes(struct fs *fs, uint64_t *ret, struct errinfo *why);

/* Reads exactly `len` octets; ERR_CORRUPT when the file ends before. */
MUST_USE enum err file_pread(struct file *f, uint64_t offset, void *ret, size_t len,
                             struct errinfo *why);
MUST_USE enum err file_pwrite(struct file *f, uint64_t offset, struct str bytes,
                              struct errinfo *why);
MUST_USE enum err file_sync(struct file *f, struct errinfo *why); /* data and size: fdatasync */
MUST_USE enum err file_size(struct file *f, uint64_t *ret, struct errinfo *why);
MUST_USE enum err file_truncate(struct file *f, uint64_t size, struct errinfo *why);
/* Reserves space beyond the end without changing the size; a file system that cannot is fine. */
MUST_USE enum err file_reserve(struct file *f, uint64_t offset, uint64_t len, struct errinfo *why);
void file_close(struct file *f); /* null is allowed */

/* Whole small files: reads at most `max` octets, else ERR_LIMIT. */
MUST_USE enum err fs_read_all(struct fs *fs, struct str name, size_t max, struct arena *mem,
                              struct str *ret);
/* Writes to a temporary name, syncs, renames, syncs the folder. */
MUST_USE enum err fs_write_atomic(struct fs *fs, struct str name, struct str bytes,
                                  struct errinfo *why);

#endif
