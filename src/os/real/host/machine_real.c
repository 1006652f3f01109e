/* os/real/host/machine_real.c - cores, names, owners, and a secret from the terminal. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/machine.h"

#include <errno.h>
#include <fts.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

enum { NAME_BYTES_MAX = 256, SECRET_BYTES_MAX = 1024 };

unsigned machine_cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;

    return count < 1 ? 1 : (unsigned)count;
}

/* The local files know the domain of a short name; no server is asked. */
struct str machine_name(struct arena *mem)
{
    char name[NAME_BYTES_MAX] = "";
    struct addrinfo hints = { .ai_flags = AI_CANONNAME, .ai_family = AF_UNSPEC }, *found;
    struct str ret;

    if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0')
        return STR("localhost");
    ret = arena_copy(mem, str_from_z(name));
    if (str_find_char(ret, '.') == STR_NOT_FOUND && getaddrinfo(name, NULL, &hints, &found) == 0) {
        if (found->ai_canonname != NULL && strchr(found->ai_canonname, '.') != NULL)
            ret = arena_copy(mem, str_from_z(found->ai_canonname));
        freeaddrinfo(found);
    }
    return ret;
}

enum err machine_find_address(struct str host, uint16_t port, struct address *ret,
                              struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
    int failure;

    if (address_parse(host, port, ret))
        return OK;
    failure = getaddrinfo(arena_copy_z(tmp, host), NULL, &hints, &found);
    if (failure != 0)
        return err_set(why, ERR_NOT_FOUND, "cannot find '%.*s': %s", STR_ARG(host),
                       gai_strerror(failure));
    *ret = (struct address){ .family = ADDRESS_IP4, .port = port };
    if (found->ai_family == AF_INET6) {
        ret->family = ADDRESS_IP6;
        memcpy(ret->ip, &((const struct sockaddr_in6 *)(const void *)found->ai_addr)->sin6_addr,
               sizeof ret->ip);
    } else {
        memcpy(ret->ip, &((const struct sockaddr_in *)(const void *)found->ai_addr)->sin_addr, 4);
    }
    freeaddrinfo(found);
    return OK;
}

bool machine_is_terminal(int fd)
{
    return isatty(fd) == 1;
}

enum err machine_owner(struct str path, struct process_user *ret, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct stat st;

    if (stat(arena_copy_z(tmp, path), &st) != 0)
        return err_set(why, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot look at '%.*s': %s",
                       STR_ARG(path), strerror(errno));
    *ret = (struct process_user){ st.st_uid, st.st_gid };
    return OK;
}

enum err machine_give(struct str path, const struct process_user *to, struct errinfo *why)
{
    SCRATCH(tmp, NULL);

    if (chown(arena_copy_z(tmp, path), to->uid, to->gid) == 0)
        return OK;
    return err_set(why, errno == EPERM ? ERR_DENIED : ERR_IO, "cannot give '%.*s' away: %s",
                   STR_ARG(path), strerror(errno));
}

enum err machine_give_all(struct str folder, const struct process_user *to, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    char *roots[] = { arena_copy_z(tmp, folder), NULL };
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
    enum err e = OK;
    FTSENT *entry;

    while (walk != NULL && e == OK && (entry = fts_read(walk)) != NULL)
        if (entry->fts_info != FTS_DP && lchown(entry->fts_accpath, to->uid, to->gid) != 0)
            e = err_set(why, errno == EPERM ? ERR_DENIED : ERR_IO, "cannot give '%s' away: %s",
                        entry->fts_path, strerror(errno));
    if (walk == NULL)
        return err_set(why, ERR_IO, "cannot walk '%.*s': %s", STR_ARG(folder), strerror(errno));
    (void)fts_close(walk);
    return e;
}

/* One octet at a time, so that nothing behind the line is taken from whoever reads next. */
static enum err read_line(char *at, size_t max, size_t *ret_len)
{
    size_t len = 0;
    ssize_t got;

    while ((got = read(STDIN_FILENO, at + len, 1)) == 1 && at[len] != '\n')
        if (++len == max)
            return ERR_LIMIT;
    if (got != 1 && len == 0)
        return ERR_CLOSED;
    *ret_len = len;
    return OK;
}

enum err machine_read_secret(struct arena *mem, struct str prompt, struct str *ret,
                             struct errinfo *why)
{
    char *line = arena_alloc(mem, SECRET_BYTES_MAX + 1);
    struct termios before, silent;
    bool terminal = tcgetattr(STDIN_FILENO, &before) == 0;
    size_t len;

    if (terminal) {
        (void)fprintf(stderr, "%.*s", STR_ARG(prompt));
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    }
    enum err e = read_line(line, SECRET_BYTES_MAX, &len);
    if (terminal) {
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
        (void)fprintf(stderr, "\n");
    }
    if (e != OK)
        return err_set(why, e, e == ERR_LIMIT ? "the line is too long" : "nothing was entered");
    *ret = str_from(line, len);
    return OK;
}
