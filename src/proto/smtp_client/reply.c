/* proto/smtp_client/reply.c - replies of an SMTP server. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/smtp_client/reply.h"

void smtp_reply_start(struct smtp_reply *r, uint32_t lines_max, size_t text_max)
{
    r->code = 0;
    r->lines = 0;
    r->lines_max = lines_max;
    r->status_len = 0;
    buf_clear(&r->text);
    buf_set_max(&r->text, text_max);
}

void smtp_reply_deinit(struct smtp_reply *r)
{
    buf_deinit(&r->text);
}

/* RFC 5321 4.2: Reply-code = %x32-35 %x30-35 %x30-39. */
static bool parse_reply_code(struct str line, int *ret)
{
    if (line.len < 3 || line.at[0] < '2' || line.at[0] > '5' || line.at[1] < '0' ||
        line.at[1] > '5' || !ascii_is_digit(line.at[2]))
        return false;
    *ret = (line.at[0] - '0') * 100 + (line.at[1] - '0') * 10 + (line.at[2] - '0');
    return true;
}

/* RFC 3463 2: class "." subject "." detail; returns its length, 0 when there is none. */
static size_t enhanced_code_length(struct str text)
{
    size_t i = 0;

    for (unsigned part = 0; part < 3; part++) {
        size_t digits = 0;

        if (part > 0) {
            if (i >= text.len || text.at[i] != '.')
                return 0;
            i++;
        }
        while (i < text.len && ascii_is_digit(text.at[i]) && digits < 3)
            i++, digits++;
        if (digits == 0 || (part == 0 && digits > 1))
            return 0;
    }
    return i == text.len || text.at[i] == ' ' ? i : 0;
}

/* Keeps the first line's enhanced code and returns the text behind it. A code of another class
 * than the reply's (RFC 2034 4 forbids it) is not believed. */
static struct str take_enhanced_code(struct smtp_reply *r, struct str text)
{
    size_t len = enhanced_code_length(text);

    if (len == 0)
        return text;
    if (r->lines == 0 && text.at[0] - '0' == r->code / 100 && len < sizeof(r->status)) {
        memcpy(r->status, text.at, len);
        r->status_len = (uint8_t)len;
    }
    return str_trim(str_skip(text, len));
}

/* Control octets and invalid text of a peer must not reach a log or a report as they are. */
static void add_printable(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        buf_add_char(out, c < 0x20 || c >= 0x7F ? '?' : (char)c);
    }
}

enum smtp_reply_status smtp_reply_line(struct smtp_reply *r, struct str line, struct str *ret_text)
{
    int code;

    if (!parse_reply_code(line, &code) || (r->lines > 0 && code != r->code) ||
        r->lines >= r->lines_max)
        return SMTP_REPLY_NONSENSE;
    if (line.len > 3 && line.at[3] != ' ' && line.at[3] != '-')
        return SMTP_REPLY_NONSENSE;

    r->code = code;
    *ret_text = str_skip(line, 4);
    struct str shown = take_enhanced_code(r, *ret_text);
    /* A text past its ceiling is dropped line by line: it is for people only. */
    if (r->lines > 0 && shown.len > 0)
        buf_add_char(&r->text, ' ');
    add_printable(&r->text, shown);
    r->lines++;
    return line.len > 3 && line.at[3] == '-' ? SMTP_REPLY_MORE : SMTP_REPLY_DONE;
}

struct str smtp_reply_enhanced(const struct smtp_reply *r)
{
    return str_from(r->status, r->status_len);
}
