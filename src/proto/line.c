/* proto/line.c - finding line ends, however the octets come.
 *
 * Octets are appended to `in`; `from` moves over it as lines are given out, and the used part is
 * removed only when more is fed, so a buffer full of short commands is moved once, not once per
 * command. `scanned` keeps a line that comes byte by byte from being searched again each time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/line.h"

void line_deinit(struct line_reader *r)
{
    buf_deinit(&r->in);
    *r = (struct line_reader){ .lf_ends_line = r->lf_ends_line };
}

struct str line_pending(const struct line_reader *r)
{
    return str_skip(buf_str(&r->in), r->from);
}

void line_take(struct line_reader *r, size_t count)
{
    BUG_ON(count > r->in.len - r->from);
    r->from += (uint32_t)count;
    r->scanned = 0;
}

size_t line_drop(struct line_reader *r)
{
    size_t count = r->in.len - r->from;

    line_deinit(r);
    return count;
}

size_t line_feed(struct line_reader *r, struct str bytes)
{
    buf_consume(&r->in, r->from);
    r->from = 0;

    struct str taken = str_take(bytes, LINE_PENDING_MAX - r->in.len);
    buf_add(&r->in, taken);
    return taken.len;
}

/* Index of the first CR or LF at or behind `start`, or the length of `s`. */
static size_t find_newline(struct str s, size_t start)
{
    struct str rest = str_skip(s, start);
    size_t lf = str_find_char(rest, '\n');
    size_t cr = str_find_char(str_take(rest, MIN(lf, rest.len)), '\r');

    return start + MIN(MIN(lf, cr), rest.len);
}

/* No line end among the pending octets: either it may still come within the limit, or what is
 * here is already too much and is thrown away at once, up to `keep`, a CR that may be half of
 * the line end. */
static enum line_status not_yet(struct line_reader *r, size_t line_max, size_t keep)
{
    r->scanned = (uint32_t)keep;
    if (r->dropped + keep > line_max) {
        line_take(r, keep);
        r->dropped += (uint32_t)keep;
        if (r->dropped > line_max + LINE_FLOOD_BYTES)
            return LINE_FLOOD;
    }
    if (r->from == r->in.len) {
        buf_deinit(&r->in);
        r->from = r->scanned = 0;
    }
    return LINE_MORE;
}

/* A line of `len` pending octets ends here; `end` is the length of its line end. */
static enum line_status found(struct line_reader *r, size_t line_max, size_t len, size_t end,
                              struct str *ret)
{
    struct str line = str_take(line_pending(r), len);
    size_t total = r->dropped + len;

    line_take(r, len + end);
    r->dropped = 0;
    if (total > line_max + LINE_FLOOD_BYTES)
        return LINE_FLOOD;
    if (total > line_max)
        return LINE_TOO_LONG;
    *ret = line;
    return LINE_DONE;
}

enum line_status line_next(struct line_reader *r, size_t line_max, struct str *ret)
{
    BUG_ON(line_max > LINE_PENDING_MAX - 2);

    struct str pending = line_pending(r);
    size_t at = find_newline(pending, r->scanned);

    if (at == pending.len)
        return not_yet(r, line_max, at);
    if (pending.at[at] == '\n' && r->lf_ends_line)
        return found(r, line_max, at, 1, ret);
    if (pending.at[at] == '\r' && at + 1 == pending.len)
        return not_yet(r, line_max, at);
    if (pending.at[at] == '\r' && pending.at[at + 1] == '\n')
        return found(r, line_max, at, 2, ret);

    line_take(r, at + 1);
    r->dropped = 0;
    return LINE_BARE_NEWLINE;
}
