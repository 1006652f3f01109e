/* cli/output.h - rows for people (aligned columns) or for programs (JSON), from the same calls.
 *
 * Rows are collected and printed by output_end; all rows have the same fields in the same order.
 * Text from outside is shown with control characters escaped, so no mail can move the terminal's
 * cursor. JSON is an array of objects, UTF-8, RFC 8259. Tests: cli_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CLI_OUTPUT_H
#define POSTERN_CLI_OUTPUT_H

#include "base/arena.h"
#include "base/buf.h"

enum { OUTPUT_COLUMNS_MAX = 16 };

struct output {
    bool json;
    struct buf text; /* JSON so far, or the cells */
    size_t columns;  /* fields of a row */
    size_t column;   /* of the current row */
    size_t rows;
    const char *names[OUTPUT_COLUMNS_MAX];
    size_t widths[OUTPUT_COLUMNS_MAX];
};

void output_begin(struct output *o, bool json);
void output_row(struct output *o); /* begins a row */
void output_str(struct output *o, const char *name, struct str value);
void output_num(struct output *o, const char *name, uint64_t value);
void output_flag(struct output *o, const char *name, bool value);
void output_time(struct output *o, const char *name, int64_t epoch_seconds); /* 0: empty, null */
void output_texts(struct output *o, const char *name, const struct str *values, size_t count);
/* JSON alone: an array of objects inside the row. Ends `rows`; a table has no place for it. */
void output_rows(struct output *o, const char *name, struct output *rows);
/* Everything that was collected, as it is to be printed; also frees the rest of `o`. */
struct str output_end(struct arena *mem, struct output *o);

void json_add_str(struct buf *out, struct str text);

#endif
