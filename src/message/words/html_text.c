/* message/words/html_text.c - tags out, references decoded, blanks joined. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/words/html_text.h"

#include "base/utf8.h"
#include "message/words/html_entities.h"

enum { REFERENCE_BYTES_MAX = 16, CODE_NBSP = 160, CODE_SHY = 173, CODE_ZWSP = 0x200B };

struct scanner {
    struct str rest;
    struct buf *out;
    size_t start; /* of what this scan appended */
    bool blank;   /* a blank is due before the next character */
    bool line;    /* a line end is */
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' || c == '\0';
}

/* Blanks are written only between things, so none stand at the ends. */
static void separate(struct scanner *s)
{
    if ((s->blank || s->line) && s->out->len > s->start)
        buf_add_char(s->out, s->line ? '\n' : ' ');
    s->blank = s->line = false;
}

static void add_code(struct scanner *s, uint32_t code)
{
    if (code == CODE_SHY || code == CODE_ZWSP)
        return; /* seen by nobody, and in the middle of words */
    if (code == CODE_NBSP || code < ' ') {
        s->blank = true;
        return;
    }
    separate(s);
    utf8_add(s->out, code);
}

/* ---- character references (HTML 4.01 5.3) ---- */

static int hex_digit(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "#233;" or "#xE9;": its length, or 0. The digits are few, so nothing overflows. */
static size_t numeric_reference(struct str text, uint32_t *ret)
{
    bool hex = text.len > 1 && ascii_lower(text.at[1]) == 'x';
    uint32_t base = hex ? 16 : 10, code = 0;
    size_t first = hex ? 2 : 1, at = first;

    while (at < text.len && at < first + 7) {
        int digit = hex_digit(text.at[at]);

        if (digit < 0 || (uint32_t)digit >= base)
            break;
        code = code * base + (uint32_t)digit;
        at++;
    }
    if (at == first)
        return 0;
    *ret = code;
    return at < text.len && text.at[at] == ';' ? at + 1 : at;
}

static size_t named_reference(struct str text, uint32_t *ret)
{
    size_t len = 0, low = 0, high = ARRAY_LEN(html_entities);

    while (len < text.len && len <= HTML_ENTITY_NAME_BYTES_MAX &&
           (ascii_is_alpha(text.at[len]) || ascii_is_digit(text.at[len])))
        len++;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = str_cmp(str_take(text, len), str_from_z(html_entities[middle].name));

        if (order == 0) {
            *ret = html_entities[middle].code;
            return len < text.len && text.at[len] == ';' ? len + 1 : len;
        }
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return 0;
}

/* `text` begins behind the "&". What is no reference is an ampersand. */
static size_t add_reference(struct scanner *s, struct str text)
{
    uint32_t code;
    size_t len;

    text = str_take(text, REFERENCE_BYTES_MAX);
    len = text.len > 0 && text.at[0] == '#' ? numeric_reference(text, &code)
                                            : named_reference(text, &code);
    add_code(s, len == 0 ? (uint32_t)'&' : code);
    return len;
}

static void add_text(struct scanner *s, struct str text)
{
    while (text.len > 0) {
        char c = text.at[0];

        text = str_skip(text, 1);
        if (is_blank(c)) {
            s->blank = true;
        } else if (c == '&') {
            text = str_skip(text, add_reference(s, text));
        } else {
            size_t run = 0;

            /* Everything up to the next octet with a meaning goes at once. */
            while (run < text.len && !is_blank(text.at[run]) && text.at[run] != '&')
                run++;
            separate(s);
            buf_add_char(s->out, c);
            buf_add(s->out, str_take(text, run));
            text = str_skip(text, run);
        }
    }
}

/* ---- tags ---- */

/* Elements inside a line; all others, also unknown ones, part what stands before and behind them.
 */
static const struct str inline_names[] = {
    STR_INIT("a"),     STR_INIT("abbr"), STR_INIT("acronym"), STR_INIT("b"),      STR_INIT("bdi"),
    STR_INIT("bdo"),   STR_INIT("big"),  STR_INIT("cite"),    STR_INIT("code"),   STR_INIT("del"),
    STR_INIT("dfn"),   STR_INIT("em"),   STR_INIT("font"),    STR_INIT("i"),      STR_INIT("ins"),
    STR_INIT("kbd"),   STR_INIT("mark"), STR_INIT("q"),       STR_INIT("s"),      STR_INIT("samp"),
    STR_INIT("small"), STR_INIT("span"), STR_INIT("strike"),  STR_INIT("strong"), STR_INIT("sub"),
    STR_INIT("sup"),   STR_INIT("tt"),   STR_INIT("u"),       STR_INIT("var"),    STR_INIT("wbr"),
};

/* Elements whose content nobody reads. */
static const struct str silent_names[] = { STR_INIT("script"), STR_INIT("style") };

/* Attributes that hold what people read or look for. */
static const struct str told_names[] = { STR_INIT("alt"), STR_INIT("title"), STR_INIT("href"),
                                         STR_INIT("src") };

static bool is_among(struct str name, const struct str *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (str_eq_nocase(name, names[i]))
            return true;
    return false;
}

static struct str take_name(struct str *rest)
{
    size_t len = 0;
    struct str name;

    while (len < rest->len && !is_blank(rest->at[len]) && rest->at[len] != '>' &&
           rest->at[len] != '/' && rest->at[len] != '=')
        len++;
    name = str_take(*rest, len);
    *rest = str_skip(*rest, len);
    return name;
}

static void skip_blanks(struct str *rest)
{
    while (rest->len > 0 && is_blank(rest->at[0]))
        *rest = str_skip(*rest, 1);
}

/* Behind the "=": quoted, or up to a blank or the end of the tag. A quote that is never closed is
 * an octet like others. */
static struct str take_value(struct str *rest)
{
    struct str value;
    size_t len = 0;

    skip_blanks(rest);
    if (rest->len > 0 && (rest->at[0] == '"' || rest->at[0] == '\'')) {
        size_t end = str_find_char(str_skip(*rest, 1), rest->at[0]);

        if (end != STR_NOT_FOUND) {
            value = str_sub(*rest, 1, end);
            *rest = str_skip(*rest, end + 2);
            return value;
        }
    }
    while (len < rest->len && !is_blank(rest->at[len]) && rest->at[len] != '>')
        len++;
    value = str_take(*rest, len);
    *rest = str_skip(*rest, len);
    return value;
}

/* From behind the element's name to behind the ">". Told attributes stand as words of their own. */
static void scan_attributes(struct scanner *s)
{
    while (s->rest.len > 0) {
        struct str name, value;

        skip_blanks(&s->rest);
        if (s->rest.len > 0 && s->rest.at[0] == '>') {
            s->rest = str_skip(s->rest, 1);
            return;
        }
        name = take_name(&s->rest);
        skip_blanks(&s->rest);
        if (s->rest.len == 0 || s->rest.at[0] != '=') {
            if (name.len == 0)
                s->rest = str_skip(s->rest, s->rest.len > 0 && s->rest.at[0] != '>' ? 1 : 0);
            continue;
        }
        s->rest = str_skip(s->rest, 1);
        value = take_value(&s->rest);
        if (!is_among(name, told_names, ARRAY_LEN(told_names)))
            continue;
        s->blank = true;
        add_text(s, value);
        s->blank = true;
    }
}

/* To behind "</name". Without one the rest of the text is inside the element. */
static void skip_silent(struct scanner *s, struct str name)
{
    for (;;) {
        size_t at = str_find(s->rest, STR("</"));

        if (at == STR_NOT_FOUND) {
            s->rest = STR_EMPTY;
            return;
        }
        s->rest = str_skip(s->rest, at + 2);
        if (str_starts_nocase(s->rest, name)) {
            at = str_find_char(s->rest, '>');
            s->rest = at == STR_NOT_FOUND ? STR_EMPTY : str_skip(s->rest, at + 1);
            return;
        }
    }
}

static void skip_to(struct scanner *s, struct str end)
{
    size_t at = str_find(s->rest, end);

    s->rest = at == STR_NOT_FOUND ? STR_EMPTY : str_skip(s->rest, at + end.len);
}

/* `rest` begins with "<". What begins no tag is text ("a < b"). */
static void scan_markup(struct scanner *s)
{
    struct str rest = str_skip(s->rest, 1), name;
    bool closing = rest.len > 0 && rest.at[0] == '/';

    if (str_starts(rest, STR("!--"))) {
        s->rest = str_skip(rest, 3);
        skip_to(s, STR("-->"));
        return;
    }
    if (rest.len > 0 && (rest.at[0] == '!' || rest.at[0] == '?')) {
        skip_to(s, STR(">"));
        return;
    }
    rest = str_skip(rest, closing ? 1 : 0);
    if (rest.len == 0 || !ascii_is_alpha(rest.at[0])) {
        add_text(s, STR("<"));
        s->rest = str_skip(s->rest, 1);
        return;
    }
    name = take_name(&rest);
    s->rest = rest;
    if (!is_among(name, inline_names, ARRAY_LEN(inline_names)))
        s->line = true;
    scan_attributes(s);
    if (!closing && is_among(name, silent_names, ARRAY_LEN(silent_names)))
        skip_silent(s, name);
}

void html_text(struct str html, struct buf *out)
{
    struct scanner s = { .rest = html, .out = out, .start = out->len };

    while (s.rest.len > 0) {
        size_t at = str_find_char(s.rest, '<');

        if (at == STR_NOT_FOUND)
            at = s.rest.len;
        add_text(&s, str_take(s.rest, at));
        s.rest = str_skip(s.rest, at);
        if (s.rest.len > 0)
            scan_markup(&s);
    }
}
