/* proto/imap/machine.h - the server side of an IMAP connection: octets in, commands out.
 *
 * Pure: no I/O, no clock. imap_feed takes octets as they come (it may take fewer than offered; the
 * caller offers the rest again later), imap_next says what to do. A whole session in one buffer and
 * the same session byte by byte give the same events. While a command is being carried out nothing
 * more is taken, so pipelined commands wait in order in the connection's own buffer.
 *
 *            line complete                    imap_done
 *   COMMAND ---------------> BUSY ----------------------------------> COMMAND
 *      | literal               | imap_challenge   a line
 *      v                       +----------------> SASL --> AUTH_LINE --> BUSY
 *   LITERAL --octets there-->  | imap_idle        "DONE"
 *   COMMAND                    +----------------> IDLE --> IDLE_DONE --> BUSY
 *
 * Literals: those in a command are kept with it under limits; the machine asks for them with "+".
 * The messages of an APPEND are never kept: APPEND_BEGIN brings the arguments of one, the caller
 * answers imap_append_take (BODY events follow, then APPEND_END) or imap_append_refuse (the octets
 * are not asked for, or skipped when they come anyway; the command ends with the caller's answer).
 * Each part of a CATENATE has an APPEND_BEGIN of its own, without BODY when it is a URL. A
 * literal over a limit is refused before memory is spent; one that the client sends unasked is
 * skipped up to `skip_bytes_max`, past that the connection ends with BYE (RFC 7888 4). Bare CR,
 * bare LF, NUL and lines over the limit make the command BAD. Memory: one buffer and one arena
 * while a command is under way, neither in between; of an IDLE the tag alone is kept. Spec: RFC
 * 3501 2.2, 7.5, 9; RFC 7888; RFC 2177. Tests: machine_test.c, test/session/imap-*.txt. Fuzz:
 * machine_fuzz.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef POSTERN_PROTO_IMAP_MACHINE_H
#define POSTERN_PROTO_IMAP_MACHINE_H

#include "proto/imap/command.h"

enum imap_event {
    IMAP_WANT_BYTES,   /* feed more */
    IMAP_WAIT,         /* a command is under way: call imap_done and the like first */
    IMAP_SEND,         /* text: octets for the peer */
    IMAP_COMMAND,      /* command: carry it out, then imap_done */
    IMAP_APPEND_BEGIN, /* command->append: imap_append_take or imap_append_refuse */
    IMAP_BODY,         /* text: octets of the message */
    IMAP_APPEND_END,   /* a message is complete; another one follows, or IMAP_COMMAND */
    IMAP_AUTH_LINE,    /* text: the client's answer to a challenge, without CRLF */
    IMAP_IDLE_DONE,    /* IDLE (command) is over; accepted says whether by "DONE" */
    IMAP_CLOSE         /* flush, then close; BYE has been sent */
};

struct imap_limits {
    uint32_t command_bytes_max;        /* a command with its literals, logged in */
    uint32_t command_bytes_before_max; /* the same before login */
    uint32_t literal_bytes_max;        /* one literal in a command (not a message) */
    uint32_t auth_line_bytes_max;      /* an answer to a challenge */
    uint64_t append_bytes_max;         /* one message */
    uint32_t append_messages_max;      /* messages of one APPEND (RFC 3502); at least 1 */
    uint32_t append_parts_max;         /* parts of one message (RFC 4469) */
    uint64_t skip_bytes_max;           /* unwanted octets that are read past */
    uint32_t errors_max;               /* BAD answers by the machine before BYE */
    struct scan_limits scan;
};
extern const struct imap_limits imap_limits_default;

struct imap_out {
    struct str text;                    /* valid until the next imap_* call */
    const struct imap_command *command; /* valid until imap_done or imap_idle */
    bool accepted;
};

struct imap;
struct imap *imap_new(const struct imap_limits *limits, uint32_t facts); /* limits are kept */
void imap_free(struct imap *m);

/* Octets taken; 0 while a command is under way or an event is due. */
size_t imap_feed(struct imap *m, struct str bytes);
MUST_USE enum imap_event imap_next(struct imap *m, struct imap_out *out);

uint32_t imap_facts(const struct imap *m);
void imap_set_facts(struct imap *m, uint32_t add, uint32_t remove);

/* The command under way is finished and its answer written. */
void imap_done(struct imap *m);

/* AUTHENTICATE: asks for the next answer; `text` is base64 already. */
void imap_challenge(struct imap *m, struct str text);
/* IDLE: "+ idling" and wait for DONE. The command is gone; IMAP_IDLE_DONE brings it again. */
void imap_idle(struct imap *m);
/* Reads the command under way once more, now that some filters are known (they must outlive it).
 * Null when it could be read; it may name others still. Else why not: "NO ..." or "BAD ...". */
MUST_USE const char *imap_use_filters(struct imap *m, const struct scan_filter *filters,
                                      uint32_t count);
/* Answers to APPEND_BEGIN. */
void imap_append_take(struct imap *m);
void imap_append_refuse(struct imap *m);
/* After STARTTLS and its handshake: forgets whatever was there before it. */
void imap_tls_started(struct imap *m);

#endif
