/* message/record/section.c - octet ranges of IMAP sections. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/section.h"

static const struct {
    enum section_kind kind;
    struct str name;
} kinds[] = {
    { SECTION_HEADER, STR_INIT("HEADER") },
    { SECTION_HEADER_FIELDS, STR_INIT("HEADER.FIELDS") },
    { SECTION_HEADER_FIELDS_NOT, STR_INIT("HEADER.FIELDS.NOT") },
    { SECTION_TEXT, STR_INIT("TEXT") },
    { SECTION_MIME, STR_INIT("MIME") },
};

/* section-spec = section-msgtext / (section-part ["." section-text])   (RFC 3501 9)
 * MIME needs a part before it. */
enum err section_parse(struct str text, struct section *ret)
{
    struct section s = { .kind = SECTION_ALL };
    bool dot = false;

    while (text.len != 0 && ascii_is_digit(text.at[0])) {
        size_t end = str_find_char(text, '.');
        struct str number = str_take(text, end);

        if (s.path_len == RECORD_DEPTH_MAX)
            return ERR_LIMIT;
        if (number.at[0] == '0' || !str_to_u32(number, &s.path[s.path_len]))
            return ERR_SYNTAX;
        s.path_len++;
        dot = end != STR_NOT_FOUND;
        text = dot ? str_skip(text, end + 1) : STR_EMPTY;
    }
    if (text.len == 0) {
        if (dot)
            return ERR_SYNTAX;
        *ret = s;
        return OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (str_eq_nocase(text, kinds[i].name)) {
            if (kinds[i].kind == SECTION_MIME && s.path_len == 0)
                return ERR_SYNTAX;
            s.kind = kinds[i].kind;
            *ret = s;
            return OK;
        }
    return ERR_SYNTAX;
}

void section_format(const struct section *s, struct buf *out)
{
    for (uint32_t i = 0; i < s->path_len; i++) {
        if (i != 0)
            buf_add_char(out, '.');
        buf_add_u64(out, s->path[i]);
    }
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i].kind == s->kind) {
            if (s->path_len != 0)
                buf_add_char(out, '.');
            buf_add(out, kinds[i].name);
        }
}

/* HEADER and TEXT of a message whose octets are [at, at + bytes). */
static struct octet_range of_message(enum section_kind kind, uint64_t at, uint64_t bytes,
                                     uint64_t header_bytes)
{
    if (kind == SECTION_ALL)
        return (struct octet_range){ at, bytes };
    if (kind == SECTION_TEXT)
        return (struct octet_range){ at + header_bytes, bytes - header_bytes };
    return (struct octet_range){ at, header_bytes };
}

bool section_find(const struct record *r, const struct section *s, struct octet_range *ret)
{
    struct part p;

    if (s->path_len == 0) {
        if (s->kind == SECTION_MIME)
            return false;
        *ret = of_message(s->kind, 0, r->size_bytes, r->header_bytes);
        return true;
    }
    if (!record_find_part(r, s->path, s->path_len, &p))
        return false;
    if (s->kind == SECTION_MIME) {
        *ret = (struct octet_range){ p.header_at, p.header_bytes };
        return true;
    }
    /* HEADER and TEXT of a part exist when the part is a message (RFC 3501 6.4.5). */
    if (s->kind != SECTION_ALL && (p.kind != PART_MESSAGE || p.inner_header_bytes > p.body_bytes))
        return false;
    *ret = of_message(s->kind, p.body_at, p.body_bytes, p.inner_header_bytes);
    return true;
}

static bool is_listed(struct str name, const struct str *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(name, names[i]))
            return true;
    return false;
}

struct str header_field_name(struct str line)
{
    struct str name = str_take(line, str_find_char(line, ':'));

    while (name.len != 0 && (name.at[name.len - 1] == ' ' || name.at[name.len - 1] == '\t'))
        name.len--;
    return name;
}

void header_subset(struct str header, const struct str *names, size_t count, bool unlisted,
                   struct buf *out)
{
    bool keep = unlisted; /* a fold of nothing, first of all, is no listed field */

    while (header.len != 0) {
        size_t newline = str_find_char(header, '\n');
        struct str line = newline == STR_NOT_FOUND ? header : str_take(header, newline + 1);

        header = str_skip(header, line.len);
        if (str_eq(line, STR("\r\n")) || str_eq(line, STR("\n")))
            keep = true; /* the blank line always belongs to it */
        else if (line.at[0] != ' ' && line.at[0] != '\t')
            keep = is_listed(header_field_name(line), names, count) != unlisted;
        if (keep)
            buf_add(out, line);
    }
}
