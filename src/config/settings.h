/* config/settings.h - the table of settings as data, for what walks over all of them.
 *
 * Pure. The rows come from settings.def; see there for the meaning of the columns. Used by the
 * parser, by config/describe.h and by tests. Everything is static. Tests: config_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CONFIG_SETTINGS_H
#define POSTERN_CONFIG_SETTINGS_H

#include "config/config.h"

enum setting_type {
    SETTING_FLAG,
    SETTING_NUMBER,
    SETTING_CHOICE,
    SETTING_SIZE,
    SETTING_DURATION,
    SETTING_TEXT,
    SETTING_TEXTS,
    SETTING_DURATIONS,
    SETTING_TYPES
};

struct setting {
    const char *table, *name;
    enum setting_type type;
    const char *value; /* default, as written in the file */
    uint64_t least, most;
    bool reloads;
    const char *choices; /* words with '|' between; empty for other types */
    const char *help;
    size_t offset; /* of its field in struct config */
};

struct setting_table {
    const char *name, *help;
};

extern const struct setting setting_rows[];
extern const size_t setting_count;
extern const struct setting_table setting_tables[];
extern const size_t setting_table_count;

/* The row, or null. */
const struct setting *setting_find(struct str table, struct str name);
bool setting_table_exists(struct str table);

/* The known name nearest to a wrong one, in few enough steps to be meant; empty when none is. */
struct str setting_suggest(struct arena *mem, struct str table, struct str name);

/* Size of the field that `type` has in struct config. */
size_t setting_field_bytes(enum setting_type type);

#endif
