/* message/compose/downgrade.c - from 8 bits to 7.
 *
 * The structure record says where each header and each body lies. The message is copied from its
 * first octet to its last; at each part's header the label is changed, at each leaf the body. What
 * lies between (boundaries, and text around the parts that nobody reads) is copied, with "?" for
 * octets that can not go. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/compose/downgrade.h"

#include "message/coding/encoding.h"
#include "message/record/record.h"
#include "message/text/header.h"
#include "message/text/param.h"

static const struct str cte = STR_INIT("Content-Transfer-Encoding");

static bool is_7bit_octet(char c)
{
    return c != '\0' && (unsigned char)c < 0x80;
}

static bool is_7bit(struct str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!is_7bit_octet(text.at[i]))
            return false;
    return true;
}

struct downgrading {
    struct str message;
    const struct message_limits *limits;
    struct arena *mem;
    struct buf *out;
    size_t at;          /* octets of the message that are done */
    bool root_of_other; /* the next part is the root of a message inside */
};

static struct str header_of(const struct downgrading *d, const struct part *p)
{
    return str_sub(d->message, p->header_at, p->header_bytes);
}

static struct str body_of(const struct downgrading *d, const struct part *p)
{
    return str_sub(d->message, p->body_at, p->body_bytes);
}

static bool needs_encoding(const struct downgrading *d, const struct part *p)
{
    return p->kind == PART_LEAF && (p->encoding == ENCODING_BINARY || !is_7bit(body_of(d, p)));
}

static void copy_gap(struct downgrading *d, size_t to)
{
    for (; d->at < to; d->at++)
        buf_add_char(d->out, is_7bit_octet(d->message.at[d->at]) ? d->message.at[d->at] : '?');
}

/* ---- may it be changed? ---- */

/* RFC 2046 5.2.1, 5.2.2.1, 5.2.3 and RFC 2045 6.4: these have no encoding but the identity. The
 * header counts, not the record, which calls a multipart without boundaries a text. */
static bool may_be_encoded(struct downgrading *d, const struct part *p)
{
    static const struct str messages[] = { STR_INIT("rfc822"), STR_INIT("partial"),
                                           STR_INIT("external-body"), STR_INIT("global") };
    struct header_field field;
    struct content_type type;

    if (p->encoding == ENCODING_UNKNOWN)
        return false;
    if (!header_find(header_of(d, p), STR("Content-Type"), &field) ||
        content_type_parse(d->mem, d->limits, field.value, &type) != OK)
        return true;
    if (content_type_is(&type, STR("multipart"), STR_EMPTY))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(messages); i++)
        if (content_type_is(&type, STR("message"), messages[i]))
            return false;
    return true;
}

static bool is_signed(const struct part *p)
{
    return p->kind == PART_MULTIPART && str_eq_nocase(p->subtype, STR("signed"));
}

/* Its delimiter lines could not be made 7-bit without cutting them off from their boundary. */
static bool has_8bit_boundary(struct downgrading *d, const struct part *p)
{
    struct header_field field;
    struct content_type type;
    struct str boundary;

    return p->kind == PART_MULTIPART && header_find(header_of(d, p), STR("Content-Type"), &field) &&
           content_type_parse(d->mem, d->limits, field.value, &type) == OK &&
           param_find(&type.params, STR("boundary"), &boundary) && !is_7bit(boundary);
}

static size_t end_of(const struct part *p)
{
    return p->kind == PART_LEAF ? p->body_at + p->body_bytes : p->header_at + p->header_bytes;
}

/* Looks at everything before a single octet is written. */
static enum downgrade look(struct downgrading *d, const struct record *r)
{
    struct part_iter it = record_parts(r);
    struct part p;
    uint32_t signed_until = 0; /* parts before this index are below a signature */
    size_t at = 0;
    bool needed = false;

    while (part_next(&it, &p)) {
        bool encode = needs_encoding(d, &p);
        bool change = encode || !is_7bit(str_sub(d->message, at, p.header_at - at));

        at = end_of(&p);
        if (has_8bit_boundary(d, &p))
            return DOWNGRADE_OPAQUE;
        if (is_signed(&p))
            signed_until = MAX(signed_until, p.index + p.descendants + 1);
        if (change && p.index < signed_until)
            return DOWNGRADE_SIGNED;
        if (encode && ((r->facts & RECORD_OPAQUE) || !may_be_encoded(d, &p)))
            return DOWNGRADE_OPAQUE;
        needed |= change;
    }
    if (!needed && is_7bit(str_skip(d->message, at)))
        return DOWNGRADE_NOT_NEEDED;
    return DOWNGRADE_DONE;
}

/* ---- changing it ---- */

/* Text stays legible for people unless most of it is not ASCII. */
static enum encoding choose_for_text(struct str body)
{
    size_t high = 0;

    for (size_t i = 0; i < body.len; i++) {
        if (body.at[i] == '\0')
            return ENCODING_BASE64;
        high += (unsigned char)body.at[i] >= 0x80;
    }
    return high <= body.len / 2 ? ENCODING_QP : ENCODING_BASE64;
}

static enum encoding choose(const struct downgrading *d, const struct part *p)
{
    if (p->encoding == ENCODING_QP || p->encoding == ENCODING_BASE64)
        return p->encoding;
    if (p->encoding == ENCODING_BINARY)
        return ENCODING_BASE64;
    if (str_eq_nocase(p->type, STR("text")))
        return choose_for_text(body_of(d, p));
    return encoding_choose(body_of(d, p)) == ENCODING_BASE64 ? ENCODING_BASE64 : ENCODING_QP;
}

static bool has_field(struct str header, struct str name)
{
    struct header_field field;

    return header_find(header, name, &field);
}

/* RFC 1428: what is no MIME message becomes one, in a charset of which nothing is known. */
static void add_labels(struct downgrading *d, struct str header, bool is_root, enum encoding e)
{
    if (is_root && !has_field(header, STR("MIME-Version")))
        BUF_ADD(d->out, "MIME-Version: 1.0\r\n");
    if (!has_field(header, STR("Content-Type")))
        BUF_ADD(d->out, "Content-Type: text/plain; charset=unknown-8bit\r\n");
    buf_printf(d->out, "Content-Transfer-Encoding: %.*s\r\n", STR_ARG(encoding_name(e)));
}

static bool ends_with_blank_line(struct str header)
{
    return str_eq(header, STR("\r\n")) || str_eq(header, STR("\n")) ||
           str_ends(header, STR("\n\r\n")) || str_ends(header, STR("\n\n"));
}

static void add_header(struct downgrading *d, const struct part *p, bool is_root)
{
    struct str header = header_of(d, p);
    bool encode = needs_encoding(d, p);
    bool relabel = p->encoding == ENCODING_8BIT || p->encoding == ENCODING_BINARY;

    if (!encode && !relabel) {
        buf_add(d->out, header);
        /* Where only a line that is no field ended the header, and the header of the message inside
         * begins with that line, which may go, the blank line has to be there. */
        if (p->kind == PART_MESSAGE && p->body_bytes > 0 && !ends_with_blank_line(header))
            BUF_ADD(d->out, "\r\n");
        return;
    }
    header_copy_without(d->out, header, &cte, 1);
    if (d->out->len > 0 && d->out->at[d->out->len - 1] != '\n')
        BUF_ADD(d->out, "\r\n");
    if (encode)
        add_labels(d, header, is_root, choose(d, p));
    BUF_ADD(d->out, "\r\n"); /* without the field it is 7bit: RFC 2045 6.1 */
}

static void add_body(struct downgrading *d, const struct part *p)
{
    struct encoder en = encoder_of(choose(d, p));
    struct str body = body_of(d, p);
    struct buf plain = { 0 };

    if (!needs_encoding(d, p)) {
        buf_add(d->out, body);
        return;
    }
    /* Octets that do not belong into an encoded body go as it is decoded. */
    if (p->encoding == en.encoding) {
        (void)encoding_decode(p->encoding, body, &plain);
        body = buf_str(&plain);
    }
    encoder_feed(&en, body, d->out);
    encoder_end(&en, d->out);
    buf_deinit(&plain);
}

static void change_part(struct downgrading *d, const struct part *p)
{
    bool is_root = p->index == 0 || d->root_of_other;

    d->root_of_other = p->kind == PART_MESSAGE;
    copy_gap(d, p->header_at);
    add_header(d, p, is_root);
    d->at = p->header_at + p->header_bytes;
    if (p->kind != PART_LEAF)
        return;
    copy_gap(d, p->body_at);
    add_body(d, p);
    d->at = end_of(p);
}

/* Headers and delimiters that only just were none can become some when what stands beside them
 * changes; such a message is not worth guessing at. */
static bool has_as_many_parts(struct str made, const struct message_limits *limits,
                              const struct record *r)
{
    struct buf octets = { 0 };
    struct record again;
    bool same;

    record_build(made, limits, &octets);
    same = record_open(buf_str(&octets), &again) == OK && again.part_count == r->part_count;
    buf_deinit(&octets);
    return same;
}

enum downgrade downgrade_to_7bit(struct str message, const struct message_limits *limits,
                                 struct buf *out)
{
    SCRATCH(tmp, NULL);
    struct downgrading d = { .message = message, .limits = limits, .mem = tmp, .out = out };
    struct buf octets = { 0 };
    struct record r;
    size_t before = out->len;
    enum downgrade result = DOWNGRADE_OPAQUE;

    record_build(message, limits, &octets);
    if (record_open(buf_str(&octets), &r) == OK)
        result = look(&d, &r);
    if (result == DOWNGRADE_DONE) {
        struct part_iter it = record_parts(&r);
        struct part p;

        while (part_next(&it, &p))
            change_part(&d, &p);
        copy_gap(&d, message.len);
        if (!has_as_many_parts(str_skip(buf_str(out), before), limits, &r)) {
            out->len = before;
            result = DOWNGRADE_OPAQUE;
        }
    }
    buf_deinit(&octets);
    return result;
}
