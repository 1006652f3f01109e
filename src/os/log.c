/* os/log.c - lines are formed in one buffer and leave together when the turn is over. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "os/log.h"

#include <errno.h>
#include <unistd.h>

#include "base/calendar.h"
#include "base/utf8.h"
#include "os/dispatch.h"

enum { ROLE_BYTES_MAX = 32, PENDING_BYTES_MAX = 256 * 1024 };

struct log {
    struct loop *loop;
    struct buf pending; /* whole lines, then the one that is being formed */
    size_t line;        /* where that one begins */
    uint64_t dropped;
    enum log_level level, current;
    int fd;
    bool open, posted, freed;
    char role[ROLE_BYTES_MAX + 1];
};

static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"
};

struct log *log_new(struct loop *l, struct str role, int fd, enum log_level level)
{
    struct log *g = os_new(sizeof(*g));

    *g = (struct log){ .loop = l, .fd = fd, .level = level };
    role = str_take(role, ROLE_BYTES_MAX);
    memcpy(g->role, role.at, role.len);
    return g;
}

void log_set_level(struct log *g, enum log_level level)
{
    g->level = level;
}

bool log_is_on(const struct log *g, enum log_level level)
{
    return level <= g->level;
}

/* Whole lines only: what does not fit into the pipe is lost from the first line that does not. */
static void write_pending(struct log *g)
{
    size_t done = 0;

    while (done < g->line) {
        ssize_t written = write(g->fd, g->pending.at + done, g->line - done);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            break;
        done += (size_t)written;
    }
    for (size_t i = done; i < g->line; i++)
        g->dropped += g->pending.at[i] == '\n';
    buf_consume(&g->pending, g->line);
    g->line = 0;
    buf_shrink(&g->pending, 0);
}

static void flush(void *ctx)
{
    struct log *g = ctx;

    g->posted = false;
    if (!g->freed && !g->open)
        write_pending(g);
}

static void free_log(void *memory)
{
    struct log *g = memory;

    buf_deinit(&g->pending);
    free(g);
}

/* A flush may be posted already, so the memory goes after it. */
void log_free(struct log *g)
{
    if (g == NULL)
        return;
    write_pending(g);
    g->freed = true;
    loop_bury(g->loop, free_log, g);
}

static void add_time(struct log *g)
{
    int64_t ms = loop_wall_ms(g->loop);
    struct calendar c = calendar_of(ms / 1000);

    buf_printf(&g->pending, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ ", c.year, c.month, c.day, c.hour,
               c.minute, c.second, (int)(ms % 1000));
}

void log_begin(struct log *g, enum log_level level, const char *event)
{
    BUG_ON(g->open);
    g->open = true;
    g->current = level;
    if (!log_is_on(g, level))
        return;
    if (g->dropped > 0) {
        add_time(g);
        buf_printf(&g->pending, "warn %s log.dropped lines=%llu\n", g->role,
                   (unsigned long long)g->dropped);
        g->dropped = 0;
        g->line = g->pending.len;
    }
    add_time(g);
    buf_printf(&g->pending, "%s %s %s", level_names[level], g->role, event);
}

static bool is_plain(struct str value)
{
    for (size_t i = 0; i < value.len; i++) {
        unsigned char c = (unsigned char)value.at[i];

        if (c <= ' ' || c >= 0x7F || c == '"' || c == '\\' || c == '=')
            return false;
    }
    return value.len > 0;
}

/* In quotes, so that neither a newline nor a blank of a peer can begin something new. */
static void add_quoted(struct buf *out, struct str value)
{
    uint32_t c;

    buf_add_char(out, '"');
    while (value.len > 0) {
        struct str before = value;
        bool good = utf8_next(&value, &c);
        struct str octets = str_take(before, before.len - value.len);

        if (!good || c < 0x20 || (c >= 0x7F && c < 0xA0))
            for (size_t i = 0; i < octets.len; i++)
                buf_printf(out, "\\x%02x", (unsigned char)octets.at[i]);
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", (char)c);
        else
            buf_add(out, octets);
    }
    buf_add_char(out, '"');
}

void log_str(struct log *g, const char *key, struct str value)
{
    SCRATCH(tmp, NULL);

    BUG_ON(!g->open);
    if (!log_is_on(g, g->current))
        return;
    if (value.len > LOG_VALUE_BYTES_MAX)
        value = arena_join(tmp, utf8_cut(value, LOG_VALUE_BYTES_MAX - 3), STR("..."));
    buf_printf(&g->pending, " %s=", key);
    if (is_plain(value))
        buf_add(&g->pending, value);
    else
        add_quoted(&g->pending, value);
}

void log_num(struct log *g, const char *key, int64_t value)
{
    BUG_ON(!g->open);
    if (log_is_on(g, g->current))
        buf_printf(&g->pending, " %s=%lld", key, (long long)value);
}

void log_address(struct log *g, const char *key, const struct address *value)
{
    struct buf text = { 0 };

    address_format_with_port(value, &text);
    log_str(g, key, buf_str(&text));
    buf_deinit(&text);
}

void log_err(struct log *g, enum err e, const struct errinfo *why)
{
    log_str(g, "error", str_from_z(err_text(e)));
    if (why != NULL && why->text[0] != '\0')
        log_str(g, "why", str_from_z(why->text));
}

/* The world of a simulated loop takes each line at once, in the order of events. */
static void give_to_world(struct log *g)
{
    g->loop->ops->note(g->loop, buf_str(&g->pending));
    buf_clear(&g->pending);
    g->line = 0;
}

void log_end(struct log *g)
{
    BUG_ON(!g->open);
    g->open = false;
    if (!log_is_on(g, g->current))
        return;
    if (g->loop->ops->note != NULL) {
        give_to_world(g);
        return;
    }
    buf_add_char(&g->pending, '\n');
    g->line = g->pending.len;
    if (g->current == LOG_ERROR || g->pending.len > PENDING_BYTES_MAX)
        write_pending(g);
    else if (!g->posted) {
        g->posted = true;
        loop_post(g->loop, flush, g);
    }
}
