/* os/path.h - one file by its path, for the few that lie outside the data folder.
 *
 * Configuration, certificates, a key. Paths may be absolute or relative to the working folder.
 * Written files have mode 0600 and replace what was there in one step. Results live in `mem`.
 * Errors: as in os/file.h; `why` names the path. Tests: path_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_OS_PATH_H
#define POSTERN_OS_PATH_H

#include "os/file.h"

MUST_USE enum err path_read(struct arena *mem, struct str path, size_t bytes_max, struct str *ret,
                            struct errinfo *why);
MUST_USE enum err path_write(struct str path, struct str bytes, struct errinfo *why);
bool path_exists(struct str path);

/* What stands at a path, links followed. ERR_NOT_FOUND when nothing does. */
enum path_kind { PATH_FILE, PATH_FOLDER, PATH_OTHER };
struct path_look {
    enum path_kind kind;
    uint64_t bytes;
    int64_t modified_s; /* seconds since 1970 */
};
MUST_USE enum err path_look(struct str path, struct path_look *ret);
MUST_USE enum err path_set_modified(struct str path, int64_t modified_s, struct errinfo *why);

#endif
