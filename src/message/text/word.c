/* message/text/word.c - encoded words are found, joined by charset, and converted in runs.
 *
 * Senders split multi-octet characters between words although RFC 2047 5 forbids it, so the octets
 * of neighbouring words in one charset are collected and converted together. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/word.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "message/coding/charset.h"
#include "message/coding/encoding.h"

enum { CHARSET_PART_MAX = 100, LINE_BYTES = 76 };

/* One encoded word as found in the text. */
struct word {
    struct str charset; /* without the language of RFC 2231 5 */
    struct str coded;
    bool base64;
    size_t len; /* in the text, "=?" to "?=" */
};

struct joiner {
    struct arena *mem;
    struct buf out, octets; /* result; octets of the words that are not yet converted */
    struct str charset;
    bool in_words;
};

/* encoded-word = "=?" charset "?" encoding "?" encoded-text "?=" at the front of `s`. Blanks inside
 * the encoded text are taken: they are wrong and common. */
static bool parse_word(struct str s, struct word *ret)
{
    if (s.len < 8 || s.at[1] != '?')
        return false;

    struct str rest = str_skip(s, 2);
    size_t mark = str_find_char(str_take(rest, CHARSET_PART_MAX), '?');
    if (mark == STR_NOT_FOUND || mark == 0)
        return false;
    struct str charset = str_take(rest, mark);
    rest = str_skip(rest, mark + 1);
    if (rest.len < 2 || rest.at[1] != '?')
        return false;
    char encoding = ascii_lower(rest.at[0]);
    if (encoding != 'q' && encoding != 'b')
        return false;
    rest = str_skip(rest, 2);
    size_t end = str_find_char(rest, '?');
    if (end == STR_NOT_FOUND || end + 1 >= rest.len || rest.at[end + 1] != '=')
        return false;
    *ret = (struct word){ str_split(&charset, '*'), str_take(rest, end), encoding == 'b',
                          (size_t)(rest.at - s.at) + end + 2 };
    return true;
}

/* RFC 2047 4.2: like quoted-printable, with "_" for a blank. */
static void decode_q(struct str coded, struct buf *out)
{
    for (size_t i = 0; i < coded.len; i++) {
        char c = coded.at[i];

        if (c == '=' && i + 2 < coded.len && hex_digit(coded.at[i + 1]) >= 0 &&
            hex_digit(coded.at[i + 2]) >= 0) {
            c = (char)(hex_digit(coded.at[i + 1]) * 16 + hex_digit(coded.at[i + 2]));
            i += 2;
        } else if (c == '_') {
            c = ' ';
        }
        buf_add_char(out, c);
    }
}

/* Adds converted text without the control octets that would break a line of header text. */
static void add_clean(struct buf *out, struct str text, char instead)
{
    for (size_t i = 0; i < text.len;) {
        size_t run = i;

        while (run < text.len && ((unsigned char)text.at[run] >= ' ' || text.at[run] == '\t') &&
               text.at[run] != 0x7F)
            run++;
        buf_add(out, str_sub(text, i, run - i));
        if (run < text.len && instead != '\0')
            buf_add_char(out, instead);
        i = run + 1;
    }
}

/* Converts the collected octets of a run of words. */
static void flush_words(struct joiner *j)
{
    struct str text, octets = buf_str(&j->octets);
    SCRATCH(tmp, j->mem);

    if (octets.len > 0) {
        if (charset_to_utf8(tmp, j->charset, octets, &text) != OK &&
            charset_to_utf8(tmp, STR_EMPTY, octets, &text) != OK)
            text = utf8_repair(tmp, octets);
        add_clean(&j->out, text, '\0');
    }
    buf_clear(&j->octets);
    j->in_words = false;
}

/* Adds text between words: line ends of folding go, the blanks behind them stay. */
static void add_plain(struct joiner *j, struct str text)
{
    struct buf line = { .at = NULL };
    struct str made;
    SCRATCH(tmp, j->mem);

    for (size_t i = 0; i < text.len; i++)
        if (text.at[i] != '\r' && text.at[i] != '\n')
            buf_add_char(&line, text.at[i]);
    if (charset_to_utf8(tmp, STR_EMPTY, buf_str(&line), &made) != OK)
        made = utf8_repair(tmp, buf_str(&line));
    add_clean(&j->out, made, ' ');
    buf_deinit(&line);
}

static bool is_all_blank(struct str s)
{
    return str_trim_crlf(s).len == 0;
}

static void add_word(struct joiner *j, const struct word *w, struct str between)
{
    if (!j->in_words || !is_all_blank(between)) {
        flush_words(j);
        add_plain(j, between);
    } else if (!str_eq_nocase(j->charset, w->charset)) {
        flush_words(j);
    }
    if (w->base64)
        (void)encoding_decode(ENCODING_BASE64, w->coded, &j->octets);
    else
        decode_q(w->coded, &j->octets);
    j->charset = w->charset;
    j->in_words = true;
}

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.at[i];

        if (c >= 0x7F || (c < ' ' && c != '\t') ||
            (c == '=' && i + 1 < s.len && s.at[i + 1] == '?'))
            return false;
    }
    return true;
}

struct str word_decode(struct arena *mem, struct str value)
{
    struct joiner j = { .mem = mem };
    struct word w;
    size_t start = 0;

    if (is_plain(value))
        return value;
    for (size_t i = 0; i < value.len;) {
        if (value.at[i] == '=' && parse_word(str_skip(value, i), &w)) {
            add_word(&j, &w, str_sub(value, start, i - start));
            i += w.len;
            start = i;
        } else {
            i++;
        }
    }
    flush_words(&j);
    add_plain(&j, str_skip(value, start));

    struct str made = arena_copy(mem, buf_str(&j.out));
    buf_deinit(&j.out);
    buf_deinit(&j.octets);
    return made;
}

bool word_needs_encoding(struct str text)
{
    return !is_plain(text);
}

/* RFC 2047 5 (3): what may stand unencoded in a word inside a phrase, the strictest place. */
static bool is_q_plain(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '!' || c == '*' || c == '+' || c == '-' ||
           c == '/';
}

static size_t q_length(struct str s)
{
    size_t len = 0;

    for (size_t i = 0; i < s.len; i++)
        len += is_q_plain(s.at[i]) || s.at[i] == ' ' ? 1 : 3;
    return len;
}

/* Octets of the character at the front of well-formed `s`. */
static size_t character_length(struct str s)
{
    size_t len = 1;

    while (len < s.len && ((unsigned char)s.at[len] & 0xC0) == 0x80)
        len++;
    return len;
}

static void add_q(struct buf *out, struct str s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < s.len; i++) {
        if (is_q_plain(s.at[i])) {
            buf_add_char(out, s.at[i]);
        } else if (s.at[i] == ' ') {
            buf_add_char(out, '_');
        } else {
            buf_add_char(out, '=');
            buf_add_char(out, hex[(unsigned char)s.at[i] >> 4]);
            buf_add_char(out, hex[(unsigned char)s.at[i] & 15]);
        }
    }
}

static void add_b(struct buf *out, struct str s)
{
    struct encoder en = encoder_of(ENCODING_BASE64);

    /* One word is shorter than a base64 line, so the only line end is the last. */
    encoder_feed(&en, s, out);
    encoder_end(&en, out);
    out->len -= 2;
}

static size_t coded_length(struct str s, bool base64)
{
    return base64 ? (s.len + 2) / 3 * 4 : q_length(s);
}

void word_encode(struct buf *out, struct str text, size_t *column)
{
    static const struct str open_q = STR_INIT("=?utf-8?Q?"), open_b = STR_INIT("=?utf-8?B?");
    const size_t frame = open_q.len + 2;
    SCRATCH(tmp, NULL);
    struct str rest = utf8_repair(tmp, text);
    bool base64 = coded_length(rest, true) < coded_length(rest, false), first = true;

    while (rest.len > 0) {
        size_t room = LINE_BYTES - MIN(*column, (size_t)LINE_BYTES), take = 0;

        if (!first || room < frame + 12) {
            /* A blank that the caller put before the first word becomes the folding. */
            if (first && out->len > 0 && out->at[out->len - 1] == ' ')
                out->len--;
            BUF_ADD(out, "\r\n ");
            *column = 1;
            room = LINE_BYTES - 1;
        }
        room = MIN(room, (size_t)WORD_BYTES_MAX) - frame;
        while (take < rest.len) {
            size_t next = take + character_length(str_skip(rest, take));

            if (coded_length(str_take(rest, next), base64) > room)
                break;
            take = next;
        }
        buf_add(out, base64 ? open_b : open_q);
        size_t before = out->len;
        if (base64)
            add_b(out, str_take(rest, take));
        else
            add_q(out, str_take(rest, take));
        BUF_ADD(out, "?=");
        *column += out->len - before + open_q.len;
        rest = str_skip(rest, take);
        first = false;
    }
}
