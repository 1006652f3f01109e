/* test/unit/fuzz_replay_main.c - gives a fuzz target its kept inputs, as an ordinary test.
 *
 * Arguments are files and folders (a folder that is missing counts as empty). Every input runs
 * whole and, up to PREFIX_BYTES_MAX octets, cut at every octet; the empty input always runs. Each
 * run gets its own allocation of exactly its size, so that a read past the end is seen. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <limits.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/macros.h"

enum { PREFIX_BYTES_MAX = 2048 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t inputs;

static void run_once(const char *at, size_t len)
{
    char *exact = malloc(len == 0 ? 1 : len);

    if (exact == NULL)
        BUG("out of memory");
    if (len > 0)
        memcpy(exact, at, len);
    (void)LLVMFuzzerTestOneInput((const uint8_t *)exact, len);
    free(exact);
}

static void replay_file(const char *path, size_t len)
{
    FILE *f = fopen(path, "rb");
    char *all = malloc(len + 1);

    if (f == NULL || all == NULL || fread(all, 1, len, f) != len) {
        (void)fprintf(stderr, "cannot read %s\n", path);
        exit(1);
    }
    (void)fclose(f);
    (void)fprintf(stderr, "%s\n", path); /* the last one printed is the one that failed */
    for (size_t cut = 0; cut < len && cut < PREFIX_BYTES_MAX; cut++)
        run_once(all, cut);
    run_once(all, len);
    free(all);
    inputs++;
}

static void replay(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return;
    if (!S_ISDIR(st.st_mode)) {
        replay_file(path, (size_t)st.st_size);
        return;
    }

    struct dirent **names;
    int count = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char child[PATH_MAX];

        (void)snprintf(child, sizeof(child), "%s/%s", path, names[i]->d_name);
        if (names[i]->d_name[0] != '.' && stat(child, &st) == 0 && S_ISREG(st.st_mode))
            replay_file(child, (size_t)st.st_size);
        free(names[i]);
    }
    if (count >= 0)
        free(names);
}

int main(int argc, char **argv)
{
    run_once("", 0);
    inputs++;
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    (void)printf("%zu passed, 0 failed\n", inputs);
    return 0;
}
