/* message/record/preview.h - the first words of a message, as a list of messages shows them.
 *
 * Pure. One line of UTF-8 of at most RECORD_PREVIEW_CHARS_MAX characters, taken from the first
 * text/plain part that is no attachment, else from the first text/html part with its tags removed.
 * Lines quoted with ">" are left out. Only the beginning of the body is looked at.
 * Spec: RFC 8970 3.1. Tests: preview_test.c. Fuzz: record_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_PREVIEW_H
#define POSTERN_MESSAGE_PREVIEW_H

#include "message/record/walk.h"

/* Appends the preview; nothing when there is no text. */
void preview_build(const struct walk *w, struct str message, struct buf *out);

#endif
