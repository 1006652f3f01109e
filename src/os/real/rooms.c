/* os/real/rooms.c - a sealed memfd, seen from both sides. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/real/rooms.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/dispatch.h"

#define ALL_BYTES ((size_t)ROOMS * CHANNEL_ROOM_BYTES)

static struct rooms *rooms_of_map(void *at, int fd)
{
    struct rooms *r = os_new(sizeof *r);

    *r = (struct rooms){ .at = at, .fd = fd, .users = 1 };
    return r;
}

/* The size is sealed so that the reader can not be made to look past the end, and writing so that
 * only the map made here can do it. */
struct rooms *rooms_new(void)
{
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    int fd = memfd_create("rooms", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    void *at;

    if (fd < 0)
        return NULL;
    if (ftruncate(fd, (off_t)ALL_BYTES) != 0) {
        (void)close(fd);
        return NULL;
    }
    at = mmap(NULL, ALL_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (at != MAP_FAILED && fcntl(fd, F_ADD_SEALS, seals) == 0)
        return rooms_of_map(at, fd);
    if (at != MAP_FAILED)
        (void)munmap(at, ALL_BYTES);
    (void)close(fd);
    return NULL;
}

struct rooms *rooms_of_descriptor(int fd)
{
    struct stat st;
    void *at;

    if (fd < 0 || fstat(fd, &st) != 0 || st.st_size != (off_t)ALL_BYTES)
        return NULL;
    at = mmap(NULL, ALL_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    return at == MAP_FAILED ? NULL : rooms_of_map(at, -1);
}

void rooms_leave(struct rooms *r)
{
    if (r == NULL || --r->users > 0)
        return;
    (void)munmap(r->at, ALL_BYTES);
    if (r->fd >= 0)
        (void)close(r->fd);
    free(r);
}

bool rooms_take(struct rooms *r, unsigned *ret)
{
    uint32_t open = ~r->taken & ((1U << ROOMS) - 1);

    if (open == 0)
        return false;
    *ret = (unsigned)__builtin_ctz(open);
    r->taken |= 1U << *ret;
    r->users++;
    return true;
}
