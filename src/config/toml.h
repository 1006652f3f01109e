/* config/toml.h - reads the part of TOML that the configuration file uses, one entry at a time.
 *
 * Pure (memory only). Tables, bare and dotted keys, basic and literal strings, integers, booleans
 * and arrays of strings; what else TOML has is refused by name. The text must be whole and outlive
 * the values, which point into it or into `mem`. Errors: ERR_SYNTAX and ERR_LIMIT, `why` begins
 * with "line L, column C: ". Spec: TOML 1.0.0. Tests: toml_test.c. Fuzz: config_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CONFIG_TOML_H
#define POSTERN_CONFIG_TOML_H

#include "base/arena.h"
#include "base/err.h"

enum { TOML_ITEMS_MAX = 10000 };

enum toml_kind { TOML_TEXT, TOML_NUMBER, TOML_FLAG, TOML_TEXTS };

struct toml_value {
    enum toml_kind kind;
    struct str text;   /* TOML_TEXT */
    int64_t number;    /* TOML_NUMBER */
    bool flag;         /* TOML_FLAG */
    struct str *texts; /* TOML_TEXTS */
    size_t count;
};

struct toml_entry {
    struct str table; /* empty before the first table */
    struct str key;   /* empty: this is the head of the table itself */
    struct toml_value value;
    size_t at; /* where it stands, for toml_place */
};

struct toml {
    struct str text;
    size_t at;
    struct str table;
};

/* The line and column (from 1, in characters) of an offset; costs a walk from the beginning. */
void toml_place(struct str text, size_t at, uint32_t *ret_line, uint32_t *ret_column);

/* Zero-initialise all but `text`. *ret_more is false at the end, when *ret is not written. */
MUST_USE enum err toml_next(struct toml *t, struct arena *mem, struct toml_entry *ret,
                            bool *ret_more, struct errinfo *why);

/* Reads one value that is all of `text`. */
MUST_USE enum err toml_value_parse(struct arena *mem, struct str text, struct toml_value *ret,
                                   struct errinfo *why);

#endif
