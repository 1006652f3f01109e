/* proto/imap/caps.h - what the server says it can do, by the facts of the session.
 *
 * Pure. One table of names with the facts that each needs and excludes; CAPABILITY, the greeting,
 * the log-in reply and ENABLE all read it. Spec: RFC 3501 6.1.1, 7.2.1. Tests: reply_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_CAPS_H
#define POSTERN_PROTO_IMAP_CAPS_H

#include "base/buf.h"

/* Appends "IMAP4rev1 IDLE ..."; `facts` are bits of enum imap_fact. append_bytes_max 0: no
 * APPENDLIMIT is stated. */
void caps_format(struct buf *out, uint32_t facts, uint64_t append_bytes_max);

/* The fact that ENABLE of this name sets; 0 when there is nothing to enable by it. */
uint32_t caps_enable_fact(struct str name);

#endif
