/* message/coding/flowed.c - soft line ends are blanks at the end of a line. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/coding/flowed.h"

/* One line: how deep it is quoted, and what it says. */
struct flowed_line {
    size_t depth;
    struct str text;
    bool stuffed;
};

static struct str next_line(struct str *rest)
{
    struct str line = str_split(rest, '\n');

    return line.len > 0 && line.at[line.len - 1] == '\r' ? str_take(line, line.len - 1) : line;
}

/* Takes the quote marks and the stuffed blank off a line (RFC 3676 4.4, 4.5). */
static struct flowed_line parse_line(struct str line)
{
    struct flowed_line l = { .depth = 0 };

    while (l.depth < line.len && line.at[l.depth] == '>')
        l.depth++;
    l.text = str_skip(line, l.depth);
    l.stuffed = l.text.len > 0 && l.text.at[0] == ' ';
    l.text = str_skip(l.text, l.stuffed);
    return l;
}

static bool is_signature(struct str text)
{
    return str_eq(text, STR("-- "));
}

static void add_marks(struct buf *out, size_t depth)
{
    for (size_t i = 0; i < MIN(depth, (size_t)FLOWED_QUOTE_DEPTH_MAX); i++)
        buf_add_char(out, '>');
}

void flowed_decode(struct buf *out, struct str text, bool delsp)
{
    size_t depth = 0;
    bool open = false; /* the last line ended softly, its paragraph goes on */

    while (text.len > 0) {
        struct flowed_line l = parse_line(next_line(&text));
        bool soft = str_ends(l.text, STR(" ")) && !is_signature(l.text);

        /* A change of depth or a signature ends a paragraph whatever its last blank says. */
        if (open && (l.depth != depth || is_signature(l.text))) {
            buf_add_char(out, '\n');
            open = false;
        }
        if (!open) {
            add_marks(out, l.depth);
            if (l.depth > 0)
                buf_add_char(out, ' ');
        }
        buf_add(out, soft && delsp ? str_take(l.text, l.text.len - 1) : l.text);
        if (!soft)
            buf_add_char(out, '\n');
        open = soft;
        depth = l.depth;
    }
    if (open)
        buf_add_char(out, '\n');
}

static struct str trim_end(struct str s)
{
    while (s.len > 0 && (s.at[s.len - 1] == ' ' || s.at[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* How much of `text` goes on a line of `room` octets: up to and with the last blank that fits, or
 * the first blank when a word is longer than the line. */
static size_t break_at(struct str text, size_t room)
{
    size_t best = 0;

    if (text.len <= room)
        return text.len;
    for (size_t i = 0; i < text.len && (i < room || best == 0); i++)
        if (text.at[i] == ' ' && i + 1 < text.len && text.at[i + 1] != ' ')
            best = i + 1;
    return best == 0 ? text.len : best;
}

static bool needs_stuffing(struct str text, size_t depth)
{
    return depth > 0 || str_starts(text, STR(" ")) || str_starts(text, STR(">")) ||
           str_starts(text, STR("From "));
}

static void encode_line(struct buf *out, size_t depth, struct str text)
{
    size_t room = FLOWED_LINE_BYTES - MIN(depth, (size_t)FLOWED_QUOTE_DEPTH_MAX) - 1;

    do {
        size_t len = break_at(text, room);

        add_marks(out, depth);
        if (text.len > 0 && needs_stuffing(text, depth))
            buf_add_char(out, ' ');
        buf_add(out, str_take(text, len));
        BUF_ADD(out, "\r\n");
        text = str_skip(text, len);
    } while (text.len > 0);
}

void flowed_encode(struct buf *out, struct str text)
{
    while (text.len > 0) {
        struct str line = next_line(&text);
        struct flowed_line l = parse_line(line);

        /* What the writer typed is not stuffed yet: only behind quote marks is a blank no text. */
        if (l.depth == 0)
            l.text = line;
        encode_line(out, l.depth, is_signature(l.text) ? l.text : trim_end(l.text));
    }
}
