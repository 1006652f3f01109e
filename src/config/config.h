/* config/config.h - the settings, as one typed struct.
 *
 * Pure. struct config has one member struct for each table of the file and in it one field for each
 * row of settings.def: DURATION fields end in _ms, SIZE fields in _bytes. All text lives in the
 * arena that was given; a config is read-only once made. Text comes from the caller, who reads the
 * file. Errors: ERR_SYNTAX and ERR_LIMIT with "line 3, column 1: ..." in `why`; an unknown name
 * suggests the nearest known one. Tests: config_test.c. Fuzz: config_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CONFIG_CONFIG_H
#define POSTERN_CONFIG_CONFIG_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum { CONFIG_BYTES_MAX = 1024 * 1024 };

struct config_texts {
    const struct str *at;
    size_t count;
};

struct config_durations {
    const uint64_t *at; /* milliseconds */
    size_t count;
};

/* In the order of the words in settings.def; the levels equal those of os/log.h. */
enum config_log_level { CONFIG_LOG_ERROR, CONFIG_LOG_WARNING, CONFIG_LOG_INFO, CONFIG_LOG_DEBUG };
enum config_courier_tls { COURIER_TLS_OFF, COURIER_TLS_OPPORTUNISTIC, COURIER_TLS_REQUIRED };
/* Equal to those of os/tls.h. */
enum config_client_identity {
    CLIENT_IDENTITY_EMAIL,
    CLIENT_IDENTITY_SUBJECT_EMAIL,
    CLIENT_IDENTITY_COMMON_NAME
};
enum config_store_engine { STORE_ENGINE_ROCKSDB, STORE_ENGINE_MEMORY };

#define CONFIG_FIELD_FLAG(name) bool name
#define CONFIG_FIELD_NUMBER(name) uint32_t name
#define CONFIG_FIELD_CHOICE(name) uint32_t name
#define CONFIG_FIELD_SIZE(name) uint64_t name##_bytes
#define CONFIG_FIELD_DURATION(name) uint64_t name##_ms
#define CONFIG_FIELD_TEXT(name) struct str name
#define CONFIG_FIELD_TEXTS(name) struct config_texts name
#define CONFIG_FIELD_DURATIONS(name) struct config_durations name

#define SECTION(table, help) struct {
#define SETTING(table, name, type, value, least, most, reload, choices, help)                      \
    CONFIG_FIELD_##type(name);
#define END_SECTION(table)                                                                         \
    }                                                                                              \
    table;
struct config {
#include "config/settings.def"
};
#undef SECTION
#undef SETTING
#undef END_SECTION

/* Every default. */
struct config *config_new(struct arena *mem);

/* The settings that `text` (a whole file) gives, defaults for the rest. */
MUST_USE enum err config_parse(struct arena *mem, struct str text, struct config **ret,
                               struct errinfo *why);

/* Sets one: `name` as "smtp.size_max", `value` as it would stand in the file, where the quotes
 * around a text may be left out (for command lines). `c` is unchanged on failure. */
MUST_USE enum err config_set(struct arena *mem, struct config *c, struct str name, struct str value,
                             struct errinfo *why);

/* All of `c`, with its text, in `mem`. */
struct config *config_copy(struct arena *mem, const struct config *c);

/* For a reload: takes the settings that need a restart from `running` over into `fresh`, and adds
 * the names of those that differed to `ret_names`, with commas between. The text of what was taken
 * over still lives where `running` has it: config_copy before that goes. */
void config_keep_fixed(struct config *fresh, const struct config *running, struct buf *ret_names);

#endif
