/* os/real/secret_real.c - pages by mmap, locked. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/secret.h"

#include <string.h>
#include <sys/mman.h>

#include "base/macros.h"

void *secret_new(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        BUG("out of memory");
    (void)mlock(at, size);
    (void)madvise(at, size, MADV_DONTDUMP);
    return at;
}

void secret_free(void *at, size_t size)
{
    if (at == NULL)
        return;
    explicit_bzero(at, size);
    (void)munmap(at, size);
}
