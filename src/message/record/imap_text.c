/* message/record/imap_text.c - ENVELOPE and BODYSTRUCTURE.
 *
 * An envelope in a record has its texts in the order of ENVELOPE and each text knows how it must be
 * carried, so formatting one is a single pass of copying. Body structures are nested; the levels
 * that are open are on an explicit stack, as the parts come in pre-order. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/record/imap_text.h"

#include "message/record/record_codec.h"

/* Room for quotes, parentheses or a literal's head around one text. */
enum { AROUND_TEXT_MAX = 32 };

static void format_literal(struct str s, struct buf *out)
{
    buf_add_char(out, '{');
    buf_add_u64(out, s.len);
    BUF_ADD(out, "}\r\n");
    buf_add(out, s);
}

static void format_escaped(struct str s, struct buf *out)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, s.at[i]);
    }
    buf_add_char(out, '"');
}

/* One reservation and one copy for the text that nearly every header consists of. */
static void format_plain(struct str s, struct buf *out)
{
    char *to = buf_reserve(out, s.len + 2);

    if (to == NULL)
        return;
    to[0] = '"';
    memcpy(to + 1, s.at, s.len);
    to[s.len + 1] = '"';
    out->len += s.len + 2;
}

static void format_text(struct str s, enum text_class class, struct buf *out)
{
    switch (class) {
    case TEXT_NIL:
        BUF_ADD(out, "NIL");
        break;
    case TEXT_PLAIN:
        format_plain(s, out);
        break;
    case TEXT_ESCAPE:
        format_escaped(s, out);
        break;
    case TEXT_LITERAL:
        format_literal(s, out);
        break;
    }
}

/* What one octet asks of the text that it stands in. */
enum { ASKS_ESCAPE = 1, ASKS_LITERAL = 2, ASKS_DROP = 4 };
static const uint8_t asks[256] = {
    ['"'] = ASKS_ESCAPE,   ['\\'] = ASKS_ESCAPE, ['\r'] = ASKS_LITERAL,
    ['\n'] = ASKS_LITERAL, ['\0'] = ASKS_DROP,   [0x80 ... 0xff] = ASKS_LITERAL,
};

static void format_without_nul(struct str s, enum text_class class, struct buf *out)
{
    struct buf text = { 0 };

    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] != '\0')
            buf_add_char(&text, s.at[i]);
    format_text(buf_str(&text), class, out);
    buf_deinit(&text);
}

void imap_format_nstring(struct str s, struct buf *out)
{
    enum text_class class;
    unsigned all = 0;

    if (s.at == NULL) {
        BUF_ADD(out, "NIL");
        return;
    }
    for (size_t i = 0; i < s.len; i++)
        all |= asks[(uint8_t)s.at[i]];
    class = (all & ASKS_LITERAL) != 0  ? TEXT_LITERAL
            : (all & ASKS_ESCAPE) != 0 ? TEXT_ESCAPE
                                       : TEXT_PLAIN;
    if ((all & ASKS_DROP) != 0)
        format_without_nul(s, class, out);
    else
        format_text(s, class, out);
}

/* Copies the next text of the record. */
static void move_text(struct reader *r, struct buf *out)
{
    enum text_class class;
    struct str s = get_text(r, &class);

    format_text(s, class, out);
}

/* address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"; no blanks between them. */
static void move_addresses(struct reader *r, struct buf *out)
{
    bool some = false;

    while (get_u8(r) == ADDRESS_FOLLOWS) {
        if (some)
            BUF_ADD(out, "(");
        else
            BUF_ADD(out, "((");
        some = true;
        for (int i = 0; i < ADDRESS_TEXTS; i++) {
            if (i != 0)
                buf_add_char(out, ' ');
            move_text(r, out);
        }
        buf_add_char(out, ')');
    }
    if (some)
        buf_add_char(out, ')');
    else
        BUF_ADD(out, "NIL");
}

static void format_envelope(struct str envelope, struct buf *out)
{
    struct reader r = reader_of(envelope);
    size_t from_at = 0, from_len = 0;

    /* One growth for the whole in the usual case. */
    (void)buf_reserve(out, envelope.len + (size_t)ENVELOPE_FIELD_COUNT * AROUND_TEXT_MAX);
    for (enum envelope_field f = ENVELOPE_DATE; f < ENVELOPE_FIELD_COUNT; f++) {
        size_t begin;

        buf_add_char(out, f == ENVELOPE_DATE ? '(' : ' ');
        begin = out->len;
        if (f < ENVELOPE_FROM || f > ENVELOPE_BCC) {
            move_text(&r, out);
            continue;
        }
        /* Sender and Reply-To that are missing are those of From, written just before. */
        if ((f == ENVELOPE_SENDER || f == ENVELOPE_REPLY_TO) && r.rest.len != 0 &&
            r.rest.at[0] == ADDRESS_LIST_END) {
            (void)get_u8(&r);
            char *to = buf_reserve(out, from_len);
            if (to != NULL) {
                memcpy(to, out->at + from_at, from_len);
                out->len += from_len;
            }
            continue;
        }
        move_addresses(&r, out);
        if (f == ENVELOPE_FROM) {
            from_at = begin;
            from_len = out->len - begin;
        }
    }
    buf_add_char(out, ')');
}

void imap_format_envelope(const struct record *r, struct buf *out)
{
    format_envelope(r->envelope, out);
}

static void format_params(struct string_list list, struct buf *out)
{
    bool some = false;

    while (list.left != 0 && !list.rest.bad) {
        buf_add_char(out, some ? ' ' : '(');
        some = true;
        list.left--;
        move_text(&list.rest, out);
    }
    if (some)
        buf_add_char(out, ')');
    else
        BUF_ADD(out, "NIL");
}

/* body-fld-lang = nstring / "(" string *(SP string) ")" */
static void format_languages(struct string_list list, struct buf *out)
{
    if (list.left == 1)
        move_text(&list.rest, out);
    else
        format_params(list, out);
}

/* body-fld-dsp = "(" string SP body-fld-param ")" / nil */
static void format_disposition(const struct part *p, struct buf *out)
{
    buf_add_char(out, ' ');
    if (p->disposition.at == NULL) {
        BUF_ADD(out, "NIL");
        return;
    }
    buf_add_char(out, '(');
    imap_format_nstring(p->disposition, out);
    buf_add_char(out, ' ');
    format_params(p->disposition_params, out);
    buf_add_char(out, ')');
}

/* What stands at the end of both extension lists: disposition, language, location. */
static void format_extension(const struct part *p, struct buf *out)
{
    format_disposition(p, out);
    buf_add_char(out, ' ');
    format_languages(p->languages, out);
    buf_add_char(out, ' ');
    imap_format_nstring(p->location, out);
}

/* RFC 2046 4.1.2: text without a charset is US-ASCII, and clients expect to read so. */
static void format_type_params(const struct part *p, struct buf *out)
{
    struct string_list params = p->params;
    bool add =
        str_eq_nocase(p->type, STR("text")) && string_list_param(params, STR("charset")).at == NULL;

    if (add && params.left == 0) {
        BUF_ADD(out, "(\"charset\" \"us-ascii\")");
    } else if (add) {
        BUF_ADD(out, "(\"charset\" \"us-ascii\" ");
        for (uint32_t left = params.left; left != 0; left--) {
            move_text(&params.rest, out);
            buf_add_char(out, left == 1 ? ')' : ' ');
        }
    } else {
        format_params(params, out);
    }
}

/* body-fields, opened but not closed. */
static void format_basic(const struct part *p, struct buf *out)
{
    buf_add_char(out, '(');
    imap_format_nstring(p->type, out);
    buf_add_char(out, ' ');
    imap_format_nstring(p->subtype, out);
    buf_add_char(out, ' ');
    format_type_params(p, out);
    buf_add_char(out, ' ');
    imap_format_nstring(p->id, out);
    buf_add_char(out, ' ');
    imap_format_nstring(p->description, out);
    buf_add_char(out, ' ');
    imap_format_nstring(p->encoding_name.at == NULL ? STR("7bit") : p->encoding_name, out);
    buf_add_char(out, ' ');
    buf_add_u64(out, p->body_bytes);
}

static void format_leaf(const struct part *p, bool extended, struct buf *out)
{
    format_basic(p, out);
    if (str_eq_nocase(p->type, STR("text"))) {
        buf_add_char(out, ' ');
        buf_add_u64(out, p->lines);
    }
    if (extended) {
        buf_add_char(out, ' ');
        imap_format_nstring(p->md5, out);
        format_extension(p, out);
    }
    buf_add_char(out, ')');
}

/* What follows the children of a multipart or of a message. */
static void format_end(const struct part *p, bool extended, struct buf *out)
{
    buf_add_char(out, ' ');
    if (p->kind == PART_MESSAGE) {
        buf_add_u64(out, p->lines);
        if (extended) {
            buf_add_char(out, ' ');
            imap_format_nstring(p->md5, out);
            format_extension(p, out);
        }
    } else {
        imap_format_nstring(p->subtype, out);
        if (extended) {
            buf_add_char(out, ' ');
            format_params(p->params, out);
            format_extension(p, out);
        }
    }
    buf_add_char(out, ')');
}

/* A damaged record can end with parts missing; every multipart must still have one. */
static void format_missing(struct buf *out)
{
    BUF_ADD(out, "(\"text\" \"plain\" NIL NIL NIL \"7bit\" 0 0)");
}

static void format_tree(const struct record *r, bool extended, struct buf *out)
{
    SCRATCH(tmp, NULL);
    struct part_iter *it = ARENA_NEW(tmp, struct part_iter);
    struct part *open = ARENA_ARRAY(tmp, struct part, MIN(r->part_count, RECORD_DEPTH_MAX + 1));
    uint32_t height = 0;
    bool hungry = true; /* a body must come next */
    struct part p;

    *it = record_parts(r);
    while (part_next(it, &p)) {
        while (height > p.depth)
            format_end(&open[--height], extended, out);
        if (p.kind == PART_LEAF || p.descendants == 0) {
            format_leaf(&p, extended, out);
            hungry = false;
            continue;
        }
        if (p.kind == PART_MESSAGE) {
            format_basic(&p, out);
            buf_add_char(out, ' ');
            format_envelope(p.envelope, out);
            buf_add_char(out, ' ');
        } else {
            buf_add_char(out, '(');
        }
        open[height++] = p;
        hungry = true;
    }
    if (hungry)
        format_missing(out);
    while (height > 0)
        format_end(&open[--height], extended, out);
}

/* Most messages are one part, which needs no stack. */
void imap_format_body(const struct record *r, bool extended, struct buf *out)
{
    struct part p;

    if (r->part_count > 1 || !record_root(r, &p))
        format_tree(r, extended, out);
    else
        format_leaf(&p, extended, out);
}
