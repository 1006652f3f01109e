/* config/settings.c - the rows, and finding one by its name or by nearly its name. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "config/settings.h"

enum { RELOADS = true, FIXED = false, NAME_BYTES_MAX = 64, SUGGEST_STEPS_MAX = 3 };

#define OFFSET_PLAIN(table, name) offsetof(struct config, table.name)
#define OFFSET_FLAG OFFSET_PLAIN
#define OFFSET_NUMBER OFFSET_PLAIN
#define OFFSET_CHOICE OFFSET_PLAIN
#define OFFSET_TEXT OFFSET_PLAIN
#define OFFSET_TEXTS OFFSET_PLAIN
#define OFFSET_DURATIONS OFFSET_PLAIN
#define OFFSET_SIZE(table, name) offsetof(struct config, table.name##_bytes)
#define OFFSET_DURATION(table, name) offsetof(struct config, table.name##_ms)

#define SECTION(table, help)
#define END_SECTION(table)
#define SETTING(table, name, type, value, least, most, reload, choices, help)                      \
    { #table, #name,  SETTING_##type, value, least,                                                \
      most,   reload, choices,        help,  OFFSET_##type(table, name) },
const struct setting setting_rows[] = {
#include "config/settings.def"
};
#undef SECTION
#undef SETTING
const size_t setting_count = ARRAY_LEN(setting_rows);

#define SECTION(table, help) { #table, help },
#define SETTING(table, name, type, value, least, most, reload, choices, help)
const struct setting_table setting_tables[] = {
#include "config/settings.def"
};
const size_t setting_table_count = ARRAY_LEN(setting_tables);

const struct setting *setting_find(struct str table, struct str name)
{
    for (size_t i = 0; i < setting_count; i++)
        if (str_eq(table, str_from_z(setting_rows[i].table)) &&
            str_eq(name, str_from_z(setting_rows[i].name)))
            return &setting_rows[i];
    return NULL;
}

bool setting_table_exists(struct str table)
{
    for (size_t i = 0; i < setting_table_count; i++)
        if (str_eq(table, str_from_z(setting_tables[i].name)))
            return true;
    return false;
}

size_t setting_field_bytes(enum setting_type type)
{
    static const size_t bytes[SETTING_TYPES] = {
        [SETTING_FLAG] = sizeof(bool),
        [SETTING_NUMBER] = sizeof(uint32_t),
        [SETTING_CHOICE] = sizeof(uint32_t),
        [SETTING_SIZE] = sizeof(uint64_t),
        [SETTING_DURATION] = sizeof(uint64_t),
        [SETTING_TEXT] = sizeof(struct str),
        [SETTING_TEXTS] = sizeof(struct config_texts),
        [SETTING_DURATIONS] = sizeof(struct config_durations),
    };

    return bytes[type];
}

/* Steps (insert, remove, replace a letter) from one name to the other, row by row. */
static size_t distance(struct str a, struct str b)
{
    size_t row[NAME_BYTES_MAX + 1];

    if (a.len > NAME_BYTES_MAX || b.len > NAME_BYTES_MAX)
        return NAME_BYTES_MAX;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t replace = diagonal + (ascii_lower(a.at[i - 1]) != ascii_lower(b.at[j - 1]));

            diagonal = row[j];
            row[j] = MIN(replace, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[b.len];
}

/* A name that exists in another table is meant with that table; else the nearest spelling of the
 * whole is taken. */
struct str setting_suggest(struct arena *mem, struct str table, struct str name)
{
    struct str wrong = arena_printf(mem, "%.*s.%.*s", STR_ARG(table), STR_ARG(name));
    struct str best = STR_EMPTY;
    size_t best_steps = SUGGEST_STEPS_MAX + 1;

    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *s = &setting_rows[i];
        struct str full = arena_printf(mem, "%s.%s", s->table, s->name);
        size_t steps = str_eq(name, str_from_z(s->name)) ? 1 : distance(wrong, full);

        if (steps < best_steps) {
            best_steps = steps;
            best = full;
        }
    }
    return best;
}
