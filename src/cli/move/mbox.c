/* cli/move/mbox.c - finding messages in an mbox file, and taking them apart. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/move/mbox.h"

#include "base/calendar.h"
#include "message/text/date.h"
#include "message/text/header.h"

enum { FROM_LINE_BYTES_MAX = 1000, LENGTH_LOOK_BYTES = 64 * 1024 };

/* ---- "From " lines ---- */

static struct str line_at(struct str s, size_t at)
{
    struct str rest = str_skip(s, at);
    size_t end = str_find_char(rest, '\n');

    return end == STR_NOT_FOUND ? rest : str_take(rest, end + 1);
}

/* The date stands behind the sender, which may have blanks in it: the first weekday counts. */
static bool from_line_date(struct str line, int64_t *ret)
{
    struct str rest = str_trim_crlf(str_skip(line, 5));
    struct mail_date date;

    if (line.len > FROM_LINE_BYTES_MAX)
        return false;
    while (rest.len > 0) {
        struct str word = str_take(rest, 3);

        for (uint8_t day = 0; day < 7; day++)
            if (str_eq(word, calendar_weekday_name(day)) && date_parse(rest, &date)) {
                *ret = date.epoch_s;
                return true;
            }
        (void)str_split(&rest, ' ');
    }
    return false;
}

static bool is_from_line(struct str line)
{
    int64_t date;

    return str_starts(line, STR("From ")) && from_line_date(line, &date);
}

/* ---- where a message ends ---- */

/* Content-Length of the header, or STR_NOT_FOUND. The header begins behind the "From " line. */
static size_t content_length(struct str octets, size_t *ret_body)
{
    size_t head = line_at(octets, 0).len;
    struct str rest = str_skip(octets, head);
    struct header_field field;
    uint64_t length;

    if (!header_find(str_take(rest, LENGTH_LOOK_BYTES), STR("Content-Length"), &field) ||
        !str_to_u64(field.value, UINT32_MAX, &length))
        return STR_NOT_FOUND;
    *ret_body = head + header_length(rest);
    return (size_t)length;
}

/* A length that leads to a "From " line or to the end is right. */
static enum mbox_found by_length(struct str octets, bool last, size_t *ret_len)
{
    size_t body = 0, length = content_length(octets, &body), end;

    if (length == STR_NOT_FOUND)
        return MBOX_JUNK;
    end = body + length;
    if (end > octets.len)
        return last ? MBOX_JUNK : MBOX_MORE;
    for (int blank = 0; blank < 2 && end < octets.len; blank++)
        end += octets.at[end] == '\r' && end + 1 < octets.len && octets.at[end + 1] == '\n' ? 2
               : octets.at[end] == '\n'                                                     ? 1
                                                                                            : 0;
    if (!last && octets.len - end < FROM_LINE_BYTES_MAX)
        return MBOX_MORE;
    if (end < octets.len && !is_from_line(line_at(octets, end)))
        return MBOX_JUNK;
    *ret_len = end;
    return MBOX_MESSAGE;
}

/* The next "From " line from *from on; where `blank_before`, one behind an empty line. */
static size_t find_from_line(struct str octets, size_t from)
{
    while (from < octets.len) {
        struct str rest = str_skip(octets, from);
        size_t at = str_find(rest, STR("\nFrom "));

        if (at == STR_NOT_FOUND)
            return STR_NOT_FOUND;
        at += from + 1;
        if (at >= 2 && is_from_line(line_at(octets, at)) &&
            (octets.at[at - 2] == '\n' ||
             (octets.at[at - 2] == '\r' && at >= 3 && octets.at[at - 3] == '\n')))
            return at;
        from = at;
    }
    return STR_NOT_FOUND;
}

/* Octets that begin no message: up to the first line that does. */
static enum mbox_found skip_junk(struct str octets, bool last, size_t *ret_len)
{
    size_t at = 0;

    while (at < octets.len) {
        struct str line = line_at(octets, at);

        if (at > 0 && is_from_line(line))
            break;
        if (line.at[line.len - 1] != '\n' && !last && line.len < FROM_LINE_BYTES_MAX)
            break; /* the line may yet become one */
        at += line.len;
    }
    *ret_len = at;
    return at == 0 ? MBOX_MORE : MBOX_JUNK;
}

enum mbox_found mbox_next(struct str octets, bool last, enum mbox_quoting quoting, size_t *from,
                          size_t *ret_len)
{
    struct str line = line_at(octets, 0);
    bool whole_line = line.len > 0 && line.at[line.len - 1] == '\n';
    enum mbox_found found;
    size_t at;

    if (octets.len == 0)
        return last ? MBOX_END : MBOX_MORE;
    if (!whole_line && !last && line.len < FROM_LINE_BYTES_MAX)
        return MBOX_MORE;
    if (!is_from_line(line))
        return skip_junk(octets, last, ret_len);
    if (*from == 0 && !last && octets.len < LENGTH_LOOK_BYTES)
        return MBOX_MORE;
    if (*from == 0 && (quoting == MBOX_CL || quoting == MBOX_CL2 || quoting == MBOX_RD)) {
        found = by_length(octets, last, ret_len);
        if (found != MBOX_JUNK)
            return found;
    }
    at = find_from_line(octets, MAX(*from, line.len - 1));
    /* A line that is cut off by the end of what is here may be one. */
    if (at == STR_NOT_FOUND || (!last && octets.at[at + line_at(octets, at).len - 1] != '\n')) {
        *from = octets.len > FROM_LINE_BYTES_MAX ? octets.len - FROM_LINE_BYTES_MAX : 1;
        if (!last)
            return MBOX_MORE;
        at = octets.len;
    }
    *ret_len = at;
    return MBOX_MESSAGE;
}

/* ---- taking a message apart ---- */

static void flags_of_letters(struct str letters, struct mbox_message *m)
{
    static const struct {
        char letter;
        uint32_t flag;
    } rows[] = { { 'R', FLAG_SEEN },
                 { 'A', FLAG_ANSWERED },
                 { 'F', FLAG_FLAGGED },
                 { 'D', FLAG_DELETED },
                 { 'T', FLAG_DRAFT } };

    for (size_t i = 0; i < letters.len; i++)
        for (size_t k = 0; k < ARRAY_LEN(rows); k++)
            if (rows[k].letter == letters.at[i])
                m->flags |= rows[k].flag;
}

static void keywords_of(struct arena *mem, struct str words, struct mbox_message *m)
{
    while (words.len > 0 && m->keyword_count < MBOX_KEYWORDS_MAX) {
        struct str word = str_split(&words, ' ');

        if (word.len > 0)
            m->keywords[m->keyword_count++] = arena_copy(mem, word);
    }
}

/* "1275660208 0000025022 words": in the first message of a file. */
static void base_of(struct str value, struct mbox_message *m)
{
    uint64_t validity, next;

    if (str_to_u64(str_split(&value, ' '), UINT32_MAX, &validity) &&
        str_to_u64(str_split(&value, ' '), UINT32_MAX, &next)) {
        m->uidvalidity = (uint32_t)validity;
        m->uidnext = (uint32_t)MIN(next + 1, (uint64_t)UINT32_MAX);
    }
}

enum own_field { OWN_STATUS, OWN_X_STATUS, OWN_KEYWORDS, OWN_UID, OWN_IMAP, OWN_BASE, OWN_LENGTH };
static const struct {
    struct str name;
    enum own_field field;
} own_fields[] = {
    { STR_INIT("Status"), OWN_STATUS },         { STR_INIT("X-Status"), OWN_X_STATUS },
    { STR_INIT("X-Keywords"), OWN_KEYWORDS },   { STR_INIT("X-UID"), OWN_UID },
    { STR_INIT("X-IMAP"), OWN_IMAP },           { STR_INIT("X-IMAPbase"), OWN_BASE },
    { STR_INIT("Content-Length"), OWN_LENGTH },
};

/* True when the field is not the message's. */
static bool take_field(struct arena *mem, const struct header_field *f, struct mbox_message *m)
{
    struct str value = header_unfold(mem, f->value);
    uint64_t number;

    for (size_t i = 0; i < ARRAY_LEN(own_fields); i++) {
        if (!str_eq_nocase(f->name, own_fields[i].name))
            continue;
        switch (own_fields[i].field) {
        case OWN_STATUS:
        case OWN_X_STATUS:
            flags_of_letters(value, m);
            break;
        case OWN_KEYWORDS:
            keywords_of(mem, value, m);
            break;
        case OWN_UID:
            m->uid = str_to_u64(value, UINT32_MAX, &number) ? (uint32_t)number : 0;
            break;
        case OWN_IMAP:
        case OWN_BASE:
            m->internal |= own_fields[i].field == OWN_IMAP;
            base_of(value, m);
            break;
        case OWN_LENGTH:
            break;
        }
        return true;
    }
    return false;
}

static bool is_quoted(struct str line, enum mbox_quoting quoting)
{
    size_t marks = 0;

    if (quoting == MBOX_CL2)
        return false;
    while (marks < line.len && line.at[marks] == '>')
        marks++;
    return marks > 0 && (marks == 1 || quoting != MBOX_O) &&
           str_starts(str_skip(line, marks), STR("From "));
}

static void add_body(struct buf *out, struct str body, enum mbox_quoting quoting)
{
    while (body.len > 0) {
        struct str line = line_at(body, 0);
        bool ended = line.at[line.len - 1] == '\n';
        struct str text = ended ? str_take(line, line.len - 1) : line;

        body = str_skip(body, line.len);
        if (ended && text.len > 0 && text.at[text.len - 1] == '\r')
            text.len--;
        buf_add(out, is_quoted(line, quoting) ? str_skip(text, 1) : text);
        if (ended)
            BUF_ADD(out, "\r\n");
    }
}

/* The empty line in front of the next "From " line belongs to the file. */
static struct str without_last_blank(struct str octets)
{
    if (str_ends(octets, STR("\n\n")))
        return str_take(octets, octets.len - 1);
    if (str_ends(octets, STR("\n\r\n")))
        return str_take(octets, octets.len - 2);
    return octets;
}

void mbox_open(struct arena *mem, struct str octets, enum mbox_quoting quoting,
               struct mbox_message *ret, struct buf *out)
{
    struct str from = line_at(octets, 0), rest = str_skip(octets, from.len);
    struct header_reader r = header_reader_of(NULL, rest);
    struct header_field f;
    size_t begin = out->len, kept = 0;

    *ret = (struct mbox_message){ 0 };
    (void)from_line_date(from, &ret->date);
    while (header_next(&r, &f)) {
        size_t at = (size_t)(f.whole.at - rest.at);

        if (!take_field(mem, &f, ret))
            continue;
        add_body(out, str_sub(rest, kept, at - kept), MBOX_CL2);
        kept = at + f.whole.len;
    }
    add_body(out, str_sub(rest, kept, r.pos - kept), MBOX_CL2);
    add_body(out, without_last_blank(str_skip(rest, r.pos)), quoting);
    ret->identity = arena_join(mem, from, str_skip(buf_str(out), begin));
}

/* ---- writing ---- */

void mbox_add_from(struct buf *out, struct str sender, int64_t date)
{
    struct calendar c = calendar_of(date);

    BUF_ADD(out, "From ");
    for (size_t i = 0; i < sender.len; i++)
        if ((unsigned char)sender.at[i] > 0x20 && sender.at[i] != 0x7f)
            buf_add_char(out, sender.at[i]);
    if (out->at[out->len - 1] == ' ')
        BUF_ADD(out, "MAILER-DAEMON");
    buf_printf(out, " %.*s %.*s %2d %02d:%02d:%02d %d\n", STR_ARG(calendar_weekday_name(c.weekday)),
               STR_ARG(calendar_month_name(c.month)), c.day, c.hour, c.minute, c.second, c.year);
}

void mbox_add_quoted(struct buf *out, struct str text)
{
    while (text.len > 0) {
        struct str line = line_at(text, 0);
        bool ended = line.at[line.len - 1] == '\n';
        struct str words = ended ? str_take(line, line.len - 1) : line;

        text = str_skip(text, line.len);
        if (ended && words.len > 0 && words.at[words.len - 1] == '\r')
            words.len--;
        if (str_starts(words, STR("From ")) || is_quoted(words, MBOX_RD))
            buf_add_char(out, '>');
        buf_add(out, words);
        buf_add_char(out, '\n');
    }
}
