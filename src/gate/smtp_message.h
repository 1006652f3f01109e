/* gate/smtp_message.h - one message on its way in: memory first, then a spool file.
 *
 * Octets collect in memory up to MESSAGE_MEMORY_BYTES; past it the session asks keeper for an
 * unnamed file and everything moves there. The trace fields that we put in front are made here and
 * kept apart, since keeper takes them apart from a spool file. The structure record needs the whole
 * message once; a spooled one is read back for that and given back at once, so only one is in
 * memory at a time, however many arrive. Errors: those of os/file.h. Spec: RFC 5321 4.4, RFC
 * 6409 8. Tests: smtp_session_test.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_GATE_SMTP_MESSAGE_H
#define POSTERN_GATE_SMTP_MESSAGE_H

#include "message/text/received.h"
#include "os/file.h"

enum { MESSAGE_MEMORY_BYTES = 256 * 1024 };

/* Zero-initialise to start. With `drop_return_path`, Return-Path fields that came with the message
 * are taken out: ours will be the only one (RFC 5321 4.4). They are looked for in the first
 * MESSAGE_MEMORY_BYTES. */
struct smtp_message {
    struct buf bytes; /* the message, while there is no spool file */
    struct file *spool;
    uint64_t spool_id; /* keeper's number for it, for the session; 0: none to give back */
    uint64_t spooled;  /* octets in it */
    bool drop_return_path;
};

void smtp_message_deinit(struct smtp_message *m);

/* True when the memory is used up and there is no file yet. */
bool smtp_message_wants_spool(const struct smtp_message *m);
/* Takes the file over and moves what is in memory there. */
MUST_USE enum err smtp_message_spool(struct smtp_message *m, struct file *spool);
MUST_USE enum err smtp_message_add(struct smtp_message *m, struct str bytes);

/* What goes in front. */
struct smtp_trace {
    const struct received *received;
    struct str return_path; /* the envelope's, without brackets */
    bool complete;          /* add a Date and a Message-ID if there are none */
    struct str domain;      /* of the Message-ID                        */
    uint8_t random[16];     /* likewise                                 */
};

/* What keeper and the session need to know of the whole. Lives until smtp_sealed_deinit. */
struct smtp_sealed {
    struct buf front;           /* trace fields, and the message behind them unless it is spooled */
    struct buf record;          /* message/record/record.h */
    uint32_t return_path_bytes; /* at the beginning of front */
    bool ambiguous;             /* several From or Sender fields: RFC 5322 3.6 allows one */
    uint32_t hops;              /* Received fields that were there before */
};

MUST_USE enum err smtp_message_seal(struct smtp_message *m, const struct smtp_trace *trace,
                                    struct smtp_sealed *ret);
void smtp_sealed_deinit(struct smtp_sealed *s);

#endif
