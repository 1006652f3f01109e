/* message/thread.h - what joins messages to conversations: message ids and base subjects.
 *
 * Pure. Ids point into the text they were found in; base subjects into theirs or into `mem`.
 * Spec: RFC 5256 2.1, 5 (subj-*); RFC 5322 3.6.4. Tests: thread_test.c. Fuzz: record_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_MESSAGE_THREAD_H
#define POSTERN_MESSAGE_THREAD_H

#include "base/arena.h"

/* A base subject is cut here, at a character: it is a key for sorting and grouping. */
#define THREAD_SUBJECT_BYTES_MAX 1000u

/* The next "<id>" of References, In-Reply-To or Message-ID, without the brackets; *rest moves
 * behind it. False when there is no more; *ret is written when true. */
bool thread_id_next(struct str *rest, struct str *ret);

/* `subject` is UTF-8, encoded words decoded. *is_reply tells whether something was removed that
 * marks a reply or a forward; a list's "[tag]" alone does not. */
struct str thread_base_subject(struct arena *mem, struct str subject, bool *is_reply);

#endif
