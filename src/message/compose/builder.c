/* message/compose/builder.c - the tree of parts, written from the outside in.
 *
 * Each level is a function that either opens a multipart of its own or, with nothing to add,
 * hands straight on to the level inside. Levels are numbered in their boundaries, so the
 * boundaries of one message differ. A boundary starts with "=_", which neither quoted-printable
 * nor base64 can produce, and holds the caller's random seed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/compose/builder.h"

#include "base/utf8.h"
#include "message/coding/encoding.h"
#include "message/coding/flowed.h"
#include "message/text/field.h"
#include "message/text/param.h"

enum level { LEVEL_MIXED = 1, LEVEL_ALTERNATIVE, LEVEL_RELATED };

static void open_multipart(struct buf *out, const struct compose *c, enum level level,
                           struct str subtype)
{
    BUF_ADD(out, "Content-Type: multipart/");
    buf_add(out, subtype);
    BUF_ADD(out, ";\r\n boundary=\"=_");
    buf_add(out, c->boundary_seed);
    buf_printf(out, "_%d\"\r\n", level);
}

static void next_part(struct buf *out, const struct compose *c, enum level level)
{
    BUF_ADD(out, "\r\n--=_");
    buf_add(out, c->boundary_seed);
    buf_printf(out, "_%d\r\n", level);
}

static void close_multipart(struct buf *out, const struct compose *c, enum level level)
{
    BUF_ADD(out, "\r\n--=_");
    buf_add(out, c->boundary_seed);
    buf_printf(out, "_%d--\r\n", level);
}

/* Adds text with every line end as CRLF. A bare CR is a line end too: it may not travel. */
static void add_crlf_lines(struct buf *out, struct str text)
{
    while (text.len > 0) {
        size_t line = 0;

        while (line < text.len && text.at[line] != '\n' && text.at[line] != '\r')
            line++;
        buf_add(out, str_take(text, line));
        if (line == text.len)
            return;
        BUF_ADD(out, "\r\n");
        text = str_skip(text, line + (str_starts(str_skip(text, line), STR("\r\n")) ? 2 : 1));
    }
}

static void add_encoded(struct buf *out, struct str body, enum encoding encoding, bool binary)
{
    struct encoder en = { .encoding = encoding, .binary = binary };

    encoder_feed(&en, body, out);
    encoder_end(&en, out);
}

static void add_text_part(struct buf *out, struct str subtype, struct str text, bool flowed)
{
    struct buf soft = { .at = NULL };

    if (flowed) {
        flowed_encode(&soft, text);
        text = buf_str(&soft);
    }
    enum encoding encoding = encoding_choose(text);

    BUF_ADD(out, "Content-Type: text/");
    buf_add(out, subtype);
    param_format(out, STR("charset"), utf8_is_ascii(text) ? STR("us-ascii") : STR("utf-8"));
    if (flowed)
        param_format(out, STR("format"), STR("flowed"));
    BUF_ADD(out, "\r\nContent-Transfer-Encoding: ");
    buf_add(out, encoding_name(encoding));
    BUF_ADD(out, "\r\n\r\n");
    if (encoding == ENCODING_7BIT)
        add_crlf_lines(out, text);
    else
        add_encoded(out, text, encoding, false);
    buf_deinit(&soft);
}

/* A message inside keeps its octets; 7bit and 8bit are all it may be labelled. */
static void add_message_body(struct buf *out, struct str body)
{
    BUF_ADD(out, "Content-Transfer-Encoding: ");
    buf_add(out, utf8_is_ascii(body) ? STR("7bit") : STR("8bit"));
    BUF_ADD(out, "\r\n\r\n");
    add_crlf_lines(out, body);
}

/* A type from a caller, kept only when it is one: token "/" token. */
static struct str safe_type(struct str type)
{
    size_t slash = str_find_char(type, '/');

    if (slash == STR_NOT_FOUND || param_token(type).len != slash || slash == 0 ||
        slash + 1 == type.len || param_token(str_skip(type, slash + 1)).len != type.len - slash - 1)
        return STR("application/octet-stream");
    return type;
}

static void add_file(struct buf *out, const struct builder_file *f, bool is_inline)
{
    struct str type = safe_type(f->type);

    BUF_ADD(out, "Content-Type: ");
    buf_add(out, type);
    if (f->name.len > 0)
        param_format(out, STR("name"), f->name);
    BUF_ADD(out, "\r\nContent-Disposition: ");
    buf_add(out, is_inline ? STR("inline") : STR("attachment"));
    if (f->name.len > 0)
        param_format(out, STR("filename"), f->name);
    BUF_ADD(out, "\r\n");
    if (f->content_id.len > 0)
        field_add_ids(out, STR("Content-ID"), &f->content_id, 1);
    if (str_starts_nocase(type, STR("message/"))) {
        add_message_body(out, f->body);
        return;
    }
    BUF_ADD(out, "Content-Transfer-Encoding: base64\r\n\r\n");
    add_encoded(out, f->body, ENCODING_BASE64, true);
}

static void add_related(struct buf *out, const struct compose *c)
{
    if (c->inline_count == 0) {
        add_text_part(out, STR("html"), c->html, false);
        return;
    }
    open_multipart(out, c, LEVEL_RELATED, STR("related; type=\"text/html\""));
    next_part(out, c, LEVEL_RELATED);
    add_text_part(out, STR("html"), c->html, false);
    for (size_t i = 0; i < c->inline_count; i++) {
        next_part(out, c, LEVEL_RELATED);
        add_file(out, &c->inlines[i], true);
    }
    close_multipart(out, c, LEVEL_RELATED);
}

static void add_alternative(struct buf *out, const struct compose *c)
{
    if (c->html.len == 0) {
        add_text_part(out, STR("plain"), c->text, c->flowed);
        return;
    }
    if (c->text.len == 0) {
        add_related(out, c);
        return;
    }
    open_multipart(out, c, LEVEL_ALTERNATIVE, STR("alternative"));
    next_part(out, c, LEVEL_ALTERNATIVE);
    add_text_part(out, STR("plain"), c->text, c->flowed);
    next_part(out, c, LEVEL_ALTERNATIVE);
    add_related(out, c);
    close_multipart(out, c, LEVEL_ALTERNATIVE);
}

/* Inline images without HTML to show them are attachments like the others. */
static void add_mixed(struct buf *out, const struct compose *c)
{
    size_t loose = c->html.len == 0 ? c->inline_count : 0;

    if (c->attachment_count + loose == 0) {
        add_alternative(out, c);
        return;
    }
    open_multipart(out, c, LEVEL_MIXED, STR("mixed"));
    if (c->text.len > 0 || c->html.len > 0) {
        next_part(out, c, LEVEL_MIXED);
        add_alternative(out, c);
    }
    for (size_t i = 0; i < loose; i++) {
        next_part(out, c, LEVEL_MIXED);
        add_file(out, &c->inlines[i], false);
    }
    for (size_t i = 0; i < c->attachment_count; i++) {
        next_part(out, c, LEVEL_MIXED);
        add_file(out, &c->attachments[i], false);
    }
    close_multipart(out, c, LEVEL_MIXED);
}

static void add_id(struct buf *out, struct str name, struct str id)
{
    field_add_ids(out, name, &id, id.len > 0 ? 1 : 0);
}

void builder_format(struct buf *out, const struct compose *c)
{
    field_add_date(out, STR("Date"), c->date_s, c->zone_min);
    field_add_addresses(out, STR("From"), &c->from, c->utf8);
    field_add_addresses(out, STR("Sender"), &c->sender, c->utf8);
    field_add_addresses(out, STR("Reply-To"), &c->reply_to, c->utf8);
    field_add_addresses(out, STR("To"), &c->to, c->utf8);
    field_add_addresses(out, STR("Cc"), &c->cc, c->utf8);
    if (c->keep_bcc)
        field_add_addresses(out, STR("Bcc"), &c->bcc, c->utf8);
    if (c->subject.len > 0)
        field_add_text(out, STR("Subject"), c->subject, c->utf8);
    add_id(out, STR("Message-ID"), c->message_id);
    add_id(out, STR("In-Reply-To"), c->in_reply_to);
    field_add_ids(out, STR("References"), c->references, c->reference_count);
    for (size_t i = 0; i < c->extra_count; i++)
        field_add_text(out, c->extra[i].name, c->extra[i].text, c->utf8);
    BUF_ADD(out, "MIME-Version: 1.0\r\n");
    add_mixed(out, c);
}

static bool list_needs_utf8(const struct address_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!utf8_is_ascii(list->at[i].local) || !utf8_is_ascii(list->at[i].domain))
            return true;
    return false;
}

bool builder_needs_utf8(const struct compose *c)
{
    for (size_t i = 0; i < c->reference_count; i++)
        if (!utf8_is_ascii(c->references[i]))
            return true;
    return list_needs_utf8(&c->from) || list_needs_utf8(&c->sender) ||
           list_needs_utf8(&c->reply_to) || list_needs_utf8(&c->to) || list_needs_utf8(&c->cc) ||
           list_needs_utf8(&c->bcc) || !utf8_is_ascii(c->message_id) ||
           !utf8_is_ascii(c->in_reply_to);
}
