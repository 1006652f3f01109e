/* os/secret_test.c - memory for keys. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/secret.h"
#include "testing.h"

TEST(secret_memory_is_zeroed_and_ours)
{
    unsigned char *at = secret_new(32);

    for (int i = 0; i < 32; i++)
        CHECK_EQ(at[i], 0, "octet %d", i);
    memset(at, 0xAA, 32);
    secret_free(at, 32);
    secret_free(NULL, 32);
}

/* AddressSanitizer makes mlock() do nothing. */
#ifdef __SANITIZE_ADDRESS__
#define LOCKS 0
#else
#define LOCKS 1
#endif

/* The kernel says of each mapping how much of it is locked. */
TEST(secret_memory_is_locked)
{
    void *at = secret_new(32);
    char line[256];
    unsigned long from = 0, to = 0, kb = 0;
    bool inside = false, seen = false;
    FILE *f = fopen("/proc/self/smaps", "r");

    CHECK(f != NULL, "smaps");
    while (fgets(line, sizeof line, f) != NULL) {
        if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
            inside = from <= (unsigned long)at && (unsigned long)at < to;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
            seen = true;
            CHECK(strstr(line, " dd") != NULL, "in dumps: %s", line);
        } else if (inside && sscanf(line, "Locked: %lu kB", &kb) == 1)
            CHECK(kb > 0 || !LOCKS, "not locked");
    }
    fclose(f);
    CHECK(seen, "the mapping is listed");
    secret_free(at, 32);
}
