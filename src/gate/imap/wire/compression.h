/* gate/imap/wire/compression.h - COMPRESS (RFC 4978) between a session and its stream.
 *
 * Made by the command COMPRESS and freed with the session. What comes is opened a piece at a time
 * and given to the machine; while the machine takes nothing more, the piece waits here and one
 * octet of the stream is left unread, so that the stream comes again. Compressed sessions that are
 * silent for COMPRESSION_REST_MS give their memory back (proto/deflate.h): one timer of the service
 * looks after those that are awake, and is not set when none is. What many of them gave back goes
 * to the kernel. Tests: gate/imap/imap_session_test.c, proto/deflate_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_IMAP_COMPRESSION_H
#define POSTERN_GATE_IMAP_COMPRESSION_H

#include "gate/imap/session.h"

enum { COMPRESSION_REST_MS = 10000 };

void compression_free(struct imap_session *s); /* none is allowed */

/* Octets of the stream for the machine; how many of them the stream may forget. */
size_t compression_feed(struct imap_session *s, struct str bytes);
/* Octets of the session for the stream. */
void compression_write(struct imap_session *s, struct str plain);

/* The service's timer. */
void compression_look(void *service);

#endif
