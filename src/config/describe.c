/* config/describe.c - prose from the table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/describe.h"

#include "config/settings.h"
#include "config/value.h"

enum { WRAP_COLUMNS = 96 };

/* The help as lines that begin with "# " and break between words. */
static void add_comment(struct buf *out, struct str text)
{
    while (text.len > 0) {
        struct str line = str_take(text, WRAP_COLUMNS);

        if (line.len < text.len) {
            size_t blank = str_find_char_last(line, ' ');

            if (blank != STR_NOT_FOUND)
                line.len = blank;
        }
        buf_printf(out, "# %.*s\n", STR_ARG(line));
        text = str_trim(str_skip(text, line.len));
    }
}

static void add_quoted(struct buf *out, struct str text)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (c < 0x20 || c == 0x7F)
            buf_printf(out, "\\u%04x", c);
        else {
            if (c == '"' || c == '\\')
                buf_add_char(out, '\\');
            buf_add_char(out, (char)c);
        }
    }
    buf_add_char(out, '"');
}

static void add_text_value(struct buf *out, void (*format)(uint64_t, struct buf *), uint64_t value)
{
    buf_add_char(out, '"');
    format(value, out);
    buf_add_char(out, '"');
}

static void add_list(struct buf *out, const struct setting *row, const void *field)
{
    const struct config_texts *texts = field;
    const struct config_durations *times = field;
    bool are_texts = row->type == SETTING_TEXTS;
    size_t count = are_texts ? texts->count : times->count;

    buf_add_char(out, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            BUF_ADD(out, ", ");
        if (are_texts)
            add_quoted(out, texts->at[i]);
        else
            add_text_value(out, duration_format, times->at[i]);
    }
    buf_add_char(out, ']');
}

static void add_choice(struct buf *out, const struct setting *row, uint32_t index)
{
    struct str words = str_from_z(row->choices), word = STR_EMPTY;

    for (uint32_t i = 0; i <= index; i++)
        word = str_split(&words, '|');
    add_quoted(out, word);
}

/* The value of a field as the file would have it. */
static void add_value(struct buf *out, const struct setting *row, const void *field)
{
    switch (row->type) {
    case SETTING_FLAG:
        buf_add(out, *(const bool *)field ? STR("true") : STR("false"));
        break;
    case SETTING_NUMBER:
        buf_add_u64(out, *(const uint32_t *)field);
        break;
    case SETTING_CHOICE:
        add_choice(out, row, *(const uint32_t *)field);
        break;
    case SETTING_SIZE:
        add_text_value(out, size_format, *(const uint64_t *)field);
        break;
    case SETTING_DURATION:
        add_text_value(out, duration_format, *(const uint64_t *)field);
        break;
    case SETTING_TEXT:
        add_quoted(out, *(const struct str *)field);
        break;
    default:
        add_list(out, row, field);
    }
}

static void add_number(uint64_t value, struct buf *out)
{
    buf_add_u64(out, value);
}

/* "from 1s to 1h", one of the words, or nothing when every value is good. */
static void add_range(struct buf *out, const struct setting *row)
{
    void (*format)(uint64_t, struct buf *) = row->type == SETTING_SIZE       ? size_format
                                             : row->type == SETTING_DURATION ? duration_format
                                             : row->type == SETTING_NUMBER   ? add_number
                                                                             : NULL;

    if (row->type == SETTING_CHOICE) {
        buf_printf(out, "One of %s. ", row->choices);
    } else if (format != NULL) {
        BUF_ADD(out, "From ");
        format(row->least, out);
        buf_add(out, row->most == INT64_MAX ? STR(" up") : STR(" to "));
        if (row->most != INT64_MAX)
            format(row->most, out);
        BUF_ADD(out, ". ");
    }
    buf_add(out, row->reloads ? STR("Changes with a reload.") : STR("Needs a restart."));
}

static const void *field_in(const struct config *c, const struct setting *row)
{
    return (const char *)c + row->offset;
}

/* A setting at its default is commented out, so that a later default reaches this file too. */
static void describe_row(struct buf *out, const struct setting *row, const struct config *c,
                         const struct config *defaults)
{
    struct buf range = { 0 }, value = { 0 }, usual = { 0 };

    add_range(&range, row);
    add_value(&value, row, field_in(c, row));
    add_value(&usual, row, field_in(defaults, row));

    BUF_ADD(out, "\n");
    add_comment(out, str_from_z(row->help));
    add_comment(out, buf_str(&range));
    buf_printf(out, "%s%s = %.*s\n", str_eq(buf_str(&value), buf_str(&usual)) ? "#" : "", row->name,
               STR_ARG(buf_str(&value)));
    buf_deinit(&range);
    buf_deinit(&value);
    buf_deinit(&usual);
}

void describe_file_of(const struct config *c, struct buf *out)
{
    SCRATCH(tmp, NULL);
    const struct config *defaults = config_new(tmp);
    const char *table = "";

    BUF_ADD(out,
            "# postern.conf - the settings of Postern, in TOML. A line that begins with '#' says\n"
            "# nothing; the values behind it are the defaults. Times: \"500ms\", \"30s\", \"5m\",\n"
            "# \"1h30m\", \"5d\". Sizes: \"64KB\", \"50MB\", \"1GB\" (1024 each). Check with:\n"
            "#   postern config check FILE\n");
    for (size_t i = 0, t = 0; i < setting_count; i++) {
        const struct setting *row = &setting_rows[i];

        if (!str_eq(str_from_z(table), str_from_z(row->table))) {
            table = row->table;
            buf_printf(out, "\n\n# %s\n[%s]\n", setting_tables[t++].help, table);
        }
        describe_row(out, row, c, defaults);
    }
}

void describe_file(struct buf *out)
{
    SCRATCH(tmp, NULL);

    describe_file_of(config_new(tmp), out);
}

/* In man(7) a backslash and a leading dot or quote mean something. */
static void add_roff(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\\')
            BUF_ADD(out, "\\e");
        else if (text.at[i] == '-')
            BUF_ADD(out, "\\-");
        else
            buf_add_char(out, text.at[i]);
    }
    BUF_ADD(out, "\n");
}

static void describe_row_in_manual(struct buf *out, const struct setting *row)
{
    struct buf range = { 0 };

    buf_printf(out, ".TP\n.BR %s \" = \" ", row->name);
    buf_add_char(out, '"');
    for (const char *c = row->value; *c != '\0'; c++)
        buf_add(out, *c == '"' ? STR("\\(dq") : *c == '-' ? STR("\\-") : str_from(c, 1));
    BUF_ADD(out, "\"\n");
    add_roff(out, str_from_z(row->help));
    add_range(&range, row);
    BUF_ADD(out, ".br\n");
    add_roff(out, buf_str(&range));
    buf_deinit(&range);
}

void describe_manual(struct buf *out)
{
    const char *table = "";

    BUF_ADD(out, ".\\\" Generated from src/config/settings.def by: postern config manual\n"
                 ".TH POSTERN.CONF 5 \"\" \"Postern\"\n.SH NAME\npostern.conf \\- settings of "
                 "Postern\n.SH DESCRIPTION\nThe file is TOML. Every setting has a default, shown "
                 "behind its name; an empty file is a good file.\nTimes are written like "
                 "\\(dq30s\\(dq, \\(dq1h30m\\(dq, \\(dq5d\\(dq and sizes like "
                 "\\(dq50MB\\(dq (1 KB is 1024 octets).\nAn unknown name is an error.\n"
                 ".B postern config default\nwrites the file with every setting explained,\n"
                 ".B postern config check\nreads one and says what is wrong with it.\n"
                 "After a change send the server SIGHUP: settings that can change at once do, and "
                 "the log names those that need a restart.\n");
    for (size_t i = 0, t = 0; i < setting_count; i++) {
        const struct setting *row = &setting_rows[i];

        if (!str_eq(str_from_z(table), str_from_z(row->table))) {
            table = row->table;
            buf_printf(out, ".SH [%s]\n", table);
            add_roff(out, str_from_z(setting_tables[t++].help));
        }
        describe_row_in_manual(out, row);
    }
    BUF_ADD(out, ".SH SEE ALSO\n.BR postern (1)\n");
}
