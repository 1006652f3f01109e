/* config/config.c - values into fields, each checked against its row. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "config/settings.h"
#include "config/toml.h"
#include "config/value.h"

/* What each apply function works on. */
struct target {
    struct arena *mem;
    const struct setting *row;
    void *field;
    struct errinfo *why;
};

static enum err wrong(struct target *t, enum err e, const char *what)
{
    return err_set(t->why, e, "%s.%s %s", t->row->table, t->row->name, what);
}

static enum err check_range(struct target *t, uint64_t value,
                            void (*format)(uint64_t value, struct buf *out))
{
    struct buf text = { 0 };

    if (value >= t->row->least && value <= t->row->most)
        return OK;
    BUF_ADD(&text, "must be from ");
    format(t->row->least, &text);
    BUF_ADD(&text, " to ");
    format(t->row->most, &text);
    buf_add_char(&text, '\0');
    enum err e = wrong(t, ERR_LIMIT, text.at);
    buf_deinit(&text);
    return e;
}

static void format_number(uint64_t value, struct buf *out)
{
    buf_add_u64(out, value);
}

static enum err apply_flag(struct target *t, const struct toml_value *v)
{
    if (v->kind != TOML_FLAG)
        return wrong(t, ERR_SYNTAX, "must be true or false");
    *(bool *)t->field = v->flag;
    return OK;
}

static enum err apply_number(struct target *t, const struct toml_value *v)
{
    if (v->kind != TOML_NUMBER)
        return wrong(t, ERR_SYNTAX, "must be a number without quotes");

    enum err e = check_range(t, v->number < 0 ? UINT64_MAX : (uint64_t)v->number, format_number);
    if (e == OK)
        *(uint32_t *)t->field = (uint32_t)v->number;
    return e;
}

static enum err apply_choice(struct target *t, const struct toml_value *v)
{
    struct str words = str_from_z(t->row->choices);
    char text[ERRINFO_BYTES_MAX];

    for (uint32_t i = 0; v->kind == TOML_TEXT && words.len > 0; i++)
        if (str_eq_nocase(v->text, str_split(&words, '|'))) {
            *(uint32_t *)t->field = i;
            return OK;
        }
    (void)snprintf(text, sizeof(text), "must be one of \"%s\"", t->row->choices);
    return wrong(t, ERR_SYNTAX, text);
}

static enum err apply_size(struct target *t, const struct toml_value *v)
{
    uint64_t bytes = 0;
    bool good = v->kind == TOML_NUMBER ? v->number >= 0
                                       : v->kind == TOML_TEXT && size_parse(v->text, &bytes);

    if (!good)
        return wrong(t, ERR_SYNTAX, "must be a size such as \"50MB\"");
    if (v->kind == TOML_NUMBER)
        bytes = (uint64_t)v->number;

    enum err e = check_range(t, bytes, size_format);
    if (e == OK)
        *(uint64_t *)t->field = bytes;
    return e;
}

static enum err apply_duration(struct target *t, const struct toml_value *v)
{
    uint64_t ms;

    if (v->kind != TOML_TEXT || !duration_parse(v->text, &ms))
        return wrong(t, ERR_SYNTAX, "must be a time such as \"30s\" or \"1h30m\"");

    enum err e = check_range(t, ms, duration_format);
    if (e == OK)
        *(uint64_t *)t->field = ms;
    return e;
}

static enum err apply_text(struct target *t, const struct toml_value *v)
{
    if (v->kind != TOML_TEXT)
        return wrong(t, ERR_SYNTAX, "must be a text in quotes");
    if (v->text.len < t->row->least)
        return wrong(t, ERR_LIMIT, "must not be empty");
    if (v->text.len > t->row->most)
        return wrong(t, ERR_LIMIT, "is too long");
    if (str_find_char(v->text, '\0') != STR_NOT_FOUND)
        return wrong(t, ERR_SYNTAX, "holds a NUL");
    *(struct str *)t->field = arena_copy(t->mem, v->text);
    return OK;
}

static enum err check_count(struct target *t, const struct toml_value *v)
{
    if (v->kind != TOML_TEXTS)
        return wrong(t, ERR_SYNTAX, "must be a list of texts: [\"...\", \"...\"]");
    if (v->count < t->row->least)
        return wrong(t, ERR_LIMIT, "must have at least one item");
    return v->count > t->row->most ? wrong(t, ERR_LIMIT, "has too many items") : OK;
}

static enum err apply_texts(struct target *t, const struct toml_value *v)
{
    enum err e = check_count(t, v);

    if (e != OK)
        return e;
    struct str *copies = ARENA_ARRAY(t->mem, struct str, v->count + 1);
    for (size_t i = 0; i < v->count; i++)
        copies[i] = arena_copy(t->mem, v->texts[i]);
    *(struct config_texts *)t->field = (struct config_texts){ copies, v->count };
    return OK;
}

static enum err apply_durations(struct target *t, const struct toml_value *v)
{
    enum err e = check_count(t, v);

    if (e != OK)
        return e;
    uint64_t *times = ARENA_ARRAY(t->mem, uint64_t, v->count + 1);
    for (size_t i = 0; i < v->count; i++)
        if (!duration_parse(v->texts[i], &times[i]) || times[i] == 0)
            return wrong(t, ERR_SYNTAX, "must list times such as \"30s\" or \"1h30m\"");
    *(struct config_durations *)t->field = (struct config_durations){ times, v->count };
    return OK;
}

static enum err apply(struct target *t, const struct toml_value *v)
{
    static enum err (*const by_type[SETTING_TYPES])(struct target *, const struct toml_value *) = {
        [SETTING_FLAG] = apply_flag,         [SETTING_NUMBER] = apply_number,
        [SETTING_CHOICE] = apply_choice,     [SETTING_SIZE] = apply_size,
        [SETTING_DURATION] = apply_duration, [SETTING_TEXT] = apply_text,
        [SETTING_TEXTS] = apply_texts,       [SETTING_DURATIONS] = apply_durations,
    };

    return by_type[t->row->type](t, v);
}

static void *field_of(struct config *c, const struct setting *row)
{
    return (char *)c + row->offset;
}

/* The defaults go through the same code as the file, so a default that its own row would refuse is
 * a bug that every test sees. */
struct config *config_new(struct arena *mem)
{
    struct config *c = ARENA_NEW(mem, struct config);

    for (size_t i = 0; i < setting_count; i++) {
        struct target t = { mem, &setting_rows[i], field_of(c, &setting_rows[i]), NULL };
        struct toml_value v;

        if (toml_value_parse(mem, str_from_z(setting_rows[i].value), &v, NULL) != OK ||
            apply(&t, &v) != OK)
            BUG(setting_rows[i].name);
    }
    return c;
}

static enum err unknown(struct str table, struct str name, struct errinfo *why)
{
    SCRATCH(tmp, NULL);
    struct str meant = setting_suggest(tmp, table, name);

    if (meant.len > 0)
        return err_set(why, ERR_SYNTAX, "there is no setting %.*s.%.*s; did you mean %.*s?",
                       STR_ARG(table), STR_ARG(name), STR_ARG(meant));
    return err_set(why, ERR_SYNTAX, "there is no setting %.*s.%.*s", STR_ARG(table), STR_ARG(name));
}

/* `seen` has one flag for each row, so that a second value for one setting is found. */
static enum err take_entry(struct arena *mem, struct config *c, const struct toml_entry *en,
                           bool *seen, struct errinfo *why)
{
    if (en->key.len == 0)
        return setting_table_exists(en->table)
                   ? OK
                   : err_set(why, ERR_SYNTAX, "there is no table [%.*s]", STR_ARG(en->table));

    const struct setting *row = setting_find(en->table, en->key);
    if (row == NULL)
        return unknown(en->table, en->key, why);
    if (seen[row - setting_rows])
        return err_set(why, ERR_SYNTAX, "%s.%s stands here a second time", row->table, row->name);
    seen[row - setting_rows] = true;

    struct target t = { mem, row, field_of(c, row), why };
    return apply(&t, &en->value);
}

enum err config_parse(struct arena *mem, struct str text, struct config **ret, struct errinfo *why)
{
    SCRATCH(tmp, mem);
    struct config *c = config_new(mem);
    bool *seen = ARENA_ARRAY(tmp, bool, setting_count);
    struct toml toml = { .text = text };
    struct toml_entry en;
    bool more = true;
    enum err e;

    if (text.len > CONFIG_BYTES_MAX)
        return err_set(why, ERR_LIMIT, "the file is larger than %d octets", CONFIG_BYTES_MAX);
    for (;;) {
        struct errinfo detail = { 0 };
        uint32_t line, column;

        if ((e = toml_next(&toml, tmp, &en, &more, why)) != OK)
            return e;
        if (!more)
            break;
        if ((e = take_entry(mem, c, &en, seen, &detail)) != OK) {
            toml_place(text, en.at, &line, &column);
            return err_set(why, e, "line %u, column %u: %s", line, column, detail.text);
        }
    }
    *ret = c;
    return OK;
}

/* Words of a command line come without the quotes that the file demands. */
static enum err read_value(struct arena *mem, const struct setting *row, struct str text,
                           struct toml_value *ret, struct errinfo *why)
{
    bool wants_text = row->type == SETTING_CHOICE || row->type == SETTING_DURATION ||
                      row->type == SETTING_SIZE || row->type == SETTING_TEXT;

    if (wants_text && !str_starts(text, STR("\"")) && !str_starts(text, STR("'"))) {
        *ret = (struct toml_value){ .kind = TOML_TEXT, .text = text };
        return OK;
    }
    return toml_value_parse(mem, text, ret, why);
}

enum err config_set(struct arena *mem, struct config *c, struct str name, struct str value,
                    struct errinfo *why)
{
    SCRATCH(tmp, mem);
    struct str rest = name, table = str_split(&rest, '.');
    const struct setting *row = setting_find(table, rest);
    struct errinfo detail = { 0 };
    struct toml_value v;
    enum err e;

    if (row == NULL)
        return unknown(table, rest, why);
    if ((e = read_value(tmp, row, value, &v, &detail)) != OK)
        return err_set(why, e, "%s.%s: %s", row->table, row->name, detail.text);

    struct target t = { mem, row, field_of(c, row), why };
    return apply(&t, &v);
}

static void copy_texts(struct arena *mem, struct config_texts *list)
{
    struct str *copies = ARENA_ARRAY(mem, struct str, list->count + 1);

    for (size_t i = 0; i < list->count; i++)
        copies[i] = arena_copy(mem, list->at[i]);
    list->at = copies;
}

static void copy_durations(struct arena *mem, struct config_durations *list)
{
    uint64_t *copies = ARENA_ARRAY(mem, uint64_t, list->count + 1);

    memcpy(copies, list->at, list->count * sizeof(*copies));
    list->at = copies;
}

struct config *config_copy(struct arena *mem, const struct config *c)
{
    struct config *copy = ARENA_NEW(mem, struct config);

    *copy = *c;
    for (size_t i = 0; i < setting_count; i++) {
        void *field = field_of(copy, &setting_rows[i]);

        if (setting_rows[i].type == SETTING_TEXT)
            *(struct str *)field = arena_copy(mem, *(struct str *)field);
        else if (setting_rows[i].type == SETTING_TEXTS)
            copy_texts(mem, field);
        else if (setting_rows[i].type == SETTING_DURATIONS)
            copy_durations(mem, field);
    }
    return copy;
}

static bool same_texts(const struct config_texts *a, const struct config_texts *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!str_eq(a->at[i], b->at[i]))
            return false;
    return true;
}

static bool same(const struct setting *row, const void *a, const void *b)
{
    const struct config_durations *da = a, *db = b;

    switch (row->type) {
    case SETTING_TEXT:
        return str_eq(*(const struct str *)a, *(const struct str *)b);
    case SETTING_TEXTS:
        return same_texts(a, b);
    case SETTING_DURATIONS:
        return da->count == db->count && memcmp(da->at, db->at, da->count * sizeof(*da->at)) == 0;
    default:
        return memcmp(a, b, setting_field_bytes(row->type)) == 0;
    }
}

void config_keep_fixed(struct config *fresh, const struct config *running, struct buf *ret_names)
{
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *row = &setting_rows[i];
        void *to = field_of(fresh, row);
        const void *from = (const char *)running + row->offset;

        if (row->reloads || same(row, to, from))
            continue;
        memcpy(to, from, setting_field_bytes(row->type));
        buf_printf(ret_names, "%s%s.%s", ret_names->len > 0 ? ", " : "", row->table, row->name);
    }
}
