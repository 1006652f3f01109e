/* cli/output.c - columns and JSON.
 *
 * Cells of a table are kept with a NUL behind each (text has none left after escaping) until all
 * widths are known. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/output.h"

#include "base/calendar.h"
#include "base/utf8.h"

void json_add_str(struct buf *out, struct str text)
{
    SCRATCH(tmp, NULL);
    struct str good = utf8_repair(tmp, text);

    buf_add_char(out, '"');
    for (size_t i = 0; i < good.len; i++) {
        unsigned char c = (unsigned char)good.at[i];

        if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            buf_printf(out, "\\u%04x", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

/* Control characters (C1 as well, which terminals obey) become \xNN. */
static void add_visible(struct buf *out, struct str text)
{
    SCRATCH(tmp, NULL);
    struct str rest = utf8_repair(tmp, text);
    uint32_t c;

    while (rest.len > 0) {
        (void)utf8_next(&rest, &c);
        if (c < 0x20 || (c >= 0x7F && c < 0xA0))
            buf_printf(out, "\\x%02x", c);
        else
            utf8_add(out, c);
    }
}

void output_begin(struct output *o, bool json)
{
    *o = (struct output){ .json = json };
}

static void close_row(struct output *o)
{
    if (o->rows > 0 && o->json)
        BUF_ADD(&o->text, "}");
}

void output_row(struct output *o)
{
    close_row(o);
    if (o->json)
        buf_add(&o->text, o->rows > 0 ? STR(",\n {") : STR(" {"));
    o->rows++;
    o->column = 0;
}

/* Begins a field; the caller adds its value (for JSON) or its text. */
static size_t begin_field(struct output *o, const char *name)
{
    BUG_ON(o->column == OUTPUT_COLUMNS_MAX || o->rows == 0);
    if (o->json) {
        buf_add(&o->text, o->column > 0 ? STR(", ") : STR(""));
        json_add_str(&o->text, str_from_z(name));
        BUF_ADD(&o->text, ": ");
    }
    o->names[o->column] = name;
    return o->text.len;
}

static void end_field(struct output *o, size_t start)
{
    size_t width = utf8_length(str_skip(buf_str(&o->text), start));

    if (!o->json)
        buf_add_char(&o->text, '\0');
    o->widths[o->column] = MAX(o->widths[o->column], width);
    o->column++;
    o->columns = MAX(o->columns, o->column);
}

void output_str(struct output *o, const char *name, struct str value)
{
    size_t start = begin_field(o, name);

    if (o->json)
        json_add_str(&o->text, value);
    else
        add_visible(&o->text, value);
    end_field(o, start);
}

void output_num(struct output *o, const char *name, uint64_t value)
{
    size_t start = begin_field(o, name);

    buf_add_u64(&o->text, value);
    end_field(o, start);
}

void output_flag(struct output *o, const char *name, bool value)
{
    size_t start = begin_field(o, name);

    if (o->json)
        buf_add(&o->text, value ? STR("true") : STR("false"));
    else
        buf_add(&o->text, value ? STR("yes") : STR("no"));
    end_field(o, start);
}

void output_time(struct output *o, const char *name, int64_t epoch_seconds)
{
    size_t start = begin_field(o, name);
    struct calendar c = calendar_of(epoch_seconds);

    if (epoch_seconds == 0)
        buf_add(&o->text, o->json ? STR("null") : STR("-"));
    else
        buf_printf(&o->text, "%s%04d-%02d-%02dT%02d:%02d:%02dZ%s", o->json ? "\"" : "", c.year,
                   c.month, c.day, c.hour, c.minute, c.second, o->json ? "\"" : "");
    end_field(o, start);
}

void output_texts(struct output *o, const char *name, const struct str *values, size_t count)
{
    size_t start = begin_field(o, name);

    if (o->json)
        BUF_ADD(&o->text, "[");
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            BUF_ADD(&o->text, ", ");
        if (o->json)
            json_add_str(&o->text, values[i]);
        else
            add_visible(&o->text, values[i]);
    }
    if (o->json)
        BUF_ADD(&o->text, "]");
    end_field(o, start);
}

void output_rows(struct output *o, const char *name, struct output *rows)
{
    SCRATCH(tmp, NULL);
    struct str text = output_end(tmp, rows);
    size_t start;

    BUG_ON(!o->json);
    start = begin_field(o, name);
    buf_add(&o->text, str_trim_crlf(text));
    end_field(o, start);
}

static void add_cell(struct buf *out, const struct output *o, size_t column, struct str cell)
{
    bool last = column + 1 == o->columns;
    size_t width = utf8_length(cell), wide = MAX(o->widths[column], strlen(o->names[column]));

    buf_add(out, cell);
    for (; !last && width < wide + 2; width++)
        buf_add_char(out, ' ');
    if (last)
        buf_add_char(out, '\n');
}

struct str output_end(struct arena *mem, struct output *o)
{
    struct buf out = { 0 };
    struct str cells = buf_str(&o->text);

    close_row(o);
    if (o->json) {
        buf_printf(&out, "[%s%.*s%s]\n", o->rows > 0 ? "\n" : "", STR_ARG(buf_str(&o->text)),
                   o->rows > 0 ? "\n" : "");
    } else {
        for (size_t i = 0; i < o->columns; i++)
            add_cell(&out, o, i, str_from_z(o->names[i]));
        for (size_t i = 0; i < o->rows * o->columns; i++)
            add_cell(&out, o, i % o->columns, str_split(&cells, '\0'));
    }
    struct str ret = arena_copy(mem, buf_str(&out));
    buf_deinit(&out);
    buf_deinit(&o->text);
    return ret;
}
