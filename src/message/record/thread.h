/* message/record/thread.h - base subjects, which join messages to conversations.
 *
 * Pure. Results live in `mem`. Message ids are in message/text/msgid.h.
 * Spec: RFC 5256 2.1, 5 (subj-*). Tests: thread_test.c. Fuzz: record_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_THREAD_H
#define POSTERN_MESSAGE_THREAD_H

#include "base/arena.h"

/* A base subject is cut here, at a character: it is a key for sorting and grouping. */
#define THREAD_SUBJECT_BYTES_MAX 1000u

/* `subject` is UTF-8, encoded words decoded. *is_reply tells whether something was removed that
 * marks a reply or a forward; a list's "[tag]" alone does not. */
struct str thread_base_subject(struct arena *mem, struct str subject, bool *is_reply);

#endif
