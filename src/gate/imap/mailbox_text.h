/* gate/imap/mailbox_text.h - mailboxes in IMAP's words: special uses and STATUS.
 *
 * Spec: RFC 3501 7.2.4, RFC 6154 2, RFC 8438, RFC 8474. Tests: imap_session_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_MAILBOX_TEXT_H
#define POSTERN_GATE_IMAP_MAILBOX_TEXT_H

#include "gate/imap/session.h"

/* The bit of enum keep_special_use for "\Sent" and the like; 0 when there is none. */
uint32_t mailbox_use_find(struct str attribute);

/* Appends " \Sent" for each bit. */
void mailbox_use_format(uint32_t uses, struct buf *out);

/* Appends "* STATUS name (items)". */
/* "* LIST (\Sent) "/" name", with OLDNAME when the client wrote the name in another way (RFC 9051
 * 6.3.9.7). */
void mailbox_list_line(struct imap_session *s, uint32_t special_use, struct str name,
                       struct str written);
void mailbox_status_line(struct imap_session *s, struct str name, uint32_t items,
                         const struct keep_mailbox_status_rep *rep);

#endif
