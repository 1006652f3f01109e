/* message/coding/encoding.c - base64 and quoted-printable.
 *
 * Quoted-printable decodes by a small state machine, with a fast path that copies runs of ordinary
 * octets; blanks are held until it is known that the line does not end behind them (RFC 2045 6.7
 * rule 3). Base64 decodes four octets at a time while they are all of the alphabet. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/coding/encoding.h"

#include "base/hex.h"

enum qp_state { QP_TEXT, QP_EQUALS, QP_HEX, QP_SOFT, QP_SOFT_CR };

enum { B64_SKIP = 64, B64_PAD = 65, LINE_BYTES_MAX = 998 };

static const struct {
    struct str name;
    enum encoding encoding;
} names[] = {
    { STR_INIT("7bit"), ENCODING_7BIT },     { STR_INIT("8bit"), ENCODING_8BIT },
    { STR_INIT("binary"), ENCODING_BINARY }, { STR_INIT("quoted-printable"), ENCODING_QP },
    { STR_INIT("base64"), ENCODING_BASE64 }, { STR_INIT("x-unknown"), ENCODING_UNKNOWN },
};

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char hex_digits[] = "0123456789ABCDEF";

enum encoding encoding_from_name(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(name, names[i].name))
            return names[i].encoding;
    return name.len == 0 ? ENCODING_7BIT : ENCODING_UNKNOWN;
}

struct str encoding_name(enum encoding e)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].encoding == e)
            return names[i].name;
    BUG("encoding out of range");
}

enum encoding encoding_choose(struct str body)
{
    size_t high = 0, line = 0, longest = 0, control = 0;

    for (size_t i = 0; i < body.len; i++) {
        unsigned char c = (unsigned char)body.at[i];
        bool crlf = c == '\r' && i + 1 < body.len && body.at[i + 1] == '\n';

        line = c == '\n' ? 0 : line + 1;
        longest = MAX(longest, line);
        high += c >= 0x80;
        control += (c < ' ' && c != '\t' && c != '\n' && !crlf) || c == 0x7F;
    }
    if (high == 0 && control == 0 && longest <= LINE_BYTES_MAX)
        return ENCODING_7BIT;
    return (high + control) * 6 <= body.len ? ENCODING_QP : ENCODING_BASE64;
}

static void release_held(struct decoder *d, struct buf *out)
{
    buf_add(out, str_from(d->held, d->held_len));
    d->held_len = 0;
}

static void qp_text(struct decoder *d, char c, struct buf *out)
{
    switch (c) {
    case '=':
        release_held(d, out);
        d->state = QP_EQUALS;
        break;
    case ' ':
    case '\t':
        if (d->held_len == sizeof(d->held))
            release_held(d, out);
        d->held[d->held_len++] = c;
        break;
    case '\r':
    case '\n':
        d->held_len = 0;
        buf_add_char(out, c);
        break;
    default:
        release_held(d, out);
        buf_add_char(out, c);
    }
}

/* The octet behind "=": a hexadecimal digit, a soft line end, blanks before one, or damage, which
 * leaves the "=" in the text (RFC 2045 6.7, note for robust decoders). */
static void qp_equals(struct decoder *d, char c, struct buf *out)
{
    if (hex_digit(c) >= 0) {
        d->first = c;
        d->state = QP_HEX;
    } else if (c == ' ' || c == '\t') {
        d->held[d->held_len++] = c;
        d->state = QP_SOFT;
    } else if (c == '\r') {
        d->state = QP_SOFT_CR;
    } else if (c == '\n') {
        d->state = QP_TEXT;
    } else {
        d->damaged = true;
        d->state = QP_TEXT;
        buf_add_char(out, '=');
        qp_text(d, c, out);
    }
}

static void qp_octet(struct decoder *d, char c, struct buf *out)
{
    switch ((enum qp_state)d->state) {
    case QP_TEXT:
        qp_text(d, c, out);
        break;
    case QP_EQUALS:
        qp_equals(d, c, out);
        break;
    case QP_HEX:
        d->state = QP_TEXT;
        if (hex_digit(c) >= 0) {
            buf_add_char(out, (char)(hex_digit(d->first) * 16 + hex_digit(c)));
            break;
        }
        d->damaged = true;
        buf_add_char(out, '=');
        buf_add_char(out, d->first);
        qp_text(d, c, out);
        break;
    case QP_SOFT:
        if ((c == ' ' || c == '\t') && d->held_len < sizeof(d->held)) {
            d->held[d->held_len++] = c;
        } else if (c == '\r' || c == '\n') {
            d->held_len = 0;
            d->state = c == '\r' ? QP_SOFT_CR : QP_TEXT;
        } else {
            d->damaged = true;
            d->state = QP_TEXT;
            buf_add_char(out, '=');
            qp_text(d, c, out);
        }
        break;
    case QP_SOFT_CR:
        d->state = QP_TEXT;
        if (c != '\n')
            qp_text(d, c, out);
        break;
    }
}

static bool is_qp_plain(char c)
{
    return c != '=' && c != ' ' && c != '\t' && c != '\r' && c != '\n';
}

static void qp_feed(struct decoder *d, struct str chunk, struct buf *out)
{
    for (size_t i = 0; i < chunk.len;) {
        size_t run = i;

        while (d->state == QP_TEXT && run < chunk.len && is_qp_plain(chunk.at[run]))
            run++;
        if (run > i) {
            release_held(d, out);
            buf_add(out, str_sub(chunk, i, run - i));
            i = run;
        } else {
            qp_octet(d, chunk.at[i++], out);
        }
    }
}

/* Values of the alphabet; 65 (B64_PAD) for "=", 64 (B64_SKIP) for everything else. */
/* clang-format off */
static const uint8_t ascii_values[128] = {
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 64, 62, 64, 64, 64, 63,
    52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 64, 64, 64, 65, 64, 64,
    64,  0,  1,  2,  3,  4,  5,  6,  7,  8,  9, 10, 11, 12, 13, 14,
    15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 64, 64, 64, 64, 64,
    64, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40,
    41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 64, 64, 64, 64, 64
};
/* clang-format on */

static uint8_t base64_value(unsigned char c)
{
    return c < 128 ? ascii_values[c] : B64_SKIP;
}

/* What a group of `count` digits that ends early still holds. */
static size_t base64_rest(struct decoder *d, char *to)
{
    size_t made = 0;

    if (d->count == 3) {
        to[made++] = (char)(d->bits >> 10);
        to[made++] = (char)(d->bits >> 2);
    } else if (d->count == 2) {
        to[made++] = (char)(d->bits >> 4);
    } else if (d->count == 1) {
        d->damaged = true;
    }
    d->count = 0;
    d->bits = 0;
    return made;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void base64_feed(struct decoder *d, struct str chunk, struct buf *out)
{
    const unsigned char *in = (const unsigned char *)chunk.at;
    char *to = buf_reserve(out, chunk.len / 4 * 3 + 6), *start = to;

    if (to == NULL)
        return;
    for (size_t i = 0; i < chunk.len;) {
        if (d->count == 0 && i + 4 <= chunk.len) {
            uint8_t a = base64_value(in[i]), b = base64_value(in[i + 1]),
                    c = base64_value(in[i + 2]), e = base64_value(in[i + 3]);

            if ((a | b | c | e) < B64_SKIP) {
                *to++ = (char)(a << 2 | b >> 4);
                *to++ = (char)(b << 4 | c >> 2);
                *to++ = (char)(c << 6 | e);
                i += 4;
                continue;
            }
        }
        uint8_t v = base64_value(in[i++]);
        if (v == B64_PAD) {
            to += base64_rest(d, to);
        } else if (v == B64_SKIP) {
            d->damaged |= !is_blank((char)in[i - 1]);
        } else {
            d->bits = d->bits << 6 | v;
            if (++d->count == 4) {
                *to++ = (char)(d->bits >> 16);
                *to++ = (char)(d->bits >> 8);
                *to++ = (char)d->bits;
                d->count = 0;
                d->bits = 0;
            }
        }
    }
    out->len += (size_t)(to - start);
}

void decoder_feed(struct decoder *d, struct str chunk, struct buf *out)
{
    if (d->encoding == ENCODING_QP)
        qp_feed(d, chunk, out);
    else if (d->encoding == ENCODING_BASE64)
        base64_feed(d, chunk, out);
    else
        buf_add(out, chunk);
}

void decoder_end(struct decoder *d, struct buf *out)
{
    char rest[3];

    if (d->encoding == ENCODING_BASE64) {
        buf_add(out, str_from(rest, base64_rest(d, rest)));
        return;
    }
    if (d->state == QP_HEX) {
        d->damaged = true;
        buf_add_char(out, '=');
        buf_add_char(out, d->first);
    }
    /* Blanks at the very end stand before a line end that is not there; they are dropped. */
    d->held_len = 0;
    d->state = QP_TEXT;
}

bool encoding_decode(enum encoding e, struct str in, struct buf *out)
{
    struct decoder d = decoder_of(e);

    decoder_feed(&d, in, out);
    decoder_end(&d, out);
    return !d.damaged;
}

static void base64_line(struct encoder *en, struct buf *out, size_t digits, size_t pads)
{
    for (size_t i = 0; i < digits; i++)
        buf_add_char(out, alphabet[en->bits >> (18 - 6 * i) & 63]);
    for (size_t i = 0; i < pads; i++)
        buf_add_char(out, '=');
    en->column += 4;
    en->bits = 0;
    en->count = 0;
    if (en->column == ENCODING_LINE_BYTES) {
        BUF_ADD(out, "\r\n");
        en->column = 0;
    }
}

static void base64_encode(struct encoder *en, struct str chunk, struct buf *out)
{
    for (size_t i = 0; i < chunk.len; i++) {
        en->bits |= (uint32_t)(unsigned char)chunk.at[i] << (16 - 8 * en->count);
        if (++en->count == 3)
            base64_line(en, out, 4, 0);
    }
}

/* Adds a token of one or three octets, with a soft line end before it when the line is full; one
 * column stays free for the "=" of the next soft line end. */
static void qp_add(struct encoder *en, struct buf *out, struct str token)
{
    if (en->column + token.len > ENCODING_LINE_BYTES - 1) {
        BUF_ADD(out, "=\r\n");
        en->column = 0;
    }
    buf_add(out, token);
    en->column += token.len;
}

static void qp_add_hex(struct encoder *en, struct buf *out, char c)
{
    char token[3] = { '=', hex_digits[(unsigned char)c >> 4], hex_digits[(unsigned char)c & 15] };

    qp_add(en, out, str_from(token, sizeof(token)));
}

static void qp_end_line(struct encoder *en, struct buf *out)
{
    if (en->held == ' ' || en->held == '\t')
        qp_add_hex(en, out, en->held);
    en->held = '\0';
    BUF_ADD(out, "\r\n");
    en->column = 0;
}

static void qp_release(struct encoder *en, struct buf *out)
{
    if (en->held == '\r')
        qp_add_hex(en, out, '\r');
    else if (en->held != '\0')
        qp_add(en, out, str_from(&en->held, 1));
    en->held = '\0';
}

static void qp_encode(struct encoder *en, char c, struct buf *out)
{
    if (c == '\n' && !en->binary) {
        qp_end_line(en, out);
        return;
    }
    if (c == '\r' && !en->binary && (en->held == ' ' || en->held == '\t')) {
        /* A blank before CR is encoded whether or not LF follows. */
        qp_add_hex(en, out, en->held);
        en->held = '\r';
        return;
    }
    qp_release(en, out);
    if (c == ' ' || c == '\t' || (c == '\r' && !en->binary))
        en->held = c;
    else if (c == '=' || c < ' ' || c > '~' || (c == '.' && en->column == 0))
        qp_add_hex(en, out, c); /* a dot alone on a line means something to SMTP */
    else
        qp_add(en, out, str_from(&c, 1));
}

void encoder_feed(struct encoder *en, struct str chunk, struct buf *out)
{
    if (en->encoding == ENCODING_BASE64)
        base64_encode(en, chunk, out);
    else if (en->encoding == ENCODING_QP)
        for (size_t i = 0; i < chunk.len; i++)
            qp_encode(en, chunk.at[i], out);
    else
        buf_add(out, chunk);
}

void encoder_end(struct encoder *en, struct buf *out)
{
    if (en->encoding == ENCODING_BASE64) {
        if (en->count > 0)
            base64_line(en, out, (size_t)en->count + 1, 3u - en->count);
        if (en->column > 0)
            BUF_ADD(out, "\r\n");
    } else if (en->encoding == ENCODING_QP) {
        if (en->held != '\0')
            qp_add_hex(en, out, en->held);
        en->held = '\0';
    }
    en->column = 0;
}
