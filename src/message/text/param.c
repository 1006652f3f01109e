/* message/text/param.c - one scanner for parameter lists, and RFC 2231 over its result.
 *
 * The scanner knows five tokens by their first octet. What follows an unquoted value decides what
 * the blanks inside it meant: `a=b c=d` forgot a semicolon, `a=b c` forgot its quotes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/param.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "message/coding/charset.h"
#include "message/text/word.h"

enum {
    SEGMENTS_MAX = 200,      /* RFC 2231 continuations of one parameter */
    COMMENT_BYTES_MAX = 500, /* a "(" that is not closed within them is text; keeps time linear */
    PARAM_LINE_BYTES = 76,   /* of a parameter line that we write */
    SEGMENT_VALUE_BYTES = 54 /* of one RFC 2231 segment that we write */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 2045 5.1 token, with octets above 127 as they come in file names. */
static bool is_token_char(char c)
{
    return (unsigned char)c > ' ' && c != 0x7F && strchr("()<>@,;:\\\"/[]?=", c) == NULL;
}

/* Behind the comment that starts at `i`, or i when it is not one that closes. */
static size_t comment_end(struct str s, size_t i)
{
    size_t depth = 0;

    for (size_t k = i; k < s.len && k - i < COMMENT_BYTES_MAX; k++) {
        if (s.at[k] == '\\')
            k++;
        else if (s.at[k] == '(')
            depth++;
        else if (s.at[k] == ')' && --depth == 0)
            return k + 1;
    }
    return i;
}

/* Without blanks and comments at the front. */
static struct str skip_cfws(struct str s)
{
    for (size_t i = 0; i < s.len;) {
        if (is_blank(s.at[i])) {
            i++;
            continue;
        }
        size_t end = s.at[i] == '(' ? comment_end(s, i) : i;
        if (end == i)
            return str_skip(s, i);
        i = end;
    }
    return str_skip(s, s.len);
}

static struct str take_token(struct str *s)
{
    size_t len = 0;

    while (len < s->len && is_token_char(s->at[len]))
        len++;

    struct str token = str_take(*s, len);
    *s = str_skip(*s, len);
    return token;
}

struct str param_token(struct str value)
{
    struct str s = skip_cfws(value);

    return take_token(&s);
}

/* The quoted string at the front of *s, without quotes, quoted pairs and folding. A quoted string
 * that is never closed ends where the value ends. */
static struct str take_quoted(struct arena *mem, struct str *s)
{
    size_t end = 1;
    bool plain = true;

    for (; end < s->len && s->at[end] != '"'; end++) {
        if (s->at[end] == '\\' && end + 1 < s->len)
            end++, plain = false;
        else if (s->at[end] == '\r' || s->at[end] == '\n')
            plain = false;
    }

    struct str inside = str_sub(*s, 1, end - 1);
    *s = str_skip(*s, end + 1);
    if (plain)
        return inside;

    char *out = arena_alloc(mem, inside.len);
    size_t made = 0;
    for (size_t i = 0; i < inside.len; i++) {
        if (inside.at[i] == '\r' || inside.at[i] == '\n')
            continue;
        /* A backslash that is not before a special is a Windows path separator. */
        if (inside.at[i] == '\\' && i + 1 < inside.len &&
            (inside.at[i + 1] == '"' || inside.at[i + 1] == '\\'))
            i++;
        out[made++] = inside.at[i];
    }
    return str_from(out, made);
}

/* An unquoted value: up to ";", or up to a blank when what follows it is another parameter or a
 * comment. tspecials are taken, because many senders forget the quotes. */
static struct str take_unquoted(struct str *s)
{
    size_t semicolon = MIN(str_find_char(*s, ';'), s->len), first = 0;

    while (first < semicolon && !is_blank(s->at[first]))
        first++;

    struct str whole = str_trim_crlf(str_take(*s, semicolon));
    struct str after = skip_cfws(str_from(s->at + first, semicolon - first));
    struct str next = after, name = take_token(&next);
    bool is_param = name.len > 0 && next.len > 0 && next.at[0] == '=';
    if (after.len == 0 || is_param) {
        whole = str_take(whole, first);
        *s = str_from(after.at, (size_t)(s->at + s->len - after.at));
    } else {
        *s = str_skip(*s, semicolon);
    }
    return whole;
}

/* Moves *s to the next parameter: over blanks, comments and ";". False at the end. */
static bool next_param(struct str *s)
{
    *s = skip_cfws(*s);
    while (s->len > 0 && s->at[0] == ';')
        *s = skip_cfws(str_skip(*s, 1));
    return s->len > 0;
}

/* One parameter; false when there is none at the front of *s, which is then skipped to ";". */
static bool take_param(struct arena *mem, struct str *s, struct param *ret)
{
    struct str name = take_token(s);

    *s = skip_cfws(*s);
    if (name.len == 0 || s->len == 0 || s->at[0] != '=') {
        *s = str_skip(*s, MIN(str_find_char(*s, ';'), s->len));
        return false;
    }
    *s = skip_cfws(str_skip(*s, 1));
    ret->name = name;
    ret->value = s->len > 0 && s->at[0] == '"' ? take_quoted(mem, s) : take_unquoted(s);
    return true;
}

static void param_list_add(struct arena *mem, struct param_list *list, struct param p)
{
    /* The array is full at 0 and at every power of two from 4 on. */
    size_t n = list->count;

    if (n == 0 || (n >= 4 && (n & (n - 1)) == 0)) {
        struct param *grown = ARENA_ARRAY(mem, struct param, n == 0 ? 4 : n * 2);

        if (n > 0)
            memcpy(grown, list->at, n * sizeof(*grown));
        list->at = grown;
    }
    list->at[list->count++] = p;
}

enum err param_list_parse(struct arena *mem, const struct message_limits *limits, struct str text,
                          struct param_list *ret)
{
    struct param_list list = { .at = NULL };
    struct param p;

    while (next_param(&text)) {
        if (!take_param(mem, &text, &p))
            continue;
        if (list.count == limits->params_max)
            return ERR_LIMIT;
        param_list_add(mem, &list, p);
    }
    *ret = list;
    return OK;
}

bool param_find(const struct param_list *list, struct str name, struct str *ret)
{
    for (size_t i = 0; i < list->count; i++)
        if (str_eq_nocase(list->at[i].name, name)) {
            *ret = list->at[i].value;
            return true;
        }
    return false;
}

/* The parameter `name*` (section < 0), `name*N` or `name*N*`; *ret_extended tells which. */
static bool find_section(const struct param_list *list, struct str name, int section,
                         struct str *ret, bool *ret_extended)
{
    for (size_t i = 0; i < list->count; i++) {
        struct str tail = list->at[i].name;
        uint32_t number;

        if (!str_starts_nocase(tail, name) || tail.len == name.len || tail.at[name.len] != '*')
            continue;
        tail = str_skip(tail, name.len + 1);
        bool extended = section < 0 ? tail.len == 0 : str_ends(tail, STR("*"));
        if (section >= 0) {
            tail = str_take(tail, tail.len - extended);
            if (!str_to_u32(tail, &number) || number != (uint32_t)section)
                continue;
        } else if (!extended) {
            continue;
        }
        *ret = list->at[i].value;
        *ret_extended = extended;
        return true;
    }
    return false;
}

static void add_percent_decoded(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '%' && i + 2 < s.len && hex_digit(s.at[i + 1]) >= 0 &&
            hex_digit(s.at[i + 2]) >= 0) {
            buf_add_char(out, (char)(hex_digit(s.at[i + 1]) * 16 + hex_digit(s.at[i + 2])));
            i += 2;
        } else {
            buf_add_char(out, s.at[i]);
        }
    }
}

/* Takes charset'language' from the front of an extended value (RFC 2231 4). */
static struct str take_charset(struct str *value)
{
    size_t first = str_find_char(*value, '\'');
    size_t second =
        first == STR_NOT_FOUND ? first : str_find_char(str_skip(*value, first + 1), '\'');

    if (second == STR_NOT_FOUND)
        return STR_EMPTY;

    struct str charset = str_take(*value, first);
    *value = str_skip(*value, first + 1 + second + 1);
    return charset;
}

static struct str to_utf8(struct arena *mem, struct str charset, struct str octets)
{
    struct str text;

    if (charset_to_utf8(mem, charset, octets, &text) == OK ||
        charset_to_utf8(mem, STR_EMPTY, octets, &text) == OK)
        return text;
    return utf8_repair(mem, octets);
}

/* The RFC 2231 forms of a parameter: name*=, or name*0, name*1* and so on. */
static bool extended_text(struct arena *mem, const struct param_list *list, struct str name,
                          struct str *ret)
{
    struct buf octets = { .at = NULL };
    struct str charset = STR_EMPTY, value;
    bool extended, found = find_section(list, name, -1, &value, &extended);
    bool single = found;

    for (int section = 0; section < SEGMENTS_MAX; section++) {
        if (!single && !find_section(list, name, section, &value, &extended))
            break;
        found = true;
        if (section == 0 && extended)
            charset = take_charset(&value);
        if (extended)
            add_percent_decoded(&octets, value);
        else
            buf_add(&octets, value);
        if (single)
            break;
    }
    if (found) /* The buffer dies here, so the text is copied out of it. */
        *ret = to_utf8(mem, charset, arena_copy(mem, buf_str(&octets)));
    buf_deinit(&octets);
    return found;
}

bool param_text(struct arena *mem, const struct param_list *list, struct str name, struct str *ret)
{
    struct str value;

    if (extended_text(mem, list, name, ret))
        return true;
    if (!param_find(list, name, &value))
        return false;
    *ret = word_decode(mem, value);
    return true;
}

enum err content_type_parse(struct arena *mem, const struct message_limits *limits,
                            struct str value, struct content_type *ret)
{
    struct content_type ct;
    struct str s = skip_cfws(value);
    enum err e;

    ct.type = take_token(&s);
    s = skip_cfws(s);
    if (ct.type.len == 0 || s.len == 0 || s.at[0] != '/')
        return ERR_SYNTAX;
    s = skip_cfws(str_skip(s, 1));
    ct.subtype = take_token(&s);
    if (ct.subtype.len == 0)
        return ERR_SYNTAX;
    if ((e = param_list_parse(mem, limits, s, &ct.params)) == OK)
        *ret = ct;
    return e;
}

bool content_type_is(const struct content_type *ct, struct str type, struct str subtype)
{
    return str_eq_nocase(ct->type, type) &&
           (subtype.len == 0 || str_eq_nocase(ct->subtype, subtype));
}

enum err content_disposition_parse(struct arena *mem, const struct message_limits *limits,
                                   struct str value, struct content_disposition *ret)
{
    struct content_disposition cd;
    struct str s = skip_cfws(value);
    enum err e;

    cd.type = take_token(&s);
    if (cd.type.len == 0)
        return ERR_SYNTAX;
    if ((e = param_list_parse(mem, limits, s, &cd.params)) == OK)
        *ret = cd;
    return e;
}

/* RFC 2231 7 attribute-char. */
static bool is_attribute_char(char c)
{
    return is_token_char(c) && (unsigned char)c < 0x80 && c != '*' && c != '\'' && c != '%';
}

static char printable(char c)
{
    return (unsigned char)c < ' ' || c == 0x7F ? ' ' : c;
}

static void format_plain(struct buf *out, struct str name, struct str value, bool token)
{
    BUF_ADD(out, ";\r\n ");
    buf_add(out, name);
    buf_add_char(out, '=');
    if (token) {
        buf_add(out, value);
        return;
    }
    buf_add_char(out, '"');
    for (size_t i = 0; i < value.len; i++) {
        if (value.at[i] == '"' || value.at[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, printable(value.at[i]));
    }
    buf_add_char(out, '"');
}

static void add_percent_encoded(struct buf *out, char c)
{
    static const char hex[] = "0123456789ABCDEF";

    if (is_attribute_char(c)) {
        buf_add_char(out, c);
        return;
    }
    buf_add_char(out, '%');
    buf_add_char(out, hex[(unsigned char)c >> 4]);
    buf_add_char(out, hex[(unsigned char)c & 15]);
}

/* name*0*=utf-8''...; name*1*=... An octet takes one or three octets; a segment may end inside a
 * character, because readers join the octets before they convert. */
static void format_extended(struct buf *out, struct str name, struct str value)
{
    size_t i = 0;
    bool several = value.len * 3 > SEGMENT_VALUE_BYTES;

    for (unsigned section = 0; section == 0 || i < value.len; section++) {
        BUF_ADD(out, ";\r\n ");
        buf_add(out, name);
        if (several)
            buf_printf(out, "*%u", section);
        BUF_ADD(out, "*=");
        if (section == 0)
            BUF_ADD(out, "utf-8''");
        for (size_t start = out->len; i < value.len && out->len - start + 3 <= SEGMENT_VALUE_BYTES;
             i++)
            add_percent_encoded(out, printable(value.at[i]));
    }
}

void param_format(struct buf *out, struct str name, struct str value)
{
    bool token = value.len > 0;

    for (size_t i = 0; i < value.len && token; i++)
        token = is_token_char(value.at[i]);
    if (utf8_is_ascii(value) && name.len + value.len + 5 <= PARAM_LINE_BYTES)
        format_plain(out, name, value, token);
    else
        format_extended(out, name, value);
}
