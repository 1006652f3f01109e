/* config/value.h - durations and sizes as people write them.
 *
 * Pure. A duration is one or more numbers with a unit, largest first: "90s", "1h30m", "500ms", "5d"
 * (ms, s, m, h, d, w). A size is one number with an optional unit: "50MB", "64 KB", "1000" (B, KB,
 * MB, GB, TB; each is 1024 of the one before; KiB and so on mean the same). Signs and fractions are
 * refused. Formatting chooses the largest unit that loses nothing. Tests: value_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CONFIG_VALUE_H
#define POSTERN_CONFIG_VALUE_H

#include "base/buf.h"

MUST_USE bool duration_parse(struct str text, uint64_t *ret_ms);
MUST_USE bool size_parse(struct str text, uint64_t *ret_bytes);
void duration_format(uint64_t ms, struct buf *out);
void size_format(uint64_t bytes, struct buf *out);

#endif
