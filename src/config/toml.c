/* config/toml.c - a cursor over the text; every failure is one sentence with its place. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/toml.h"

#include "base/buf.h"
#include "base/hex.h"
#include "base/utf8.h"

static bool at_end(const struct toml *t)
{
    return t->at == t->text.len;
}

/* The octet `ahead` of the cursor; NUL past the end (a NUL in the text is refused anyway). */
static char peek(const struct toml *t, size_t ahead)
{
    return t->at + ahead < t->text.len ? t->text.at[t->at + ahead] : '\0';
}

void toml_place(struct str text, size_t at, uint32_t *ret_line, uint32_t *ret_column)
{
    struct str before = str_take(text, at);
    size_t newline = str_find_char_last(before, '\n');
    struct str line = newline == STR_NOT_FOUND ? before : str_skip(before, newline + 1);

    *ret_line = 1;
    for (size_t i = 0; i < before.len; i++)
        *ret_line += before.at[i] == '\n';
    *ret_column = (uint32_t)utf8_length(line) + 1;
}

static enum err fail(const struct toml *t, struct errinfo *why, const char *what)
{
    uint32_t line, column;

    toml_place(t->text, t->at, &line, &column);
    return err_set(why, ERR_SYNTAX, "line %u, column %u: %s", line, column, what);
}

static void skip_blanks(struct toml *t)
{
    while (peek(t, 0) == ' ' || peek(t, 0) == '\t')
        t->at++;
}

static bool skip_newline(struct toml *t)
{
    size_t len = peek(t, 0) == '\n' ? 1 : peek(t, 0) == '\r' && peek(t, 1) == '\n' ? 2 : 0;

    t->at += len;
    return len > 0;
}

static bool is_control(char c)
{
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F;
}

/* Blanks and a comment, up to but without the end of the line. */
static enum err skip_comment(struct toml *t, struct errinfo *why)
{
    skip_blanks(t);
    if (peek(t, 0) != '#')
        return OK;
    while (!at_end(t) && peek(t, 0) != '\n' && !(peek(t, 0) == '\r' && peek(t, 1) == '\n')) {
        if (is_control(peek(t, 0)))
            return fail(t, why, "a control character in a comment");
        t->at++;
    }
    return OK;
}

/* Blanks, comments and ends of lines, as many as there are. */
static enum err skip_lines(struct toml *t, struct errinfo *why)
{
    enum err e;

    do
        if ((e = skip_comment(t, why)) != OK)
            return e;
    while (skip_newline(t));
    return OK;
}

static enum err end_of_line(struct toml *t, struct errinfo *why)
{
    enum err e = skip_comment(t, why);

    if (e != OK)
        return e;
    return at_end(t) || skip_newline(t) ? OK : fail(t, why, "expected the end of the line here");
}

static bool is_key_char(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '_' || c == '-';
}

static enum err parse_key(struct toml *t, struct str *ret, struct errinfo *why)
{
    size_t start = t->at;

    while (is_key_char(peek(t, 0)))
        t->at++;
    if (t->at == start)
        return fail(t, why, "expected a name of letters, digits, '_' or '-'");
    *ret = str_sub(t->text, start, t->at - start);
    return OK;
}

/* \uXXXX and \UXXXXXXXX: the cursor stands on the first digit. */
static enum err parse_unicode(struct toml *t, size_t digits, struct buf *out, struct errinfo *why)
{
    uint32_t c = 0;
    char octets[UTF8_BYTES_MAX];

    for (size_t i = 0; i < digits; i++) {
        int digit = hex_digit(peek(t, i));

        if (digit < 0)
            return fail(t, why, "\\u needs four and \\U eight hexadecimal digits");
        c = c << 4 | (uint32_t)digit;
    }
    size_t len = utf8_put(c, octets);
    if (len == 0)
        return fail(t, why, "there is no such character");
    buf_add(out, str_from(octets, len));
    t->at += digits;
    return OK;
}

/* The cursor stands behind the backslash. */
static enum err parse_escape(struct toml *t, struct buf *out, struct errinfo *why)
{
    static const struct {
        char letter, means;
    } escapes[] = { { 'b', '\b' }, { 't', '\t' }, { 'n', '\n' }, { 'f', '\f' },
                    { 'r', '\r' }, { '"', '"' },  { '\\', '\\' } };
    char letter = peek(t, 0);

    if (letter == 'u' || letter == 'U') {
        t->at++;
        return parse_unicode(t, letter == 'u' ? 4 : 8, out, why);
    }
    for (size_t i = 0; i < ARRAY_LEN(escapes); i++)
        if (escapes[i].letter == letter) {
            buf_add_char(out, escapes[i].means);
            t->at++;
            return OK;
        }
    return fail(t, why, "no such escape; write \\\\ for a backslash");
}

static enum err parse_string_octets(struct toml *t, char quote, struct buf *out,
                                    struct errinfo *why)
{
    enum err e;

    while (peek(t, 0) != quote) {
        char c = peek(t, 0);

        if (at_end(t) || c == '\n' || c == '\r')
            return fail(t, why, "a text must end in its quote on the same line");
        if (is_control(c))
            return fail(t, why, "a control character in a text");
        t->at++;
        if (c != '\\' || quote == '\'')
            buf_add_char(out, c);
        else if ((e = parse_escape(t, out, why)) != OK)
            return e;
    }
    t->at++;
    return OK;
}

/* A basic string ("...", with escapes) or a literal one ('...', without). */
static enum err parse_string(struct toml *t, struct arena *mem, struct str *ret,
                             struct errinfo *why)
{
    char quote = peek(t, 0);
    struct buf out = { 0 };

    if (peek(t, 1) == quote && peek(t, 2) == quote)
        return fail(t, why, "texts over several lines are not used here");
    t->at++;
    enum err e = parse_string_octets(t, quote, &out, why);
    if (e == OK)
        *ret = arena_copy(mem, buf_str(&out));
    buf_deinit(&out);
    return e;
}

/* Decimal, with an optional sign; '_' may stand between digits. */
static enum err parse_number(struct toml *t, int64_t *ret, struct errinfo *why)
{
    bool negative = peek(t, 0) == '-';
    int64_t value = 0;

    if (peek(t, 0) == '-' || peek(t, 0) == '+')
        t->at++;
    if (!ascii_is_digit(peek(t, 0)) || (peek(t, 0) == '0' && ascii_is_digit(peek(t, 1))))
        return fail(t, why, "expected a whole decimal number without leading zeros");
    for (; ascii_is_digit(peek(t, 0)); t->at++) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_sub_overflow(value, peek(t, 0) - '0', &value))
            return fail(t, why, "the number is too large");
        if (peek(t, 1) == '_' && ascii_is_digit(peek(t, 2)))
            t->at++;
    }
    if (is_key_char(peek(t, 0)) || peek(t, 0) == '.' || peek(t, 0) == ':')
        return fail(t, why, "only whole numbers are used here; put quotes around sizes and times");
    if (!negative && value == INT64_MIN)
        return fail(t, why, "the number is too large");
    *ret = negative ? value : -value;
    return OK;
}

static enum err parse_array(struct toml *t, struct arena *mem, struct toml_value *v,
                            struct errinfo *why)
{
    size_t cap = 0;
    enum err e;

    v->kind = TOML_TEXTS;
    t->at++;
    for (;;) {
        if ((e = skip_lines(t, why)) != OK)
            return e;
        if (peek(t, 0) == ']')
            break;
        if (peek(t, 0) != '"' && peek(t, 0) != '\'')
            return fail(t, why, "expected a text in quotes or ']'");
        if (v->count == TOML_ITEMS_MAX)
            return fail(t, why, "the list is too long");
        if (v->count == cap) {
            struct str *grown = ARENA_ARRAY(mem, struct str, cap * 2 + 8);

            if (cap > 0)
                memcpy(grown, v->texts, cap * sizeof(*grown));
            v->texts = grown;
            cap = cap * 2 + 8;
        }
        if ((e = parse_string(t, mem, &v->texts[v->count], why)) != OK ||
            (e = skip_lines(t, why)) != OK)
            return e;
        v->count++;
        if (peek(t, 0) == ',')
            t->at++;
        else if (peek(t, 0) != ']')
            return fail(t, why, "expected ',' or ']'");
    }
    t->at++;
    return OK;
}

static enum err parse_word(struct toml *t, struct toml_value *v, struct errinfo *why)
{
    struct str rest = str_skip(t->text, t->at), word = rest;

    word.len = 0;
    while (word.len < rest.len && is_key_char(rest.at[word.len]))
        word.len++;
    v->kind = TOML_FLAG;
    v->flag = str_eq(word, STR("true"));
    if (!v->flag && !str_eq(word, STR("false")))
        return fail(t, why, "expected a value: a text in quotes, a number, true, false or [");
    t->at += word.len;
    return OK;
}

static enum err parse_value(struct toml *t, struct arena *mem, struct toml_value *v,
                            struct errinfo *why)
{
    char c = peek(t, 0);

    *v = (struct toml_value){ 0 };
    if (c == '"' || c == '\'')
        return parse_string(t, mem, &v->text, why);
    if (ascii_is_digit(c) || c == '-' || c == '+') {
        v->kind = TOML_NUMBER;
        return parse_number(t, &v->number, why);
    }
    if (c == '[')
        return parse_array(t, mem, v, why);
    if (c == '{')
        return fail(t, why, "tables in braces are not used here");
    return parse_word(t, v, why);
}

static enum err parse_table(struct toml *t, struct toml_entry *en, struct errinfo *why)
{
    enum err e;

    t->at++;
    if (peek(t, 0) == '[')
        return fail(t, why, "lists of tables are not used here");
    skip_blanks(t);
    if ((e = parse_key(t, &en->table, why)) != OK)
        return e;
    skip_blanks(t);
    if (peek(t, 0) != ']')
        return fail(t, why, "expected ']' behind the name of the table");
    t->at++;
    t->table = en->table;
    return end_of_line(t, why);
}

/* Before the first table a key may be dotted: smtp.size_max = "50MB". */
static enum err parse_entry(struct toml *t, struct arena *mem, struct toml_entry *en,
                            struct errinfo *why)
{
    enum err e;

    en->table = t->table;
    if ((e = parse_key(t, &en->key, why)) != OK)
        return e;
    skip_blanks(t);
    if (peek(t, 0) == '.' && t->table.len == 0) {
        t->at++;
        skip_blanks(t);
        en->table = en->key;
        if ((e = parse_key(t, &en->key, why)) != OK)
            return e;
        skip_blanks(t);
    }
    if (peek(t, 0) != '=')
        return fail(t, why, "expected '=' behind the name");
    t->at++;
    skip_blanks(t);
    if ((e = parse_value(t, mem, &en->value, why)) != OK)
        return e;
    return end_of_line(t, why);
}

enum err toml_next(struct toml *t, struct arena *mem, struct toml_entry *ret, bool *ret_more,
                   struct errinfo *why)
{
    struct toml_entry en = { .table = STR_EMPTY, .key = STR_EMPTY };
    enum err e;

    if (t->at == 0 && !utf8_valid(t->text))
        return err_set(why, ERR_SYNTAX, "line 1, column 1: the file is not UTF-8 text");
    if (t->at == 0 && str_starts(t->text, STR("\xEF\xBB\xBF")))
        t->at = 3;
    if ((e = skip_lines(t, why)) != OK)
        return e;
    if (at_end(t)) {
        *ret_more = false;
        return OK;
    }
    en.at = t->at;
    e = peek(t, 0) == '[' ? parse_table(t, &en, why) : parse_entry(t, mem, &en, why);
    if (e != OK)
        return e;
    *ret = en;
    *ret_more = true;
    return OK;
}

enum err toml_value_parse(struct arena *mem, struct str text, struct toml_value *ret,
                          struct errinfo *why)
{
    struct toml t = { .text = text };
    struct toml_value v;
    enum err e;

    if (!utf8_valid(text))
        return err_set(why, ERR_SYNTAX, "the value is not UTF-8 text");
    skip_blanks(&t);
    if ((e = parse_value(&t, mem, &v, why)) != OK)
        return e;
    skip_blanks(&t);
    if (!at_end(&t))
        return fail(&t, why, "there is more than one value");
    *ret = v;
    return OK;
}
