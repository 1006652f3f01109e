/* os/real/host/path_real.c - what stands at a path, and when it was changed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/path.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum err path_look(struct str path, struct path_look *ret)
{
    SCRATCH(tmp, NULL);
    struct stat st;

    if (stat(arena_copy_z(tmp, path), &st) != 0)
        return errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO;
    *ret = (struct path_look){ .kind = S_ISREG(st.st_mode)   ? PATH_FILE
                                       : S_ISDIR(st.st_mode) ? PATH_FOLDER
                                                             : PATH_OTHER,
                               .bytes = (uint64_t)st.st_size,
                               .modified_s = st.st_mtim.tv_sec };
    return OK;
}

enum err path_set_modified(struct str path, int64_t modified_s, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct timespec times[2] = { { .tv_sec = modified_s }, { .tv_sec = modified_s } };

    if (utimensat(AT_FDCWD, arena_copy_z(tmp, path), times, AT_SYMLINK_NOFOLLOW) == 0)
        return OK;
    return err_set(why, ERR_IO, "cannot set the time of '%.*s': %s", STR_ARG(path),
                   strerror(errno));
}
