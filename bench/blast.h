/* bench/blast.h - what the load generators do alike: the clock, the target, words, sorted times.
 *
 * Header only, and without the house's libraries, as they are. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_BENCH_BLAST_H
#define POSTERN_BENCH_BLAST_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>

static inline double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

__attribute__((noreturn)) static inline void die_of(const char *what, const char *detail)
{
    (void)fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, detail);
    exit(1);
}

__attribute__((noreturn)) static inline void die(const char *what)
{
    die_of(what, strerror(errno));
}

/* HOST PORT; false when the host is no address. */
static inline bool read_target(char **host_and_port, struct sockaddr_in *ret)
{
    *ret = (struct sockaddr_in){ .sin_family = AF_INET };
    ret->sin_port = htons((uint16_t)strtol(host_and_port[1], NULL, 10));
    return inet_pton(AF_INET, host_and_port[0], &ret->sin_addr) == 1;
}

/* Lines of words that compress about as mail does, until at least `size` octets stand there; `at`
 * has room for LINE_ROOM more. Returns how many there are. */
enum { LINE_ROOM = 80 };
static inline size_t add_words(char *at, size_t len, size_t size)
{
    unsigned seed = 1;

    while (len < size) {
        for (int i = 0; i < 70; i++) {
            seed = seed * 1103515245 + 12345;
            at[len++] = (seed >> 16) % 6 == 0 ? ' ' : (char)('a' + (seed >> 20) % 26);
        }
        at[len++] = '\r';
        at[len++] = '\n';
    }
    return len;
}

static inline int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts; `part` of them take at most *ret seconds. */
static inline double time_within(double *times, size_t count, double part)
{
    size_t at = (size_t)((double)count * part);

    qsort(times, count, sizeof(*times), by_size);
    return times[at < count ? at : count - 1];
}

#endif
