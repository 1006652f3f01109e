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

/* The length of the stretch without CR or LF at the start of `s`. */
static size_t plain_length(struct str s)
{
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

/* A CR is held back until the next octet shows whether it was one half of CRLF; either way the
 * line ends, with CRLF. */
void dot_write(struct dot_writer *w, struct str in, struct buf *out)
{
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

        size_t plain = plain_length(in);
        if (plain > 0)
            w->state = OUT_IN_LINE;
        buf_add(out, str_take(in, plain));
        in = str_skip(in, plain);
        if (in.len == 0)
            break;
        if (in.at[0] == '\r') {
            w->state = OUT_AFTER_CR;
        } else {
            BUF_ADD(out, "\r\n");
            w->state = OUT_LINE_START;
        }
        in = str_skip(in, 1);
    }
}

void dot_finish(struct dot_writer *w, struct buf *out)
{
    if (w->state != OUT_LINE_START)
        BUF_ADD(out, "\r\n");
    BUF_ADD(out, ".\r\n");
    w->state = OUT_LINE_START;
}
