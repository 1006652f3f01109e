/* proto/imap/reply.c - IMAP responses as octets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/imap/reply.h"

#include "proto/imap/parse/mutf7.h"

enum { QUOTED_BYTES_MAX = 1000 }; /* longer strings become literals, so lines stay readable */

void reply_tagged_line(struct buf *out, struct str tag, struct str text)
{
    buf_add(out, tag);
    BUF_ADD(out, " ");
    buf_add(out, text);
    BUF_ADD(out, "\r\n");
}

void reply_line(struct buf *out, struct str text)
{
    BUF_ADD(out, "* ");
    buf_add(out, text);
    BUF_ADD(out, "\r\n");
}

void reply_number_line(struct buf *out, uint32_t number, struct str what)
{
    BUF_ADD(out, "* ");
    buf_add_u64(out, number);
    BUF_ADD(out, " ");
    buf_add(out, what);
    BUF_ADD(out, "\r\n");
}

static bool can_be_quoted(struct str s, bool utf8)
{
    if (s.len > QUOTED_BYTES_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];

        if (c == '\0' || c == '\r' || c == '\n' || (c >= 0x80 && !utf8))
            return false;
    }
    return true;
}

void reply_literal(struct buf *out, struct str octets)
{
    BUF_ADD(out, "{");
    buf_add_u64(out, octets.len);
    BUF_ADD(out, "}\r\n");
    buf_add(out, octets);
}

void reply_string(struct buf *out, struct str s, bool utf8)
{
    if (!can_be_quoted(s, utf8)) {
        reply_literal(out, s);
        return;
    }
    BUF_ADD(out, "\"");
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] == '"' || s.at[i] == '\\')
            buf_add_char(out, '\\');
        buf_add_char(out, s.at[i]);
    }
    BUF_ADD(out, "\"");
}

void reply_astring(struct buf *out, struct str s, bool utf8)
{
    if (scan_is_astring_atom(s))
        buf_add(out, s);
    else
        reply_string(out, s, utf8);
}

void reply_mailbox(struct buf *out, struct str name, bool utf8)
{
    struct buf wire = { 0 };

    if (utf8) {
        reply_astring(out, name, true);
        return;
    }
    mutf7_encode(&wire, name);
    reply_astring(out, buf_str(&wire), false);
    buf_deinit(&wire);
}

void reply_list_begin(struct buf *out, struct str response, struct str attributes, struct str name,
                      bool utf8)
{
    BUF_ADD(out, "* ");
    buf_add(out, response);
    BUF_ADD(out, " (");
    buf_add(out, attributes);
    BUF_ADD(out, ") \"/\" ");
    reply_mailbox(out, name, utf8);
}

void reply_section_label(struct buf *out, const struct imap_fetch_item *item)
{
    buf_add(out, item->kind == FETCH_BINARY        ? STR("BINARY[")
                 : item->kind == FETCH_BINARY_SIZE ? STR("BINARY.SIZE[")
                                                   : STR("BODY["));
    section_format(item->section, out);
    if (item->fields.count > 0) {
        for (uint32_t i = 0; i < item->fields.count; i++) {
            buf_add(out, i == 0 ? STR(" (") : STR(" "));
            reply_astring(out, item->fields.at[i], false);
        }
        BUF_ADD(out, ")");
    }
    BUF_ADD(out, "]");
    if (item->has_partial) {
        BUF_ADD(out, "<");
        buf_add_u64(out, item->partial_from);
        BUF_ADD(out, ">");
    }
}

struct fetch_line reply_fetch_begin(struct buf *out, struct fetch_number number)
{
    BUF_ADD(out, "* ");
    buf_add_u64(out, number.number);
    buf_add(out, number.is_uid ? STR(" UIDFETCH (") : STR(" FETCH ("));
    return (struct fetch_line){ out, false };
}

void reply_fetch_item(struct fetch_line *line, struct str name)
{
    if (line->any)
        BUF_ADD(line->out, " ");
    line->any = true;
    buf_add(line->out, name);
    BUF_ADD(line->out, " ");
}

void reply_fetch_end(struct fetch_line *line)
{
    BUF_ADD(line->out, ")\r\n");
}

static char *put_text(char *at, struct str s)
{
    memcpy(at, s.at, s.len);
    return at + s.len;
}

static char *put_number(char *at, uint64_t value)
{
    char digits[20];
    size_t from = sizeof(digits);

    do {
        digits[--from] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return put_text(at, str_from(digits + from, sizeof(digits) - from));
}

/* The commonest line of all: room is made once, then it is only copying. */
void reply_flags_line(struct buf *out, struct fetch_number number, struct str flags, uint32_t uid,
                      uint64_t modseq)
{
    enum { AROUND_BYTES = 100 }; /* the words, three numbers and the end */
    char *start = buf_reserve(out, flags.len + AROUND_BYTES), *at = start;

    if (start == NULL)
        return;
    at = put_text(at, STR("* "));
    at = put_number(at, number.number);
    at = put_text(at, number.is_uid ? STR(" UIDFETCH (FLAGS ") : STR(" FETCH (FLAGS "));
    at = put_text(at, flags);
    if (uid != 0) {
        at = put_text(at, STR(" UID "));
        at = put_number(at, uid);
    }
    if (modseq != 0) {
        at = put_text(at, STR(" MODSEQ ("));
        at = put_number(at, modseq);
        at = put_text(at, STR(")"));
    }
    at = put_text(at, STR(")\r\n"));
    out->len += (size_t)(at - start);
}

void reply_copyuid(struct buf *out, uint32_t uidvalidity, const struct uidset *source,
                   const struct uidset *target)
{
    buf_printf(out, "[COPYUID %u ", uidvalidity);
    uidset_format(source, out);
    BUF_ADD(out, " ");
    uidset_format(target, out);
    BUF_ADD(out, "]");
}
