/* message/record/preview.c - finding, decoding and shortening the first text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/preview.h"

#include "base/utf8.h"
#include "message/coding/charset.h"
#include "message/coding/encoding.h"

/* How many octets of a body are looked at. Markup and encodings need more for as many words. */
enum { SOURCE_PLAIN_MAX = 1024, SOURCE_ENCODED_MAX = 3072, SOURCE_HTML_MAX = 16384 };

static struct str param_value(const struct walk_part *p, struct str name)
{
    struct param_list list = { (struct param *)(uintptr_t)p->params, p->param_count };
    struct str value;

    return param_find(&list, name, &value) ? value : STR_EMPTY;
}

static bool is_text(const struct walk_part *p, struct str subtype)
{
    return p->kind == PART_LEAF && str_eq_nocase(p->type, STR("text")) &&
           str_eq_nocase(p->subtype, subtype) &&
           !str_eq_nocase(param_token(walk_value(p->header, WALK_CONTENT_DISPOSITION)),
                          STR("attachment"));
}

static const struct walk_part *find_text(const struct walk *w, struct str subtype)
{
    for (uint32_t i = 0; i < w->count; i++)
        if (is_text(&w->parts[i], subtype) && w->parts[i].body_end > w->parts[i].body_at)
            return &w->parts[i];
    return NULL;
}

static struct str decode(struct arena *mem, const struct walk_part *p, struct str message,
                         size_t max)
{
    enum encoding e = encoding_from_name(param_token(walk_value(p->header, WALK_CONTENT_ENCODING)));
    struct str body = str_sub(message, p->body_at, p->body_end - p->body_at);
    struct str text;

    if (e == ENCODING_QP || e == ENCODING_BASE64) {
        struct buf out = { 0 };

        (void)encoding_decode(e, str_take(body, max), &out);
        body = arena_copy(mem, buf_str(&out));
        buf_deinit(&out);
    } else {
        body = str_take(body, max == SOURCE_HTML_MAX ? max : (size_t)SOURCE_PLAIN_MAX);
    }
    if (charset_to_utf8(mem, param_value(p, STR("charset")), body, &text) != OK)
        text = utf8_repair(mem, body);
    return text;
}

static const struct {
    struct str name, text;
} entities[] = {
    { STR_INIT("amp;"), STR_INIT("&") },
    { STR_INIT("lt;"), STR_INIT("<") },
    { STR_INIT("gt;"), STR_INIT(">") },
    { STR_INIT("quot;"), STR_INIT("\"") },
    { STR_INIT("apos;"), STR_INIT("'") },
    { STR_INIT("#39;"), STR_INIT("'") },
    { STR_INIT("nbsp;"), STR_INIT(" ") },
    { STR_INIT("#160;"), STR_INIT(" ") },
    { STR_INIT("zwnj;"), STR_INIT("") },
    { STR_INIT("shy;"), STR_INIT("") },
    { STR_INIT("#8203;"), STR_INIT("") },
    { STR_INIT("ndash;"), STR_INIT("\342\200\223") },
    { STR_INIT("mdash;"), STR_INIT("\342\200\224") },
};

/* Elements whose content nobody reads. */
static const struct str silent[] = { STR_INIT("style"), STR_INIT("script"), STR_INIT("head"),
                                     STR_INIT("title") };

static bool names_element(struct str tag, struct str name)
{
    return str_starts_nocase(tag, name) &&
           (tag.len == name.len ||
            !(ascii_is_alpha(tag.at[name.len]) || ascii_is_digit(tag.at[name.len])));
}

/* `html` begins with "<". Returns what follows the tag, or the whole element if it is silent. */
static struct str skip_tag(struct str html)
{
    if (str_starts(html, STR("<!--"))) {
        size_t end = str_find(html, STR("-->"));

        return end == STR_NOT_FOUND ? STR_EMPTY : str_skip(html, end + 3);
    }

    size_t close = str_find_char(html, '>');
    struct str rest = close == STR_NOT_FOUND ? STR_EMPTY : str_skip(html, close + 1);

    for (size_t i = 0; i < ARRAY_LEN(silent); i++) {
        if (!names_element(str_skip(html, 1), silent[i]))
            continue;
        while (rest.len != 0 &&
               !(str_starts(rest, STR("</")) && names_element(str_skip(rest, 2), silent[i])))
            rest = str_skip(rest, 1);
        close = str_find_char(rest, '>');
        return close == STR_NOT_FOUND ? STR_EMPTY : str_skip(rest, close + 1);
    }
    return rest;
}

static struct str skip_entity(struct str html, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(entities); i++)
        if (str_starts(str_skip(html, 1), entities[i].name)) {
            buf_add(out, entities[i].text);
            return str_skip(html, 1 + entities[i].name.len);
        }
    buf_add_char(out, '&');
    return str_skip(html, 1);
}

static struct str strip_html(struct arena *mem, struct str html)
{
    struct buf out = { 0 };
    struct str text;

    while (html.len != 0) {
        if (html.at[0] == '<') {
            html = skip_tag(html);
            buf_add_char(&out, ' '); /* tags part words */
        } else if (html.at[0] == '&') {
            html = skip_entity(html, &out);
        } else {
            buf_add_char(&out, html.at[0]);
            html = str_skip(html, 1);
        }
    }
    text = arena_copy(mem, buf_str(&out));
    buf_deinit(&out);
    return text;
}

/* Blanks, line ends and control octets become one blank between words. */
static void add_words(struct str line, uint32_t *chars, struct buf *out)
{
    bool blank = *chars != 0;

    for (size_t i = 0; i < line.len; i++) {
        bool begins = (line.at[i] & 0xc0) != 0x80;

        if (line.at[i] >= 0 && line.at[i] <= ' ') {
            blank = *chars != 0;
            continue;
        }
        if (begins && *chars + (blank ? 2 : 1) > RECORD_PREVIEW_CHARS_MAX) {
            *chars = RECORD_PREVIEW_CHARS_MAX;
            return;
        }
        if (blank)
            buf_add_char(out, ' ');
        *chars += (begins ? 1u : 0u) + (blank ? 1u : 0u);
        blank = false;
        buf_add_char(out, line.at[i]);
    }
}

void preview_build(const struct walk *w, struct str message, struct buf *out)
{
    SCRATCH(tmp, NULL);
    const struct walk_part *p = find_text(w, STR("plain"));
    bool html = p == NULL;
    uint32_t chars = 0;
    struct str text;

    if (html && (p = find_text(w, STR("html"))) == NULL)
        return;
    text = decode(tmp, p, message, html ? SOURCE_HTML_MAX : SOURCE_ENCODED_MAX);
    if (html)
        text = strip_html(tmp, text);
    while (text.len != 0 && chars < RECORD_PREVIEW_CHARS_MAX) {
        struct str line = str_split(&text, '\n');

        if (html || line.len == 0 || line.at[0] != '>')
            add_words(line, &chars, out);
    }
}
