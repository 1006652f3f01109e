/* cli/move/maildir.c - names and lists of a maildir. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/move/maildir.h"

#include "base/utf8.h"
#include "proto/imap/parse/mutf7.h"

/* ---- files ---- */

/* In the order of the letters, in which they are written. */
static const struct {
    char letter;
    uint32_t flag;
} letters[] = {
    { 'D', FLAG_DRAFT },    { 'F', FLAG_FLAGGED }, { 'P', FLAG_FORWARDED },
    { 'R', FLAG_ANSWERED }, { 'S', FLAG_SEEN },    { 'T', FLAG_DELETED },
};

/* The base ends at the last ':' (or ';', where ':' may not stand in names); Dovecot puts sizes into
 * the base, behind commas. */
struct maildir_file maildir_file_parse(struct str name)
{
    struct maildir_file f = { .base = name };
    size_t colon = str_find(name, STR(":2,")), info;

    if (colon == STR_NOT_FOUND)
        colon = str_find(name, STR(";2,"));
    if (colon == STR_NOT_FOUND) {
        colon = str_find_char_last(name, ':');
        f.base = colon == STR_NOT_FOUND ? name : str_take(name, colon);
        return f;
    }
    f.base = str_take(name, colon);
    for (info = colon + 3; info < name.len; info++) {
        char c = name.at[info];

        if (c >= 'a' && c <= 'z')
            f.keywords |= 1u << (c - 'a');
        for (size_t i = 0; i < ARRAY_LEN(letters); i++)
            if (letters[i].letter == c)
                f.flags |= letters[i].flag;
    }
    return f;
}

void maildir_suffix(struct buf *out, uint32_t flags, uint32_t keywords)
{
    BUF_ADD(out, ":2,");
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        if (flags & letters[i].flag)
            buf_add_char(out, letters[i].letter);
    for (int i = 0; i < MAILDIR_KEYWORDS_MAX; i++)
        if (keywords >> i & 1)
            buf_add_char(out, (char)('a' + i));
}

/* ---- folders ---- */

static int hex_value(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "\2e" is a dot; a slash inside a part cannot be kept and becomes '_'. */
static void add_part(struct buf *out, struct str part)
{
    for (size_t i = 0; i < part.len; i++) {
        char c = part.at[i];

        if (c == '\\' && i + 2 < part.len && hex_value(part.at[i + 1]) >= 0 &&
            hex_value(part.at[i + 2]) >= 0) {
            c = (char)(hex_value(part.at[i + 1]) * 16 + hex_value(part.at[i + 2]));
            i += 2;
        }
        buf_add_char(out, c == '/' || c == '\0' ? '_' : c);
    }
}

bool maildir_folder_parse(struct arena *mem, struct str wire, struct str *ret)
{
    struct str rest = str_starts(wire, STR(".")) ? str_skip(wire, 1) : wire;
    struct buf out = { 0 };
    bool good = rest.len > 0;

    while (good && rest.len > 0) {
        bool last = str_find_char(rest, '.') == STR_NOT_FOUND;
        struct str part = str_split(&rest, '.'), name;

        good = part.len > 0 && (last || rest.len > 0);
        if (good && !mutf7_decode(mem, part, &name)) {
            name = part;
            good = utf8_valid(part);
        }
        if (good && out.len > 0)
            buf_add_char(&out, '/');
        if (good)
            add_part(&out, name);
    }
    if (good)
        *ret = arena_copy(mem, buf_str(&out));
    buf_deinit(&out);
    return good;
}

void maildir_folder_format(struct buf *out, struct str name)
{
    struct buf part = { 0 };

    for (size_t i = 0; i <= name.len; i++) {
        if (i == name.len || name.at[i] == '/') {
            mutf7_encode(out, buf_str(&part));
            buf_clear(&part);
            if (i < name.len)
                buf_add_char(out, '.');
        } else if (name.at[i] == '.' || name.at[i] == '\\') {
            buf_printf(&part, "\\%02x", (unsigned char)name.at[i]);
        } else {
            buf_add_char(&part, name.at[i]);
        }
    }
    buf_deinit(&part);
}

/* ---- keywords: "0 $Forwarded" ---- */

void maildir_keywords_parse(struct str text, struct maildir_keywords *ret)
{
    *ret = (struct maildir_keywords){ 0 };
    while (text.len > 0) {
        struct str line = str_trim_crlf(str_split(&text, '\n'));
        uint32_t number;

        if (str_to_u32(str_split(&line, ' '), &number) && number < MAILDIR_KEYWORDS_MAX)
            ret->names[number] = line;
    }
}

/* ---- UIDs ---- */

/* "3 V1275660208 N25022 G3a3ff...", or of version 1 "1 1275660208 25022". */
static bool parse_head(struct str line, struct maildir_uidlist *l)
{
    struct str version = str_split(&line, ' ');
    bool first = str_eq(version, STR("1"));

    if (!first && !str_eq(version, STR("3")))
        return false;
    for (int i = 0; line.len > 0; i++) {
        struct str field = str_split(&line, ' ');
        char letter = first ? "VN"[i & 1] : (char)(field.len > 0 ? field.at[0] : '\0');
        struct str value = first ? field : str_skip(field, 1);

        if (letter == 'V' && !str_to_u32(value, &l->uidvalidity))
            return false;
        if (letter == 'N' && !str_to_u32(value, &l->uidnext))
            return false;
    }
    return l->uidvalidity != 0;
}

/* "25006 W2481 Pabc :1276528487.M364837P9451.kurkku,S=1355:2,", or without the fields. */
static bool parse_row(struct str line, struct maildir_uid *ret)
{
    *ret = (struct maildir_uid){ .uidl = STR_EMPTY };
    if (!str_to_u32(str_split(&line, ' '), &ret->uid) || ret->uid == 0 || line.len == 0)
        return false;
    while (line.len > 0 && line.at[0] != ':') {
        struct str field;

        if (str_find(line, STR(" :")) == STR_NOT_FOUND)
            break; /* a name of version 1 */
        field = str_split(&line, ' ');
        if (field.len > 1 && field.at[0] == 'P')
            ret->uidl = str_skip(field, 1);
    }
    if (str_starts(line, STR(":")))
        line = str_skip(line, 1);
    ret->base = maildir_file_parse(line).base;
    return ret->base.len > 0;
}

static int by_base(const void *a, const void *b)
{
    return str_cmp(((const struct maildir_uid *)a)->base, ((const struct maildir_uid *)b)->base);
}

bool maildir_uidlist_parse(struct arena *mem, struct str text, struct maildir_uidlist *ret)
{
    struct maildir_uidlist l = { 0 };
    size_t lines = 1;

    for (size_t i = 0; i < text.len; i++)
        lines += text.at[i] == '\n';
    if (!parse_head(str_trim_crlf(str_split(&text, '\n')), &l))
        return false;
    l.rows = ARENA_ARRAY(mem, struct maildir_uid, lines);
    while (text.len > 0) {
        struct str line = str_trim_crlf(str_split(&text, '\n'));

        if (line.len == 0)
            continue;
        if (parse_row(line, &l.rows[l.count]))
            l.count++;
        else
            l.damaged++;
    }
    qsort(l.rows, l.count, sizeof *l.rows, by_base);
    *ret = l;
    return true;
}

const struct maildir_uid *maildir_uidlist_find(const struct maildir_uidlist *l, struct str base)
{
    struct maildir_uid key = { .base = base };

    return l->count == 0 ? NULL : bsearch(&key, l->rows, l->count, sizeof *l->rows, by_base);
}

struct str maildir_uidl_dovecot(struct arena *mem, uint32_t uid, uint32_t uidvalidity)
{
    return arena_printf(mem, "%08x%08x", uid, uidvalidity);
}
