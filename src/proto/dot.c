/* proto/dot.c - dot-stuffing both ways.
 *
 * Reading: the usual stretch inside a line is found by memchr and copied whole; only the octets
 * around line ends go through the state machine.
 *
 *                 .                \r               \n
 *   LINE_START ------> AFTER_DOT ------> DOT_CR ---------> end of message
 *     ^    | other          | other: the dot was stuffing; drop it
 *     | \n v                v
 *   AFTER_CR <------------ IN_LINE
 *               \r
 *
 * A CR is passed on when it is seen, so that output never runs ahead of input; when the octet
 * behind it is not LF the whole message is refused anyway. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/dot.h"

enum reader_state { LINE_START, IN_LINE, AFTER_CR, AFTER_DOT, DOT_CR };

/* How far one look goes, so that a row of lone CRs or LFs does not have everything behind it looked
 * through for each of them. */
enum { LOOK_BYTES = 1024 };

/* The length of the stretch without CR or LF at the start of `s`, or of its first part. */
static size_t plain_length(struct str s)
{
    s = str_take(s, LOOK_BYTES);

    size_t lf = MIN(str_find_char(s, '\n'), s.len);

    return MIN(str_find_char(str_take(s, lf), '\r'), lf);
}

/* One octet through the state machine. *keep says whether it belongs to the message. */
static enum dot_status step(struct dot_reader *r, char c, bool *keep)
{
    *keep = true;
    switch ((enum reader_state)r->state) {
    case AFTER_CR:
        if (c != '\n')
            return DOT_BARE_NEWLINE;
        r->state = LINE_START;
        return DOT_MORE;
    case DOT_CR:
        *keep = false;
        return c == '\n' ? DOT_END : DOT_BARE_NEWLINE;
    case LINE_START:
        if (c == '.') {
            *keep = false;
            r->state = AFTER_DOT;
            return DOT_MORE;
        }
        break;
    case AFTER_DOT:
        if (c == '\r') {
            *keep = false;
            r->state = DOT_CR;
            return DOT_MORE;
        }
        break;
    case IN_LINE:
        break;
    }
    if (c == '\n')
        return DOT_BARE_NEWLINE;
    r->state = c == '\r' ? AFTER_CR : IN_LINE;
    return DOT_MORE;
}

enum dot_status dot_feed(struct dot_reader *r, struct str in, char *out, size_t *used, size_t *made)
{
    enum dot_status status = DOT_MORE;
    size_t from = 0, to = 0;

    while (status == DOT_MORE && from < in.len) {
        if (r->state == IN_LINE) {
            size_t plain = plain_length(str_skip(in, from));

            memmove(out + to, in.at + from, plain);
            from += plain;
            to += plain;
            if (from == in.len)
                break;
        }

        bool keep;
        char c = in.at[from++];
        status = step(r, c, &keep);
        if (keep && status != DOT_BARE_NEWLINE)
            out[to++] = c;
    }
    *used = from;
    *made = to;
    return status;
}

enum writer_state { OUT_LINE_START, OUT_IN_LINE, OUT_AFTER_CR };

/* Octets up to the end of the last line that may go out as it is: what mail mostly is. `in` begins
 * anywhere in a line; a line that begins with a dot, and all behind it, is left. */
static size_t whole_lines(struct str in)
{
    size_t end = 0;

    while (end < in.len) {
        const char *at = in.at + end;
        const char *lf = memchr(at, '\n', MIN(in.len - end, (size_t)LOOK_BYTES));

        if (lf == NULL || lf == at || memchr(at, '\r', (size_t)(lf - at)) != lf - 1)
            break;
        end = (size_t)(lf - in.at) + 1;
        if (end < in.len && in.at[end] == '.')
            break;
    }
    return end;
}

/* A CR is held back until the next octet shows whether it was one half of CRLF; either way the
 * line ends, with CRLF. */
void dot_write(struct dot_writer *w, struct str in, struct buf *out)
{
    (void)buf_reserve(out, in.len);
    while (in.len > 0) {
        if (w->state == OUT_AFTER_CR) {
            BUF_ADD(out, "\r\n");
            w->state = OUT_LINE_START;
            if (in.at[0] == '\n') {
                in = str_skip(in, 1);
                continue;
            }
        }
        if (w->state == OUT_LINE_START && in.at[0] == '.')
            buf_add_char(out, '.');

        size_t lines = whole_lines(in);
        if (lines > 0) {
            buf_add(out, str_take(in, lines));
            in = str_skip(in, lines);
            w->state = OUT_LINE_START;
            continue;
        }

        size_t plain = plain_length(in);
        if (plain > 0) {
            buf_add(out, str_take(in, plain));
            in = str_skip(in, plain);
            w->state = OUT_IN_LINE;
            continue;
        }
        if (in.at[0] == '\r') {
            w->state = OUT_AFTER_CR;
        } else {
            BUF_ADD(out, "\r\n");
            w->state = OUT_LINE_START;
        }
        in = str_skip(in, 1);
    }
}

size_t dot_measure(struct dot_writer *w, struct str in)
{
    size_t made = 0;

    for (size_t i = 0; i < in.len; i++) {
        bool ended = w->state == OUT_AFTER_CR;

        made += ended ? 2 : 0;
        if (ended)
            w->state = OUT_LINE_START;
        if (ended && in.at[i] == '\n')
            continue;
        if (in.at[i] == '\r') {
            w->state = OUT_AFTER_CR;
        } else {
            made += in.at[i] == '\n' ? 2 : 1;
            w->state = in.at[i] == '\n' ? OUT_LINE_START : OUT_IN_LINE;
        }
    }
    return made;
}

size_t dot_measure_end(const struct dot_writer *w)
{
    return w->state == OUT_LINE_START ? 0 : 2;
}

void dot_finish(struct dot_writer *w, struct buf *out)
{
    if (w->state != OUT_LINE_START)
        BUF_ADD(out, "\r\n");
    BUF_ADD(out, ".\r\n");
    w->state = OUT_LINE_START;
}
