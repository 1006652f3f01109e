/* config/describe.h - the settings for people: the commented file and the manual page.
 *
 * Pure (memory only). Both are written from settings.def, so they are complete and true.
 * Tests: config_test.c (the file that is written parses to the defaults). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_CONFIG_DESCRIBE_H
#define POSTERN_CONFIG_DESCRIBE_H

#include "config/config.h"

/* postern.conf with every setting, explained, at its default and commented out. */
void describe_file(struct buf *out);

/* The same with the values of `c`; those that are not the default are not commented out. */
void describe_file_of(const struct config *c, struct buf *out);

/* postern.conf(5) in man(7) format. */
void describe_manual(struct buf *out);

#endif
