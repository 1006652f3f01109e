/* proto/imap/describe.h - a parsed command as one line of text, for tests.
 *
 * Pure. Only the tests use it; a row can then say what a command must have become. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_DESCRIBE_H
#define POSTERN_PROTO_IMAP_DESCRIBE_H

#include "base/buf.h"
#include "proto/imap/command.h"

/* Appends for instance "a1 FETCH 1:* [BODY[1.2]<0.10>!]". */
void imap_describe(struct buf *out, const struct imap_command *c);

#endif
