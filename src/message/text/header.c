/* message/text/header.c - lines, and which of them begin a field.
 *
 * A field is its first line and every following line that begins with a blank. Lines are found with
 * memchr, and a name is looked at only at the beginning of a line, so the cost is one scan. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/header.h"

/* Behind the line that begins at `from`. */
static size_t line_end(struct str text, size_t from)
{
    const char *lf = from < text.len ? memchr(text.at + from, '\n', text.len - from) : NULL;

    return lf == NULL ? text.len : (size_t)(lf - text.at) + 1;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Length of the field name that begins at `from`, 0 when no field begins there; *ret_value is where
 * its value begins. RFC 5322 2.2 ftext; octets above 127 are let pass as they come. */
static size_t name_length(struct str text, size_t from, size_t *ret_value)
{
    size_t at = from, name;

    while (at < text.len && (unsigned char)text.at[at] > ' ' && text.at[at] != ':' &&
           text.at[at] != 0x7F)
        at++;
    name = at - from;
    while (at < text.len && is_blank(text.at[at]))
        at++;
    if (name == 0 || at == text.len || text.at[at] != ':')
        return 0;
    *ret_value = at + 1;
    return name;
}

/* The length of the empty line at `from`, or 0. */
static size_t empty_line(struct str text, size_t from)
{
    if (from < text.len && text.at[from] == '\n')
        return 1;
    return str_starts(str_skip(text, from), STR("\r\n")) ? 2 : 0;
}

static bool end_header(struct header_reader *r, bool over_limit)
{
    r->ended = true;
    r->over_limit = over_limit;
    return false;
}

/* "From : alice" is a field with a blank before its colon, "From alice Thu Jan 1" is an mbox line.
 */
static void skip_mbox_line(struct header_reader *r)
{
    size_t value;

    r->started = true;
    if (name_length(r->text, 0, &value) == 0 &&
        (str_starts(r->text, STR("From ")) || str_starts(r->text, STR(">From "))))
        r->pos = line_end(r->text, 0);
}

static bool is_over_limit(const struct header_reader *r, size_t end)
{
    const struct message_limits *l = r->limits;

    return l != NULL && (r->fields >= l->fields_max || end - r->pos > l->field_bytes_max ||
                         end > l->header_bytes_max);
}

bool header_next(struct header_reader *r, struct header_field *ret)
{
    size_t value, name, end, empty;

    if (r->ended)
        return false;
    if (!r->started)
        skip_mbox_line(r);
    if ((empty = empty_line(r->text, r->pos)) > 0) {
        r->pos += empty;
        return end_header(r, false);
    }
    if ((name = name_length(r->text, r->pos, &value)) == 0)
        return end_header(r, false);
    end = line_end(r->text, r->pos);
    while (end < r->text.len && is_blank(r->text.at[end]))
        end = line_end(r->text, end);
    if (is_over_limit(r, end))
        return end_header(r, true);

    ret->name = str_sub(r->text, r->pos, name);
    ret->whole = str_sub(r->text, r->pos, end - r->pos);
    ret->value = str_trim_crlf(str_sub(r->text, value, end - value));
    r->pos = end;
    r->fields++;
    return true;
}

size_t header_length(struct str text)
{
    struct header_reader r = header_reader_of(NULL, text);
    struct header_field f;

    while (header_next(&r, &f))
        ;
    return r.pos;
}

bool header_find(struct str text, struct str name, struct header_field *ret)
{
    struct header_reader r = header_reader_of(NULL, text);
    struct header_field f;

    while (header_next(&r, &f))
        if (str_eq_nocase(f.name, name)) {
            *ret = f;
            return true;
        }
    return false;
}

bool header_find_last(struct str text, struct str name, struct header_field *ret)
{
    struct header_reader r = header_reader_of(NULL, text);
    struct header_field f;
    bool found = false;

    while (header_next(&r, &f))
        if (str_eq_nocase(f.name, name)) {
            *ret = f;
            found = true;
        }
    return found;
}

uint32_t header_count(struct str text, struct str name)
{
    struct header_reader r = header_reader_of(NULL, text);
    struct header_field f;
    uint32_t count = 0;

    while (header_next(&r, &f))
        count += str_eq_nocase(f.name, name);
    return count;
}

struct str header_unfold(struct arena *mem, struct str value)
{
    if (str_find_char(value, '\n') == STR_NOT_FOUND && str_find_char(value, '\r') == STR_NOT_FOUND)
        return value;

    char *out = arena_alloc(mem, value.len);
    size_t made = 0;
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] != '\r' && value.at[i] != '\n')
            out[made++] = value.at[i];
    return str_from(out, made);
}

void header_copy_without(struct buf *out, struct str text, const struct str *names, size_t count)
{
    struct header_reader r = header_reader_of(NULL, text);
    struct header_field f;

    while (header_next(&r, &f)) {
        bool named = false;

        for (size_t i = 0; i < count && !named; i++)
            named = str_eq_nocase(f.name, names[i]);
        if (!named)
            buf_add(out, f.whole);
    }
}
