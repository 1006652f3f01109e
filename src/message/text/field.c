/* message/text/field.c - folding, word by word.
 *
 * Every writer keeps the column of the current line; a word that would pass the line's end goes on
 * the next, with the blank before it as the folding white space. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "message/text/field.h"

#include "base/utf8.h"
#include "message/text/date.h"
#include "message/text/word.h"

enum { WORD_RAW_BYTES_MAX = 900 }; /* longer words are encoded, because encoded words can fold */

static size_t begin(struct buf *out, struct str name)
{
    buf_add(out, name);
    BUF_ADD(out, ": ");
    return name.len + 2;
}

static bool has_control(struct str s)
{
    for (size_t i = 0; i < s.len; i++)
        if (((unsigned char)s.at[i] < ' ' && s.at[i] != '\t') || s.at[i] == 0x7F)
            return true;
    return false;
}

static bool must_encode(struct str word, bool utf8)
{
    if (word.len > WORD_RAW_BYTES_MAX)
        return true;
    if (utf8 && utf8_valid(word) && !has_control(word))
        return str_find(word, STR("=?")) != STR_NOT_FOUND;
    return word_needs_encoding(word);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Blanks and the word behind them at the front of `s`: their two lengths. */
static void measure(struct str s, size_t *ret_blanks, size_t *ret_word)
{
    size_t blanks = 0, end;

    while (blanks < s.len && is_blank(s.at[blanks]))
        blanks++;
    for (end = blanks; end < s.len && !is_blank(s.at[end]);)
        end++;
    *ret_blanks = blanks;
    *ret_word = end - blanks;
}

/* How far the run of words that must be encoded goes, blanks between them included. */
static size_t encoded_run(struct str s, size_t end, bool utf8)
{
    size_t blanks, word;

    for (;;) {
        measure(str_skip(s, end), &blanks, &word);
        if (word == 0 || !must_encode(str_sub(s, end + blanks, word), utf8))
            return end;
        end += blanks + word;
    }
}

static void fold(struct buf *out, size_t *column)
{
    BUF_ADD(out, "\r\n");
    *column = 0;
}

void field_add_text(struct buf *out, struct str name, struct str text, bool utf8)
{
    size_t column = begin(out, name), blanks, word;

    text = str_trim_crlf(text);
    for (bool first = true; text.len > 0; first = false) {
        measure(text, &blanks, &word);
        if (must_encode(str_sub(text, blanks, word), utf8)) {
            size_t end = encoded_run(text, blanks + word, utf8);

            buf_add(out, str_take(text, blanks));
            column += blanks;
            word_encode(out, str_sub(text, blanks, end - blanks), &column);
            text = str_skip(text, end);
            continue;
        }
        if (!first && column + blanks + word > FIELD_LINE_BYTES)
            fold(out, &column);
        buf_add(out, str_take(text, blanks + word));
        column += blanks + word;
        text = str_skip(text, blanks + word);
    }
    BUF_ADD(out, "\r\n");
}

void field_add_raw(struct buf *out, struct str name, struct str value)
{
    size_t column = begin(out, name), blanks, word;

    value = str_trim_crlf(value);
    for (bool first = true; value.len > 0; first = false) {
        measure(value, &blanks, &word);
        if (!first && column + blanks + word > FIELD_LINE_BYTES)
            fold(out, &column);
        for (size_t i = 0; i < blanks + word; i++) {
            bool control = (unsigned char)value.at[i] < ' ' || value.at[i] == 0x7F;

            buf_add_char(out, control ? ' ' : value.at[i]);
        }
        column += blanks + word;
        value = str_skip(value, blanks + word);
    }
    BUF_ADD(out, "\r\n");
}

/* A field that is being written piece by piece. */
struct line {
    struct buf *out;
    size_t column;
    bool utf8, started;
};

/* Adds `piece` behind a blank, on a new line when it would not fit. */
static void add_piece(struct line *l, struct str piece)
{
    if (l->started) {
        if (l->column + 1 + piece.len > FIELD_LINE_BYTES)
            fold(l->out, &l->column);
        buf_add_char(l->out, ' ');
        l->column += 1;
    }
    buf_add(l->out, piece);
    l->column += piece.len;
    l->started = true;
}

/* Adds `mark` to the piece before it. */
static void add_mark(struct line *l, struct str mark)
{
    buf_add(l->out, mark);
    l->column += mark.len;
}

/* The name of a mailbox or group: a phrase, or encoded words. */
static void add_name(struct line *l, struct str name)
{
    struct buf piece = { .at = NULL };

    if (must_encode(name, l->utf8)) {
        if (l->started)
            add_mark(l, STR(" "));
        word_encode(l->out, name, &l->column);
        l->started = true;
        return;
    }
    address_format_phrase(&piece, name);
    add_piece(l, buf_str(&piece));
    buf_deinit(&piece);
}

static void add_mailbox(struct line *l, struct mail_address a, bool comma)
{
    struct buf piece = { .at = NULL };
    bool named = a.name.len > 0;

    if (named)
        add_name(l, a.name);
    a.name = STR_EMPTY;
    if (named)
        buf_add_char(&piece, '<');
    mail_address_format(&piece, &a);
    if (named)
        buf_add_char(&piece, '>');
    if (comma)
        buf_add_char(&piece, ',');
    add_piece(l, buf_str(&piece));
    buf_deinit(&piece);
}

static bool needs_comma(const struct address_list *list, size_t i)
{
    return i + 1 < list->count && list->at[i + 1].kind != ADDRESS_GROUP_END;
}

void field_add_addresses(struct buf *out, struct str name, const struct address_list *list,
                         bool utf8)
{
    if (list->count == 0)
        return;

    struct line l = { .out = out, .column = begin(out, name), .utf8 = utf8 };
    for (size_t i = 0; i < list->count; i++) {
        bool comma = needs_comma(list, i);

        switch (list->at[i].kind) {
        case ADDRESS_GROUP_START:
            add_name(&l, list->at[i].name);
            add_mark(&l, STR(":"));
            break;
        case ADDRESS_GROUP_END:
            add_mark(&l, comma ? STR(";,") : STR(";"));
            break;
        case ADDRESS_MAILBOX:
            add_mailbox(&l, list->at[i], comma);
            break;
        }
    }
    BUF_ADD(out, "\r\n");
}

void field_add_date(struct buf *out, struct str name, int64_t epoch_s, int16_t zone_min)
{
    (void)begin(out, name);
    date_format(out, epoch_s, zone_min);
    BUF_ADD(out, "\r\n");
}

void field_add_ids(struct buf *out, struct str name, const struct str *ids, size_t count)
{
    if (count == 0)
        return;

    struct line l = { .out = out, .column = begin(out, name) };
    for (size_t i = 0; i < count; i++) {
        struct buf piece = { .at = NULL };

        buf_add_char(&piece, '<');
        for (size_t k = 0; k < ids[i].len; k++)
            if ((unsigned char)ids[i].at[k] > ' ' && strchr("<>", ids[i].at[k]) == NULL)
                buf_add_char(&piece, ids[i].at[k]);
        buf_add_char(&piece, '>');
        add_piece(&l, buf_str(&piece));
        buf_deinit(&piece);
    }
    BUF_ADD(out, "\r\n");
}
